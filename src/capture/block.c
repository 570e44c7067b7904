/* Frames as the kernel lays them into a block of a TPACKET_V3 ring.
 *
 *   | tpacket3_hdr | sockaddr_ll | … | virtio header | frame | … | tpacket3_hdr | …
 *     └ tp_next_offset: to the next ─────────────────────────────┘
 *
 * Before each frame the kernel puts a virtio header (PACKET_VNET_HDR), which tells of a super-packet
 * in what pieces it was, or will be, on the wire. Where that is not to be had, frames that say of
 * themselves that they are super-packets are handed on as such, and capture_segments_known is false. */
#include "capture/block.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>

#include "base/clock.h"

/* Newer than the headers of some distributions. */
#define STATUS_GSO_TCP (1u << 8) /* TP_STATUS_GSO_TCP of linux/if_packet.h, since Linux 6.0 */
#define HARDWARE_IP6GRE 823      /* ARPHRD_IP6GRE of linux/if_arp.h, not in net/if_arp.h */
#define VIRTIO_UDP_L4 5          /* VIRTIO_NET_HDR_GSO_UDP_L4 of linux/virtio_net.h, since Linux 6.2 */

enum frame_link block_link_of(unsigned hardware) {
        switch (hardware) {
        case ARPHRD_ETHER:
        case ARPHRD_LOOPBACK: return FRAME_LINK_ETHERNET;
        case ARPHRD_NONE:
        case ARPHRD_RAWIP:
        case ARPHRD_TUNNEL:
        case ARPHRD_TUNNEL6:
        case ARPHRD_SIT: return FRAME_LINK_RAW;
        default: return FRAME_LINK_UNSUPPORTED;
        }
}

/* What the virtio header before the link header says. Kernel memory, in host byte order. */
static void read_virtio(const uint8_t *link_header, struct frame *ret) {
        struct virtio_net_hdr header;
        memcpy(&header, link_header - sizeof(header), sizeof(header));
        switch (header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
        case VIRTIO_NET_HDR_GSO_NONE: return;
        case VIRTIO_NET_HDR_GSO_TCPV4:
        case VIRTIO_NET_HDR_GSO_TCPV6: ret->gso = FRAME_GSO_TCP; break;
        case VIRTIO_UDP_L4: ret->gso = FRAME_GSO_UDP; break;
        default: ret->gso = FRAME_GSO_UNSIZED; return;
        }
        ret->gso_size = header.gso_size;
        if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
                ret->transport_at = header.csum_start; /* of each segment: so of the innermost header */
}

bool block_is_cooked(unsigned hardware) {
        switch (hardware) {
        case ARPHRD_PPP:
        case ARPHRD_SLIP:
        case ARPHRD_IPGRE:
        case HARDWARE_IP6GRE:
        case ARPHRD_INFINIBAND: return true;
        default: return false;
        }
}

/* What a frame without its link header begins with: an ethertype says so, in network order. */
static enum frame_link link_below(uint16_t ethertype_be) {
        switch (ntohs(ethertype_be)) {
        case ETH_P_IP: return FRAME_LINK_RAW4;
        case ETH_P_IPV6: return FRAME_LINK_RAW6;
        default: return FRAME_LINK_NOT_IP;
        }
}

static struct frame to_frame(const struct block_frames *frames, const uint8_t *at) {
        const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)(const void *)at;
        const struct sockaddr_ll *address =
                (const struct sockaddr_ll *)(const void *)(at + TPACKET_ALIGN(sizeof(struct tpacket3_hdr)));
        bool has_vlan = header->tp_status & TP_STATUS_VLAN_VALID;
        struct frame frame = {
                .data = at + header->tp_mac,
                .captured = header->tp_snaplen,
                .length = header->tp_len + (has_vlan ? 4 : 0),
                .time_ns = (int64_t)header->tp_sec * NS_PER_S + header->tp_nsec,
                .vlan_tci = (uint16_t)header->hv1.tp_vlan_tci,
                .link = (uint8_t)(frames->is_cooked ? link_below(address->sll_protocol)
                                                    : block_link_of(address->sll_hatype)),
                .direction = address->sll_pkttype == PACKET_OUTGOING ? DIRECTION_OUT : DIRECTION_IN,
                .has_vlan = has_vlan,
        };
        if (frames->has_virtio)
                read_virtio(frame.data, &frame);
        else if (header->tp_status & STATUS_GSO_TCP)
                frame.gso = FRAME_GSO_UNSIZED;
        return frame;
}

unsigned block_frames_read(struct block_frames *frames, struct frame *ret, unsigned max) {
        unsigned n = 0;
        for (; n < max && frames->left; frames->left--) {
                const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)(const void *)frames->next;
                /* A super-packet that the virtio header cannot express is counted as dropped by the kernel
                 * after it was given its place: that stays in the block, without contents. */
                if (header->tp_status & TP_STATUS_USER)
                        ret[n++] = to_frame(frames, frames->next);
                frames->next += header->tp_next_offset;
        }
        return n;
}
