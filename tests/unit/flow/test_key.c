/* The key is the same from both ends, and different for whatever differs. */
#include "lib/check.h"

#include "lib/packets.h"

static struct packet reversed(const struct packet *packet) {
        struct packet back = *packet;
        memcpy(back.src, packet->dst, 16);
        memcpy(back.dst, packet->src, 16);
        back.src_port = packet->dst_port;
        back.dst_port = packet->src_port;
        return back;
}

static void test_both_directions_have_one_key(void **state) {
        (void)state;
        uint64_t seed = 3;
        for (unsigned i = 0; i < 10000; i++) {
                struct packet there = {.family = random_one_in(&seed, 2) ? 4 : 6, .proto = PROTO_TCP};
                for (unsigned b = 0; b < 16; b++) {
                        there.src[b] = (uint8_t)random_below(&seed, 3);
                        there.dst[b] = random_one_in(&seed, 8) ? (uint8_t)random_below(&seed, 3) : there.src[b];
                }
                there.src_port = (uint16_t)random_below(&seed, 3);
                there.dst_port = (uint16_t)random_below(&seed, 3);
                const struct packet back = reversed(&there);

                struct flow_key one, other;
                bool there_from_a = flow_key_from_packet(&there, 1, &one);
                bool back_from_a = flow_key_from_packet(&back, 1, &other);
                assert_true(flow_key_equal(&one, &other));
                assert_true(flow_key_hash(&one, 7) == flow_key_hash(&other, 7));

                int order = memcmp(one.a_address, one.b_address, 16);
                assert_true(order < 0 || (order == 0 && one.a_port <= one.b_port));
                bool same_ends = order == 0 && one.a_port == one.b_port;
                assert_true(same_ends || there_from_a != back_from_a);
        }
}

static void test_addresses_decide_before_ports(void **state) {
        (void)state;
        struct packet packet = packet_of(1, true, PROTO_TCP, 60, 0);
        struct flow_key key;
        assert_true(flow_key_from_packet(&packet, 0, &key)); /* 10.0.0.1:50000 is below 192.0.2.1:443 */
        assert_int_equal(key.a_port, 50000);
        assert_int_equal(key.b_port, 443);
        memcpy(packet.dst, packet.src, 16);
        assert_false(flow_key_from_packet(&packet, 0, &key));
        assert_int_equal(key.a_port, 443);
}

static void test_what_makes_another_flow(void **state) {
        (void)state;
        const struct packet base = packet_of(1, true, PROTO_UDP, 60, 0);
        struct packet others[6];
        for (unsigned i = 0; i < 6; i++)
                others[i] = base;
        others[0].vlan = 1;
        others[1].vlan = 4095;
        others[2].family = 6; /* a real ::ffff:0:0/96 packet */
        others[3].proto = PROTO_TCP;
        others[4].src_port++;
        others[5].dst[15]++;

        struct flow_key keys[8];
        for (unsigned i = 0; i < 6; i++)
                flow_key_from_packet(&others[i], 0, &keys[i]);
        flow_key_from_packet(&base, 0, &keys[6]);
        flow_key_from_packet(&base, 1, &keys[7]);
        for (unsigned x = 0; x < 8; x++)
                for (unsigned y = 0; y < x; y++) {
                        assert_false(flow_key_equal(&keys[x], &keys[y]));
                        assert_true(flow_key_hash(&keys[x], 7) != flow_key_hash(&keys[y], 7));
                }
        assert_int_equal(flow_key_vlan(&keys[1]), 4095);
        assert_int_equal(flow_key_family(&keys[1]), 4);
        assert_int_equal(flow_key_family(&keys[2]), 6);
        assert_int_equal(flow_key_vlan(&keys[2]), 0);
}

static void test_the_seed_counts(void **state) {
        (void)state;
        const struct flow_key key = key_of(1, PROTO_UDP);
        assert_true(flow_key_hash(&key, 1) != flow_key_hash(&key, 2));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_directions_have_one_key),
                cmocka_unit_test(test_addresses_decide_before_ports),
                cmocka_unit_test(test_what_makes_another_flow),
                cmocka_unit_test(test_the_seed_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
