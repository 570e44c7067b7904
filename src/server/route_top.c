/* GET /api/top: who carried most in the last closed second, or in a range. */
#include "base/clock.h"
#include "server/flow_request.h"
#include "server/grouping.h"
#include "server/internal.h"
#include "server/past.h"
#include "server/routes.h"

#define LIMIT_DEFAULT 10

static bool parse(const struct route_call *call, const struct render_names *names, struct top_query *query,
                  struct problem *problem) {
        uint64_t limit = LIMIT_DEFAULT;
        if (!grouping_parse(call->params, &query->by, &query->by_packets, problem) ||
            !params_u64(call->params, "limit", 1, TOP_ROWS_MAX, &limit, problem) ||
            !past_parse(call, &query->has_range, &query->range, problem) ||
            !flow_filter_parse(call->params, names, &query->filter, problem))
                return false;
        query->limit = (unsigned)limit;
        return true;
}

static double share_of(const struct top_query *query, struct volume part, struct volume whole) {
        uint64_t a = query->by_packets ? part.packets : part.bytes;
        uint64_t b = query->by_packets ? whole.packets : whole.bytes;
        return b ? (double)a / (double)b : 0;
}

static json_t *render_figures(const struct top_query *query, const struct top_result *result, struct volume volume) {
        return json_pack("{sI sI sI sI sf}", "bytes", (json_int_t)volume.bytes, "packets", (json_int_t)volume.packets,
                         "bps", (json_int_t)render_rate_bps(volume.bytes, result->span_ms), "pps",
                         (json_int_t)render_rate_pps(volume.packets, result->span_ms), "share",
                         share_of(query, volume, result->matched));
}

static json_t *render_row(const struct top_query *query, const struct top_result *result, const struct top_row *row,
                          const struct render_names *names) {
        json_t *object = grouping_render_key(row, query->by, names);
        if (json_object_update_missing_new(object, render_figures(query, result, row->volume))) {
                json_decref(object);
                return NULL;
        }
        return object;
}

/* What the rows leave over. By host every byte counts at both of its ends. */
static struct volume other(const struct top_query *query, const struct top_result *result) {
        unsigned times = query->by == TOP_BY_HOST ? 2 : 1;
        struct volume left = {.packets = result->matched.packets * times, .bytes = result->matched.bytes * times};
        for (size_t i = 0; i < result->n_rows; i++) {
                struct volume row = result->rows[i].volume;
                left.packets -= row.packets < left.packets ? row.packets : left.packets;
                left.bytes -= row.bytes < left.bytes ? row.bytes : left.bytes;
        }
        return left;
}

static json_t *summary(const struct top_query *query, const struct top_result *result) {
        if (query->has_range)
                return past_summary(&result->seen, result->matched_flows, result->matched, result->unmatched_flows,
                                    result->unmatched);
        return json_pack("{so so so so so}", "matched", render_share(result->matched_flows, result->matched),
                         "unmatched", render_share(result->unmatched_flows, result->unmatched), "thinned",
                         render_share(0, (struct volume){0}), "untracked", render_volume(result->untracked), "nonflow",
                         render_volume(result->nonflow));
}

static void write_body(const struct top_query *query, const struct top_result *result, const struct render_names *names,
                       struct text *body) {
        json_int_t from = result->second * MS_PER_S;
        json_int_t to = result->second ? from + MS_PER_S : 0, asof = to;
        if (query->has_range) {
                from = result->seen.range.from * MS_PER_S;
                to = result->seen.range.to * MS_PER_S;
        }
        if (query->has_range && result->seen.is_final)
                asof = to;
        text_json_open(body, json_pack("{sI sI sI si sb ss ss}", "asof", asof, "from", from, "to", to, "resolution_ms",
                                       query->has_range ? (int)result->seen.resolution_ms : 1000, "exact",
                                       query->has_range ? result->seen.exact : true, "by", grouping_name(query->by),
                                       "metric", grouping_metric(query->by_packets)));
        text_printf(body, ",\"rows\":[");
        for (size_t i = 0; i < result->n_rows; i++) {
                if (i)
                        text_add(body, ",", 1);
                text_json(body, render_row(query, result, &result->rows[i], names));
        }
        text_printf(body, "],\"other\":");
        text_json(body, render_figures(query, result, other(query, result)));
        text_printf(body, ",\"summary\":");
        text_json(body, summary(query, result));
        text_add(body, "}", 1);
}

bool route_top(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct top_query query = {0};
        struct top_result result;
        struct render_names names;
        struct etag etag = {0};
        server_names(call->server, &names);
        if (!parse(call, &names, &query, problem))
                return false;
        if (query.has_range && etag_begin(call, query.range, 0, &etag, reply)) {
                flow_filter_fini(&query.filter);
                return true;
        }
        server_count_query(call->server);
        int r = history_query_top(call->server->history, &query, watch_has_ended, call->watch, &result);
        flow_filter_fini(&query.filter);
        if (r < 0) {
                past_problem(call, r, problem);
                return false;
        }
        result.seen.is_final = etag_holds(call, &etag, result.seen.is_final);
        write_body(&query, &result, &names, &reply->body);
        etag_end(call, &etag, result.seen.is_final, reply);
        top_result_fini(&result);
        return true;
}
