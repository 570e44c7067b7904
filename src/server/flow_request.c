#include "server/flow_request.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX 1000

static const char *const sort_names[] = {
        [FLOW_SORT_BYTES] = "bytes",
        [FLOW_SORT_PACKETS] = "packets",
        [FLOW_SORT_AB_BYTES] = "ab_bytes",
        [FLOW_SORT_BA_BYTES] = "ba_bytes",
        [FLOW_SORT_AB_PACKETS] = "ab_packets",
        [FLOW_SORT_BA_PACKETS] = "ba_packets",
        [FLOW_SORT_BPS] = "bps",
        [FLOW_SORT_PPS] = "pps",
        [FLOW_SORT_FIRST_SEEN] = "first_seen",
        [FLOW_SORT_LAST_SEEN] = "last_seen",
        [FLOW_SORT_ID] = "id",
        [FLOW_SORT_A_PORT] = "a_port",
        [FLOW_SORT_B_PORT] = "b_port",
        [FLOW_SORT_PROTO_NUMBER] = "proto_number",
        [FLOW_SORT_VLAN] = "vlan",
        [FLOW_SORT_TCP_FLAGS] = "tcp_flags",
        [FLOW_SORTS] = NULL,
};

/* ---- lists -------------------------------------------------------------------------- */

/* "80,443": any of them. "!22,!53": none of them. */
struct pieces {
        unsigned n;
        bool none_of;
        char *list[FLOW_FILTER_VALUES];
        char text[512];
};

static bool split_list(const char *name, const char *text, struct pieces *ret, struct problem *problem) {
        if (strlen(text) >= sizeof(ret->text))
                return problem_set(problem, 400, name, "the value is too long");
        memcpy(ret->text, text, strlen(text) + 1);
        char *rest = ret->text;
        for (char *piece; (piece = strsep(&rest, ","));) {
                bool excluded = *piece == '!';
                if (ret->n == FLOW_FILTER_VALUES)
                        return problem_set(problem, 400, name, "takes at most %u values", FLOW_FILTER_VALUES);
                if (ret->n && excluded != ret->none_of)
                        return problem_set(problem, 400, name, "either all of the values bear a ! or none does");
                ret->none_of = excluded;
                ret->list[ret->n++] = piece + excluded;
        }
        return true;
}

static bool parse_values(const struct params *params, const char *name, bool (*parse_one)(const char *, uint16_t *),
                         const char *accepted, struct flow_values *values, struct problem *problem) {
        const char *text = params_get(params, name);
        struct pieces pieces = {0};
        if (!text)
                return true;
        if (!split_list(name, text, &pieces, problem))
                return false;
        *values = (struct flow_values){.n = pieces.n, .none_of = pieces.none_of};
        for (unsigned i = 0; i < pieces.n; i++)
                if (!parse_one(pieces.list[i], &values->list[i]))
                        return problem_set(problem, 400, name,
                                           "must be %s, or up to %u of them with commas; a ! before "
                                           "each excludes them",
                                           accepted, FLOW_FILTER_VALUES);
        return true;
}

static bool parse_number(const char *text, uint64_t max, uint16_t *ret) {
        uint64_t number;
        if (!parse_u64(text, 0, max, &number))
                return false;
        *ret = (uint16_t)number;
        return true;
}

static bool parse_port(const char *text, uint16_t *ret) {
        return parse_number(text, 65535, ret);
}

static bool parse_vlan(const char *text, uint16_t *ret) {
        return parse_number(text, 4095, ret);
}

/* A class, the name of a protocol, or its number. */
static bool parse_proto(const char *text, uint16_t *ret) {
        uint8_t number;
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                if (!strcmp(text, packet_class_name(i))) {
                        *ret = (uint16_t)(FLOW_FILTER_CLASS + i);
                        return true;
                }
        if (!packet_proto_number(text, &number))
                return parse_number(text, 255, ret);
        *ret = number;
        return true;
}

static bool parse_nets(const struct params *params, struct flow_nets *nets, struct problem *problem) {
        const char *text = params_get(params, "ip");
        struct pieces pieces = {0};
        if (!text)
                return true;
        if (!split_list("ip", text, &pieces, problem))
                return false;
        *nets = (struct flow_nets){.n = pieces.n, .none_of = pieces.none_of};
        for (unsigned i = 0; i < pieces.n; i++)
                if (!parse_cidr(pieces.list[i], nets->list[i].address, &nets->list[i].bits, &nets->list[i].family))
                        return problem_set(problem, 400, "ip",
                                           "must be an address or a network, such as 10.0.0.7, 10.0.0.0/8 or "
                                           "2001:db8::/32, or up to %u of them with commas; a ! before each excludes "
                                           "them",
                                           FLOW_FILTER_VALUES);
        return true;
}

/* ---- single values ------------------------------------------------------------------ */

/* A name may be that of two: of one that is gone, and of another that was given it since. */
static bool parse_iface(const struct params *params, const struct render_names *names, struct flow_filter *filter,
                        struct problem *problem) {
        const char *text = params_get(params, "iface");
        if (!text)
                return true;
        for (unsigned i = 0; i < names->n_ifaces; i++)
                if (!strcmp(text, names->ifaces[i]))
                        filter->ifaces |= UINT64_C(1) << i;
        return filter->ifaces ||
               problem_set(problem, 400, "iface", "no captured interface has that name; see /api/stats");
}

static bool parse_state(const struct params *params, struct flow_filter *filter, struct problem *problem) {
        static const char *const words[] = {"active", "ended", "all", NULL};
        if (!params_get(params, "state"))
                return true;
        unsigned word;
        if (!params_word(params, "state", words, &word, problem))
                return false;
        filter->has_state = word < 2;
        filter->state = word == 1 ? FLOW_STATE_ENDED : FLOW_STATE_ACTIVE;
        return true;
}

