/* Layers 3 and 4, on frames without a link header: addresses, extension headers, fragments,
 * ports, flags, and each way in which a header can be wrong. */
#include "lib/check.h"

#include <stdlib.h>

#include "lib/frames.h"

static struct packet packet;

static void decode(const struct bytes *b) {
        const struct frame frame = frame_of(b, FRAME_LINK_RAW);
        packet_decode(&frame, &packet);
}

static void check(enum packet_verdict verdict, unsigned proto, unsigned src_port, unsigned dst_port) {
        assert_int_equal(packet.verdict, verdict);
        assert_int_equal(packet.proto, proto);
        assert_int_equal(packet.src_port, src_port);
        assert_int_equal(packet.dst_port, dst_port);
}

static void test_ip4(void **state) {
        (void)state;
        static const uint8_t src[16] = {[10] = 0xff, 0xff, 10, 1, 2, 3};
        static const uint8_t dst[16] = {[10] = 0xff, 0xff, 192, 0, 2, 255};
        struct bytes b = {0};
        put_ip4(&b, 17, "10.1.2.3", "192.0.2.255", 8);
        put_udp(&b, 40000, 53);
        decode(&b);
        check(PACKET_OK, 17, 40000, 53);
        assert_memory_equal(packet.src, src, 16);
        assert_memory_equal(packet.dst, dst, 16);
        assert_int_equal(packet.family, 4);
        assert_int_equal(packet.tcp_flags, 0);
}

