/* The simple parameters select flows as a whole; the filter language selects directions of them. */
#include "history/select.h"

static bool has_value(const struct flow_values *values, unsigned wanted) {
        for (unsigned i = 0; i < values->n; i++)
                if (values->list[i] == wanted)
                        return true;
        return false;
}

static bool values_match(const struct flow_values *values, unsigned x, unsigned y) {
        return !values->n || (has_value(values, x) || has_value(values, y)) != values->none_of;
}

static bool inside_net(const struct flow_nets *nets, unsigned i, const uint8_t address[16]) {
        return flow_address_is_inside(address, nets->list[i].address, nets->list[i].bits);
}

static bool nets_match(const struct flow_nets *nets, const struct flow_key *key) {
        bool inside = false;
        for (unsigned i = 0; i < nets->n && !inside; i++)
                inside = flow_key_family(key) == nets->list[i].family &&
                         (inside_net(nets, i, key->a_address) || inside_net(nets, i, key->b_address));
        return !nets->n || inside != nets->none_of;
}

static bool matches(const struct flow_filter *filter, const struct entry *entry) {
        const struct flow_key *key = &entry->key;
        if (filter->ifaces && !(filter->ifaces >> key->iface & 1))
                return false;
        if (filter->has_id && entry->id != filter->id)
                return false;
        if (filter->has_state && (entry->state == ENTRY_ENDED) != (filter->state == FLOW_STATE_ENDED))
                return false;
        return values_match(&filter->protos, key->proto, FLOW_FILTER_CLASS + flow_key_class(key)) &&
               values_match(&filter->vlans, flow_key_vlan(key), flow_key_vlan(key)) &&
               values_match(&filter->ports, key->a_port, key->b_port) && nets_match(&filter->nets, key);
}

bool select_is_all(const struct flow_filter *filter) {
        return !filter->protos.n && !filter->ports.n && !filter->vlans.n && !filter->nets.n && !filter->has_state &&
               !filter->ifaces && !filter->has_id && filter_is_empty(filter->expression);
}

enum filter_lasts select_lasts(const struct flow_filter *filter) {
        enum filter_lasts lasts = filter->expression ? filter_lasts(filter->expression) : FILTER_LASTS;
        return filter->has_state && lasts == FILTER_LASTS ? FILTER_LASTS_ONCE_ENDED : lasts;
}

unsigned select_directions(const struct flow_filter *filter, const struct entry *entry, const struct flow_sum *sum,
                           const struct select_rate *rate) {
        if (!matches(filter, entry))
                return 0;
        if (!filter->expression)
                return FILTER_BOTH;
        const struct filter_flow flow = {
                .key = &entry->key,
                .ab = sum->ab,
                .ba = sum->ba,
                .rate_bytes = rate->bytes,
                .rate_span_ms = rate->span_ms,
                .first_seen_ms = entry->first_seen_ms,
                .last_seen_ms = entry->last_seen_ms,
                .now_ms = rate->now_ms,
                .ab_direction = entry->ab_direction,
                .tcp_flags = entry->tcp_flags,
                .ended = entry->state == ENTRY_ENDED,
        };
        return filter_select(filter->expression, &flow);
}

struct flow_sum select_part(const struct flow_sum *sum, unsigned directions) {
        struct flow_sum part = *sum;
        if (!(directions & FILTER_AB))
                part.ab = (struct volume){0};
        if (!(directions & FILTER_BA))
                part.ba = (struct volume){0};
        return part;
}

struct volume select_volume(const struct flow_sum *sum, unsigned directions, struct volume *rest) {
        const struct flow_sum part = select_part(sum, directions);
        struct volume ret = flow_sum_both_ways(&part), other = volume_less(flow_sum_both_ways(sum), ret);
        volume_add(rest, other.packets, other.bytes);
        return ret;
}

unsigned select_cost(const struct flow_filter *filter) {
        return filter->protos.n + filter->vlans.n + filter->ports.n + filter->nets.n +
               (filter->expression ? filter_conditions(filter->expression) : 0);
}
