/* Layers 3 and 4: the outermost IP header, its extension headers, the ports.
 *
 * What is read lies inside both the captured bytes and the length that the IP header
 * claims (so that Ethernet padding is never a header). A length of zero is what
 * segmentation offload and BIG TCP leave: the captured rest counts then. A length beyond
 * the frame is believed as far as the bytes go. Checksums are not looked at: with
 * offloads they are not there yet. Routing headers do not change who talks to whom. */
#include <string.h>

#include "packet/layers.h"

#define IP4_HEADER 20
#define IP6_HEADER 40

#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_DCCP 33
#define PROTO_SCTP 132
#define PROTO_UDPLITE 136

/* IPv6 extension headers: RFC 8200, 4302 (AH), 6275 (mobility), 7401 (HIP), 5533 (Shim6). */
#define IP6_HOP_BY_HOP 0
#define IP6_ROUTING 43
#define IP6_FRAGMENT 44
#define IP6_AUTHENTICATION 51
#define IP6_DESTINATION 60
#define IP6_MOBILITY 135
#define IP6_HIP 139
#define IP6_SHIM6 140

/* Ports stand in the first four bytes of all that have any. */
static bool has_ports(uint8_t proto) {
        return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_DCCP || proto == PROTO_SCTP ||
               proto == PROTO_UDPLITE;
}

static enum packet_verdict transport_decode(struct cursor c, struct packet *ret) {
        if (!has_ports(ret->proto))
                return PACKET_OK;

        uint16_t src_port = cursor_u16_be(&c);
        uint16_t dst_port = cursor_u16_be(&c);
        if (c.failed)
                return PACKET_L4_CUT;
        ret->src_port = src_port;
        ret->dst_port = dst_port;

        if (ret->proto == PROTO_TCP) {
                cursor_skip(&c, 9);
                ret->tcp_flags = cursor_u8(&c);
                if (c.failed)
                        return PACKET_L4_CUT;
        }
        return PACKET_OK;
}

/* What the fixed header tells, common to both families. */
static void set_network(struct packet *ret, uint8_t family, uint8_t proto) {
        ret->family = family;
        ret->proto = proto;
        ret->class = (uint8_t)packet_class_of(proto, family);
}

static void map_ip4(uint8_t ret[16], const uint8_t address[4]) {
        ret[10] = ret[11] = 0xff; /* the rest is zero already */
        memcpy(ret + 12, address, 4);
}

static enum packet_verdict ip4_decode(struct cursor c, struct packet *ret) {
        size_t captured = cursor_left(&c);
        const uint8_t *header = cursor_take(&c, IP4_HEADER);
        if (!header)
                return PACKET_IP_CUT;

        size_t header_bytes = (size_t)(header[0] & 0x0f) * 4;
        if (header_bytes < IP4_HEADER)
                return PACKET_IP_HEADER_LENGTH;
        if (header_bytes > captured)
                return PACKET_IP_CUT;
        cursor_skip(&c, header_bytes - IP4_HEADER);

        size_t total_bytes = (size_t)(header[2] << 8 | header[3]);
        if (total_bytes) {
                if (total_bytes < header_bytes)
                        return PACKET_IP_TOTAL_LENGTH;
                cursor_limit(&c, total_bytes - header_bytes);
        }

        map_ip4(ret->src, header + 12);
        map_ip4(ret->dst, header + 16);
        set_network(ret, 4, header[9]);

        unsigned fragment_offset = (unsigned)(header[6] << 8 | header[7]) & 0x1fff;
        return fragment_offset ? PACKET_OK : transport_decode(c, ret);
}

static bool is_extension(uint8_t proto) {
        switch (proto) {
        case IP6_HOP_BY_HOP:
        case IP6_ROUTING:
        case IP6_FRAGMENT:
        case IP6_AUTHENTICATION:
        case IP6_DESTINATION:
        case IP6_MOBILITY:
        case IP6_HIP:
        case IP6_SHIM6: return true;
        default: return false;
        }
}

enum packet_verdict extensions_walk(struct cursor *c, uint8_t *proto, bool *later) {
        while (is_extension(*proto)) {
                const uint8_t *header = cursor_take(c, 8);
                if (!header)
                        return PACKET_IP6_EXT_CUT;

                if (*proto == IP6_FRAGMENT) {
                        *proto = header[0];
                        if ((header[2] << 8 | header[3]) & 0xfff8) {
                                *later = true;
                                return PACKET_OK;
                        }
                        continue;
                }

                size_t bytes = *proto == IP6_AUTHENTICATION ? ((size_t)header[1] + 2) * 4 : ((size_t)header[1] + 1) * 8;
                if (bytes > 8 && !cursor_skip(c, bytes - 8))
                        return PACKET_IP6_EXT_CUT;
                *proto = header[0];
        }
        return PACKET_OK;
}

static enum packet_verdict ip6_decode(struct cursor c, struct packet *ret) {
        const uint8_t *header = cursor_take(&c, IP6_HEADER);
        if (!header)
                return PACKET_IP_CUT;

        size_t payload_bytes = (size_t)(header[4] << 8 | header[5]);
        if (payload_bytes)
                cursor_limit(&c, payload_bytes);

        uint8_t proto = header[6];
        bool later = false;
        enum packet_verdict verdict = extensions_walk(&c, &proto, &later);

        memcpy(ret->src, header + 8, 16);
        memcpy(ret->dst, header + 24, 16);
        set_network(ret, 6, proto);
        if (verdict != PACKET_OK || later)
                return verdict;
        return transport_decode(c, ret);
}

enum packet_verdict network_decode(struct cursor c, unsigned version, struct packet *ret) {
        if (!cursor_left(&c))
                return PACKET_IP_CUT;
        unsigned nibble = *c.at >> 4;
        if (version && nibble != version)
                return PACKET_IP_VERSION;
        switch (nibble) {
        case 4: return ip4_decode(c, ret);
        case 6: return ip6_decode(c, ret);
        default: return PACKET_IP_VERSION;
        }
}