static void test_ip6(void **state) {
        (void)state;
        static const uint8_t src[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
        struct bytes b = {0};
        put_ip6(&b, 58, "2001:db8::1", "ff02::1", 8);
        put(&b, "\x80\x00\x12\x34\x00\x01\x00\x01", 8);
        decode(&b);
        check(PACKET_OK, 58, 0, 0);
        assert_memory_equal(packet.src, src, 16);
        assert_int_equal(packet.family, 6);
        assert_int_equal(packet.class, PACKET_CLASS_ICMP);
}

static void test_mapped_ip6_is_not_ip4(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_ip4(&b4, 17, "10.0.0.1", "10.0.0.2", 8);
        put_udp(&b4, 1, 2);
        decode(&b4);
        const struct packet ip4 = packet;
        put_ip6(&b6, 17, "::ffff:10.0.0.1", "::ffff:10.0.0.2", 8);
        put_udp(&b6, 1, 2);
        decode(&b6);
        assert_memory_equal(packet.src, ip4.src, 16);
        assert_int_equal(ip4.family, 4);
        assert_int_equal(packet.family, 6);
}

static void test_options_are_stepped_over(void **state) {
        (void)state;
        for (unsigned options = 4; options <= 40; options += 4) {
                struct bytes b = {0};
                put_ip4_with(&b, 17, "10.0.0.1", "10.0.0.2", 8, 0, options);
                put_udp(&b, 1000, 53);
                decode(&b);
                check(PACKET_OK, 17, 1000, 53);
        }
}

static void test_tcp_flags(void **state) {
        (void)state;
        for (unsigned flags = 0; flags < 256; flags++) {
                struct bytes b = {0};
                put_ip4(&b, 6, "10.0.0.1", "10.0.0.2", 20);
                put_tcp(&b, 1000, 80, flags);
                decode(&b);
                check(PACKET_OK, 6, 1000, 80);
                assert_int_equal(packet.tcp_flags, flags);
        }
}

static void test_which_protocols_have_ports(void **state) {
        (void)state;
        for (unsigned proto = 0; proto < 256; proto++) {
                struct bytes b = {0};
                put_ip4(&b, proto, "10.0.0.1", "10.0.0.2", 20);
                put_tcp(&b, 1000, 80, 0x12);
                decode(&b);
                bool has_ports = proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
                check(PACKET_OK, proto, has_ports ? 1000 : 0, has_ports ? 80 : 0);
                assert_int_equal(packet.tcp_flags, proto == 6 ? 0x12 : 0);
                assert_int_equal(packet.class, packet_class_of((uint8_t)proto, 4));
        }
}

static void test_ip4_fragments(void **state) {
        (void)state;
        static const struct {
                unsigned field;
                unsigned src_port;
        } cases[] = {
                {0x2000, 1000}, /* the first of several */
                {0x4000, 1000}, /* don't fragment */
                {0x8000, 1000}, /* the reserved bit */
                {0x2001, 0},    /* one in the middle */
                {0x00b9, 0},    /* the last */
                {0x1fff, 0},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct bytes b = {0};
                put_ip4_with(&b, 17, "10.0.0.1", "10.0.0.2", 8, cases[i].field, 0);
                put_udp(&b, 1000, 53);
                decode(&b);
                check(PACKET_OK, 17, cases[i].src_port, cases[i].src_port ? 53 : 0);
        }
}

/* A header of 8 * (units + 1) bytes. */
static void put_extension(struct bytes *b, unsigned next, unsigned units) {
        put_u8(b, next);
        put_u8(b, units);
        put_zeros(b, 6 + 8 * units);
}

static void put_fragment(struct bytes *b, unsigned next, unsigned offset_and_more) {
        put_u8(b, next);
        put_u8(b, 0xff); /* reserved: no length, whatever it says */
        put_u16(b, offset_and_more);
        put_u32(b, 99);
}

static void test_extension_headers(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ip6(&b, 0, "2001:db8::1", "2001:db8::2", 8 + 24 + 8 + 16 + 8 + 8 + 8 + 20);
        put_extension(&b, 60, 0); /* hop by hop */
        put_extension(&b, 43, 2); /* destination */
        put_extension(&b, 51, 0); /* routing */
        put_u8(&b, 135);          /* AH: length in words, less two */
        put_u8(&b, 2);
        put_zeros(&b, 14);
        put_extension(&b, 139, 0); /* mobility */
        put_extension(&b, 140, 0); /* HIP */
        put_extension(&b, 6, 0);   /* Shim6 */
        put_tcp(&b, 1000, 80, PACKET_TCP_SYN);
        decode(&b);
        check(PACKET_OK, 6, 1000, 80);
        assert_int_equal(packet.tcp_flags, PACKET_TCP_SYN);
        assert_int_equal(packet.class, PACKET_CLASS_TCP);
}

static void test_ip6_fragments(void **state) {
        (void)state;
        struct bytes first = {0}, later = {0}, chained = {0};
        put_ip6(&first, 44, "2001:db8::1", "2001:db8::2", 16);
        put_fragment(&first, 17, 0x0001);
        put_udp(&first, 1000, 53);
        decode(&first);
        check(PACKET_OK, 17, 1000, 53);

        put_ip6(&later, 44, "2001:db8::1", "2001:db8::2", 16);
        put_fragment(&later, 17, 0x0008);
        put_udp(&later, 1000, 53);
        decode(&later);
        check(PACKET_OK, 17, 0, 0);
        assert_int_equal(packet.class, PACKET_CLASS_UDP);

        /* what follows the header of a later fragment is payload, not another header */
        put_ip6(&chained, 44, "2001:db8::1", "2001:db8::2", 8);
        put_fragment(&chained, 60, 0x0008);
        decode(&chained);
        check(PACKET_OK, 60, 0, 0);
}

static void test_jumbo_and_offload(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0};
        put_ip4(&b4, 17, "10.0.0.1", "10.0.0.2", 8);
        put_udp(&b4, 1000, 53);
        b4.data[2] = b4.data[3] = 0; /* a total length of zero */
        decode(&b4);
        check(PACKET_OK, 17, 1000, 53);

        put_ip6(&b6, 17, "2001:db8::1", "2001:db8::2", 0);
        put_udp(&b6, 1000, 53);
        decode(&b6);
        check(PACKET_OK, 17, 1000, 53);
}

