/* GET /api/counters: the seconds of a range, or steps of several; what was not captured is a gap. */
#include <stdlib.h>

#include "base/clock.h"
#include "server/counters.h"
#include "server/internal.h"
#include "server/routes.h"
#include "server/times.h"

#define POINTS_MAX 3600

struct request {
        int64_t from, to, step_s; /* seconds */
        struct counters_bounds bounds;
        struct history *history;
};

/* Where the capture began: the first second that was held, unless the retention has dropped it. */
static int64_t started_second(struct server *server, int64_t held_from, int64_t held_to) {
        if (held_to - held_from < server->facts->retention_s)
                return held_from;
        int64_t started = server_started_second(server);
        return started < held_from ? started : held_from;
}

static struct counters_bounds read_bounds(struct server *server) {
        struct counters_bounds bounds;
        if (!history_span(server->history, &bounds.held_from, &bounds.held_to))
                bounds.held_from = bounds.held_to = floor_div(server_now_ms(server), MS_PER_S);
        bounds.started = started_second(server, bounds.held_from, bounds.held_to);
        return bounds;
}

/* Without from and to: all that is held, or the newest part of it that fits. */
static bool parse(const struct route_call *call, struct request *ret, struct problem *problem) {
        struct times_range range;
        struct request r = {.step_s = 1, .bounds = read_bounds(call->server), .history = call->server->history};
        if (!times_range(call->params, route_now_ms(call), &range, problem) ||
            !times_step(call->params, &r.step_s, problem))
                return false;

        r.to = range.has_to ? range.to : r.bounds.held_to;
        r.from = range.has_from ? range.from : r.bounds.held_from;
        if (!range.has_from && (r.to - r.from) / r.step_s >= POINTS_MAX)
                r.from = r.to - POINTS_MAX * r.step_s;
        if (range.has_from && !range.has_to && r.to <= r.from)
                r.to = r.from + 1;
        if (range.has_to && !range.has_from && r.from >= r.to)
                r.from = r.to - 1;
        /* an hour that begins within a second touches 3,601 of them */
        if (range.widened && r.to - r.from == POINTS_MAX * r.step_s + 1)
                r.from++;
        if ((r.to - r.from + r.step_s - 1) / r.step_s > POINTS_MAX)
                return problem_set(problem, 400, "step", "more than %d points; take a longer step or a shorter range",
                                   POINTS_MAX);
        *ret = r;
        return true;
}

/* One direction: its sums, and of which protocols. */
static json_t *one_way(const struct volume by_class[PACKET_CLASSES]) {
        struct volume sum = classes_sum(by_class);
        return json_pack("{sI sI so so}", "packets", (json_int_t)sum.packets, "bytes", (json_int_t)sum.bytes,
                         "by_proto_packets", render_class_packets(by_class), "by_proto_bytes",
                         render_class_bytes(by_class));
}

static void write_point(const struct counters_point *p, int64_t step_s, struct text *body) {
        uint32_t span_ms = (uint32_t)p->span_ms;
        uint64_t bps = render_rate_bps(p->all.bytes, span_ms);
        text_json_open(body,
                       json_pack("{sI sI sI so sI sI so so so so sI sI sI so so sb sI}", "ts",
                                 (json_int_t)(p->second * MS_PER_S), "pps",
                                 (json_int_t)render_rate_pps(p->all.packets, span_ms), "bps", (json_int_t)bps,
                                 "by_proto", render_class_bps(p->by_class, bps, span_ms), "packets",
                                 (json_int_t)p->all.packets, "bytes", (json_int_t)p->all.bytes, "in", one_way(p->in),
                                 "out", one_way(p->out), "by_proto_bytes", render_class_bytes(p->by_class),
                                 "by_proto_packets", render_class_packets(p->by_class), "drops", (json_int_t)p->drops,
                                 "new_flows", (json_int_t)p->new_flows, "active_flows", (json_int_t)p->active_flows,
                                 "untracked", render_volume(p->untracked), "nonflow", render_volume(p->nonflow),
                                 "partial", p->partial, "span_ms", (json_int_t)p->span_ms));
        if (step_s > 1)
                text_printf(body, ",\"min_bps\":%llu,\"peak_bps\":%llu,\"min_pps\":%llu,\"peak_pps\":%llu",
                            (unsigned long long)p->min_bps, (unsigned long long)p->peak_bps,
                            (unsigned long long)p->min_pps, (unsigned long long)p->peak_pps);
        text_add(body, "}", 1);
}

