/* How the flow table behaves at its edges: who must leave, when a key is sent, when a delta is
 * split, what a delta says of a flow's course. That the sums are right is test_sums. */
#include "lib/check.h"

#include <stdlib.h>

#include "lib/packets.h"

#define START_S 1700000000
#define START_MS (START_S * MS_PER_S)

static struct flow_table *table;
static struct flow_batch *batches[2]; /* of even and of odd seconds */

static struct flow_batch *open_at(int64_t second) {
        struct flow_batch *batch = batches[second & 1];
        batch->second = batch->last_second = second;
        batch->n_deltas = batch->n_keys = batch->reserved = 0;
        batch->totals = (struct tick_totals){0};
        flow_table_open(table, batch);
        return batch;
}

/* The next second begins; returns the batch of the one before, complete. */
static struct flow_batch *next_second(int64_t second) {
        open_at(second);
        assert_true(flow_table_close(table, UINT32_MAX));
        return batches[(second - 1) & 1];
}

static void set_up_with(uint32_t max_flows, uint64_t seed) {
        const struct flow_table_options options = {
                .max_flows = max_flows,
                .seed = seed,
                .ttl_ms = {120000, 30000, 10000, 30000},
        };
        table = flow_table_new(&options);
        batches[0] = flow_batch_new(max_flows);
        batches[1] = flow_batch_new(max_flows);
        assert_true(table && batches[0] && batches[1]);
        open_at(START_S);
}

static int tear_down(void **state) {
        (void)state;
        flow_table_free(table);
        flow_batch_free(batches[0]);
        flow_batch_free(batches[1]);
        table = NULL;
        batches[0] = batches[1] = NULL;
        return 0;
}

static int set_up(void **state) {
        (void)state;
        set_up_with(64, 1);
        return 0;
}

static void add(struct packet packet) {
        flow_table_add(table, FLOW_SECOND_OPEN, &packet, 1);
}

static void add_udp(uint32_t number, int64_t ms) {
        add(packet_of(number, true, PROTO_UDP, 100, ms));
}

/* ---- who must leave ------------------------------------------------------------------ */

static void test_a_new_flow_is_found_again(void **state) {
        (void)state;
        for (uint64_t seed = 0; seed < 200; seed++) {
                set_up_with(8, seed); /* one bucket, so that the ninth flow pushes one out */
                for (uint32_t number = 0; number < 8; number++)
                        add_udp(number, START_MS);
                next_second(START_S + 1);
                add_udp(8, START_MS + 1000);
                assert_int_equal(flow_table_stats(table).evicted, 1);
                add_udp(8, START_MS + 1001);
                assert_int_equal(flow_table_stats(table).evicted, 1);
                assert_int_equal(flow_table_stats(table).active, 8);
                tear_down(state);
        }
}

/* Forty heavy flows send twice a second, one of them every other second only, while a
 * thousand new flows a second of one packet each come by: the heavy ones keep their slots. */
static void test_a_flood_pushes_out_no_heavy_flow(void **state) {
        (void)state;
        uint32_t flood = 1000, slots[41] = {0};
        tear_down(state);
        set_up_with(1024, 5);
        for (int64_t second = START_S; second < START_S + 12; second++) {
                int64_t ms = second * MS_PER_S;
                for (unsigned half = 0; half < 2; half++) {
                        for (uint32_t heavy = 0; heavy <= 40; heavy++)
                                if (heavy < 40 || second % 2 == START_S % 2) {
                                        add_udp(heavy, ms + half * 500);
                                        add_udp(heavy, ms + half * 500 + 1);
                                }
                        for (unsigned i = 0; i < 500; i++)
                                add_udp(flood++, ms + half * 500 + 2);
                }
                const struct flow_batch *batch = next_second(second + 1);
                for (uint32_t i = 0; i < batch->n_deltas; i++) {
                        const struct flow_delta *delta = &batch->deltas[i];
                        if (delta->ab_packets < 4)
                                continue;
                        uint32_t heavy = 0; /* only the first second's keys tell; then the slot has to do */
                        while (second > START_S && heavy <= 40 && slots[heavy] != delta->slot)
                                heavy++;
                        assert_true(heavy <= 40);
                }
                for (uint32_t i = 0, k = 0; second == START_S && i < batch->n_deltas; i++)
                        if (batch->deltas[i].has_key && number_of(&batch->keys[k++]) <= 40)
                                slots[number_of(&batch->keys[k - 1])] = batch->deltas[i].slot;
        }
        assert_true(flow_table_stats(table).evicted > 0);
}

