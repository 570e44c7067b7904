/* The canonical key and its hash. */
#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "flow/flow.h"

static_assert(sizeof(struct flow_key) == 40, "a key has no padding: it is hashed as bytes");

bool flow_key_from_packet(const struct packet *packet, uint8_t iface, struct flow_key *ret) {
        assert(packet->verdict < PACKET_FLOW_VERDICTS);

        int order = memcmp(packet->src, packet->dst, sizeof(packet->src));
        bool from_a = order < 0 || (order == 0 && packet->src_port <= packet->dst_port);

        memcpy(ret->a_address, from_a ? packet->src : packet->dst, 16);
        memcpy(ret->b_address, from_a ? packet->dst : packet->src, 16);
        ret->a_port = from_a ? packet->src_port : packet->dst_port;
        ret->b_port = from_a ? packet->dst_port : packet->src_port;
        ret->vlan_family = (uint16_t)(packet->vlan | (packet->family == 6 ? FLOW_FAMILY_IP6 : 0));
        ret->proto = packet->proto;
        ret->iface = iface;
        return from_a;
}

uint64_t flow_key_hash(const struct flow_key *key, uint64_t seed) {
        return XXH3_64bits_withSeed(key, sizeof(*key), seed);
}

bool flow_key_equal(const struct flow_key *x, const struct flow_key *y) {
        return memcmp(x, y, sizeof(*x)) == 0;
}
