#include "server/ws_feed.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "render/render.h"

#define TOP_TALKERS 10
#define BATCH 16

static const char *const topic_names[WS_TOPICS] = {
        [WS_RATES] = "rates",
        [WS_TOP_TALKERS] = "top_talkers",
        [WS_EVENTS] = "events",
};

const char *ws_topic_name(enum ws_topic topic) {
        return topic_names[topic];
}

enum ws_topic ws_topic_of(const char *name) {
        unsigned topic = 0;
        while (topic < WS_TOPICS && strcmp(topic_names[topic], name) != 0)
                topic++;
        return topic;
}

void ws_feed_init(struct ws_feed *feed, struct history *history) {
        *feed = (struct ws_feed){.history = history};
        feed->turn = history_latest(history, &feed->announced);

        struct history_event events[BATCH];
        size_t n;
        while ((n = history_read_events(history, feed->event_id, INT64_MIN, INT64_MAX, events, BATCH)))
                feed->event_id = events[n - 1].id;
}

void ws_feed_fini(struct ws_feed *feed) {
        for (unsigned i = 0; i < WS_TICK_TOPICS; i++)
                ws_frame_unref(feed->latest[i].frame);
}

/* Seconds before this one of which no rates, nor a gap in their place, were told. */
static uint64_t count_untold(const struct ws_feed *feed, int64_t number) {
        int64_t last = feed->announced.number;
        if (!feed->turn)
                return 0;
        if (!feed->announced.span_ms || (feed->gap.number && feed->gap.number > last))
                last = feed->gap.number;
        return history_count_between(feed->history, last, number, true);
}

/* Is the last second a gap that was not yet told of? */
static bool is_new_gap(struct ws_feed *feed, uint64_t ret_missed[WS_TICK_TOPICS]) {
        struct history_counters gap;
        if (!history_latest_gap(feed->history, &gap) || gap.number == feed->gap.number)
                return false;
        ret_missed[WS_RATES] = count_untold(feed, gap.number);
        feed->gap = gap;
        feed->is_gap = true;
        feed->turn++;
        return true;
}

bool ws_feed_advance(struct ws_feed *feed, uint64_t ret_missed[WS_TICK_TOPICS]) {
        memset(ret_missed, 0, WS_TICK_TOPICS * sizeof(*ret_missed));
        if (is_new_gap(feed, ret_missed))
                return true;
        struct history_counters latest;
        const struct history_counters *last = &feed->announced;
        if (!history_latest(feed->history, &latest) ||
            (latest.number == last->number && latest.span_ms == last->span_ms))
                return false;
        ret_missed[WS_RATES] = count_untold(feed, latest.number);
        if (last->span_ms)
                ret_missed[WS_TOP_TALKERS] = history_count_between(feed->history, last->number, latest.number, false);
        feed->announced = latest;
        feed->is_gap = false;
        feed->turn++;
        return true;
}

/* Adds the rates of one part of the traffic, with `prefix` before each name; false without memory. */
static bool add_rates(json_t *frame, const char *prefix, const struct volume by_class[PACKET_CLASSES],
                      uint32_t span_ms) {
        struct volume sum = classes_sum(by_class);
        uint64_t bps = render_rate_bps(sum.bytes, span_ms), pps = render_rate_pps(sum.packets, span_ms);
        const struct {
                const char *name;
                json_t *value;
        } fields[] = {
                {"bps", json_integer((json_int_t)bps)},
                {"pps", json_integer((json_int_t)pps)},
                {"by_proto", render_class_bps(by_class, bps, span_ms)},
                {"by_proto_pps", render_class_pps(by_class, pps, span_ms)},
        };
        bool ok = true;
        for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                char name[32];
                (void)snprintf(name, sizeof(name), "%s%s", prefix, fields[i].name);
                ok &= json_object_set_new(frame, name, fields[i].value) == 0;
        }
        return ok;
}

static json_t *rates(const struct history_counters *c) {
        json_t *frame = json_pack("{ss sI sI sI sI sb}", "type", "rates", "ts", (json_int_t)(c->second * MS_PER_S),
                                  "drops", (json_int_t)c->drops, "active_flows", (json_int_t)c->active_flows,
                                  "new_flows", (json_int_t)c->new_flows, "partial", c->partial);
        if (frame && add_rates(frame, "", c->by_class, c->span_ms) && add_rates(frame, "in_", c->in, c->span_ms) &&
            add_rates(frame, "out_", c->out, c->span_ms))
                return frame;
        json_decref(frame);
        return NULL;
}

static json_t *talker(const struct top_row *row, uint32_t span_ms) {
        const struct flow_key *key = &row->key;
        uint8_t family = flow_key_family(key);
        char a[56], b[56];
        return json_pack("{sI ss ss ss sI sI sI}", "id", (json_int_t)row->id, "a",
                         render_endpoint(key->a_address, family, key->a_port, a), "b",
                         render_endpoint(key->b_address, family, key->b_port, b), "proto",
                         packet_class_name(flow_key_class(key)), "bytes", (json_int_t)row->volume.bytes, "packets",
                         (json_int_t)row->volume.packets, "bps",
                         (json_int_t)render_rate_bps(row->volume.bytes, span_ms));
}

static json_t *top_talkers(struct history *history) {
        struct top_row top[TOP_TALKERS];
        struct history_counters second;
        size_t n = history_read_top(history, top, TOP_TALKERS, &second);
        json_t *rows = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(rows, talker(&top[i], second.span_ms));
        return json_pack("{ss sI so}", "type", "top_talkers", "ts", (json_int_t)(second.second * MS_PER_S), "rows",
                         rows);
}

/* A second of which there are no rates. */
static json_t *gap_of(const struct history_counters *gap) {
        return json_pack("{ss sI ss}", "type", "gap", "ts", (json_int_t)(gap->second * MS_PER_S), "reason",
                         gap->gap == HISTORY_GAP_IFACE_GONE ? "interface_gone" : "interface_down");
}

/* What the last second amounts to; NULL where there is nothing to say of it. */
static json_t *message_of(const struct ws_feed *feed, enum ws_topic topic) {
        if (feed->is_gap)
                return topic == WS_RATES ? gap_of(&feed->gap) : NULL;
        if (!feed->turn)
                return NULL;
        return topic == WS_RATES ? rates(&feed->announced) : top_talkers(feed->history);
}

struct ws_frame *ws_feed_latest(struct ws_feed *feed, enum ws_topic topic) {
        if (!feed->latest[topic].frame || feed->latest[topic].turn != feed->turn) {
                json_t *message = message_of(feed, topic);
                ws_frame_unref(feed->latest[topic].frame);
                feed->latest[topic].frame = message ? ws_frame_new(message) : NULL;
                feed->latest[topic].turn = feed->turn;
        }
        return feed->latest[topic].frame;
}

struct ws_frame *ws_feed_next_event(struct ws_feed *feed) {
        struct history_event event;
        if (!history_read_events(feed->history, feed->event_id, INT64_MIN, INT64_MAX, &event, 1))
                return NULL;
        feed->event_id = event.id;
        return ws_frame_new(json_pack("{ss sI ss ss}", "type", "events", "ts", (json_int_t)event.ts_ms, "event",
                                      event.event, "detail", event.detail));
}
