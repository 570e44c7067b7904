/* Layer 2: from the link header to the outermost IP header.
 *
 *   Ethernet | cooked ──> VLAN tags ──> ethertype ──┬─> IP
 *                                                   ├─> MPLS stack ──> IP by its version nibble
 *                                                   ├─> PPPoE session ──> IP by the PPP protocol
 *                                                   └─> LLC/SNAP ──> IP by its ethertype
 *   raw, NULL ──> IP
 *
 * Labels, PPPoE and SNAP are no tunnels: the IP header below them is the outermost one.
 * Other shims (MACsec, PBB, NSH, TRILL, …) are not opened. The VLAN id is that of the
 * outer tag, which a live capture finds beside the frame, a file inside it. */
#include <assert.h>
#include <string.h>

#include "base/cursor.h"
#include "packet/layers.h"

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_IP6 0x86dd
#define ETHERTYPE_MPLS 0x8847
#define ETHERTYPE_MPLS_MULTICAST 0x8848
#define ETHERTYPE_PPPOE_SESSION 0x8864
#define ETHERTYPE_LLC_MAX 1500 /* up to here it is an IEEE 802.3 length */
#define COOKED_PROTOCOL_LLC 4  /* ETH_P_802_2 in linux/if_ether.h */
#define PPP_IP4 0x0021
#define PPP_IP6 0x0057

static struct network network_is(unsigned version) {
        return (struct network){PACKET_OK, version};
}

static struct network network_none(enum packet_verdict verdict) {
        return (struct network){verdict, 0};
}

static bool is_vlan_tag(uint16_t ethertype) {
        switch (ethertype) {
        case 0x8100: /* 802.1Q */
        case 0x88a8: /* 802.1ad */
        case 0x9100: /* QinQ before 802.1ad */
        case 0x9200:
        case 0x9300: return true;
        default: return false;
        }
}

/* Only these ARPHRD types carry an ethertype that means something else (netlink, radiotap, …). */
static bool is_cooked_without_ethertype(uint16_t arphrd) {
        return arphrd == 824 || arphrd == 803 || arphrd == 802 || arphrd == 801 || arphrd == 770;
}

/* RFC 3032: labels up to the bottom of the stack; what follows says by its nibble what it is. */
struct network mpls_open(struct cursor *c) {
        uint32_t label;
        do
                label = cursor_u32_be(c);
        while (!c->failed && !(label & 0x100));
        if (c->failed || !cursor_left(c))
                return network_none(PACKET_LINK_CUT);

        unsigned nibble = *c->at >> 4;
        return nibble == 4 || nibble == 6 ? network_is(nibble) : network_none(PACKET_NOT_IP);
}

/* RFC 2516: version, code, session, length, then the PPP protocol. */
static struct network open_pppoe(struct cursor *c) {
        cursor_skip(c, 6);
        uint16_t protocol = cursor_u16_be(c);
        if (c->failed)
                return network_none(PACKET_LINK_CUT);
        return protocol == PPP_IP4 ? network_is(4) : protocol == PPP_IP6 ? network_is(6) : network_none(PACKET_NOT_IP);
}

/* RFC 1042: LLC AA-AA-03 and an OUI of zero, then an ethertype. */
static struct network open_snap(struct cursor *c) {
        static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00};
        const uint8_t *llc = cursor_take(c, sizeof(snap));
        uint16_t ethertype = cursor_u16_be(c);
        if (c->failed || memcmp(llc, snap, sizeof(snap)) != 0)
                return network_none(PACKET_NOT_IP);
        return ethertype == ETHERTYPE_IP4   ? network_is(4)
               : ethertype == ETHERTYPE_IP6 ? network_is(6)
                                            : network_none(PACKET_NOT_IP);
}

/* Walks VLAN tags and opens what the ethertype names. `tagged` says that `*vlan` already
 * holds the outer id. */
static struct network open_ethertype(struct cursor *c, uint16_t ethertype, bool cooked, bool tagged, uint16_t *vlan) {
        while (is_vlan_tag(ethertype)) {
                uint16_t tci = cursor_u16_be(c);
                ethertype = cursor_u16_be(c);
                if (c->failed)
                        return network_none(PACKET_LINK_CUT);
                if (!tagged)
                        *vlan = tci & 0x0fff;
                tagged = true;
        }