static void write_points(const struct request *r, const struct history_counters *rows, size_t n, struct text *body) {
        text_printf(body, ",\"points\":[");
        for (size_t i = 0; i < n;) {
                int64_t start = r->from + (rows[i].second - r->from) / r->step_s * r->step_s;
                int64_t step_s = r->to - start < r->step_s ? r->to - start : r->step_s;
                struct counters_point point;
                if (i)
                        text_add(body, ",", 1);
                i += counters_sum(rows + i, n - i, start, step_s, &point);
                write_point(&point, r->step_s, body);
        }
        text_add(body, "]", 1);
}

static const char *reason_of(enum history_gap gap) {
        switch (gap) {
        case HISTORY_GAP_IFACE_DOWN: return "interface_down";
        case HISTORY_GAP_IFACE_GONE: return "interface_gone";
        case HISTORY_GAP_CLOCK_STEP: return "clock_step";
        case HISTORY_GAP_SLEEP: return "sleep";
        case HISTORY_GAP_NONE:
        case HISTORY_GAP_NO_CAPTURE: break;
        }
        return "no_capture";
}

/* The gap that begins at `from`; where those seconds are held, the history knows why. */
static struct counters_gap gap_at(const struct request *r, int64_t from, int64_t to) {
        struct counters_gap gap = counters_gap_at(&r->bounds, from, to);
        if (from < r->bounds.held_from || from >= r->bounds.held_to)
                return gap;
        int64_t end, next;
        enum history_gap reason = history_gap_of(r->history, from, &end);
        while (end < gap.to && history_gap_of(r->history, end, &next) == reason)
                end = next;
        return (struct counters_gap){.from = from, .to = end < gap.to ? end : gap.to, .reason = reason_of(reason)};
}

/* Writes [from, to) as one gap for each reason. */
static void write_gap(const struct request *r, int64_t from, int64_t to, bool *first, struct text *body) {
        while (from < to) {
                struct counters_gap gap = gap_at(r, from, to);
                if (!*first)
                        text_add(body, ",", 1);
                *first = false;
                text_json(body, json_pack("{sI sI ss}", "from", (json_int_t)(gap.from * MS_PER_S), "to",
                                          (json_int_t)(gap.to * MS_PER_S), "reason", gap.reason));
                from = gap.to;
        }
}

static void write_gaps(const struct request *r, const struct history_counters *rows, size_t n, struct text *body) {
        int64_t at = r->from;
        bool first = true;
        struct history_counters before;
        if (history_before(r->history, at, &before) && counters_row_end(&before) > at)
                at = counters_row_end(&before); /* the range begins within what was counted together */
        text_printf(body, ",\"gaps\":[");
        for (size_t i = 0; i < n; i++) {
                write_gap(r, at, rows[i].second, &first, body);
                if (counters_row_end(&rows[i]) > at)
                        at = counters_row_end(&rows[i]);
        }
        write_gap(r, at, r->to, &first, body);
        text_add(body, "]", 1);
}

/* The rows of the range that are held; NULL without memory. */
static struct history_counters *read_rows(struct server *server, const struct request *r, size_t *ret_n) {
        int64_t from = r->from > r->bounds.held_from ? r->from : r->bounds.held_from;
        size_t max = r->to > from ? (size_t)(r->to - from) : 0;
        size_t held = (size_t)server->facts->retention_s + 1;
        if (max > held)
                max = held;
        struct history_counters *rows = malloc((max + 1) * sizeof(*rows));
        if (rows)
                *ret_n = max ? history_read_counters(server->history, from, r->to, rows, max) : 0;
        return rows;
}

bool route_counters(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct request r = {.step_s = 1};
        struct etag etag;
        if (!parse(call, &r, problem))
                return false;
        if (etag_begin(call, (struct history_range){r.from, r.to}, 0, &etag, reply))
                return true;
        server_count_query(call->server);
        size_t n = 0;
        struct history_counters *rows = read_rows(call->server, &r, &n);
        if (!rows)
                return problem_set(problem, 503, NULL, "out of memory");

        text_json_open(&reply->body,
                       json_pack("{sI sI sI}", "from", (json_int_t)(r.from * MS_PER_S), "to",
                                 (json_int_t)(r.to * MS_PER_S), "step_ms", (json_int_t)(r.step_s * MS_PER_S)));
        write_points(&r, rows, n, &reply->body);
        write_gaps(&r, rows, n, &reply->body);
        text_add(&reply->body, "}", 1);
        free(rows);
        etag_end(call, &etag, true, reply);
        return true;
}
