/* Super-packets: headers written by hand, a payload that only the frame's length tells of (as
 * behind a snaplen), and the sums that the wire would have carried. */
#include "lib/check.h"

#include <stdlib.h>

#include "lib/frames.h"

#define MSS 1448u
#define ETHERNET 14u
#define TAG 4u
#define IP4 20u
#define IP6 40u
#define TCP 20u
#define TCP_FULL 32u /* with a timestamp option */
#define UDP 8u
#define GRE 4u
#define VXLAN 8u

static struct packet packet;

/* A super-packet of the headers in `b` and so many bytes of payload. */
static struct frame super_packet(const struct bytes *b, enum frame_gso gso, unsigned gso_size, unsigned payload) {
        struct frame frame = frame_of(b, FRAME_LINK_ETHERNET);
        frame.length = b->n + payload;
        frame.gso = (uint8_t)gso;
        frame.gso_size = (uint16_t)gso_size;
        return frame;
}

static void check(const struct frame *frame, enum packet_verdict verdict, uint32_t packets, uint64_t bytes) {
        packet_decode(frame, &packet);
        assert_int_equal(packet.verdict, verdict);
        assert_int_equal(packet.packets, packets);
        assert_int_equal(packet.bytes, bytes);
}

/* `n` segments of `headers` bytes each over `payload`. */
static void check_segments(const struct frame *frame, uint32_t n, unsigned headers, unsigned payload) {
        check(frame, PACKET_OK, n, (uint64_t)n * headers + payload);
}

static void put_tcp_full(struct bytes *b) {
        put_tcp(b, 1000, 80, PACKET_TCP_ACK);
        b->data[b->n - 8] = TCP_FULL / 4 << 4;
        put_zeros(b, TCP_FULL - TCP);
}

static void put_ip4_tcp(struct bytes *b) {
        put_ip4(b, 6, "10.0.0.1", "10.0.0.2", 64000);
        put_tcp_full(b);
}

static void put_ip6_tcp(struct bytes *b) {
        put_ip6(b, 6, "2001:db8::1", "2001:db8::2", 64000);
        put_tcp_full(b);
}

static void put_vxlan(struct bytes *b, unsigned port, unsigned ethertype) {
        put_ip4(b, 17, "192.0.2.1", "192.0.2.2", 64000);
        put_udp(b, 50000, port);
        put_u32(b, 0x08000000);
        put_u32(b, 5 << 8);
        put_ethernet(b, ethertype);
}

static void test_tcp(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_ethernet(&b4, 0x0800);
        put_ip4_tcp(&b4);
        put_ethernet(&b6, 0x86dd);
        put_ip6_tcp(&b6);

        static const struct {
                unsigned payload, packets;
        } cases[] = {{10 * MSS, 10}, {10 * MSS + 1, 11}, {10 * MSS - 1, 10}, {MSS + 1, 2}, {MSS, 1}, {1, 1}, {0, 1}};
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct frame frame = super_packet(&b4, FRAME_GSO_TCP, MSS, cases[i].payload);
                check_segments(&frame, cases[i].packets, ETHERNET + IP4 + TCP_FULL, cases[i].payload);
                assert_int_equal(packet.src_port, 1000);
                frame = super_packet(&b6, FRAME_GSO_TCP, MSS, cases[i].payload);
                check_segments(&frame, cases[i].packets, ETHERNET + IP6 + TCP_FULL, cases[i].payload);
                assert_int_equal(packet.family, 6);
        }
}

static void test_an_ordinary_frame_is_one_packet(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ethernet(&b, 0x0800);
        put_ip4_tcp(&b);
        struct frame frame = super_packet(&b, FRAME_GSO_NONE, MSS, 10 * MSS);
        check(&frame, PACKET_OK, 1, b.n + 10 * MSS);
}

