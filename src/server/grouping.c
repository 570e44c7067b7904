#include "server/grouping.h"

#include <stdio.h>

static const char *const by_names[] = {
        [TOP_BY_FLOW] = "flow",   [TOP_BY_PAIR] = "pair", [TOP_BY_HOST] = "host",   [TOP_BY_PORT] = "port",
        [TOP_BY_PROTO] = "proto", [TOP_BY_VLAN] = "vlan", [TOP_BY_IFACE] = "iface", [TOP_BYS] = NULL,
};

static const char *const metrics[] = {"bytes", "packets", NULL};

bool grouping_parse(const struct params *params, enum top_by *by, bool *by_packets, struct problem *problem) {
        unsigned word = *by, metric = *by_packets;
        if (!params_word(params, "by", by_names, &word, problem) ||
            !params_word(params, "metric", metrics, &metric, problem))
                return false;
        *by = word;
        *by_packets = metric;
        return true;
}

const char *grouping_name(enum top_by by) {
        return by_names[by];
}

const char *grouping_metric(bool by_packets) {
        return metrics[by_packets];
}

json_t *grouping_render_key(const struct top_row *row, enum top_by by, const struct render_names *names) {
        const struct flow_key *key = &row->key;
        uint8_t family = flow_key_family(key);
        const char *proto = packet_class_name(flow_key_class(key)), *name = packet_proto_name(key->proto);
        const char *iface = key->iface < names->n_ifaces ? names->ifaces[key->iface] : "";
        char a[46], b[46], text[100], number[8];
        render_address(key->a_address, family, a);
        render_address(key->b_address, family, b);
        (void)snprintf(number, sizeof(number), "%u", key->proto);

        switch (by) {
        case TOP_BY_FLOW:
                (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)row->id);
                return json_pack("{ss sI ss ss si ss si ss si si}", "key", text, "id", (json_int_t)row->id, "iface",
                                 iface, "a_ip", a, "a_port", key->a_port, "b_ip", b, "b_port", key->b_port, "proto",
                                 proto, "proto_number", key->proto, "vlan", flow_key_vlan(key));
        case TOP_BY_PAIR:
                (void)snprintf(text, sizeof(text), "%s %s", a, b);
                return json_pack("{ss ss ss}", "key", text, "a_ip", a, "b_ip", b);
        case TOP_BY_HOST: return json_pack("{ss ss}", "key", a, "ip", a);
        case TOP_BY_PORT:
                (void)snprintf(text, sizeof(text), "%u/%s", key->a_port, name ? name : number);
                return json_pack("{ss si ss si}", "key", text, "port", key->a_port, "proto", name ? name : number,
                                 "proto_number", key->proto);
        case TOP_BY_PROTO: return json_pack("{ss si}", "key", name ? name : number, "proto_number", key->proto);
        case TOP_BY_VLAN:
                (void)snprintf(text, sizeof(text), "%u", flow_key_vlan(key));
                return json_pack("{ss si}", "key", text, "vlan", flow_key_vlan(key));
        default: return json_pack("{ss ss}", "key", iface, "iface", iface);
        }
}
