/* Super-packets: the one frame that offloads hand over in place of many, counted as the wire carried them.
 *
 *   handed over   | headers |        payload        |          length
 *   on the wire   | headers | gso_size |
 *                           | headers | gso_size |             segments = ⌈payload / gso_size⌉
 *                                      | headers | rest |      bytes    = payload + segments × headers
 *
 * The headers reach from the link header to the end of the TCP or UDP header that is being
 * segmented; in a tunnel that is the innermost one, since every segment bears all of them. They are
 * measured by walking them, through the tunnels for which the kernel knows segmentation. The walk
 * begins at the outermost IP header, where packet_decode stands. Two things tell where it ends:
 * what kind of header is segmented, and (for UDP, which is payload in one frame and tunnel in
 * another) where the source says that it begins. A tunnel on a port that nobody knows is passed
 * over by the same word: the header there is read, what stands before it is taken as it is.
 *
 * BIG TCP: above 64 KiB the kernel puts a hop-by-hop header with a jumbo length into IPv6 super-packets
 * and takes it out of the segments (include/net/ipv6.h, ipv6_has_hopopt_jumbo).
 *
 * What comes from the frame and the source is not to be trusted: sums are made in 64 bits, and a
 * number of segments or bytes beyond what a Linux super-packet can be is not believed. */
#include "packet/layers.h"

#define PROTO_IPIP 4
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_IP6 41
#define PROTO_GRE 47
#define PROTO_MPLS 137

#define IP4_HEADER 20
#define IP6_HEADER 40
#define IP6_HOP_BY_HOP 0
#define TCP_HEADER 20
#define UDP_HEADER 8
#define ETHERNET_ADDRESSES 12
#define VLAN_TAG 4

#define PORT_VXLAN 4789
#define PORT_VXLAN_LINUX 8472 /* before IANA gave a port; still the kernel's default */
#define PORT_VXLAN_GPE 4790
#define PORT_GENEVE 6081
#define ETHERTYPE_ETHERNET 0x6558 /* bridged Ethernet, RFC 1701 */

#define JUMBO_HEADER 8
#define TUNNELS_MAX 8u      /* more than the kernel lets a packet nest */
#define SEGMENTS_MAX 65535u /* gso_segs of struct skb_shared_info has 16 bits */

/* What was found of the headers. */
struct headers {
        uint64_t bytes;    /* of those that were read, from the frame's first byte on */
        uint64_t not_sent; /* of these, in the super-packet only */
        bool complete;     /* the segmented header is the last of them */
};

static struct network network_of(unsigned version) {
        return (struct network){PACKET_OK, version};
}

static struct network network_none(void) {
        return (struct network){.verdict = PACKET_NOT_IP};
}

static struct network open_ethernet(struct cursor *c) {
        cursor_skip(c, ETHERNET_ADDRESSES);
        uint16_t ethertype = cursor_u16_be(c);
        return c->failed ? network_none() : ethertype_open(c, ethertype);
}

/* What a tunnel's header names by ethertype. */
static struct network open_protocol(struct cursor *c, uint16_t protocol) {
        if (c->failed)
                return network_none();
        return protocol == ETHERTYPE_ETHERNET ? open_ethernet(c) : ethertype_open(c, protocol);
}

/* RFC 2784, 2890: flags and version, protocol, then what the flags announce. */
static struct network open_gre(struct cursor *c) {
        uint16_t flags = cursor_u16_be(c);
        uint16_t protocol = cursor_u16_be(c);
        if (flags & 7)
                return network_none();
        cursor_skip(c, 4u * (!!(flags & 0x8000) + !!(flags & 0x2000) + !!(flags & 0x1000)));
        return open_protocol(c, protocol);
}

/* RFC 8926: the options' length in words, flags, the protocol, the network's number, options. */
static struct network open_geneve(struct cursor *c) {
        unsigned words = cursor_u8(c) & 0x3f;
        cursor_skip(c, 1);
        uint16_t protocol = cursor_u16_be(c);
        cursor_skip(c, 4 + 4u * words);
        return open_protocol(c, protocol);
}

/* draft-ietf-nvo3-vxlan-gpe: the fourth byte says what follows. */
static struct network open_vxlan_gpe(struct cursor *c) {
        cursor_skip(c, 3);
        unsigned next = cursor_u8(c);
        cursor_skip(c, 4);
        return next == 1 ? network_of(4) : next == 2 ? network_of(6) : next == 3 ? open_ethernet(c) : network_none();
}

/* A UDP header, and the tunnel that its destination port names. */
static struct network open_udp(struct cursor *c) {
        cursor_skip(c, 2);
        uint16_t port = cursor_u16_be(c);
        cursor_skip(c, 4);
        switch (port) {
        case PORT_VXLAN:
        case PORT_VXLAN_LINUX: cursor_skip(c, 8); return open_ethernet(c);
        case PORT_VXLAN_GPE: return open_vxlan_gpe(c);
        case PORT_GENEVE: return open_geneve(c);
        default: return network_none();
        }
}

static struct network open_tunnel(struct cursor *c, uint8_t proto) {
        switch (proto) {
        case PROTO_IPIP: return network_of(4);
        case PROTO_IP6: return network_of(6);
        case PROTO_GRE: return open_gre(c);
        case PROTO_UDP: return open_udp(c);
        case PROTO_MPLS: return mpls_open(c);
        default: return network_none();
        }
}