static void test_udp(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_ethernet(&b4, 0x0800);
        put_ip4(&b4, 17, "10.0.0.1", "10.0.0.2", 5000);
        put_udp(&b4, 1000, 53);
        struct frame frame = super_packet(&b4, FRAME_GSO_UDP, 1200, 4900);
        check_segments(&frame, 5, ETHERNET + IP4 + UDP, 4900);

        put_ethernet(&b6, 0x86dd);
        put_ip6(&b6, 17, "2001:db8::1", "2001:db8::2", 5000);
        put_udp(&b6, 1000, 443);
        frame = super_packet(&b6, FRAME_GSO_UDP, 1200, 4800);
        check_segments(&frame, 4, ETHERNET + IP6 + UDP, 4800);
}

static void test_options_and_extensions_are_repeated(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_ethernet(&b4, 0x0800);
        put_ip4_with(&b4, 6, "10.0.0.1", "10.0.0.2", 20000, 0x4000, 8);
        put_tcp_full(&b4);
        struct frame frame = super_packet(&b4, FRAME_GSO_TCP, 1000, 20000);
        check_segments(&frame, 20, ETHERNET + IP4 + 8 + TCP_FULL, 20000);

        put_ethernet(&b6, 0x86dd);
        put_ip6(&b6, 60, "2001:db8::1", "2001:db8::2", 20000);
        put(&b6, "\x06\x01", 2);
        put_zeros(&b6, 14);
        put_tcp_full(&b6);
        frame = super_packet(&b6, FRAME_GSO_TCP, 1000, 20000);
        check_segments(&frame, 20, ETHERNET + IP6 + 16 + TCP_FULL, 20000);
}

static void test_tags(void **state) {
        (void)state;
        struct bytes kept = {0}, plain = {0};
        put_ethernet(&kept, 0x88a8);
        put_tag(&kept, 5, 0x8100);
        put_tag(&kept, 6, 0x0800);
        put_ip4_tcp(&kept);
        struct frame frame = super_packet(&kept, FRAME_GSO_TCP, 1000, 20000);
        check_segments(&frame, 20, ETHERNET + 2 * TAG + IP4 + TCP_FULL, 20000);

        put_ethernet(&plain, 0x0800);
        put_ip4_tcp(&plain);
        frame = super_packet(&plain, FRAME_GSO_TCP, 1000, 20000);
        frame.has_vlan = true;
        frame.vlan_tci = 7;
        frame.length += TAG; /* the source has counted the stripped tag once */
        check_segments(&frame, 20, ETHERNET + TAG + IP4 + TCP_FULL, 20000);
        assert_int_equal(packet.vlan, 7);
}

static void test_raw_link(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ip4_tcp(&b);
        struct frame frame = super_packet(&b, FRAME_GSO_TCP, MSS, 3 * MSS);
        frame.link = FRAME_LINK_RAW;
        check_segments(&frame, 3, IP4 + TCP_FULL, 3 * MSS);
}

/* Above 64 KiB: length fields of zero, and for IPv6 a header that is not on the wire. */
static void test_big_tcp(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_ethernet(&b4, 0x0800);
        put_ip4_tcp(&b4);
        b4.data[ETHERNET + 2] = b4.data[ETHERNET + 3] = 0;
        struct frame frame = super_packet(&b4, FRAME_GSO_TCP, MSS, 131 * MSS);
        check_segments(&frame, 131, ETHERNET + IP4 + TCP_FULL, 131 * MSS);

        put_ethernet(&b6, 0x86dd);
        put_ip6(&b6, 0, "2001:db8::1", "2001:db8::2", 0);
        put(&b6, "\x06\x00\xc2\x04", 4);
        put_u32(&b6, 131 * MSS + TCP_FULL + 8);
        put_tcp_full(&b6);
        frame = super_packet(&b6, FRAME_GSO_TCP, MSS, 131 * MSS);
        check_segments(&frame, 131, ETHERNET + IP6 + TCP_FULL, 131 * MSS);

        /* any other hop-by-hop header is on the wire */
        b6.data[ETHERNET + IP6 + 2] = 5;
        check_segments(&frame, 131, ETHERNET + IP6 + 8 + TCP_FULL, 131 * MSS);
        b6.data[ETHERNET + IP6 + 2] = 0xc2;
        b6.data[ETHERNET + 5] = 200;
        check_segments(&frame, 131, ETHERNET + IP6 + 8 + TCP_FULL, 131 * MSS);

        struct bytes udp = {0}, longer = {0};
        put_ethernet(&udp, 0x86dd);
        put_ip6(&udp, 0, "2001:db8::1", "2001:db8::2", 0);
        put(&udp, "\x11\x00\xc2\x04\x00\x02\x00\x00", 8);
        put_udp(&udp, 1000, 443);
        frame = super_packet(&udp, FRAME_GSO_UDP, 1000, 9999);
        check_segments(&frame, 10, udp.n, 9999);

        put_ethernet(&longer, 0x86dd);
        put_ip6(&longer, 0, "2001:db8::1", "2001:db8::2", 0);
        put(&longer, "\x06\x01\xc2\x04\x00\x02\x00\x00", 8);
        put_zeros(&longer, 8);
        put_tcp_full(&longer);
        frame = super_packet(&longer, FRAME_GSO_TCP, 1000, 9999);
        check_segments(&frame, 10, longer.n, 9999);
}

