/* GET /api/flows.
 *
 * A result that does not fit on its first page is pinned; `next` names the pin and the row
 * where the following page begins. Rows beyond what a pin may hold are not to be reached by
 * paging: `reach` says how many are. Rows are rendered one at a time. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "server/export.h"
#include "server/flow_answer.h"
#include "server/internal.h"
#include "server/past.h"
#include "server/routes.h"

/* "TOKEN.OFFSET" */
struct place {
        char token[PIN_TOKEN_BYTES];
        size_t offset;
};

/* Rows [from, to) of a result. */
struct page {
        size_t from, to;
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
        bool good = flow_answer_parse(call, past_is_open(call->params), &request, problem);
        if (good && (!flow_request_equal(&request, &pin->request) || place->offset >= pin->result.n_rows))
                good = problem_set(problem, 400, "cursor", "was made with other parameters");
        flow_filter_fini(&request.filter);
        if (!good) {
                pins_unref(server->pins, pin);
                return NULL;
        }
        return pin;
}

static struct pin *open_fresh(const struct route_call *call, const struct flow_request *request,
                              struct problem *problem) {
        size_t rows_max = pins_rows_max(call->server->pins);
        return flow_answer_ask(call, request, rows_max > request->limit ? rows_max : request->limit, problem);
}

static void write_next(struct server *server, struct pin *pin, size_t end, struct text *body) {
        bool more = end < pin->result.n_rows;
        if (more && (pin->token[0] || pins_add(server->pins, pin)))
                text_printf(body, ",\"next\":\"%s.%zu\"}", pin->token, end);
        else
                text_printf(body, ",\"next\":null}");
}

/* The lines of a page's rows: the seconds before the range's end, or before the tick that the rows are of. */
static int ask_sparks(const struct route_call *call, const struct pin *pin, const struct page *page,
                      struct spark_result *ret) {
        const struct flow_result *result = &pin->result;
        int64_t to = pin->request.has_range ? result->seen.range.to : result->asof_ms / MS_PER_S;
        if (!pin->request.spark)
                return 0;
        return history_query_spark(call->server->history, result->rows + page->from, page->to - page->from, to,
                                   pin->request.spark, watch_has_ended, call->watch, ret);
}

static void write_spark(const struct spark_result *sparks, size_t row, struct text *body) {
        text_printf(body, ",\"spark\":[");
        for (unsigned i = 0; i < sparks->n; i++) {
                const char *comma = i ? "," : "";
                uint64_t bytes = sparks->bytes[row * sparks->n + i];
                if (sparks->known[row] && sparks->span_ms[i])
                        text_printf(body, "%s%llu", comma,
                                    (unsigned long long)render_rate_bps(bytes, sparks->span_ms[i]));
                else
                        text_printf(body, "%snull", comma);
        }
        text_printf(body, "]}");
}

static void write_rows(struct server *server, const struct pin *pin, const struct page *page,
                       const struct spark_result *sparks, struct text *body) {
        struct render_names names;
        server_names(server, &names);
        for (size_t i = page->from; i < page->to; i++) {
                json_t *row = render_flow(&pin->result.rows[i], &names);
                if (i > page->from)
                        text_add(body, ",", 1);
                if (!sparks->n) {
                        text_json(body, row);
                        continue;
                }
                text_json_open(body, row);
                write_spark(sparks, i - page->from, body);
        }
}

static bool write_page(const struct route_call *call, struct pin *pin, size_t from, struct text *body,
                       struct problem *problem) {
        struct page page = {.from = from, .to = from + pin->request.limit};
        struct spark_result sparks = {0};
        if (page.to > pin->result.n_rows)
                page.to = pin->result.n_rows;
        int r = ask_sparks(call, pin, &page, &sparks);
        if (r < 0) {
                past_problem(call, r, problem);
                return false;
        }
        flow_answer_begin(call->server, pin, body);
        write_rows(call->server, pin, &page, &sparks, body);
        flow_answer_sum_up(pin, body);
        write_next(call->server, pin, page.to, body);
        spark_result_fini(&sparks);
        return true;
}

static bool answer_next_page(const struct route_call *call, const char *cursor, struct reply *reply,
                             struct problem *problem) {
        struct place place;
        struct pin *pin = open_pinned(call, cursor, &place, problem);
        if (!pin)
                return false;
        bool good = write_page(call, pin, place.offset, &reply->body, problem);
        pins_unref(call->server->pins, pin);
        return good;
}

/* A page with others behind it names the pin, so that it is never the same twice. */
static bool is_final(const struct pin *pin) {
        return pin->result.seen.is_final && pin->result.n_rows <= pin->request.limit;
}

static bool answer_first_page(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct flow_request request = flow_request_default();
        struct etag etag = {0};
        if (!flow_answer_parse(call, false, &request, problem))
                return false;
        if (request.has_range && etag_begin(call, request.range, request.spark, &etag, reply)) {
                flow_filter_fini(&request.filter);
                return true;
        }
        struct pin *pin = open_fresh(call, &request, problem);
        if (!pin)
                return false;
        pin->is_final = etag_holds(call, &etag, is_final(pin));
        bool good = write_page(call, pin, 0, &reply->body, problem);
        if (good)
                etag_end(call, &etag, pin->is_final, reply);
        pins_unref(call->server->pins, pin);
        return good;
}

bool route_flows(const struct route_call *call, struct reply *reply, struct problem *problem) {
        const char *cursor = params_get(call->params, "cursor");
        if (!params_get(call->params, "format"))
                return cursor ? answer_next_page(call, cursor, reply, problem)
                              : answer_first_page(call, reply, problem);
        if (cursor)
                return problem_set(problem, 400, "cursor", "does not go with format, which sends all rows at once");
        return export_open(call, reply, problem);
}
