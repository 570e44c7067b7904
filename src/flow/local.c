/* Which side is ours, by address: for capture files and mirror ports, where no interface tells. */
#include <string.h>

#include "flow/flow.h"

bool flow_address_is_inside(const uint8_t address[16], const uint8_t net[16], unsigned bits) {
        unsigned bytes = bits / 8;
        if (memcmp(address, net, bytes) != 0)
                return false;
        unsigned rest = bits % 8;
        return !rest || !((address[bytes] ^ net[bytes]) >> (8 - rest));
}

static bool is_local(const struct local_nets *nets, const uint8_t address[16], uint8_t family) {
        for (unsigned i = 0; i < nets->count; i++)
                if (nets->nets[i].family == family &&
                    flow_address_is_inside(address, nets->nets[i].address, nets->nets[i].bits))
                        return true;
        return false;
}

enum direction local_nets_direction(const struct local_nets *nets, const struct packet *packet) {
        if (packet->verdict >= PACKET_FLOW_VERDICTS)
                return DIRECTION_UNKNOWN;
        bool from_us = is_local(nets, packet->src, packet->family);
        bool to_us = is_local(nets, packet->dst, packet->family);
        if (from_us == to_us)
                return DIRECTION_UNKNOWN;
        return from_us ? DIRECTION_OUT : DIRECTION_IN;
}
