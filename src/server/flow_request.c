#include "server/flow_request.h"

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

static bool parse_class(const char *text, enum packet_class *ret) {
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                if (!strcmp(text, packet_class_name(i))) {
                        *ret = i;
                        return true;
                }
        return false;
}

/* A class, the name of a protocol, or its number. */
static bool parse_proto(const struct params *params, struct flow_filter *filter, struct problem *problem) {
        const char *text = params_get(params, "proto");
        uint64_t number;
        if (!text)
                return true;
        filter->has_class = filter->has_proto = false;
        filter->class = 0;
        filter->proto = 0;
        if (parse_class(text, &filter->class)) {
                filter->has_class = true;
        } else if (packet_proto_number(text, &filter->proto)) {
                filter->has_proto = true;
        } else if (parse_u64(text, 0, 255, &number)) {
                filter->proto = (uint8_t)number;
                filter->has_proto = true;
        } else {
                return problem_set(problem, 400, "proto",
                                   "must be tcp, udp, icmp, other, the name of an IP protocol, or its number");
        }
        return true;
}

static bool parse_ip(const struct params *params, struct flow_filter *filter, struct problem *problem) {
        const char *text = params_get(params, "ip");
        if (!text)
                return true;
        if (!parse_cidr(text, filter->net, &filter->net_bits, &filter->net_family))
                return problem_set(problem, 400, "ip",
                                   "must be an address or a network, such as 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32");
        filter->has_net = true;
        return true;
}

static bool parse_iface(const struct params *params, const struct render_names *names, struct flow_filter *filter,
                        struct problem *problem) {
        const char *text = params_get(params, "iface");
        if (!text)
                return true;
        for (unsigned i = 0; i < names->n_ifaces; i++)
                if (!strcmp(text, names->ifaces[i])) {
                        filter->iface = (uint8_t)i;
                        filter->has_iface = true;
                        return true;
                }
        return problem_set(problem, 400, "iface", "no captured interface has that name; see /api/stats");
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

/* A whole number into a field of the filter, with the flag that says so. */
static bool parse_number(const struct params *params, const char *name, uint64_t max, bool *has, uint64_t *value,
                         struct problem *problem) {
        if (!params_u64(params, name, 0, max, value, problem))
                return false;
        *has |= params_get(params, name) != NULL;
        return true;
}

bool flow_filter_parse(const struct params *params, const struct render_names *names, struct flow_filter *filter,
                       struct problem *problem) {
        uint64_t port = filter->port, vlan = filter->vlan;
        if (!parse_proto(params, filter, problem) || !parse_ip(params, filter, problem) ||
            !parse_number(params, "port", 65535, &filter->has_port, &port, problem) ||
            !parse_number(params, "vlan", 4095, &filter->has_vlan, &vlan, problem) ||
            !parse_iface(params, names, filter, problem) ||
            !parse_number(params, "flow", (1ULL << 53) - 1, &filter->has_id, &filter->id, problem) ||
            !parse_state(params, filter, problem))
                return false;
        filter->port = (uint16_t)port;
        filter->vlan = (uint16_t)vlan;
        return true;
}

struct flow_request flow_request_default(void) {
        return (struct flow_request){
                .filter = {.has_state = true, .state = FLOW_STATE_ACTIVE},
                .sort = FLOW_SORT_BYTES,
                .limit = LIMIT_DEFAULT,
        };
}

bool flow_request_parse(const struct params *params, const struct render_names *names, struct flow_request *request,
                        struct problem *problem) {
        static const char *const directions[] = {"desc", "asc", NULL};
        uint64_t limit = request->limit;
        unsigned sort = request->sort, ascending = request->ascending;
        if (!params_u64(params, "limit", 1, LIMIT_MAX, &limit, problem) ||
            !params_word(params, "sort", sort_names, &sort, problem) ||
            !params_word(params, "dir", directions, &ascending, problem) ||
            !flow_filter_parse(params, names, &request->filter, problem))
                return false;
        request->limit = (unsigned)limit;
        request->sort = sort;
        request->ascending = ascending;
        return true;
}

static bool filter_equal(const struct flow_filter *x, const struct flow_filter *y) {
        return x->has_class == y->has_class && x->has_proto == y->has_proto && x->has_net == y->has_net &&
               x->has_port == y->has_port && x->has_vlan == y->has_vlan && x->has_state == y->has_state &&
               x->has_iface == y->has_iface && x->has_id == y->has_id && x->class == y->class && x->proto == y->proto &&
               !memcmp(x->net, y->net, sizeof(x->net)) && x->net_bits == y->net_bits &&
               x->net_family == y->net_family && x->port == y->port && x->vlan == y->vlan && x->state == y->state &&
               x->iface == y->iface && x->id == y->id;
}

bool flow_request_equal(const struct flow_request *x, const struct flow_request *y) {
        return filter_equal(&x->filter, &y->filter) && x->sort == y->sort && x->ascending == y->ascending &&
               x->limit == y->limit;
}