        switch (ethertype) {
        case ETHERTYPE_IP4: return network_is(4);
        case ETHERTYPE_IP6: return network_is(6);
        case ETHERTYPE_MPLS:
        case ETHERTYPE_MPLS_MULTICAST: return mpls_open(c);
        case ETHERTYPE_PPPOE_SESSION: return open_pppoe(c);
        }
        if (cooked ? ethertype == COOKED_PROTOCOL_LLC : ethertype <= ETHERTYPE_LLC_MAX)
                return open_snap(c);
        return network_none(PACKET_NOT_IP);
}

struct network ethertype_open(struct cursor *c, uint16_t ethertype) {
        uint16_t ignored = 0;
        return open_ethertype(c, ethertype, false, true, &ignored);
}

/* BSD loopback: the address family in the byte order of the machine that wrote the file. */
static struct network open_null(struct cursor *c) {
        uint32_t family = cursor_u32_be(c);
        if (c->failed)
                return network_none(PACKET_LINK_CUT);
        if (family >= 0x10000)
                family = __builtin_bswap32(family);
        switch (family) {
        case 2: return network_is(4);
        case 10: /* AF_INET6 of Linux, then of the BSDs and macOS */
        case 23:
        case 24:
        case 28:
        case 30: return network_is(6);
        default: return network_none(PACKET_NOT_IP);
        }
}

/* Linux cooked headers: the protocol stands last in v1, first in v2. */
static struct network open_cooked(struct cursor *c, bool v2, uint16_t *vlan) {
        uint16_t ethertype, arphrd;
        if (v2) {
                ethertype = cursor_u16_be(c);
                cursor_skip(c, 6);
                arphrd = cursor_u16_be(c);
                cursor_skip(c, 10);
        } else {
                cursor_skip(c, 2);
                arphrd = cursor_u16_be(c);
                cursor_skip(c, 10);
                ethertype = cursor_u16_be(c);
        }
        if (c->failed)
                return network_none(PACKET_LINK_CUT);
        if (is_cooked_without_ethertype(arphrd))
                return network_none(PACKET_NOT_IP);
        return open_ethertype(c, ethertype, true, false, vlan);
}

static struct network open_ethernet(struct cursor *c, const struct frame *frame, uint16_t *vlan) {
        cursor_skip(c, 12);
        uint16_t ethertype = cursor_u16_be(c);
        if (c->failed)
                return network_none(PACKET_LINK_CUT);
        if (frame->has_vlan)
                *vlan = frame->vlan_tci & 0x0fff;
        return open_ethertype(c, ethertype, false, frame->has_vlan, vlan);
}

static struct network open_link(struct cursor *c, const struct frame *frame, uint16_t *vlan) {
        switch ((enum frame_link)frame->link) {
        case FRAME_LINK_ETHERNET: return open_ethernet(c, frame, vlan);
        case FRAME_LINK_RAW: return network_is(0);
        case FRAME_LINK_RAW4: return network_is(4);
        case FRAME_LINK_RAW6: return network_is(6);
        case FRAME_LINK_NULL: return open_null(c);
        case FRAME_LINK_SLL: return open_cooked(c, false, vlan);
        case FRAME_LINK_SLL2: return open_cooked(c, true, vlan);
        case FRAME_LINK_NOT_IP: return network_none(PACKET_NOT_IP);
        case FRAME_LINK_UNSUPPORTED: break;
        }
        return network_none(PACKET_LINK_UNSUPPORTED);
}

void packet_decode(const struct frame *frame, struct packet *ret) {
        assert(frame->data || !frame->captured);

        *ret = (struct packet){
                .class = PACKET_CLASS_OTHER,
                .direction = frame->direction,
                .packets = 1,
                .bytes = frame->length,
                .time_ns = frame->time_ns,
        };

        struct cursor c = cursor_over(frame->data, frame->captured);
        uint16_t vlan = 0;
        const struct network network = open_link(&c, frame, &vlan);
        enum packet_verdict verdict = network.verdict;
        if (verdict == PACKET_OK)
                verdict = network_decode(c, network.version, ret);
        ret->verdict = (uint8_t)verdict;
        if (verdict < PACKET_FLOW_VERDICTS)
                ret->vlan = vlan;
        if (frame->gso != FRAME_GSO_NONE)
                segments_count(frame, c, network, ret);
}
