/* packet: the bytes of one frame → what Netwatch wants to know of it (layers 2 to 4).
 *
 * Pure: no I/O, no allocation, no clock, no globals; any thread. Frames are hostile:
 * decoding never fails, it gives a verdict, and each verdict is counted by name. */
#ifndef NETWATCH_PACKET_PACKET_H
#define NETWATCH_PACKET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

/* What the first byte of a frame belongs to. LINKTYPE numbers in brackets. */
enum frame_link {
        FRAME_LINK_ETHERNET,    /* 1 */
        FRAME_LINK_RAW,         /* 12, 14, 101: IPv4 or IPv6 by its version nibble */
        FRAME_LINK_RAW4,        /* 228 */
        FRAME_LINK_RAW6,        /* 229 */
        FRAME_LINK_NULL,        /* 0, 108: BSD loopback, a 4-byte address family in either byte order */
        FRAME_LINK_SLL,         /* 113: Linux cooked */
        FRAME_LINK_SLL2,        /* 276: Linux cooked v2 */
        FRAME_LINK_NOT_IP,      /* no IP, by the word of the source, which has taken the link header off */
        FRAME_LINK_UNSUPPORTED, /* anything else: counted, never opened */
};

/* Which way a frame crossed the interface, seen from this host. */
enum direction {
        DIRECTION_UNKNOWN,
        DIRECTION_IN,
        DIRECTION_OUT,
};

/* What offloads (GRO, GSO, TSO) made of a frame: one in place of many, a "super-packet". */
enum frame_gso {
        FRAME_GSO_NONE,    /* it was on the wire as it is */
        FRAME_GSO_TCP,     /* its innermost TCP payload was cut into pieces of gso_size */
        FRAME_GSO_UDP,     /* its innermost UDP payload was */
        FRAME_GSO_UNSIZED, /* a super-packet, but the source cannot tell of how many pieces */
};

/* One frame as a source hands it over. The bytes belong to the source and stay valid
 * until its next read. */
struct frame {
        const uint8_t *data; /* captured bytes, from the link header on */
        uint32_t captured;   /* how many of them there are */
        uint32_t length;     /* bytes on the wire: link header and stripped VLAN tag included, FCS not */
        int64_t time_ns;     /* Unix time, ns; source: the ring's or the file's timestamp */
        uint16_t vlan_tci;   /* the tag that the kernel stripped, host order; valid with has_vlan */
        uint8_t link;        /* enum frame_link */
        uint8_t direction;   /* enum direction; source: sll_pkttype */
        bool has_vlan;
        uint8_t gso;           /* enum frame_gso; source: the virtio header of PACKET_VNET_HDR, linux/virtio_net.h */
        uint16_t gso_size;     /* payload bytes of each packet but the last; valid with FRAME_GSO_TCP and _UDP */
        uint16_t transport_at; /* where the segmented TCP or UDP header begins, from `data` on; 0: not told */
};

/* What an interface itself says went over it since a capture of it began: packets on the wire, whether the tap
 * saw them or not. Source: the kernel's link statistics. All zero in a file. */
struct link_counters {
        uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
        uint64_t rx_dropped; /* received, then dropped by the kernel */
        uint64_t rx_missed;  /* lost by the card for want of room: missed, FIFO and overrun errors */
};

/* The protocol classes that every total is broken down by. */
enum packet_class {
        PACKET_CLASS_TCP,
        PACKET_CLASS_UDP,
        PACKET_CLASS_ICMP, /* ICMP in IPv4, ICMPv6 in IPv6 */
        PACKET_CLASS_OTHER,
        PACKET_CLASSES,
};

/* What decoding found amiss. Up to PACKET_FLOW_VERDICTS the frame still has a valid
 * outermost IP header and belongs to a flow; from there on it is "nonflow". */
enum packet_verdict {
        PACKET_OK,
        PACKET_L4_CUT,           /* ports or TCP flags lie beyond the captured bytes or the IP length */
        PACKET_IP6_EXT_CUT,      /* the extension chain does; proto is the header that could not be read */
        PACKET_SEGMENTS_UNKNOWN, /* a super-packet of which it is not sure how many packets it was */
        PACKET_FLOW_VERDICTS,

        PACKET_NOT_IP = PACKET_FLOW_VERDICTS, /* ARP, LLC, an ethertype that is not opened */
        PACKET_LINK_UNSUPPORTED,              /* a link type that Netwatch does not know */
        PACKET_LINK_CUT,                      /* the link header, a tag or a label stack is not there in full */
        PACKET_IP_CUT,                        /* the IP header is not there in full */
        PACKET_IP_VERSION,                    /* its version contradicts the link layer, or is neither 4 nor 6 */
        PACKET_IP_HEADER_LENGTH,              /* IHL < 5 */
        PACKET_IP_TOTAL_LENGTH,               /* total length < header length */
        PACKET_VERDICTS,
};

#define PACKET_TCP_FIN 0x01
#define PACKET_TCP_SYN 0x02
#define PACKET_TCP_RST 0x04
#define PACKET_TCP_ACK 0x10

/* One decoded packet. Addresses are 16 bytes in network order, IPv4 as v4-mapped; ports
 * and VLAN id are host order. Everything from `family` down to `tcp_flags` is zero in a
 * nonflow packet, whose class is OTHER. */
struct packet {
        uint8_t src[16];
        uint8_t dst[16];
        uint16_t src_port; /* 0 for what has none, and for fragments after the first */
        uint16_t dst_port;
        uint16_t vlan;     /* outer id, 0..4095; 0 = none */
        uint8_t family;    /* 4 or 6 */
        uint8_t proto;     /* IP protocol number, after IPv6 extension headers */
        uint8_t tcp_flags; /* FIN..CWR */
        uint8_t class;     /* enum packet_class */
        uint8_t verdict;   /* enum packet_verdict */
        uint8_t direction; /* enum direction, as the frame had it */
        uint32_t packets;  /* how many packets of the wire the frame stood for; 1 but for a super-packet */
        uint32_t bytes;    /* of all of them together, as in struct frame.length */
        int64_t time_ns;   /* as struct frame.time_ns */
};

/* Decodes one frame. `ret` is always written in full.
 *
 * VLAN tags 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 are walked, MPLS, PPPoE sessions and
 * LLC/SNAP opened; tunnels are not: the outermost IP header is the flow's. RFC 791, 8200,
 * 9293, 768, 4443, IEEE 802.1Q, RFC 3032, 2516, 1042.
 *
 * A super-packet is counted as the packets that were on the wire, headers repeated, those of
 * a tunnel as well. Where the headers cannot be read in full, with PACKET_SEGMENTS_UNKNOWN,
 * packets and bytes are the best estimate: those that could be read, and the shortest possible rest. */
void packet_decode(const struct frame *frame, struct packet *ret);

/* "tcp", "udp", "icmp", "other"; static. */
const char *packet_class_name(enum packet_class class);

/* The class of an IP protocol number in a family (4 or 6). */
enum packet_class packet_class_of(uint8_t proto, uint8_t family);

/* The name under which a verdict is counted ("l4_cut", "not_ip", …); static. PACKET_OK has none: NULL. */
const char *packet_verdict_name(enum packet_verdict verdict);

/* The usual name of an IP protocol number ("tcp", "gre", "sctp", "icmp6", …), or NULL; static. */
const char *packet_proto_name(uint8_t proto);

/* The number of such a name; false where it is unknown. */
bool packet_proto_number(const char *name, uint8_t *ret_proto);

#endif