/* The flow is the outermost header's; every segment bears all of them. */
static void test_tunnels_by_protocol(void **state) {
        (void)state;
        struct bytes ipip = {0}, sit = {0}, gre = {0}, bridged = {0}, mpls = {0};
        put_ethernet(&ipip, 0x0800);
        put_ip4(&ipip, 4, "192.0.2.1", "192.0.2.2", 64000);
        put_ip4_tcp(&ipip);
        struct frame frame = super_packet(&ipip, FRAME_GSO_TCP, 1000, 9999);
        check_segments(&frame, 10, ETHERNET + 2 * IP4 + TCP_FULL, 9999);
        assert_int_equal(packet.proto, 4);
        assert_int_equal(packet.class, PACKET_CLASS_OTHER);
        assert_int_equal(packet.dst_port, 0);

        put_ethernet(&sit, 0x0800);
        put_ip4(&sit, 41, "192.0.2.1", "192.0.2.2", 64000);
        put_ip6_tcp(&sit);
        frame = super_packet(&sit, FRAME_GSO_TCP, 1000, 9999);
        check_segments(&frame, 10, ETHERNET + IP4 + IP6 + TCP_FULL, 9999);

        put_ethernet(&gre, 0x86dd);
        put_ip6(&gre, 47, "2001:db8:1::1", "2001:db8:1::2", 64000);
        put(&gre, "\xb0\x00\x08\x00", 4); /* checksum, key, sequence number */
        put_zeros(&gre, 12);
        put_ip4_tcp(&gre);
        frame = super_packet(&gre, FRAME_GSO_TCP, 1000, 9999);
        check_segments(&frame, 10, ETHERNET + IP6 + GRE + 12 + IP4 + TCP_FULL, 9999);

        put_ethernet(&bridged, 0x0800);
        put_ip4(&bridged, 47, "192.0.2.1", "192.0.2.2", 64000);
        put(&bridged, "\x00\x00\x65\x58", 4);
        put_ethernet(&bridged, 0x8100);
        put_tag(&bridged, 9, 0x86dd);
        put_ip6_tcp(&bridged);
        frame = super_packet(&bridged, FRAME_GSO_TCP, 1000, 9999);
        check_segments(&frame, 10, ETHERNET + IP4 + GRE + ETHERNET + TAG + IP6 + TCP_FULL, 9999);

        put_ethernet(&mpls, 0x0800);
        put_ip4(&mpls, 137, "192.0.2.1", "192.0.2.2", 64000);
        put_u32(&mpls, 17 << 12 | 0x100 | 64);
        put_ip4_tcp(&mpls);
        frame = super_packet(&mpls, FRAME_GSO_TCP, 1000, 9999);
        check_segments(&frame, 10, ETHERNET + IP4 + 4 + IP4 + TCP_FULL, 9999);
}