static void test_heavy_flows_leave_when_idle_for_two_seconds(void **state) {
        (void)state;
        tear_down(state);
        set_up_with(8, 1);
        for (uint32_t number = 0; number < 8; number++) {
                add_udp(number, START_MS + number);
                add_udp(number, START_MS + number);
        }
        next_second(START_S + 1);
        for (uint32_t number = 100; number < 120; number++)
                add_udp(number, START_MS + 1999);
        assert_int_equal(flow_table_stats(table).untracked, 20);
        next_second(START_S + 2);
        add_udp(101, START_MS + 2000); /* takes the place of flow 0 */
        assert_int_equal(flow_table_stats(table).untracked, 20);
        assert_int_equal(flow_table_stats(table).evicted, 1);
        add_udp(7, START_MS + 2001);
        assert_int_equal(flow_table_stats(table).evicted, 1);
}

static void test_the_oldest_one_packet_flow_leaves_first(void **state) {
        (void)state;
        tear_down(state);
        set_up_with(8, 1);
        for (uint32_t number = 0; number < 8; number++)
                add_udp(number, START_MS + 100 - number);
        next_second(START_S + 1);
        add_udp(8, START_MS + 1200); /* takes the place of flow 7, the oldest */
        for (uint32_t number = 0; number < 7; number++)
                add_udp(number, START_MS + 1300);
        assert_int_equal(flow_table_stats(table).evicted, 1);
        assert_int_equal(flow_table_stats(table).active, 8);
}

/* A super-packet is many packets, in the sums as in what makes a flow worth its slot. */
static void test_a_super_packet_is_no_one_packet_flow(void **state) {
        (void)state;
        tear_down(state);
        set_up_with(8, 1);
        for (uint32_t number = 0; number < 8; number++) {
                struct packet packet = packet_of(number, true, PROTO_UDP, 60000, START_MS + number);
                packet.packets = number == 0 ? 40 : 1;
                add(packet);
        }
        const struct flow_batch *batch = next_second(START_S + 1);
        assert_int_equal(batch->deltas[0].ab_packets, 40);
        assert_int_equal(batch->totals.all.packets, 47);
        assert_int_equal(batch->totals.frames, 8);

        for (uint32_t number = 100; number < 107; number++) /* the seven others leave */
                add_udp(number, START_MS + 1000);
        assert_int_equal(flow_table_stats(table).evicted, 7);
        add_udp(0, START_MS + 1001);
        assert_int_equal(flow_table_stats(table).evicted, 7);
}

static void test_sweep_frees_what_is_idle(void **state) {
        (void)state;
        add_udp(1, START_MS);
        add(packet_of(2, true, PROTO_TCP, 100, START_MS));
        flow_table_sweep(table, (START_MS + 3600000) * NS_PER_MS, UINT16_MAX);
        assert_int_equal(flow_table_stats(table).active, 2); /* their deltas are not out yet */

        next_second(START_S + 1);
        flow_table_sweep(table, (START_MS + 30000) * NS_PER_MS, UINT16_MAX);
        assert_int_equal(flow_table_stats(table).active, 2); /* idle for the TTL, not longer */
        flow_table_sweep(table, (START_MS + 30001) * NS_PER_MS, UINT16_MAX);
        assert_int_equal(flow_table_stats(table).active, 1);
        flow_table_sweep(table, (START_MS + 120001) * NS_PER_MS, UINT16_MAX);
        assert_int_equal(flow_table_stats(table).active, 0);
}

/* ---- closing -------------------------------------------------------------------------- */