struct filter_names flow_iface_names(const struct render_names *names, struct flow_iface_names *ret) {
        unsigned n = names->n_ifaces < FLOW_IFACES ? names->n_ifaces : FLOW_IFACES;
        for (unsigned i = 0; i < n; i++)
                ret->list[i] = names->ifaces[i];
        return (struct filter_names){.n_ifaces = n, .ifaces = ret->list};
}

static bool parse_expression(const struct params *params, const struct render_names *names, struct flow_filter *filter,
                             struct problem *problem) {
        const char *text = params_get(params, "filter");
        struct flow_iface_names ifaces;
        struct filter_error error;
        struct filter *expression;
        if (!text)
                return true;
        const struct filter_names filter_names = flow_iface_names(names, &ifaces);
        int r = filter_parse(text, &filter_names, &expression, &error);
        if (r == -ENOMEM)
                return problem_set(problem, 503, NULL, "out of memory");
        if (r < 0) {
                problem_set(problem, 400, "filter", "%s", error.text);
                problem->has_pos = true;
                problem->pos = error.pos;
                return false;
        }
        filter->expression = expression;
        return true;
}

void flow_filter_fini(struct flow_filter *filter) {
        filter_free((struct filter *)(uintptr_t)filter->expression);
        filter->expression = NULL;
}

bool flow_filter_parse(const struct params *params, const struct render_names *names, struct flow_filter *filter,
                       struct problem *problem) {
        if (!parse_values(params, "proto", parse_proto,
                          "tcp, udp, icmp, other, the name of an IP protocol or its number", &filter->protos,
                          problem) ||
            !parse_nets(params, &filter->nets, problem) ||
            !parse_values(params, "port", parse_port, "a whole number from 0 to 65535", &filter->ports, problem) ||
            !parse_values(params, "vlan", parse_vlan, "a whole number from 0 to 4095", &filter->vlans, problem) ||
            !parse_iface(params, names, filter, problem) ||
            !params_u64(params, "flow", 0, (1ULL << 53) - 1, &filter->id, problem) ||
            !parse_state(params, filter, problem))
                return false;
        filter->has_id |= params_get(params, "flow") != NULL;
        return parse_expression(params, names, filter, problem);
}

struct flow_request flow_request_default(void) {
        return (struct flow_request){
                .filter = {.has_state = true, .state = FLOW_STATE_ACTIVE},
                .sort = FLOW_SORT_BYTES,
                .limit = LIMIT_DEFAULT,
        };
}

/* FNV-1a: a cursor's parameters are compared with those of its first page. */
static uint64_t hash_of(const char *text) {
        uint64_t hash = 0xcbf29ce484222325u;
        for (; *text; text++)
                hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
        return hash;
}

bool flow_request_parse(const struct params *params, const struct render_names *names, struct flow_request *request,
                        struct problem *problem) {
        static const char *const directions[] = {"desc", "asc", NULL}, *const formats[] = {"csv", "json", NULL};
        unsigned sort = request->sort, ascending = request->ascending, format;
        if (params_get(params, "format")) {
                if (!params_word(params, "format", formats, &format, problem))
                        return false;
                request->format = format ? FLOW_FORMAT_JSON : FLOW_FORMAT_CSV;
                request->limit = 0;
        }
        uint64_t spark = request->spark;
        uint64_t limit = request->limit, limit_max = request->format == FLOW_FORMAT_PAGE ? LIMIT_MAX : UINT32_MAX;
        if (request->format != FLOW_FORMAT_PAGE && params_get(params, "spark"))
                return problem_set(problem, 400, "spark", "does not go with format");
        if (!params_u64(params, "spark", 1, SPARK_MAX, &spark, problem) ||
            !params_u64(params, "limit", 1, limit_max, &limit, problem) ||
            !params_word(params, "sort", sort_names, &sort, problem) ||
            !params_word(params, "dir", directions, &ascending, problem) ||
            !flow_filter_parse(params, names, &request->filter, problem))
                return false;
        if (params_get(params, "filter"))
                request->expression_hash = hash_of(params_get(params, "filter"));
        request->spark = (unsigned)spark;
        request->limit = (unsigned)limit;
        request->sort = sort;
        request->ascending = ascending;
        return true;
}

static bool values_equal(const struct flow_values *x, const struct flow_values *y) {
        return x->n == y->n && x->none_of == y->none_of && !memcmp(x->list, y->list, x->n * sizeof(x->list[0]));
}

static bool nets_equal(const struct flow_nets *x, const struct flow_nets *y) {
        return x->n == y->n && x->none_of == y->none_of && !memcmp(x->list, y->list, x->n * sizeof(x->list[0]));
}

static bool filter_equal(const struct flow_filter *x, const struct flow_filter *y) {
        return values_equal(&x->protos, &y->protos) && values_equal(&x->ports, &y->ports) &&
               values_equal(&x->vlans, &y->vlans) && nets_equal(&x->nets, &y->nets) && x->has_state == y->has_state &&
               x->has_id == y->has_id && x->state == y->state && x->ifaces == y->ifaces && x->id == y->id;
}

bool flow_request_equal(const struct flow_request *x, const struct flow_request *y) {
        if (x->has_range != y->has_range ||
            (x->has_range && (x->range.from != y->range.from || x->range.to != y->range.to)))
                return false;
        return filter_equal(&x->filter, &y->filter) && x->expression_hash == y->expression_hash && x->sort == y->sort &&
               x->ascending == y->ascending && x->limit == y->limit && x->spark == y->spark && x->format == y->format;
}