static void test_tunnels_by_port(void **state) {
        (void)state;
        static const unsigned ports[] = {4789, 8472};
        for (unsigned i = 0; i < 2; i++) {
                struct bytes vxlan = {0};
                put_ethernet(&vxlan, 0x0800);
                put_vxlan(&vxlan, ports[i], 0x86dd);
                put_ip6_tcp(&vxlan);
                struct frame frame = super_packet(&vxlan, FRAME_GSO_TCP, 1000, 9999);
                check_segments(&frame, 10, 2 * ETHERNET + IP4 + UDP + VXLAN + IP6 + TCP_FULL, 9999);
                assert_int_equal(packet.dst_port, ports[i]);
                assert_int_equal(packet.family, 4);
        }

        static const unsigned inner_ip6[] = {0x86dd, 0x6558};
        for (unsigned i = 0; i < 2; i++) {
                struct bytes geneve = {0};
                put_ethernet(&geneve, 0x86dd);
                put_ip6(&geneve, 17, "2001:db8:1::1", "2001:db8:1::2", 64000);
                put_udp(&geneve, 50000, 6081);
                put_u8(&geneve, 3); /* words of options */
                put_u8(&geneve, 0);
                put_u16(&geneve, inner_ip6[i]);
                put_zeros(&geneve, 4 + 12);
                if (i)
                        put_ethernet(&geneve, 0x86dd);
                put_ip6_tcp(&geneve);
                struct frame frame = super_packet(&geneve, FRAME_GSO_TCP, 1000, 9999);
                check_segments(&frame, 10, ETHERNET + IP6 + UDP + 8 + 12 + i * ETHERNET + IP6 + TCP_FULL, 9999);
        }

        for (unsigned next = 1; next <= 3; next++) {
                struct bytes gpe = {0};
                put_ethernet(&gpe, 0x0800);
                put_ip4(&gpe, 17, "192.0.2.1", "192.0.2.2", 64000);
                put_udp(&gpe, 50000, 4790);
                put_u32(&gpe, 0x0c000000 | next);
                put_u32(&gpe, 5 << 8);
                if (next == 3)
                        put_ethernet(&gpe, 0x0800);
                if (next == 2)
                        put_ip6_tcp(&gpe);
                else
                        put_ip4_tcp(&gpe);
                struct frame frame = super_packet(&gpe, FRAME_GSO_TCP, 1000, 9999);
                check_segments(&frame, 10, gpe.n, 9999);
        }
}

/* Which UDP header is it that is segmented? The source's word counts, else the port. */
static void test_udp_in_udp(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ethernet(&b, 0x0800);
        put_vxlan(&b, 4789, 0x0800);
        put_ip4(&b, 17, "10.0.0.1", "10.0.0.2", 5000);
        put_udp(&b, 1000, 53);
        struct frame frame = super_packet(&b, FRAME_GSO_UDP, 1000, 9999);
        check_segments(&frame, 10, b.n, 9999);
        frame.transport_at = (uint16_t)(b.n - UDP);
        check_segments(&frame, 10, b.n, 9999);

        /* the outer one: what looks like a tunnel is its payload */
        frame.transport_at = ETHERNET + IP4;
        unsigned inner = b.n - ETHERNET - IP4 - UDP;
        check_segments(&frame, 11, ETHERNET + IP4 + UDP, 9999 + inner);
}