static void test_small_steps_equal_one_step(void **state) {
        (void)state;
        struct flow_delta at_once[40];
        for (unsigned step = 0; step <= 7; step++) {
                for (uint32_t number = 0; number < 40; number++)
                        for (uint32_t n = 0; n <= number % 3; n++)
                                add_udp(number, START_MS + number);
                struct flow_batch *batch = batches[START_S & 1];
                open_at(START_S + 1);
                unsigned calls = 1;
                while (!flow_table_close(table, step ? step : UINT32_MAX))
                        calls++;
                assert_int_equal(calls, step ? (40 + step - 1) / step : 1);
                assert_int_equal(batch->n_deltas, 40);
                if (!step)
                        memcpy(at_once, batch->deltas, sizeof(at_once));
                assert_memory_equal(batch->deltas, at_once, sizeof(at_once));
                tear_down(state);
                set_up(state);
        }
}

static void test_a_late_frame_of_the_closing_second(void **state) {
        (void)state;
        add_udp(1, START_MS + 900);
        open_at(START_S + 1);
        struct flow_batch *closing = batches[START_S & 1];

        /* its flow is still pending there: it joins */
        struct packet late = packet_of(1, false, PROTO_UDP, 100, START_MS + 950);
        flow_table_add(table, FLOW_SECOND_CLOSING, &late, 1);
        /* its flow is unknown: a delta by key alone */
        late = packet_of(2, true, PROTO_UDP, 100, START_MS + 960);
        flow_table_add(table, FLOW_SECOND_CLOSING, &late, 1);
        assert_true(flow_table_close(table, UINT32_MAX));

        assert_int_equal(closing->n_deltas, 2);
        assert_int_equal(closing->deltas[0].slot, FLOW_SLOT_NONE);
        assert_true(closing->deltas[0].has_key);
        assert_int_equal(number_of(&closing->keys[0]), 2);
        assert_int_equal(closing->deltas[1].ba_packets, 1);
        assert_int_equal(closing->deltas[1].first_ms, 900);
        assert_int_equal(closing->deltas[1].last_ms, 950);
        assert_int_equal(closing->totals.all.packets, 3);
}

/* What was refused has taken no place in the batch from those who come later in the second. */
static void test_refused_packets_take_no_place(void **state) {
        (void)state;
        tear_down(state);
        set_up_with(8, 1);
        for (uint32_t number = 0; number < 8; number++) {
                add_udp(number, START_MS);
                add_udp(number, START_MS);
        }
        next_second(START_S + 1);
        for (uint32_t number = 100; number < 200; number++)
                add_udp(number, START_MS + 1000);
        for (uint32_t number = 0; number < 8; number++)
                add_udp(number, START_MS + 1100);
        assert_int_equal(flow_table_stats(table).untracked, 100);
}

static void test_closing_leaves_the_open_second_alone(void **state) {
        (void)state;
        add_udp(1, START_MS);
        struct flow_batch *open = open_at(START_S + 1);
        add_udp(1, START_MS + 1000);
        assert_int_equal(batches[START_S & 1]->n_deltas, 1); /* seen anew before its turn */
        assert_true(flow_table_close(table, UINT32_MAX));
        assert_int_equal(batches[START_S & 1]->n_deltas, 1);
        assert_int_equal(open->n_deltas, 0);
        add_udp(1, START_MS + 1001);
        assert_int_equal(next_second(START_S + 2)->n_deltas, 1);
}

/* ---- what a delta says ----------------------------------------------------------------- */

static void test_the_key_goes_along_once(void **state) {
        (void)state;
        add_udp(1, START_MS);
        assert_true(next_second(START_S + 1)->deltas[0].has_key);
        add_udp(1, START_MS + 30000); /* silent for just its TTL */
        assert_false(next_second(START_S + 2)->deltas[0].has_key);
        add_udp(1, START_MS + 60001); /* the rollup may have ended it */
        assert_true(next_second(START_S + 3)->deltas[0].has_key);
}

/* So that a flow for which the directory had no room gets another chance. */
static void test_the_key_goes_along_again_now_and_then(void **state) {
        (void)state;
        unsigned keys = 0;
        for (int64_t second = START_S; second < START_S + 320; second++) {
                add_udp(1, second * MS_PER_S);
                keys += next_second(second + 1)->n_keys;
        }
        assert_in_range(keys, 10, 11);
}