/* Is it the kernel's own hop-by-hop header, with nothing but the jumbo length in it, before TCP? */
static bool is_jumbo(const uint8_t *ip6, struct cursor c) {
        const uint8_t *hop = cursor_take(&c, JUMBO_HEADER);
        return hop && ip6[6] == IP6_HOP_BY_HOP && !ip6[4] && !ip6[5] && hop[0] == PROTO_TCP && !hop[1] &&
               hop[2] == 0xc2 && hop[3] == 4;
}

/* Steps over an IP header with its options or extensions. */
static bool step_over_ip(struct cursor *c, unsigned version, uint8_t *ret_proto, struct headers *headers) {
        unsigned nibble = cursor_left(c) ? *c->at >> 4 : 0;
        if (version && nibble != version)
                return false;
        if (nibble == 4) {
                const uint8_t *header = cursor_take(c, IP4_HEADER);
                size_t bytes = header ? (size_t)(header[0] & 0x0f) * 4 : 0;
                if (bytes < IP4_HEADER || !cursor_skip(c, bytes - IP4_HEADER))
                        return false;
                *ret_proto = header[9];
                return true;
        }

        const uint8_t *header = nibble == 6 ? cursor_take(c, IP6_HEADER) : NULL;
        if (!header)
                return false;
        if (is_jumbo(header, *c))
                headers->not_sent += JUMBO_HEADER;
        bool later = false;
        *ret_proto = header[6];
        return extensions_walk(c, ret_proto, &later) == PACKET_OK && !later;
}

/* The end of the TCP header that begins at the cursor; its options need not have been captured. */
static bool end_tcp(struct cursor c, struct headers *headers) {
        cursor_skip(&c, 12);
        uint64_t bytes = (uint64_t)(cursor_u8(&c) >> 4) * 4;
        if (bytes < TCP_HEADER)
                return false;
        headers->bytes += bytes;
        return headers->complete = true;
}

/* Is the UDP header at `at` the segmented one, rather than a tunnel's? Where nobody says, its port does. */
static bool is_udp_segmented(const struct frame *frame, uint64_t at, struct cursor c) {
        return frame->transport_at ? frame->transport_at == at : open_udp(&c).verdict != PACKET_OK;
}

/* Measures the headers by walking them. Where it breaks off, what was read is there, and `complete` is not. */
static struct headers walk(const struct frame *frame, struct cursor c, struct network network) {
        struct headers headers = {.bytes = (uint64_t)(c.at - frame->data)};
        for (unsigned depth = 0; network.verdict == PACKET_OK && depth < TUNNELS_MAX; depth++) {
                uint8_t proto;
                if (!step_over_ip(&c, network.version, &proto, &headers))
                        break;
                headers.bytes = (uint64_t)(c.at - frame->data);

                if (proto == PROTO_TCP) {
                        if (frame->gso == FRAME_GSO_TCP)
                                (void)end_tcp(c, &headers);
                        break;
                }
                if (proto == PROTO_UDP && frame->gso == FRAME_GSO_UDP && is_udp_segmented(frame, headers.bytes, c)) {
                        headers.bytes += UDP_HEADER;
                        headers.complete = true;
                        break;
                }
                network = open_tunnel(&c, proto);
        }
        return headers;
}

/* Takes the source's word for where the segmented header begins. */
static struct headers read_at(const struct frame *frame, uint64_t not_sent) {
        struct headers headers = {.bytes = frame->transport_at, .not_sent = not_sent};
        struct cursor c = cursor_over(frame->data, frame->captured);
        if (frame->gso == FRAME_GSO_TCP) {
                if (cursor_skip(&c, frame->transport_at))
                        (void)end_tcp(c, &headers);
        } else {
                headers.bytes += UDP_HEADER;
                headers.complete = true;
        }
        return headers;
}

static struct headers measure(const struct frame *frame, struct cursor c, struct network network) {
        struct headers headers = {0};
        if (network.verdict == PACKET_OK)
                headers = walk(frame, c, network);
        if (!headers.complete && frame->transport_at)
                headers = read_at(frame, headers.not_sent);
        if (!headers.complete)
                headers.bytes += frame->gso == FRAME_GSO_TCP ? TCP_HEADER : UDP_HEADER;
        if (frame->has_vlan)
                headers.bytes += VLAN_TAG;
        return headers;
}

/* False where the number is not to be believed; then it stays the one packet that it is handed over as. */
static bool divide(const struct frame *frame, const struct headers *headers, struct packet *ret) {
        if (!frame->gso_size || headers->bytes >= frame->length)
                return true; /* no payload to be divided */
        uint64_t payload = frame->length - headers->bytes;
        uint64_t segments = (payload + frame->gso_size - 1) / frame->gso_size;
        uint64_t bytes = payload + segments * (headers->bytes - headers->not_sent);
        if (segments > SEGMENTS_MAX || bytes > UINT32_MAX)
                return false;
        ret->packets = (uint32_t)segments;
        ret->bytes = (uint32_t)bytes;
        return true;
}

void segments_count(const struct frame *frame, struct cursor c, struct network network, struct packet *ret) {
        bool sure = false;
        if (frame->gso != FRAME_GSO_UNSIZED && (network.verdict == PACKET_OK || frame->transport_at)) {
                const struct headers headers = measure(frame, c, network);
                sure = divide(frame, &headers, ret) && headers.complete;
        }
        if (!sure && ret->verdict < PACKET_FLOW_VERDICTS)
                ret->verdict = PACKET_SEGMENTS_UNKNOWN;
}
