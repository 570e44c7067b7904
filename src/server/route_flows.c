/* GET /api/flows.
 *
 * A result that does not fit on its first page is pinned; `next` names the pin and the row
 * where the following page begins. Rows beyond what a pin may hold are not to be reached by
 * paging: `reach` says how many are. Rows are rendered one at a time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "server/flow_request.h"
#include "server/internal.h"
#include "server/routes.h"

/* "TOKEN.OFFSET" */
struct place {
        char token[PIN_TOKEN_BYTES];
        size_t offset;
};

static bool parse_cursor(const char *text, struct place *ret) {
        size_t n = strspn(text, "0123456789abcdef");
        uint64_t offset;
        if (n != PIN_TOKEN_BYTES - 1 || text[n] != '.' || !parse_u64(text + n + 1, 1, UINT32_MAX, &offset))
                return false;
        memcpy(ret->token, text, n);
        ret->token[n] = '\0';
        ret->offset = (size_t)offset;
        return true;
}

/* Rows and totals of one and the same tick; gives up on that where ticks come too fast (a file). */
static int query(struct server *server, const struct route_call *call, struct pin *pin) {
        size_t rows_max = pins_rows_max(server->pins);
        const struct flow_request *request = &pin->request;
        struct flow_query query = {
                .filter = request->filter,
                .sort = request->sort,
                .ascending = request->ascending,
                .max_rows = rows_max > request->limit ? rows_max : request->limit,
        };
        for (unsigned i = 0;; i++) {
                uint64_t ticks = history_ticks(server->history);
                int r = history_query_flows(server->history, &query, call->cancelled, call->context, &pin->result);
                if (r < 0)
                        return r;
                history_read_totals(server->history, &pin->totals);
                if (history_ticks(server->history) == ticks || i == 2)
                        return 0;
                flow_result_fini(&pin->result);
                pin->result = (struct flow_result){0};
        }
}

/* The result that a cursor names. Parameters beside it must say what those of its first page said. */
static struct pin *open_pinned(const struct route_call *call, const char *cursor, struct place *place,
                               struct problem *problem) {
        struct server *server = call->server;
        if (!parse_cursor(cursor, place)) {
                problem_set(problem, 400, "cursor", "must be what `next` of an earlier page said");
                return NULL;
        }
        struct pin *pin = pins_get(server->pins, place->token);
        if (!pin) {
                problem_set(problem, 410, "cursor", "this result is no longer held; ask anew without a cursor");
                return NULL;
        }

        struct flow_request request = pin->request;
        bool good = flow_request_parse(call->params, &server->facts->names, &request, problem);
        if (good && (!flow_request_equal(&request, &pin->request) || place->offset >= pin->result.n_rows))
                good = problem_set(problem, 400, "cursor", "was made with other parameters");
        if (!good) {
                pins_unref(server->pins, pin);
                return NULL;
        }
        return pin;
}

static struct pin *open_fresh(const struct route_call *call, struct problem *problem) {
        struct flow_request request = flow_request_default();
        if (!flow_request_parse(call->params, &call->server->facts->names, &request, problem))
                return NULL;
        struct pin *pin = pins_make();
        int r = -ENOMEM;
        if (pin) {
                pin->request = request;
                r = query(call->server, call, pin);
        }
        if (r < 0) {
                problem_set(problem, 503, NULL, r == -ECANCELED ? "the query was cancelled" : "out of memory");
                pins_unref(call->server->pins, pin);
                return NULL;
        }
        return pin;
}

static json_t *share(uint64_t flows, struct volume volume) {
        return json_pack("{sI sI sI}", "flows", (json_int_t)flows, "packets", (json_int_t)volume.packets, "bytes",
                         (json_int_t)volume.bytes);
}

static json_t *summary(const struct pin *pin) {
        const struct flow_result *result = &pin->result;
        const struct history_totals *totals = &pin->totals;
        return json_pack("{so so so so so}", "matched", share(result->matched, result->matched_volume), "unmatched",
                         share(result->unmatched, result->unmatched_volume), "thinned",
                         share(totals->flows_forgotten, totals->forgotten), "untracked",
                         render_volume(totals->totals.untracked), "nonflow", render_volume(totals->totals.nonflow));
}

/* Flows bear their totals since they were first seen: the range reaches back to the start. */
static json_t *head(const struct server *server, const struct pin *pin) {
        const struct flow_result *result = &pin->result;
        return json_pack("{sI sI sI si sb sI sI sI}", "asof", (json_int_t)result->asof_ms, "from",
                         (json_int_t)(server_started_second(server) * MS_PER_S), "to", (json_int_t)result->asof_ms,
                         "resolution_ms", 1000, "exact", 1, "total", (json_int_t)result->total, "matched",
                         (json_int_t)result->matched, "reach", (json_int_t)result->n_rows);
}

static void write_next(struct server *server, struct pin *pin, size_t end, struct text *body) {
        bool more = end < pin->result.n_rows;
        if (more && (pin->token[0] || pins_add(server->pins, pin)))
                text_printf(body, ",\"next\":\"%s.%zu\"}", pin->token, end);
        else
                text_printf(body, ",\"next\":null}");
}

bool route_flows(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct place place = {0};
        const char *cursor = params_get(call->params, "cursor");
        struct pin *pin = cursor ? open_pinned(call, cursor, &place, problem) : open_fresh(call, problem);
        if (!pin)
                return false;

        struct text *body = &reply->body;
        size_t end = place.offset + pin->request.limit;
        if (end > pin->result.n_rows)
                end = pin->result.n_rows;
        text_json_open(body, head(call->server, pin));
        text_printf(body, ",\"rows\":[");
        for (size_t i = place.offset; i < end; i++) {
                if (i > place.offset)
                        text_add(body, ",", 1);
                text_json(body, render_flow(&pin->result.rows[i], &call->server->facts->names));
        }
        text_printf(body, "],\"summary\":");
        text_json(body, summary(pin));
        write_next(call->server, pin, end, body);
        pins_unref(call->server->pins, pin);
        return true;
}
