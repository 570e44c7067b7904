/* Decoded packets of numbered flows, for what stands behind the decoder. Flow n runs between
 * 10.n and 192.0.2.1, port 443, so that its number can be read back from its key. */
#ifndef NETWATCH_TESTS_PACKETS_H
#define NETWATCH_TESTS_PACKETS_H

#include <string.h>

#include "base/clock.h"
#include "flow/flow.h"

#define PROTO_TCP 6
#define PROTO_UDP 17

/* One packet of flow `number`; `from_a` is from 10.n. */
static inline struct packet packet_of(uint32_t number, bool from_a, uint8_t proto, uint32_t bytes, int64_t time_ms) {
        const uint8_t client[16] = {
                [10] = 0xff, 0xff, 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number,
        };
        const uint8_t server[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
        struct packet packet = {
                .src_port = from_a ? 50000 : 443,
                .dst_port = from_a ? 443 : 50000,
                .family = 4,
                .proto = proto,
                .class = (uint8_t)packet_class_of(proto, 4),
                .packets = 1,
                .bytes = bytes,
                .time_ns = time_ms * NS_PER_MS,
        };
        memcpy(packet.src, from_a ? client : server, 16);
        memcpy(packet.dst, from_a ? server : client, 16);
        return packet;
}

static inline struct packet tcp_packet(uint32_t number, bool from_a, uint8_t flags, int64_t time_ms) {
        struct packet packet = packet_of(number, from_a, PROTO_TCP, 60, time_ms);
        packet.tcp_flags = flags;
        return packet;
}

static inline struct flow_key key_of(uint32_t number, uint8_t proto) {
        const struct packet packet = packet_of(number, true, proto, 60, 0);
        struct flow_key key;
        flow_key_from_packet(&packet, 0, &key);
        return key;
}

static inline uint32_t number_of(const struct flow_key *key) {
        return (uint32_t)(key->a_address[13] << 16 | key->a_address[14] << 8 | key->a_address[15]);
}

#endif
