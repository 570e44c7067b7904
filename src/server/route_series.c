/* GET /api/series: the groups of /api/top over time, in columns.
 *
 * Rates are rounded so that those of a step add up: each is what the sum up to its row is more than the sum before. */
#include "base/clock.h"
#include "server/flow_request.h"
#include "server/grouping.h"
#include "server/internal.h"
#include "server/past.h"
#include "server/routes.h"
#include "server/times.h"

#define LIMIT_DEFAULT 10
#define RANGE_DEFAULT_S 300
#define POINTS_DEFAULT 300

/* The range that is asked for, of what is held; the newest part of it without one. */
static bool parse_range(const struct route_call *call, struct history_range *range, struct problem *problem) {
        struct history_range held = {0};
        bool has_range;
        if (!past_parse(call, &has_range, range, problem))
                return false;
        bool is_held = history_span(call->server->history, &held.from, &held.to);
        if (!has_range)
                *range = (struct history_range){held.to - RANGE_DEFAULT_S, held.to};
        int64_t end = has_range ? history_end(call->server->history) : held.to;
        if (is_held || !has_range) {
                range->from = range->from < held.from ? held.from : range->from;
                range->to = range->to > end ? end : range->to;
        }
        return true;
}

static bool parse_step(const struct params *params, struct series_query *query, struct problem *problem) {
        int64_t length = query->range.to - query->range.from;
        query->step_s = length > POINTS_DEFAULT ? (length + POINTS_DEFAULT - 1) / POINTS_DEFAULT : 1;
        if (!times_step(params, &query->step_s, problem))
                return false;
        /* an hour that begins within a second touches 3,601 of them */
        if (query->step_s == 1 && length == SERIES_STEPS_MAX + 1) {
                query->range.from++;
                length--;
        }
        if ((length - 1) / query->step_s >= SERIES_STEPS_MAX)
                return problem_set(problem, 400, "step", "more than %d points; take a longer step or a shorter range",
                                   SERIES_STEPS_MAX);
        return true;
}

static bool parse(const struct route_call *call, const struct render_names *names, struct series_query *query,
                  struct problem *problem) {
        uint64_t limit = LIMIT_DEFAULT;
        if (!grouping_parse(call->params, &query->by, &query->by_packets, problem) ||
            !params_u64(call->params, "limit", 1, SERIES_ROWS_MAX, &limit, problem) ||
            !parse_range(call, &query->range, problem) || !parse_step(call->params, query, problem) ||
            !flow_filter_parse(call->params, names, &query->filter, problem))
                return false;
        query->limit = (unsigned)limit;
        return true;
}

static uint64_t rate(const struct series_query *query, uint64_t amount, uint64_t span_ms) {
        return query->by_packets ? render_rate_pps(amount, (uint32_t)span_ms)
                                 : render_rate_bps(amount, (uint32_t)span_ms);
}

/* The rates of one row. `sums` are those of the rows before it, of each step, and receive its own. */
static void write_values(const struct series_query *query, const struct series_result *result, size_t row,
                         uint64_t *sums, struct text *body) {
        const uint64_t *values = result->values + row * result->n_steps;
        text_add(body, "[", 1);
        for (size_t i = 0; i < result->n_steps; i++) {
                uint64_t span_ms = result->span_ms[i], before = sums[i];
                const char *comma = i ? "," : "";
                sums[i] += values[i];
                if (span_ms)
                        text_printf(body, "%s%llu", comma,
                                    (unsigned long long)(rate(query, sums[i], span_ms) - rate(query, before, span_ms)));
                else
                        text_printf(body, "%snull", comma);
        }
        text_add(body, "]", 1);
}

static void write_times(const struct series_result *result, struct text *body) {
        text_printf(body, ",\"ts\":[");
        for (size_t i = 0; i < result->n_steps; i++)
                text_printf(body, "%s%lld", i ? "," : "",
                            (long long)(result->start + (int64_t)i * result->step_s) * MS_PER_S);
        text_add(body, "]", 1);
}

static void write_head(const struct series_query *query, const struct series_result *result, struct text *body) {
        const struct history_seen *seen = &result->seen;
        text_json_open(body, json_pack("{sI sI sI si sb ss ss}", "from", (json_int_t)(seen->range.from * MS_PER_S),
                                       "to", (json_int_t)(seen->range.to * MS_PER_S), "step_ms",
                                       (json_int_t)(result->step_s * MS_PER_S), "resolution_ms",
                                       (int)seen->resolution_ms, "exact", seen->exact, "by", grouping_name(query->by),
                                       "metric", grouping_metric(query->by_packets)));
}

static void write_body(const struct series_query *query, const struct series_result *result,
                       const struct render_names *names, uint64_t *sums, struct text *body) {
        write_head(query, result, body);
        write_times(result, body);
        text_printf(body, ",\"series\":[");
        for (size_t i = 0; i < result->n_rows; i++) {
                if (i)
                        text_add(body, ",", 1);
                text_json_open(body, grouping_render_key(&result->rows[i], query->by, names));
                text_printf(body, ",\"values\":");
                write_values(query, result, i, sums, body);
                text_add(body, "}", 1);
        }
        text_printf(body, "],\"other\":");
        write_values(query, result, result->n_rows, sums, body);
        text_printf(body, ",\"summary\":");
        text_json(body, past_summary(&result->seen, result->matched_flows, result->matched, result->unmatched_flows,
                                     result->unmatched));
        text_add(body, "}", 1);
}

bool route_series(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct series_query query = {0};
        struct series_result result;
        struct render_names names;
        struct etag etag;
        uint64_t sums[SERIES_STEPS_MAX] = {0};
        server_names(call->server, &names);
        if (!parse(call, &names, &query, problem))
                return false;
        if (etag_begin(call, query.range, 0, &etag, reply)) {
                flow_filter_fini(&query.filter);
                return true;
        }
        server_count_query(call->server);
        int r = history_query_series(call->server->history, &query, watch_has_ended, call->watch, &result);
        flow_filter_fini(&query.filter);
        if (r < 0) {
                past_problem(call, r, problem);
                return false;
        }
        write_body(&query, &result, &names, sums, &reply->body);
        etag_end(call, &etag, result.seen.is_final, reply);
        series_result_fini(&result);
        return true;
}