static void test_bytes_beyond_32_bits_make_two_deltas(void **state) {
        (void)state;
        add(packet_of(1, true, PROTO_UDP, UINT32_MAX, START_MS));
        add(packet_of(1, false, PROTO_UDP, UINT32_MAX, START_MS));
        add(packet_of(1, true, PROTO_UDP, 1, START_MS));
        const struct flow_batch *batch = next_second(START_S + 1);
        assert_int_equal(batch->n_deltas, 2);
        assert_int_equal(batch->deltas[0].ab_bytes, UINT32_MAX);
        assert_int_equal(batch->deltas[0].ba_bytes, UINT32_MAX);
        assert_int_equal(batch->deltas[1].ab_bytes, 1);
        assert_int_equal(batch->deltas[1].ba_bytes, 0);
}

static void test_a_syn_after_the_end_splits(void **state) {
        (void)state;
        add(tcp_packet(1, true, PACKET_TCP_FIN | PACKET_TCP_ACK, START_MS));
        add(tcp_packet(1, true, PACKET_TCP_SYN, START_MS + 1)); /* half closed only: no end */
        add(tcp_packet(1, false, PACKET_TCP_FIN | PACKET_TCP_ACK, START_MS + 2));
        add(tcp_packet(1, true, PACKET_TCP_ACK, START_MS + 3));
        add(tcp_packet(1, false, PACKET_TCP_SYN | PACKET_TCP_ACK, START_MS + 4));
        add(tcp_packet(1, true, PACKET_TCP_SYN, START_MS + 5)); /* a new connection */
        add(tcp_packet(1, false, PACKET_TCP_RST, START_MS + 6));
        add(tcp_packet(1, true, PACKET_TCP_SYN, START_MS + 7)); /* and another */
        const struct flow_batch *batch = next_second(START_S + 1);
        assert_int_equal(batch->n_deltas, 3);
        assert_int_equal(batch->n_keys, 3);

        const struct flow_delta *delta = batch->deltas;
        assert_true(delta[0].fin_ab && delta[0].fin_ba && !delta[0].rst && !delta[0].syn_first);
        assert_true(delta[1].syn_first && delta[1].rst && !delta[1].fin_ab && !delta[1].fin_ba);
        assert_true(delta[2].syn_first && !delta[2].rst);
        assert_int_equal(delta[1].first_ms, 5);
        assert_int_equal(delta[1].tcp_flags, PACKET_TCP_SYN | PACKET_TCP_RST);
}

static void test_the_end_is_told_once(void **state) {
        (void)state;
        add(tcp_packet(1, true, PACKET_TCP_RST, START_MS));
        assert_true(next_second(START_S + 1)->deltas[0].rst);
        /* the flow goes on all the same: what comes after its end is not closed from the start */
        add(tcp_packet(1, true, PACKET_TCP_ACK, START_MS + 10000));
        const struct flow_delta *delta = next_second(START_S + 2)->deltas;
        assert_false(delta->rst);
        assert_true(delta->has_key);

        add(tcp_packet(2, true, PACKET_TCP_FIN, START_MS + 10000));
        add(tcp_packet(2, false, PACKET_TCP_FIN, START_MS + 10001));
        assert_true(next_second(START_S + 3)->deltas[0].fin_ba);
        add(tcp_packet(2, true, PACKET_TCP_ACK, START_MS + 20000));
        delta = next_second(START_S + 4)->deltas;
        assert_false(delta->fin_ab || delta->fin_ba);
}

/* What came before may have been of another flow of the same key, which the rollup has ended meanwhile. */
static void test_a_delta_tells_of_its_own_packets(void **state) {
        (void)state;
        add(tcp_packet(1, false, PACKET_TCP_SYN, START_MS));
        add(tcp_packet(1, true, PACKET_TCP_FIN, START_MS + 1));
        const struct flow_delta *delta = next_second(START_S + 1)->deltas;
        assert_true(delta->fin_ab && !delta->fin_ba && delta->initiator_b);
        assert_int_equal(delta->initiator_rank, INITIATOR_SYN);

        add(tcp_packet(1, true, PACKET_TCP_ACK, START_MS + 10000));
        add(tcp_packet(1, false, PACKET_TCP_FIN, START_MS + 10001));
        delta = next_second(START_S + 2)->deltas;
        assert_true(delta->has_key && !delta->fin_ab && delta->fin_ba && !delta->initiator_b);
        assert_int_equal(delta->initiator_rank, INITIATOR_FIRST_SEEN);

        add(tcp_packet(1, true, PACKET_TCP_ACK, START_MS + 20000));
        add(tcp_packet(1, true, PACKET_TCP_SYN, START_MS + 20001)); /* whether that is another the rollup knows */
        assert_int_equal(next_second(START_S + 3)->n_deltas, 2);
}

