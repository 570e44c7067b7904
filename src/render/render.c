/* Rows and volumes as JSON.
 *
 * One object at a time: callers dump and free it, so that an answer of a thousand rows never
 * exists as a thousand trees. Rates are rounded to the nearest; the four classes are
 * rounded so that they add up to the whole, the largest remainder first. */
#include "render/render.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

const char *render_address(const uint8_t address[16], uint8_t family, char ret[46]) {
        if (family == 4)
                inet_ntop(AF_INET, address + 12, ret, 46);
        else
                inet_ntop(AF_INET6, address, ret, 46);
        return ret;
}

const char *render_endpoint(const uint8_t address[16], uint8_t family, uint16_t port, char ret[56]) {
        char text[46];
        render_address(address, family, text);
        (void)snprintf(ret, 56, family == 4 ? "%s:%u" : "[%s]:%u", text, port);
        return ret;
}

static uint64_t rate(uint64_t amount, unsigned factor, uint32_t span_ms) {
        if (!span_ms)
                return 0;
        unsigned __int128 scaled = (unsigned __int128)amount * factor * 1000 + span_ms / 2;
        return (uint64_t)(scaled / span_ms);
}

uint64_t render_rate_bps(uint64_t bytes, uint32_t span_ms) {
        return rate(bytes, 8, span_ms);
}

uint64_t render_rate_pps(uint64_t packets, uint32_t span_ms) {
        return rate(packets, 1, span_ms);
}

json_t *render_volume(struct volume volume) {
        return json_pack("{sIsI}", "packets", (json_int_t)volume.packets, "bytes", (json_int_t)volume.bytes);
}

json_t *render_share(uint64_t flows, struct volume volume) {
        return json_pack("{sI sI sI}", "flows", (json_int_t)flows, "packets", (json_int_t)volume.packets, "bytes",
                         (json_int_t)volume.bytes);
}

static const char *iface_name(const struct render_names *names, uint8_t iface) {
        return names && iface < names->n_ifaces ? names->ifaces[iface] : "";
}

static const char *initiator_name(uint8_t initiator) {
        switch (initiator) {
        case FLOW_INITIATOR_A: return "a";
        case FLOW_INITIATOR_B: return "b";
        default: return NULL;
        }
}

static const char *direction_name(uint8_t direction) {
        switch (direction) {
        case DIRECTION_IN: return "in";
        case DIRECTION_OUT: return "out";
        default: return NULL;
        }
}

/* Who talks to whom. */
static json_t *flow_identity(const struct flow_row *row, const struct render_names *names) {
        const struct flow_key *key = &row->key;
        uint8_t family = flow_key_family(key);
        char a[46], b[46];
        return json_pack("{sI ss ss si ss si ss? ss? ss si ss? si}", "id", (json_int_t)row->id, "iface",
                         iface_name(names, key->iface), "a_ip", render_address(key->a_address, family, a), "a_port",
                         key->a_port, "b_ip", render_address(key->b_address, family, b), "b_port", key->b_port,
                         "initiator", initiator_name(row->initiator), "direction", direction_name(row->direction),
                         "proto", packet_class_name(flow_key_class(key)), "proto_number", key->proto, "proto_name",
                         packet_proto_name(key->proto), "vlan", flow_key_vlan(key));
}

/* What they said. */
static json_t *flow_figures(const struct flow_row *row) {
        uint64_t bps = render_rate_bps(row->last.bytes, row->last_span_ms);
        uint64_t pps = render_rate_pps(row->last.packets, row->last_span_ms);
        uint64_t packets = row->ab.packets + row->ba.packets, bytes = row->ab.bytes + row->ba.bytes;
        return json_pack("{sI sI sI sI sI sI sI sI sI sI si ss}", "first_seen", (json_int_t)row->first_seen_ms,
                         "last_seen", (json_int_t)row->last_seen_ms, "packets", (json_int_t)packets, "bytes",
                         (json_int_t)bytes, "ab_packets", (json_int_t)row->ab.packets, "ba_packets",
                         (json_int_t)row->ba.packets, "ab_bytes", (json_int_t)row->ab.bytes, "ba_bytes",
                         (json_int_t)row->ba.bytes, "bps", (json_int_t)bps, "pps", (json_int_t)pps, "tcp_flags",
                         row->tcp_flags, "state", row->state == FLOW_STATE_ACTIVE ? "active" : "ended");
}

json_t *render_flow(const struct flow_row *row, const struct render_names *names) {
        json_t *whole = flow_identity(row, names);
        if (json_object_update_missing_new(whole, flow_figures(row))) {
                json_decref(whole);
                return NULL;
        }
        return whole;
}

static json_t *class_object(const uint64_t values[PACKET_CLASSES]) {
        json_t *object = json_object();
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                if (json_object_set_new(object, packet_class_name(i), json_integer((json_int_t)values[i]))) {
                        json_decref(object);
                        return NULL;
                }
        return object;
}

/* Rates of `amounts` that add up to `whole`, what is missing going to the largest remainders. */
static json_t *class_rates(const uint64_t amounts[PACKET_CLASSES], unsigned factor, uint64_t whole, uint32_t span_ms) {
        uint64_t share[PACKET_CLASSES], rest[PACKET_CLASSES], sum = 0;
        for (unsigned i = 0; i < PACKET_CLASSES; i++) {
                unsigned __int128 scaled = (unsigned __int128)amounts[i] * factor * 1000;
                share[i] = span_ms ? (uint64_t)(scaled / span_ms) : 0;
                rest[i] = span_ms ? (uint64_t)(scaled % span_ms) : 0;
                sum += share[i];
        }
        assert(sum <= whole && whole - sum <= PACKET_CLASSES);
        for (; sum < whole; sum++) {
                unsigned most = 0;
                for (unsigned i = 1; i < PACKET_CLASSES; i++)
                        if (rest[i] > rest[most])
                                most = i;
                share[most]++;
                rest[most] = 0;
        }
        return class_object(share);
}

struct class_amounts {
        uint64_t bytes[PACKET_CLASSES];
        uint64_t packets[PACKET_CLASSES];
};

static struct class_amounts amounts_of(const struct volume by_class[PACKET_CLASSES]) {
        struct class_amounts amounts;
        for (unsigned i = 0; i < PACKET_CLASSES; i++) {
                amounts.bytes[i] = by_class[i].bytes;
                amounts.packets[i] = by_class[i].packets;
        }
        return amounts;
}

json_t *render_class_bps(const struct volume by_class[PACKET_CLASSES], uint64_t bps, uint32_t span_ms) {
        return class_rates(amounts_of(by_class).bytes, 8, bps, span_ms);
}

json_t *render_class_pps(const struct volume by_class[PACKET_CLASSES], uint64_t pps, uint32_t span_ms) {
        return class_rates(amounts_of(by_class).packets, 1, pps, span_ms);
}

json_t *render_class_bytes(const struct volume by_class[PACKET_CLASSES]) {
        return class_object(amounts_of(by_class).bytes);
}

json_t *render_class_packets(const struct volume by_class[PACKET_CLASSES]) {
        return class_object(amounts_of(by_class).packets);
}

json_t *render_undecoded(const uint64_t verdicts[PACKET_VERDICTS]) {
        json_t *object = json_object();
        for (unsigned i = PACKET_OK + 1; i < PACKET_VERDICTS; i++)
                if (verdicts[i] &&
                    json_object_set_new(object, packet_verdict_name(i), json_integer((json_int_t)verdicts[i]))) {
                        json_decref(object);
                        return NULL;
                }
        return object;
}
