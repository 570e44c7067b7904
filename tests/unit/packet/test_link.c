/* Layer 2: every link type, every way to an IP header, and what VLAN id comes of it. Each
 * frame carries the same UDP packet, 10.0.0.1:1000 to 10.0.0.2:53, or its IPv6 sister. */
#include "lib/check.h"

#include <stdlib.h>

#include "lib/frames.h"

static struct packet packet;

static void put_udp4(struct bytes *b) {
        put_ip4(b, 17, "10.0.0.1", "10.0.0.2", 8);
        put_udp(b, 1000, 53);
}

static void put_udp6(struct bytes *b) {
        put_ip6(b, 17, "2001:db8::1", "2001:db8::2", 8);
        put_udp(b, 1000, 53);
}

static void decode(const struct bytes *b, enum frame_link link) {
        const struct frame frame = frame_of(b, link);
        packet_decode(&frame, &packet);
}

static void check_flow(unsigned family, unsigned vlan) {
        assert_int_equal(packet.verdict, PACKET_OK);
        assert_int_equal(packet.family, family);
        assert_int_equal(packet.vlan, vlan);
        assert_int_equal(packet.src_port, 1000);
        assert_int_equal(packet.dst_port, 53);
        assert_int_equal(packet.class, PACKET_CLASS_UDP);
}

/* A nonflow packet tells nothing but its size, its time and its verdict. */
static void check_nonflow(enum packet_verdict verdict, unsigned bytes) {
        const struct packet expected = {
                .class = PACKET_CLASS_OTHER,
                .verdict = (uint8_t)verdict,
                .packets = 1,
                .bytes = bytes,
        };
        assert_int_equal(packet.verdict, verdict);
        assert_int_equal(packet.time_ns, 1);
        /* without the padding before the time, which is anything */
        assert_memory_equal(&packet, &expected, offsetof(struct packet, bytes) + sizeof(packet.bytes));
}

static void test_ethernet(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0}, arp = {0};
        put_ethernet(&b4, 0x0800);
        put_udp4(&b4);
        decode(&b4, FRAME_LINK_ETHERNET);
        check_flow(4, 0);
        assert_int_equal(packet.bytes, b4.n);

        put_ethernet(&b6, 0x86dd);
        put_udp6(&b6);
        decode(&b6, FRAME_LINK_ETHERNET);
        check_flow(6, 0);

        put_ethernet(&arp, 0x0806);
        put_zeros(&arp, 28);
        decode(&arp, FRAME_LINK_ETHERNET);
        check_nonflow(PACKET_NOT_IP, arp.n);
}

static void test_wire_length_is_the_frame_s(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ethernet(&b, 0x0800);
        put_udp4(&b);
        struct frame frame = frame_of(&b, FRAME_LINK_ETHERNET);
        frame.length = 1514;
        frame.time_ns = 1234567890123456789;
        frame.direction = DIRECTION_OUT;
        packet_decode(&frame, &packet);
        assert_int_equal(packet.bytes, 1514);
        assert_int_equal(packet.time_ns, 1234567890123456789);
        assert_int_equal(packet.direction, DIRECTION_OUT);
}

static void test_tags_in_the_frame(void **state) {
        (void)state;
        static const unsigned tpids[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};
        for (unsigned i = 0; i < sizeof(tpids) / sizeof(tpids[0]); i++) {
                struct bytes one = {0}, two = {0};
                put_ethernet(&one, tpids[i]);
                put_tag(&one, 0xe000 | 100, 0x0800); /* the priority is no part of the id */
                put_udp4(&one);
                decode(&one, FRAME_LINK_ETHERNET);
                check_flow(4, 100);

                put_ethernet(&two, tpids[i]);
                put_tag(&two, 100, 0x8100);
                put_tag(&two, 200, 0x86dd);
                put_udp6(&two);
                decode(&two, FRAME_LINK_ETHERNET);
                check_flow(6, 100);
        }
}