static void test_initiator(void **state) {
        (void)state;
        static const struct {
                bool from_a;
                uint8_t flags;
                bool is_b;
                enum initiator_rank rank;
        } cases[] = {
                {true, PACKET_TCP_ACK, false, INITIATOR_FIRST_SEEN},
                {false, PACKET_TCP_ACK, true, INITIATOR_FIRST_SEEN},
                {true, PACKET_TCP_SYN, false, INITIATOR_SYN},
                {false, PACKET_TCP_SYN, true, INITIATOR_SYN},
                {true, PACKET_TCP_SYN | PACKET_TCP_ACK, true, INITIATOR_SYN_ACK},
                {false, PACKET_TCP_SYN | PACKET_TCP_ACK, false, INITIATOR_SYN_ACK},
        };
        for (uint32_t i = 0; i < 6; i++) {
                add(tcp_packet(i, cases[i].from_a, cases[i].flags, START_MS));
                add(tcp_packet(i, !cases[i].from_a, PACKET_TCP_ACK, START_MS));
        }
        const struct flow_batch *batch = next_second(START_S + 1);
        for (uint32_t i = 0; i < 6; i++) {
                assert_int_equal(batch->deltas[i].initiator_b, cases[i].is_b);
                assert_int_equal(batch->deltas[i].initiator_rank, cases[i].rank);
        }
}

static void test_direction_of_a_to_b(void **state) {
        (void)state;
        static const uint8_t seen[] = {DIRECTION_OUT, DIRECTION_IN, DIRECTION_UNKNOWN};
        for (uint32_t i = 0; i < 6; i++) {
                struct packet packet = packet_of(i, i < 3, PROTO_UDP, 100, START_MS);
                packet.direction = seen[i % 3];
                add(packet);
        }
        static const unsigned wanted[] = {
                DIRECTION_OUT, DIRECTION_IN, DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN,
        };
        const struct flow_batch *batch = next_second(START_S + 1);
        for (uint32_t i = 0; i < 6; i++)
                assert_int_equal(batch->deltas[i].ab_direction, wanted[i]);
}

/* A file may jump back; such a frame counts in the second that is open, at its start. */
static void test_a_frame_from_long_ago(void **state) {
        (void)state;
        static const int64_t days[] = {0, 1, 24, 25, 30, 49, 50, 400, 20000};
        for (unsigned i = 0; i < sizeof(days) / sizeof(days[0]); i++)
                add_udp(i, START_MS - 1 - days[i] * 86400000);
        const struct flow_batch *batch = next_second(START_S + 1);
        assert_int_equal(batch->n_deltas, sizeof(days) / sizeof(days[0]));
        for (unsigned i = 0; i < batch->n_deltas; i++) {
                assert_int_equal(batch->deltas[i].first_ms, 0);
                assert_int_equal(batch->deltas[i].last_ms, 0);
        }
}

static void test_merged_seconds_saturate(void **state) {
        (void)state;
        add_udp(1, START_MS + 100000);
        const struct flow_delta *delta = next_second(START_S + 1)->deltas;
        assert_in_range(delta->first_ms, 1000, 1023);
        assert_int_equal(delta->last_ms, UINT16_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_new_flow_is_found_again),
                cmocka_unit_test_setup_teardown(test_a_flood_pushes_out_no_heavy_flow, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_heavy_flows_leave_when_idle_for_two_seconds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_oldest_one_packet_flow_leaves_first, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_super_packet_is_no_one_packet_flow, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sweep_frees_what_is_idle, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_small_steps_equal_one_step, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_late_frame_of_the_closing_second, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refused_packets_take_no_place, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_closing_leaves_the_open_second_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_key_goes_along_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_key_goes_along_again_now_and_then, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bytes_beyond_32_bits_make_two_deltas, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_syn_after_the_end_splits, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_end_is_told_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_delta_tells_of_its_own_packets, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_initiator, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_direction_of_a_to_b, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_frame_from_long_ago, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_merged_seconds_saturate, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
