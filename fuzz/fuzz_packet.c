/* The frame decoder over every link type, held against what packet.h promises.
 *
 *   input: link, flags, VLAN tag (2), bytes cut off (2), bytes missing on the wire (2), then the frame
 *
 * Of a super-packet the tag is the segments' size as well, and what the link's number leaves over
 * is where the segmented header begins. Beyond "it does not crash": a frame that was cut never means something else
 * than the whole one; a tag beside the frame (live) means what it means inside it (file); both directions of a packet
 * have one key. */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"

#define HEAD 8
#define FLAG_HAS_VLAN 0x01
#define FLAG_DIRECTION_SHIFT 1
#define FLAG_GSO_SHIFT 3
#define LINKS (FRAME_LINK_UNSUPPORTED + 1)
#define TUNNELS_MAX 8u
#define JUMBO_HEADER 8u /* of BIG TCP, in each of them: not on the wire */

#define PROTO_TCP 6

static unsigned u16(const uint8_t *at) {
        return (unsigned)(at[0] | at[1] << 8);
}

static bool is_zero(const void *bytes, size_t n) {
        const uint8_t *at = bytes;
        while (n && !at[n - 1])
                n--;
        return n == 0;
}

static bool has_ports(uint8_t proto) {
        return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

static bool is_flow(const struct packet *packet) {
        return packet->verdict < PACKET_FLOW_VERDICTS;
}

/* ---- one packet ------------------------------------------------------------------------- */

static void check_address(const uint8_t address[16], uint8_t family) {
        if (family == 4)
                assert(is_zero(address, 10) && address[10] == 0xff && address[11] == 0xff);
}

static void check_flow(const struct packet *packet) {
        assert(packet->family == 4 || packet->family == 6);
        assert(packet->class == packet_class_of(packet->proto, packet->family));
        assert(packet->vlan <= 0x0fff);
        assert(!packet->tcp_flags || packet->proto == PROTO_TCP);
        assert((!packet->src_port && !packet->dst_port) || has_ports(packet->proto));
        assert(packet->verdict != PACKET_L4_CUT || has_ports(packet->proto));
        assert(packet->verdict != PACKET_IP6_EXT_CUT || packet->family == 6);
        check_address(packet->src, packet->family);
        check_address(packet->dst, packet->family);
}

static void check_nonflow(const struct packet *packet) {
        assert(packet->class == PACKET_CLASS_OTHER);
        assert(is_zero(packet->src, 16) && is_zero(packet->dst, 16));
        assert(!packet->src_port && !packet->dst_port && !packet->vlan);
        assert(!packet->family && !packet->proto && !packet->tcp_flags);
}

static void check_sums(const struct frame *frame, const struct packet *packet) {
        assert(packet->packets >= 1 && packet->packets <= UINT16_MAX);
        if (frame->gso == FRAME_GSO_NONE || frame->gso == FRAME_GSO_UNSIZED)
                assert(packet->packets == 1 && packet->bytes == frame->length);
        else
                assert(packet->bytes + (uint64_t)TUNNELS_MAX * JUMBO_HEADER * packet->packets >= frame->length);
        assert(packet->packets == 1 || frame->gso_size);
}

static void check_packet(const struct frame *frame, const struct packet *packet) {
        assert(packet->verdict < PACKET_VERDICTS);
        assert(packet->verdict == PACKET_OK || packet_verdict_name(packet->verdict));
        assert(packet->time_ns == frame->time_ns);
        assert(packet->direction == frame->direction);
        check_sums(frame, packet);
        if (is_flow(packet))
                check_flow(packet);
        else
                check_nonflow(packet);
}

/* Decodes from a heap block that ends where the frame does (an empty one is nowhere), into memory that is not zero. */
static struct packet decode(struct frame frame) {
        uint8_t *exact = frame.captured ? malloc(frame.captured) : NULL;
        if (exact)
                memcpy(exact, frame.data, frame.captured);
        frame.data = exact;

        struct packet packet;
        memset(&packet, 0xa5, sizeof(packet));
        packet_decode(&frame, &packet);
        free(exact);
        check_packet(&frame, &packet);
        return packet;
}

/* ---- two of them ------------------------------------------------------------------------ */

static bool same_hosts(const struct packet *x, const struct packet *y) {
        return !memcmp(x->src, y->src, 16) && !memcmp(x->dst, y->dst, 16) && x->family == y->family &&
               x->vlan == y->vlan;
}

static bool same_transport(const struct packet *x, const struct packet *y) {
        return x->proto == y->proto && x->src_port == y->src_port && x->dst_port == y->dst_port &&
               x->tcp_flags == y->tcp_flags && x->class == y->class;
}

static void check_cut(struct frame frame, const struct packet *whole, uint32_t captured) {
        frame.captured = captured;
        const struct packet cut = decode(frame);
        if (is_flow(&cut))
                assert(is_flow(whole) && same_hosts(&cut, whole));
        if (cut.verdict == PACKET_OK && frame.gso == FRAME_GSO_NONE)
                assert(whole->verdict == PACKET_OK && same_transport(&cut, whole));
}

/* The kernel takes the outer tag of what it receives out of the frame; a file has it inside. */
static void check_stripped_tag(struct frame frame, const struct packet *whole) {
        bool is_tagged = frame.link == FRAME_LINK_ETHERNET && !frame.has_vlan && frame.captured >= 18 &&
                         frame.data[12] == 0x81 && frame.data[13] == 0x00;
        if (!is_tagged)
                return;

        uint8_t *stripped = malloc(frame.captured - 4);
        memcpy(stripped, frame.data, 12);
        memcpy(stripped + 12, frame.data + 16, frame.captured - 16);
        frame.has_vlan = true;
        frame.vlan_tci = (uint16_t)(frame.data[14] << 8 | frame.data[15]);
        frame.data = stripped;
        frame.captured -= 4;
        bool is_in_tag = frame.transport_at && frame.transport_at < 18;
        if (frame.transport_at && !is_in_tag)
                frame.transport_at -= 4;
        const struct packet packet = decode(frame);
        free(stripped);
        assert(is_in_tag || (packet.packets == whole->packets && packet.bytes == whole->bytes));
        if (is_in_tag)
                return;
        assert(packet.verdict == whole->verdict);
        assert(same_hosts(&packet, whole) && same_transport(&packet, whole));
}

static void check_key(const struct packet *packet) {
        struct packet reply = *packet;
        memcpy(reply.src, packet->dst, 16);
        memcpy(reply.dst, packet->src, 16);
        reply.src_port = packet->dst_port;
        reply.dst_port = packet->src_port;

        struct flow_key key, reverse;
        bool forward = flow_key_from_packet(packet, 3, &key), backward = flow_key_from_packet(&reply, 3, &reverse);
        int order = memcmp(key.a_address, key.b_address, 16);
        assert(flow_key_equal(&key, &reverse) && flow_key_hash(&key, 1) == flow_key_hash(&reverse, 1));
        assert(order < 0 || (order == 0 && key.a_port <= key.b_port));
        assert(forward != backward || (order == 0 && key.a_port == key.b_port));
        assert(flow_key_family(&key) == packet->family && flow_key_vlan(&key) == packet->vlan);
        assert(flow_key_class(&key) == (enum packet_class)packet->class);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < HEAD)
                return 0;
        uint32_t captured = (uint32_t)(size - HEAD);
        const struct frame frame = {
                .data = data + HEAD,
                .captured = captured,
                .length = captured + u16(data + 6),
                .time_ns = 1600000000000000000,
                .link = data[0] % LINKS,
                .has_vlan = data[1] & FLAG_HAS_VLAN,
                .direction = (data[1] >> FLAG_DIRECTION_SHIFT) % 3,
                .vlan_tci = (uint16_t)u16(data + 2),
                .gso = data[1] >> FLAG_GSO_SHIFT & 3,
                .gso_size = (uint16_t)u16(data + 2),
                .transport_at = (uint16_t)(data[0] / LINKS * 2),
        };

        const struct packet packet = decode(frame);
        uint32_t cut = u16(data + 4);
        check_cut(frame, &packet, cut < captured ? captured - cut : 0);
        check_stripped_tag(frame, &packet);
        if (is_flow(&packet))
                check_key(&packet);
        return 0;
}
