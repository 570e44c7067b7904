/* Evaluation: one pass over the nodes, no recursion, no allocation.
 *
 * A mask has one bit for each direction of the flow, so the operators are those of bits. A condition leaves its mask;
 * an operator's test puts it aside for the operator. As many wait as parentheses nest, which the parser bounds. A
 * filter over the key alone costs a few nanoseconds for each condition that is reached; the tests skip those that
 * cannot change the outcome any more. */
#include "history/filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "history/filter_program.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_SCTP 132

/* Of a condition over one end, told for A and for B: the directions in which it holds. */
static unsigned select_by_ends(enum filter_end end, bool a, bool b) {
        switch (end) {
        case FILTER_END_SRC: return (a ? FILTER_AB : 0) | (b ? FILTER_BA : 0);
        case FILTER_END_DST: return (b ? FILTER_AB : 0) | (a ? FILTER_BA : 0);
        case FILTER_END_BOTH: return a && b ? FILTER_BOTH : 0;
        default: return a || b ? FILTER_BOTH : 0;
        }
}

static unsigned select_if(bool holds) {
        return holds ? FILTER_BOTH : 0;
}

static bool has_family(const struct filter_node *node, const struct flow_key *key) {
        return node->families & (flow_key_family(key) == 6 ? FILTER_FAMILY_6 : FILTER_FAMILY_4);
}

static bool is_inside(const struct filter_node *node, const uint8_t address[16]) {
        uint64_t words[2];
        memcpy(words, address, sizeof(words));
        return ((words[0] & node->net.mask[0]) == node->net.address[0]) &
               ((words[1] & node->net.mask[1]) == node->net.address[1]);
}

static unsigned select_net(const struct filter_node *node, const struct flow_key *key) {
        if (!has_family(node, key))
                return 0;
        return select_by_ends(node->end, is_inside(node, key->a_address), is_inside(node, key->b_address));
}

static unsigned transport_of(uint8_t proto) {
        switch (proto) {
        case PROTO_TCP: return FILTER_TRANSPORT_TCP;
        case PROTO_UDP: return FILTER_TRANSPORT_UDP;
        case PROTO_SCTP: return FILTER_TRANSPORT_SCTP;
        default: return 0;
        }
}

/* Fragments after the first have no ports: two zeros. */
static unsigned select_ports(const struct filter_node *node, const struct flow_key *key) {
        if (!(node->transports & transport_of(key->proto)) || !(key->a_port | key->b_port))
                return 0;
        uint16_t low = node->ports.low, high = node->ports.high;
        return select_by_ends(node->end, key->a_port >= low && key->a_port <= high,
                              key->b_port >= low && key->b_port <= high);
}

static unsigned select_direction(enum direction wanted, enum direction ab) {
        if (ab == DIRECTION_UNKNOWN)
                return 0;
        return ab == wanted ? FILTER_AB : FILTER_BA;
}

static unsigned select_quantity(const struct filter_node *node, uint64_t value) {
        unsigned relation = value < node->number ? FILTER_LESS : value > node->number ? FILTER_GREATER : FILTER_EQUAL;
        return select_if(node->relation & relation);
}

/* To the nearest bit, as it is shown. */
static uint64_t rate_bps(const struct filter_flow *flow) {
        if (!flow->rate_span_ms)
                return 0;
        unsigned __int128 bits_ms = (unsigned __int128)flow->rate_bytes * 8 * 1000;
        unsigned __int128 rate = (bits_ms + flow->rate_span_ms / 2) / flow->rate_span_ms;
        return rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate;
}

static uint64_t elapsed_ms(int64_t from, int64_t to) {
        return to > from ? (uint64_t)to - (uint64_t)from : 0;
}

static unsigned select_by_condition(const struct filter_node *node, const struct filter_flow *flow) {
        const struct flow_key *key = flow->key;
        switch ((enum filter_node_kind)node->kind) {
        case NODE_NET: return select_net(node, key);
        case NODE_PORTS: return select_ports(node, key);
        case NODE_PROTO: return select_if(key->proto == node->number && has_family(node, key));
        case NODE_FAMILY: return select_if(has_family(node, key));
        case NODE_VLAN: return select_if(flow_key_vlan(key) == node->number);
        case NODE_TAGGED: return select_if(flow_key_vlan(key) != 0);
        case NODE_IFACE: return select_if(key->iface == node->number);
        case NODE_FLAGS: return select_if(flow->tcp_flags & node->number);
        case NODE_DIRECTION: return select_direction((enum direction)node->number, flow->ab_direction);
        case NODE_ENDED: return select_if(flow->ended == (node->number != 0));
        case NODE_BYTES: return select_quantity(node, flow->ab.bytes + flow->ba.bytes);
        case NODE_PACKETS: return select_quantity(node, flow->ab.packets + flow->ba.packets);
        case NODE_RATE: return select_quantity(node, rate_bps(flow));
        case NODE_AGE: return select_quantity(node, elapsed_ms(flow->first_seen_ms, flow->now_ms));
        case NODE_DURATION: return select_quantity(node, elapsed_ms(flow->first_seen_ms, flow->last_seen_ms));
        default: assert(false); return 0;
        }
}

unsigned filter_select(const struct filter *filter, const struct filter_flow *flow) {
        uint8_t waiting[FILTER_DEPTH_MAX + 1] = {0}; /* first operands, one for each level */
        uint8_t *top = waiting;
        unsigned mask = FILTER_BOTH;

        for (uint32_t i = 0; i < filter->n_nodes; i++) {
                const struct filter_node *node = &filter->nodes[i];
                switch (node->kind) {
                case NODE_NOT: mask ^= FILTER_BOTH; break;
                case NODE_AND: mask &= *--top; break;
                case NODE_OR: mask |= *--top; break;
                case NODE_TEST_AND:
                case NODE_TEST_OR:
                        if (mask == (node->kind == NODE_TEST_AND ? 0 : FILTER_BOTH))
                                i = (uint32_t)node->number - 1;
                        else
                                *top++ = (uint8_t)mask;
                        break;
                default: mask = select_by_condition(node, flow);
                }
        }
        return mask;
}

bool filter_is_empty(const struct filter *filter) {
        return !filter || !filter->n_nodes;
}

unsigned filter_conditions(const struct filter *filter) {
        return filter->n_conditions;
}

static enum filter_lasts node_lasts(const struct filter_node *node) {
        switch ((enum filter_node_kind)node->kind) {
        case NODE_AGE: return FILTER_LASTS_NOT;
        case NODE_FLAGS:
        case NODE_ENDED:
        case NODE_DURATION: return FILTER_LASTS_ONCE_ENDED;
        default: return FILTER_LASTS;
        }
}

enum filter_lasts filter_lasts(const struct filter *filter) {
        enum filter_lasts lasts = FILTER_LASTS;
        for (uint32_t i = 0; i < filter->n_nodes; i++)
                if (node_lasts(&filter->nodes[i]) > lasts)
                        lasts = node_lasts(&filter->nodes[i]);
        return lasts;
}

void filter_free(struct filter *filter) {
        if (!filter)
                return;
        free(filter->nodes);
        free(filter);
}