/* A tunnel on a port of its own, a shim that is not opened: the source says where TCP begins. */
static void test_the_source_s_word(void **state) {
        (void)state;
        struct bytes tunnel = {0}, udp = {0}, shim = {0};
        put_ethernet(&tunnel, 0x0800);
        put_vxlan(&tunnel, 12345, 0x0800);
        put_ip4_tcp(&tunnel);
        struct frame frame = super_packet(&tunnel, FRAME_GSO_TCP, 1000, 9999);
        frame.transport_at = (uint16_t)(tunnel.n - TCP_FULL);
        check_segments(&frame, 10, tunnel.n, 9999);

        put_ethernet(&udp, 0x0800);
        put_vxlan(&udp, 12345, 0x0800);
        put_ip4(&udp, 17, "10.0.0.1", "10.0.0.2", 5000);
        put_udp(&udp, 1000, 53);
        frame = super_packet(&udp, FRAME_GSO_UDP, 1000, 9999);
        frame.transport_at = (uint16_t)(udp.n - UDP);
        check_segments(&frame, 10, udp.n, 9999);

        put_ethernet(&shim, 0x894f);
        put_zeros(&shim, 8);
        put_ip4_tcp(&shim);
        frame = super_packet(&shim, FRAME_GSO_TCP, 1000, 9999);
        check(&frame, PACKET_NOT_IP, 1, shim.n + 9999); /* nothing tells */
        frame.transport_at = (uint16_t)(shim.n - TCP_FULL);
        check(&frame, PACKET_NOT_IP, 10, 10 * shim.n + 9999);

        /* where our own walk arrives, its result stands */
        struct bytes plain = {0};
        put_ethernet(&plain, 0x0800);
        put_ip4_tcp(&plain);
        frame = super_packet(&plain, FRAME_GSO_TCP, 1000, 9999);
        frame.transport_at = 20;
        check_segments(&frame, 10, plain.n, 9999);
}

/* Captured to any length: never a byte too far; sure from the byte that holds the header's length
 * on, and until then an estimate with the shortest header that it can be. */
static void test_cut_at_every_length(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ethernet(&b, 0x0800);
        put_ip4_tcp(&b);
        const unsigned payload = 9999, length_byte = ETHERNET + IP4 + 12;
        for (unsigned n = 0; n <= b.n; n++) {
                uint8_t *copy = malloc(n ? n : 1);
                assert_non_null(copy);
                memcpy(copy, b.data, n);
                struct frame frame = super_packet(&b, FRAME_GSO_TCP, 1000, payload);
                frame.data = n ? copy : NULL;
                frame.captured = n;
                packet_decode(&frame, &packet);
                free(copy);

                unsigned estimated = ETHERNET + IP4 + TCP, all = b.n + payload;
                if (n < ETHERNET) {
                        assert_int_equal(packet.verdict, PACKET_LINK_CUT);
                        assert_int_equal(packet.packets, 1);
                } else if (n < ETHERNET + IP4) {
                        assert_int_equal(packet.verdict, PACKET_IP_CUT);
                        assert_int_equal(packet.packets, 11);
                } else if (n <= length_byte) {
                        assert_int_equal(packet.verdict, PACKET_SEGMENTS_UNKNOWN);
                        assert_int_equal(packet.packets, (all - estimated + 999) / 1000);
                        assert_int_equal(packet.bytes, all + (packet.packets - 1) * estimated);
                } else {
                        assert_int_equal(packet.verdict, n < ETHERNET + IP4 + 14 ? PACKET_L4_CUT : PACKET_OK);
                        assert_int_equal(packet.packets, 10);
                        assert_int_equal(packet.bytes, payload + 10 * b.n);
                }
        }
}

