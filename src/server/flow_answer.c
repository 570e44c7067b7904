#include "server/flow_answer.h"

#include <errno.h>

#include "base/clock.h"
#include "server/internal.h"
#include "server/past.h"

bool flow_answer_parse(const struct route_call *call, bool keep_range, struct flow_request *request,
                       struct problem *problem) {
        struct render_names names;
        bool had_range = request->has_range; /* a later page's: its state, too, is that of the first */
        server_names(call->server, &names);
        if (!keep_range && !past_parse(call, &request->has_range, &request->range, problem))
                return false;
        if (request->has_range && !had_range)
                request->filter.has_state = false; /* whoever sent something in it, unless `state` says otherwise */
        return flow_request_parse(call->params, &names, request, problem);
}

/* Rows and totals of one and the same tick; gives up on that where ticks come too fast (a file). */
static int query(struct server *server, const struct route_call *call, size_t rows_max, struct pin *pin) {
        const struct flow_request *request = &pin->request;
        struct flow_query query = {
                .has_range = request->has_range,
                .range = request->range,
                .filter = request->filter,
                .sort = request->sort,
                .ascending = request->ascending,
                .max_rows = rows_max,
        };
        for (unsigned i = 0;; i++) {
                uint64_t ticks = history_ticks(server->history);
                int r = history_query_flows(server->history, &query, watch_has_ended, call->watch, &pin->result);
                if (r < 0)
                        return r;
                history_read_totals(server->history, &pin->totals);
                if (history_ticks(server->history) == ticks || i == 2)
                        return 0;
                flow_result_fini(&pin->result);
                pin->result = (struct flow_result){0};
        }
}

struct pin *flow_answer_ask(const struct route_call *call, const struct flow_request *request, size_t rows_max,
                            struct problem *problem) {
        struct pin *pin = pins_make();
        struct flow_filter filter = request->filter;
        int r = -ENOMEM;
        server_count_query(call->server);
        if (pin) {
                pin->request = *request;
                r = query(call->server, call, rows_max, pin);
                pin->request.filter.expression = NULL;
        }
        flow_filter_fini(&filter);
        if (r < 0) {
                past_problem(call, r, problem);
                pins_unref(call->server->pins, pin);
                return NULL;
        }
        return pin;
}

static json_t *summary(const struct pin *pin) {
        const struct flow_result *result = &pin->result;
        if (pin->request.has_range)
                return past_summary(&result->seen, result->matched, result->matched_volume, result->unmatched,
                                    result->unmatched_volume);
        const struct history_totals *totals = &pin->totals;
        return json_pack("{so so so so so}", "matched", render_share(result->matched, result->matched_volume),
                         "unmatched", render_share(result->unmatched, result->unmatched_volume), "thinned",
                         render_share(totals->flows_forgotten, totals->forgotten), "untracked",
                         render_volume(totals->totals.untracked), "nonflow", render_volume(totals->totals.nonflow));
}

/* Flows bear their totals since they were first seen: the range reaches back to the start. */
static json_t *head(const struct server *server, const struct pin *pin) {
        const struct flow_result *result = &pin->result;
        const struct history_seen *seen = pin->request.has_range ? &result->seen : NULL;
        int64_t asof_ms = seen && pin->is_final ? seen->range.to * MS_PER_S : result->asof_ms;
        int64_t from_ms = (seen ? seen->range.from : server_started_second(server)) * MS_PER_S;
        return json_pack("{sI sI sI si sb sI sI sI}", "asof", (json_int_t)asof_ms, "from", (json_int_t)from_ms, "to",
                         (json_int_t)(seen ? seen->range.to * MS_PER_S : result->asof_ms), "resolution_ms",
                         seen ? (int)seen->resolution_ms : 1000, "exact", seen ? seen->exact : true, "total",
                         (json_int_t)result->total, "matched", (json_int_t)result->matched, "reach",
                         (json_int_t)result->n_rows);
}

void flow_answer_begin(struct server *server, const struct pin *pin, struct text *body) {
        text_json_open(body, head(server, pin));
        text_printf(body, ",\"rows\":[");
}

void flow_answer_sum_up(const struct pin *pin, struct text *body) {
        text_printf(body, "],\"summary\":");
        text_json(body, summary(pin));
}
