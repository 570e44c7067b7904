/* GET /api/flows.
 *
 * A result that does not fit on its first page is pinned; `next` names the pin and the row
 * where the following page begins. Rows beyond what a pin may hold are not to be reached by
 * paging: `reach` says how many are. Rows are rendered one at a time. */
#include <stdio.h>
#include <string.h>

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
        bool good = flow_answer_parse(call, past_is_relative(call->params), &request, problem);
        if (good && (!flow_request_equal(&request, &pin->request) || place->offset >= pin->result.n_rows))
                good = problem_set(problem, 400, "cursor", "was made with other parameters");
        flow_filter_fini(&request.filter);
        if (!good) {
                pins_unref(server->pins, pin);
                return NULL;
        }
        return pin;
}

static struct pin *open_fresh(const struct route_call *call, struct problem *problem) {
        struct flow_request request = flow_request_default();
        if (!flow_answer_parse(call, false, &request, problem))
                return NULL;
        size_t rows_max = pins_rows_max(call->server->pins);
        return flow_answer_ask(call, &request, rows_max > request.limit ? rows_max : request.limit, problem);
}

static void write_next(struct server *server, struct pin *pin, size_t end, struct text *body) {
        bool more = end < pin->result.n_rows;
        if (more && (pin->token[0] || pins_add(server->pins, pin)))
                text_printf(body, ",\"next\":\"%s.%zu\"}", pin->token, end);
        else
                text_printf(body, ",\"next\":null}");
}

static bool answer_page(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct place place = {0};
        const char *cursor = params_get(call->params, "cursor");
        struct pin *pin = cursor ? open_pinned(call, cursor, &place, problem) : open_fresh(call, problem);
        if (!pin)
                return false;

        struct render_names names;
        server_names(call->server, &names);
        struct text *body = &reply->body;
        size_t end = place.offset + pin->request.limit;
        if (end > pin->result.n_rows)
                end = pin->result.n_rows;
        flow_answer_begin(call->server, pin, body);
        for (size_t i = place.offset; i < end; i++) {
                if (i > place.offset)
                        text_add(body, ",", 1);
                text_json(body, render_flow(&pin->result.rows[i], &names));
        }
        flow_answer_sum_up(pin, body);
        write_next(call->server, pin, end, body);
        pins_unref(call->server->pins, pin);
        return true;
}

bool route_flows(const struct route_call *call, struct reply *reply, struct problem *problem) {
        if (!params_get(call->params, "format"))
                return answer_page(call, reply, problem);
        if (params_get(call->params, "cursor"))
                return problem_set(problem, 400, "cursor", "does not go with format, which sends all rows at once");
        return export_open(call, reply, problem);
}