static void test_not_to_be_known(void **state) {
        (void)state;
        struct bytes plain = {0}, other = {0}, tunnel = {0}, pptp = {0}, later = {0}, arp = {0};
        put_ethernet(&plain, 0x0800);
        put_ip4_tcp(&plain);
        struct frame frame = super_packet(&plain, FRAME_GSO_UNSIZED, 0, 9999);
        check(&frame, PACKET_SEGMENTS_UNKNOWN, 1, plain.n + 9999);
        assert_int_equal(packet.src_port, 1000);

        frame = super_packet(&plain, FRAME_GSO_UDP, 1000, 9999); /* there is no UDP in it */
        packet_decode(&frame, &packet);
        assert_int_equal(packet.verdict, PACKET_SEGMENTS_UNKNOWN);

        plain.data[ETHERNET + IP4 + 12] = 4 << 4; /* a TCP header of 16 bytes is none */
        frame = super_packet(&plain, FRAME_GSO_TCP, 1000, 9999);
        packet_decode(&frame, &packet);
        assert_int_equal(packet.verdict, PACKET_SEGMENTS_UNKNOWN);

        put_ethernet(&other, 0x0800);
        put_ip4(&other, 50, "10.0.0.1", "10.0.0.2", 64000);
        frame = super_packet(&other, FRAME_GSO_TCP, 1000, 9999);
        check(&frame, PACKET_SEGMENTS_UNKNOWN, 10, 9979 + 10 * (other.n + TCP));

        put_ethernet(&tunnel, 0x0800);
        put_vxlan(&tunnel, 12345, 0x0800);
        put_ip4_tcp(&tunnel);
        frame = super_packet(&tunnel, FRAME_GSO_TCP, 1000, 9999);
        packet_decode(&frame, &packet);
        assert_int_equal(packet.verdict, PACKET_SEGMENTS_UNKNOWN);
        assert_in_range(packet.packets, 10, 11);

        put_ethernet(&pptp, 0x0800); /* GRE of another version has other fields */
        put_ip4(&pptp, 47, "192.0.2.1", "192.0.2.2", 64000);
        put(&pptp, "\x00\x01\x08\x00", 4);
        put_ip4_tcp(&pptp);
        frame = super_packet(&pptp, FRAME_GSO_TCP, 1000, 9999);
        packet_decode(&frame, &packet);
        assert_int_equal(packet.verdict, PACKET_SEGMENTS_UNKNOWN);

        put_ethernet(&later, 0x86dd); /* what follows in a later fragment is no header */
        put_ip6(&later, 44, "2001:db8::1", "2001:db8::2", 64000);
        put(&later, "\x06\x00\x05\xa0\x00\x00\x00\x01", 8);
        put_tcp_full(&later);
        frame = super_packet(&later, FRAME_GSO_TCP, 1000, 9999);
        packet_decode(&frame, &packet);
        assert_int_equal(packet.verdict, PACKET_SEGMENTS_UNKNOWN);

        put_ethernet(&arp, 0x0806);
        put_zeros(&arp, 28);
        frame = super_packet(&arp, FRAME_GSO_UNSIZED, 0, 0);
        check(&frame, PACKET_NOT_IP, 1, arp.n);
}

/* What no kernel would say must not break the sums. */
static void test_hostile_sizes(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ethernet(&b, 0x0800);
        put_ip4_tcp(&b);
        struct frame frame = super_packet(&b, FRAME_GSO_TCP, 0, 9999);
        check(&frame, PACKET_OK, 1, b.n + 9999);
        frame = super_packet(&b, FRAME_GSO_TCP, 65535, 9999);
        check(&frame, PACKET_OK, 1, b.n + 9999);
        frame = super_packet(&b, FRAME_GSO_TCP, 1, 65535);
        check_segments(&frame, 65535, b.n, 65535);
        frame = super_packet(&b, FRAME_GSO_TCP, 1, 65536); /* more than the kernel can count */
        check(&frame, PACKET_SEGMENTS_UNKNOWN, 1, b.n + 65536);

        frame = super_packet(&b, FRAME_GSO_TCP, 1, 0);
        frame.length = 20; /* shorter than its headers */
        check(&frame, PACKET_OK, 1, 20);
        frame.length = 0;
        check(&frame, PACKET_OK, 1, 0);
        frame = super_packet(&b, FRAME_GSO_TCP, 65535, 0);
        frame.length = UINT32_MAX; /* 65,538 segments */
        check(&frame, PACKET_SEGMENTS_UNKNOWN, 1, UINT32_MAX);
        frame.length = b.n + 65535u * 65000u;
        check_segments(&frame, 65000, b.n, 65535u * 65000u);
}