static void test_the_ip_length_ends_the_packet(void **state) {
        (void)state;
        struct bytes b4 = {0}, b6 = {0}, beyond = {0};
        put_ip4(&b4, 17, "10.0.0.1", "10.0.0.2", 3); /* the rest is Ethernet padding */
        put_udp(&b4, 1000, 53);
        decode(&b4);
        check(PACKET_L4_CUT, 17, 0, 0);

        put_ip6(&b6, 6, "2001:db8::1", "2001:db8::2", 13);
        put_tcp(&b6, 1000, 80, 2);
        decode(&b6);
        check(PACKET_L4_CUT, 6, 1000, 80);
        assert_int_equal(packet.tcp_flags, 0);

        put_ip4(&beyond, 17, "10.0.0.1", "10.0.0.2", 1400); /* cut by the snaplen */
        put_udp(&beyond, 1000, 53);
        decode(&beyond);
        check(PACKET_OK, 17, 1000, 53);
}

static void test_bad_headers(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ip4(&b, 17, "10.0.0.1", "10.0.0.2", 8);
        put_udp(&b, 1000, 53);

        for (unsigned version = 0; version < 16; version++) {
                b.data[0] = (uint8_t)(version << 4 | 5);
                decode(&b);
                assert_int_equal(packet.verdict, version == 4   ? PACKET_OK
                                                 : version == 6 ? PACKET_IP_CUT
                                                                : PACKET_IP_VERSION);
        }
        for (unsigned words = 0; words < 16; words++) {
                b.data[0] = (uint8_t)(0x40 | words);
                decode(&b);
                assert_int_equal(packet.verdict, words < 5    ? PACKET_IP_HEADER_LENGTH
                                                 : words > 7  ? PACKET_IP_CUT
                                                 : words == 7 ? PACKET_L4_CUT
                                                              : PACKET_OK);
        }
        b.data[0] = 0x45;
        for (unsigned total = 1; total < 20; total++) {
                b.data[3] = (uint8_t)total;
                decode(&b);
                check(PACKET_IP_TOTAL_LENGTH, 0, 0, 0);
                assert_int_equal(packet.family, 0);
        }
        b.data[3] = 20;
        decode(&b);
        check(PACKET_L4_CUT, 17, 0, 0);
}

/* The chain of test_extension_headers in short, cut anywhere. */
static void test_cut_extension_headers(void **state) {
        (void)state;
        struct bytes b = {0};
        put_ip6(&b, 0, "2001:db8::1", "2001:db8::2", 8 + 16 + 8 + 20);
        put_extension(&b, 51, 0);
        put_u8(&b, 44);
        put_u8(&b, 2);
        put_zeros(&b, 14);
        put_fragment(&b, 6, 1);
        put_tcp(&b, 1000, 80, 2);

        for (unsigned n = 0; n <= b.n; n++) {
                uint8_t *copy = malloc(n ? n : 1);
                assert_non_null(copy);
                memcpy(copy, b.data, n);
                struct frame frame = frame_of(&b, FRAME_LINK_RAW);
                frame.data = copy;
                frame.captured = n;
                packet_decode(&frame, &packet);
                free(copy);

                if (n < 40)
                        check(PACKET_IP_CUT, 0, 0, 0);
                else if (n < 72)
                        check(PACKET_IP6_EXT_CUT, n < 48 ? 0 : n < 64 ? 51 : 44, 0, 0);
                else if (n < 76)
                        check(PACKET_L4_CUT, 6, 0, 0);
                else
                        check(n < 86 ? PACKET_L4_CUT : PACKET_OK, 6, 1000, 80);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ip4),
                cmocka_unit_test(test_ip6),
                cmocka_unit_test(test_mapped_ip6_is_not_ip4),
                cmocka_unit_test(test_options_are_stepped_over),
                cmocka_unit_test(test_tcp_flags),
                cmocka_unit_test(test_which_protocols_have_ports),
                cmocka_unit_test(test_ip4_fragments),
                cmocka_unit_test(test_extension_headers),
                cmocka_unit_test(test_ip6_fragments),
                cmocka_unit_test(test_jumbo_and_offload),
                cmocka_unit_test(test_the_ip_length_ends_the_packet),
                cmocka_unit_test(test_bad_headers),
                cmocka_unit_test(test_cut_extension_headers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