static void test_stripped_tag(void **state) {
        (void)state;
        struct bytes plain = {0}, tagged = {0};
        put_ethernet(&plain, 0x0800);
        put_udp4(&plain);
        struct frame frame = frame_of(&plain, FRAME_LINK_ETHERNET);
        frame.has_vlan = true;
        frame.vlan_tci = 0x6000 | 42;
        packet_decode(&frame, &packet);
        check_flow(4, 42);

        /* QinQ: the tag beside the frame was the outer one */
        put_ethernet(&tagged, 0x8100);
        put_tag(&tagged, 200, 0x0800);
        put_udp4(&tagged);
        frame = frame_of(&tagged, FRAME_LINK_ETHERNET);
        frame.has_vlan = true;
        frame.vlan_tci = 42;
        packet_decode(&frame, &packet);
        check_flow(4, 42);

        /* a priority tag, id 0, is a tag all the same */
        frame.vlan_tci = 0xe000;
        packet_decode(&frame, &packet);
        check_flow(4, 0);

        /* without has_vlan the number means nothing */
        frame.has_vlan = false;
        frame.vlan_tci = 42;
        packet_decode(&frame, &packet);
        check_flow(4, 200);
}

static void test_shims(void **state) {
        (void)state;
        struct bytes mpls = {0}, control = {0}, pppoe = {0}, lcp = {0}, snap = {0}, llc = {0};
        put_ethernet(&mpls, 0x8847);
        put_u32(&mpls, 16 << 12 | 64);
        put_u32(&mpls, 17 << 12 | 0x100 | 64);
        put_udp6(&mpls);
        decode(&mpls, FRAME_LINK_ETHERNET);
        check_flow(6, 0);

        put_ethernet(&control, 0x8847); /* a pseudowire: what follows the labels is no IP */
        put_u32(&control, 17 << 12 | 0x100 | 64);
        put_u32(&control, 0);
        decode(&control, FRAME_LINK_ETHERNET);
        check_nonflow(PACKET_NOT_IP, control.n);

        put_ethernet(&pppoe, 0x8864);
        put(&pppoe, "\x11\x00\x00\x01\x00\x1e\x00\x21", 8);
        put_udp4(&pppoe);
        decode(&pppoe, FRAME_LINK_ETHERNET);
        check_flow(4, 0);

        put_ethernet(&lcp, 0x8864);
        put(&lcp, "\x11\x00\x00\x01\x00\x0a\xc0\x21", 8);
        put_zeros(&lcp, 8);
        decode(&lcp, FRAME_LINK_ETHERNET);
        check_nonflow(PACKET_NOT_IP, lcp.n);

        put_ethernet(&snap, 36 + 8);
        put(&snap, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
        put_udp4(&snap);
        decode(&snap, FRAME_LINK_ETHERNET);
        check_flow(4, 0);

        put_ethernet(&llc, 38); /* spanning tree */
        put(&llc, "\x42\x42\x03", 3);
        put_zeros(&llc, 35);
        decode(&llc, FRAME_LINK_ETHERNET);
        check_nonflow(PACKET_NOT_IP, llc.n);
}

static void test_raw(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_udp4(&b4);
        put_udp6(&b6);
        decode(&b4, FRAME_LINK_RAW);
        check_flow(4, 0);
        decode(&b6, FRAME_LINK_RAW);
        check_flow(6, 0);
        decode(&b4, FRAME_LINK_RAW4);
        check_flow(4, 0);
        decode(&b6, FRAME_LINK_RAW6);
        check_flow(6, 0);
        decode(&b4, FRAME_LINK_RAW6);
        check_nonflow(PACKET_IP_VERSION, b4.n);
        decode(&b6, FRAME_LINK_RAW4);
        check_nonflow(PACKET_IP_VERSION, b6.n);
}

static void test_null(void **state) {
        (void)state;
        static const unsigned ip6_families[] = {10, 23, 24, 28, 30};
        for (unsigned swapped = 0; swapped < 2; swapped++) {
                struct bytes b4 = {0}, none = {0};
                put_u32(&b4, swapped ? 2u << 24 : 2);
                put_udp4(&b4);
                decode(&b4, FRAME_LINK_NULL);
                check_flow(4, 0);
                for (unsigned i = 0; i < sizeof(ip6_families) / sizeof(ip6_families[0]); i++) {
                        struct bytes b6 = {0};
                        put_u32(&b6, swapped ? ip6_families[i] << 24 : ip6_families[i]);
                        put_udp6(&b6);
                        decode(&b6, FRAME_LINK_NULL);
                        check_flow(6, 0);
                }
                put_u32(&none, swapped ? 7u << 24 : 7);
                put_udp4(&none);
                decode(&none, FRAME_LINK_NULL);
                check_nonflow(PACKET_NOT_IP, none.n);
        }
}

static void put_sll(struct bytes *b, unsigned arphrd, unsigned protocol) {
        put_u16(b, 4);
        put_u16(b, arphrd);
        put_zeros(b, 10);
        put_u16(b, protocol);
}

static void put_sll2(struct bytes *b, unsigned arphrd, unsigned protocol) {
        put_u16(b, protocol);
        put_zeros(b, 6);
        put_u16(b, arphrd);
        put_zeros(b, 10);
}

static void test_cooked(void **state) {
        (void)state;
        static const struct {
                enum frame_link link;
                void (*put)(struct bytes *b, unsigned arphrd, unsigned protocol);
        } kinds[] = {{FRAME_LINK_SLL, put_sll}, {FRAME_LINK_SLL2, put_sll2}};

        for (unsigned i = 0; i < 2; i++) {
                struct bytes plain = {0}, tagged = {0}, snap = {0}, netlink = {0};
                kinds[i].put(&plain, 1, 0x0800);
                put_udp4(&plain);
                decode(&plain, kinds[i].link);
                check_flow(4, 0);

                kinds[i].put(&tagged, 1, 0x8100);
                put_tag(&tagged, 7, 0x86dd);
                put_udp6(&tagged);
                decode(&tagged, kinds[i].link);
                check_flow(6, 7);

                kinds[i].put(&snap, 1, 4);
                put(&snap, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
                put_udp4(&snap);
                decode(&snap, kinds[i].link);
                check_flow(4, 0);

                kinds[i].put(&netlink, 824, 0x0800); /* its protocol is no ethertype */
                put_udp4(&netlink);
                decode(&netlink, kinds[i].link);
                check_nonflow(PACKET_NOT_IP, netlink.n);
        }
}

static void test_unsupported(void **state) {
        (void)state;
        struct bytes b = {0};
        put_udp4(&b);
        decode(&b, FRAME_LINK_UNSUPPORTED);
        check_nonflow(PACKET_LINK_UNSUPPORTED, b.n);
        decode(&b, FRAME_LINK_NOT_IP);
        check_nonflow(PACKET_NOT_IP, b.n);
}

/* Cut anywhere: never a byte too far (the copy has exactly the size), and a verdict that says
 * what is missing. `headers` is where the IP header begins, `ip` how long it is. */
static void check_cuts(const struct bytes *b, enum frame_link link, unsigned headers, unsigned ip) {
        for (unsigned n = 0; n <= b->n; n++) {
                uint8_t *copy = malloc(n ? n : 1);
                assert_non_null(copy);
                memcpy(copy, b->data, n);
                struct frame frame = frame_of(b, link);
                frame.data = n ? copy : NULL;
                frame.captured = n;
                packet_decode(&frame, &packet);
                free(copy);

                if (n < headers)
                        check_nonflow(PACKET_LINK_CUT, b->n);
                else if (n < headers + ip)
                        check_nonflow(PACKET_IP_CUT, b->n);
                else if (n < headers + ip + 4)
                        assert_int_equal(packet.verdict, PACKET_L4_CUT);
                else
                        check_flow(ip == 20 ? 4 : 6, packet.vlan);
        }
}

static void test_cut_at_every_length(void **state) {
        (void)state;
        struct bytes vlan = {0}, pppoe = {0}, sll = {0}, sll2 = {0}, null = {0}, raw = {0};
        put_ethernet(&vlan, 0x88a8);
        put_tag(&vlan, 1, 0x8100);
        put_tag(&vlan, 2, 0x86dd);
        put_udp6(&vlan);
        check_cuts(&vlan, FRAME_LINK_ETHERNET, 22, 40);

        put_ethernet(&pppoe, 0x8864);
        put(&pppoe, "\x11\x00\x00\x01\x00\x1e\x00\x21", 8);
        put_udp4(&pppoe);
        check_cuts(&pppoe, FRAME_LINK_ETHERNET, 22, 20);

        put_sll(&sll, 1, 0x0800);
        put_udp4(&sll);
        check_cuts(&sll, FRAME_LINK_SLL, 16, 20);

        put_sll2(&sll2, 1, 0x86dd);
        put_udp6(&sll2);
        check_cuts(&sll2, FRAME_LINK_SLL2, 20, 40);

        put_u32(&null, 2);
        put_udp4(&null);
        check_cuts(&null, FRAME_LINK_NULL, 4, 20);

        put_udp6(&raw);
        check_cuts(&raw, FRAME_LINK_RAW, 0, 40);
}

static void test_cut_label_stack(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ethernet(&b, 0x8847);
        put_u32(&b, 17 << 12 | 0x100 | 64);
        decode(&b, FRAME_LINK_ETHERNET); /* no byte left that could tell the version */
        check_nonflow(PACKET_LINK_CUT, b.n);

        struct bytes endless = {0};
        put_ethernet(&endless, 0x8847);
        while (endless.n + 4 <= sizeof(endless.data))
                put_u32(&endless, 16 << 12);
        decode(&endless, FRAME_LINK_ETHERNET);
        check_nonflow(PACKET_LINK_CUT, endless.n);
}

/* Noise on every link type: no crash, a verdict within its range, nonflow packets empty. */
static void test_noise(void **state) {
        (void)state;
        uint64_t seed = 1;
        for (unsigned round = 0; round < 40000; round++) {
                unsigned n = random_below(&seed, 96);
                uint8_t *copy = malloc(n ? n : 1);
                assert_non_null(copy);
                for (unsigned i = 0; i < n; i++)
                        copy[i] = (uint8_t)random_next(&seed);
                if (n > 14 && random_one_in(&seed, 2))
                        memcpy(copy + 12, random_one_in(&seed, 2) ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
                const struct frame frame = {
                        .data = copy,
                        .captured = n,
                        .length = n,
                        .time_ns = 1,
                        .link = (uint8_t)random_below(&seed, FRAME_LINK_UNSUPPORTED + 1),
                };
                packet_decode(&frame, &packet);
                free(copy);
                assert_in_range(packet.verdict, 0, PACKET_VERDICTS - 1);
                assert_int_equal(packet.bytes, n);
                if (packet.verdict >= PACKET_FLOW_VERDICTS)
                        check_nonflow(packet.verdict, n);
                else
                        assert_true(packet.family == 4 || packet.family == 6);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ethernet),
                cmocka_unit_test(test_wire_length_is_the_frame_s),
                cmocka_unit_test(test_tags_in_the_frame),
                cmocka_unit_test(test_stripped_tag),
                cmocka_unit_test(test_shims),
                cmocka_unit_test(test_raw),
                cmocka_unit_test(test_null),
                cmocka_unit_test(test_cooked),
                cmocka_unit_test(test_unsupported),
                cmocka_unit_test(test_cut_at_every_length),
                cmocka_unit_test(test_cut_label_stack),
                cmocka_unit_test(test_noise),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