/* Headers so long that all segments' together pass 32 bits. */
static void test_bytes_beyond_32_bits(void **state) {
        (void)state;
        static uint8_t data[65535];
        struct bytes b = {0};
        put_ethernet(&b, 0x86dd);
        put_ip6(&b, 60, "2001:db8::1", "2001:db8::2", 0);
        memcpy(data, b.data, b.n);
        unsigned n = b.n;
        for (unsigned i = 0; i < 31; i++, n += 2048) { /* destination options of the greatest length, and one of 1936 */
                data[n] = 60;
                data[n + 1] = 255;
        }
        data[n] = 6;
        data[n + 1] = 1936 / 8 - 1;
        n += 1936;
        data[n + 12] = 0xf0; /* TCP options, of which nothing was captured */
        const unsigned headers = n + 60, payload = 2 * 65535;
        struct frame frame = {.data = data, .captured = n + 14, .length = headers + payload, .gso = FRAME_GSO_TCP};
        frame.gso_size = 3;
        check_segments(&frame, 43690, headers, payload);
        frame.gso_size = 2;
        check(&frame, PACKET_SEGMENTS_UNKNOWN, 1, frame.length);
}

/* Tunnels in tunnels come to an end, sooner than the frame may. */
static void test_nested_tunnels(void **state) {
        (void)state;
        for (unsigned tunnels = 7; tunnels <= 8; tunnels++) {
                struct bytes b = {0};
                put_ethernet(&b, 0x0800);
                for (unsigned i = 0; i < tunnels; i++)
                        put_ip4(&b, 4, "192.0.2.1", "192.0.2.2", 64000);
                put_ip4_tcp(&b);
                struct frame frame = super_packet(&b, FRAME_GSO_TCP, 1000, 9999);
                if (tunnels == 7)
                        check_segments(&frame, 10, b.n, 9999);
                packet_decode(&frame, &packet);
                assert_int_equal(packet.verdict, tunnels == 7 ? PACKET_OK : PACKET_SEGMENTS_UNKNOWN);
        }
}

/* Noise: no crash, no byte too far, and sums that stay within what was promised. */
static void test_noise(void **state) {
        (void)state;
        uint64_t seed = 7;
        for (unsigned i = 0; i < 200000; i++) {
                struct bytes b = {0};
                put_ethernet(&b, i % 3 ? 0x0800 : 0x86dd);
                if (i % 3)
                        put_ip4(&b, (unsigned[]){4, 17, 41, 47, 6}[random_below(&seed, 5)], "10.0.0.1", "10.0.0.2", 0);
                else
                        put_ip6(&b, (unsigned[]){0, 60, 17, 47}[i % 4], "2001:db8::1", "2001:db8::2", 0);
                unsigned noise = random_below(&seed, 120);
                for (unsigned k = 0; k < noise; k++)
                        put_u8(&b, (unsigned)random_next(&seed) & (k % 5 ? 0xff : 0x3f));
                struct frame frame =
                        super_packet(&b, (enum frame_gso)(1 + i % 3), (unsigned)random_next(&seed) & 0xffff,
                                     (unsigned)random_next(&seed) & 0x7ffff);
                frame.has_vlan = i & 1;
                frame.transport_at = i & 2 ? (uint16_t)random_below(&seed, 200) : 0;
                uint8_t *copy = malloc(b.n);
                assert_non_null(copy);
                memcpy(copy, b.data, b.n);
                frame.data = copy;
                packet_decode(&frame, &packet);
                free(copy);
                assert_in_range(packet.packets, 1, 65535);
                assert_true(packet.bytes + 8ull * packet.packets >= frame.length);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tcp),
                cmocka_unit_test(test_an_ordinary_frame_is_one_packet),
                cmocka_unit_test(test_udp),
                cmocka_unit_test(test_options_and_extensions_are_repeated),
                cmocka_unit_test(test_tags),
                cmocka_unit_test(test_raw_link),
                cmocka_unit_test(test_big_tcp),
                cmocka_unit_test(test_tunnels_by_protocol),
                cmocka_unit_test(test_tunnels_by_port),
                cmocka_unit_test(test_udp_in_udp),
                cmocka_unit_test(test_the_source_s_word),
                cmocka_unit_test(test_cut_at_every_length),
                cmocka_unit_test(test_not_to_be_known),
                cmocka_unit_test(test_hostile_sizes),
                cmocka_unit_test(test_bytes_beyond_32_bits),
                cmocka_unit_test(test_nested_tunnels),
                cmocka_unit_test(test_noise),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
