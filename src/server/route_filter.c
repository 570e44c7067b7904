/* GET /api/filter/check: is this a filter, and what may come at a place in it?
 *
 * The words are the language's own. Where a value is wanted, those that carried most in the last minute
 * are offered: a query like any other, so that nothing else has to be kept for it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/flow_request.h"
#include "server/internal.h"
#include "server/routes.h"

#define VALUES_MAX 20u
#define VALUES_SECONDS 60

/* What a value's kind is called, and by what its values are grouped. */
static const struct {
        const char *name;
        bool has_group;
        enum top_by by;
} kinds[] = {
        [FILTER_VALUE_NONE] = {NULL, false, 0},
        [FILTER_VALUE_ADDRESS] = {"address", true, TOP_BY_HOST},
        [FILTER_VALUE_NET] = {"net", true, TOP_BY_HOST},
        [FILTER_VALUE_PORT] = {"port", true, TOP_BY_PORT},
        [FILTER_VALUE_PORTRANGE] = {"portrange", false, 0},
        [FILTER_VALUE_PROTO] = {"proto", false, 0},
        [FILTER_VALUE_VLAN] = {"vlan", true, TOP_BY_VLAN},
        [FILTER_VALUE_IFACE] = {"iface", false, 0},
        [FILTER_VALUE_QUANTITY] = {"quantity", false, 0},
};

static void write_value(const struct flow_key *key, enum top_by by, char ret[48]) {
        unsigned number = by == TOP_BY_PORT ? key->a_port : flow_key_vlan(key);
        if (by == TOP_BY_HOST)
                render_address(key->a_address, flow_key_family(key), ret);
        else
                (void)snprintf(ret, 48, "%u", number);
}

static bool is_of_family(const struct flow_key *key, enum top_by by, uint8_t family) {
        return by != TOP_BY_HOST || !family || flow_key_family(key) == family;
}

static bool has_string(const json_t *list, const char *text) {
        for (size_t i = 0; i < json_array_size(list); i++)
                if (!strcmp(json_string_value(json_array_get(list, i)), text))
                        return true;
        return false;
}

/* Values seen that fit the place and begin as what stands before it; 0, or -errno of the query. */
static int add_values(const struct route_call *call, const struct filter_completion *found, const char *begun,
                      size_t n_begun, json_t *values) {
        enum filter_value kind = found->value;
        int64_t from, to;
        struct top_result result;
        if (!kinds[kind].has_group || !history_span(call->server->history, &from, &to))
                return 0;
        const struct top_query query = {
                .has_range = true,
                .range = {to - VALUES_SECONDS, to},
                .by = kinds[kind].by,
                .limit = TOP_ROWS_MAX,
        };
        int r = history_query_top(call->server->history, &query, watch_has_ended, call->watch, &result);
        if (r < 0)
                return r;
        for (size_t i = 0; i < result.n_rows && json_array_size(values) < VALUES_MAX; i++) {
                char text[48];
                write_value(&result.rows[i].key, query.by, text);
                if (is_of_family(&result.rows[i].key, query.by, found->family) && !strncmp(text, begun, n_begun) &&
                    !has_string(values, text))
                        json_array_append_new(values, json_string(text));
        }
        top_result_fini(&result);
        return 0;
}

static json_t *verdict(const char *text, const struct filter_names *names) {
        struct filter *filter = NULL;
        struct filter_error error;
        int r = filter_parse(text, names, &filter, &error);
        filter_free(filter);
        if (r == -EINVAL)
                return json_pack("{sb sI ss}", "ok", 0, "pos", (json_int_t)error.pos, "detail", error.text);
        return r < 0 ? NULL : json_pack("{sb}", "ok", 1);
}

static json_t *completion(const struct route_call *call, const char *text, size_t pos,
                          const struct filter_names *names) {
        struct filter_completion found;
        filter_complete(text, pos, names, &found);
        json_t *words = json_array(), *values = json_array();
        for (unsigned i = 0; i < found.n_words; i++)
                json_array_append_new(words, json_string(found.words[i]));
        (void)add_values(call, &found, text + found.start, pos - found.start, values);
        return json_pack("{sI sI so ss? so}", "from", (json_int_t)found.start, "to", (json_int_t)pos, "words", words,
                         "value", kinds[found.value].name, "values", values);
}

bool route_filter_check(const struct route_call *call, struct reply *reply, struct problem *problem) {
        const char *text = params_get(call->params, "filter");
        if (!text)
                text = "";
        uint64_t pos = strlen(text);
        if (!params_u64(call->params, "pos", 0, pos, &pos, problem))
                return false;
        struct flow_iface_names ifaces;
        struct render_names names;
        server_names(call->server, &names);
        const struct filter_names filter_names = flow_iface_names(&names, &ifaces);
        json_t *answer = verdict(text, &filter_names);
        if (!answer)
                return problem_set(problem, 503, NULL, "out of memory");
        json_object_set_new(answer, "completion", completion(call, text, (size_t)pos, &filter_names));
        text_json(&reply->body, answer);
        return true;
}
