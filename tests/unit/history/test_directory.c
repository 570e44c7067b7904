/* The lives of flows: when one begins, goes on, ends, is followed by another, is forgotten. */
#include "lib/check.h"

#include "lib/ticks.h"

#define START 1700000000

static struct history *history;
static struct flow_result rows;

static void begin_with(struct history_options options) {
        history_free(history);
        history = history_new(&options);
        assert_non_null(history);
}

static int set_up(void **state) {
        (void)state;
        begin_with(history_options_with(100));
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        flow_result_fini(&rows);
        history_free(history);
        history = NULL;
        return 0;
}

static const struct flow_row *read_rows(size_t n) {
        flow_result_fini(&rows);
        rows = ticks_rows(history);
        assert_int_equal(rows.n_rows, n);
        return rows.rows;
}

static struct history_figures figures(void) {
        struct history_figures result;
        history_read_figures(history, &result);
        return result;
}

/* Silent ticks of [from, to). */
static void silence(int64_t from, int64_t to) {
        for (int64_t second = from; second < to; second++)
                ticks_none(history, second);
}

static void udp(int64_t second, uint16_t ms) {
        ticks_one(history, second, 1, PROTO_UDP, delta_of(ms, 100));
}

static void tcp(int64_t second, uint16_t ms, uint8_t flags) {
        struct flow_delta delta = delta_of(ms, 100);
        delta.tcp_flags = flags;
        delta.syn_first = flags == PACKET_TCP_SYN;
        delta.rst = !!(flags & PACKET_TCP_RST);
        delta.fin_ab = delta.fin_ba = !!(flags & PACKET_TCP_FIN); /* both sides, in this second */
        ticks_one(history, second, 1, PROTO_TCP, delta);
}

/* ---- idle ------------------------------------------------------------------------------- */

/* With every tick in between, and with none: the time decides, not the wheel. */
static void test_the_ttl_is_exact(void **state) {
        (void)state;
        static const uint16_t starts[] = {0, 1, 500, 999};
        for (unsigned ticking = 0; ticking < 2; ticking++)
                for (unsigned i = 0; i < 4; i++)
                        for (int more = -1; more <= 1; more++) {
                                begin_with(history_options_with(100));
                                int64_t again = START * MS_PER_S + starts[i] + 30000 + more;
                                udp(START, starts[i]);
                                if (ticking)
                                        silence(START + 1, floor_div(again, MS_PER_S));
                                udp(floor_div(again, MS_PER_S), (uint16_t)(again % MS_PER_S));
                                const struct flow_row *row = read_rows(more > 0 ? 2 : 1);
                                assert_int_equal(row[0].first_seen_ms, START * MS_PER_S + starts[i]);
                                assert_int_equal(row[more > 0].last_seen_ms, again);
                                assert_int_equal(row[more > 0].first_seen_ms, more > 0 ? again : row[0].first_seen_ms);
                                assert_int_equal(row[0].ab.packets, more > 0 ? 1 : 2);
                        }
}

static void test_idle_flows_end(void **state) {
        (void)state;
        udp(START, 500);
        silence(START + 1, START + 30);
        assert_int_equal(read_rows(1)->state, FLOW_STATE_ACTIVE);
        assert_int_equal(figures().flows_active, 1);
        ticks_none(history, START + 30); /* the second in which the TTL runs out */
        assert_int_equal(read_rows(1)->state, FLOW_STATE_ENDED);
        assert_int_equal(figures().flows_active, 0);
        assert_int_equal(figures().flows_ended, 1);
}

static void test_each_class_has_its_ttl(void **state) {
        (void)state;
        static const uint8_t protos[] = {6, 17, 1, 47};
        static const int64_t ttl_s[] = {120, 30, 10, 30};
        struct history_tick tick = ticks_begin(history, START);
        for (unsigned i = 0; i < 4; i++) {
                const struct flow_key key = key_of(i, protos[i]);
                assert_true(ticks_add_key(history, &key, delta_of(0, 100), &tick));
        }
        history_tick_end(history, &tick);
        for (int64_t s = 1; s < 150; s++) {
                ticks_none(history, START + s);
                unsigned active = 0;
                for (unsigned i = 0; i < 4; i++)
                        active += s < ttl_s[i];
                assert_int_equal(figures().flows_active, active);
        }
}

static void test_ttls_longer_than_the_wheel(void **state) {
        (void)state;
        struct history_options options = history_options_with(100);
        options.ttl_ms[PACKET_CLASS_UDP] = 10000 * MS_PER_S;
        begin_with(options);
        udp(START, 0);
        silence(START + 1, START + 10000);
        assert_int_equal(figures().flows_active, 1);
        ticks_none(history, START + 10000);
        assert_int_equal(figures().flows_active, 0);
}

static void test_jumps_of_the_clock(void **state) {
        (void)state;
        static const int64_t jumps[] = {31, 4095, 4096, 4097, 8192, 86400, 86400 * 365, 7000000000};
        for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
                struct history_options options = history_options_with(100);
                options.keep_all = true;
                begin_with(options);
                udp(START, 500);
                ticks_one(history, START + jumps[i], 2, PROTO_UDP, delta_of(0, 100));
                assert_int_equal(figures().flows_active, 1);
                assert_int_equal(figures().flows_ended, 1);
                silence(START + jumps[i] + 1, START + jumps[i] + 31);
                assert_int_equal(figures().flows_active, 0);
        }
}

/* After a jump each list of the wheel is looked at, also that of a flow whose time is not over. */
static void test_the_ttl_is_exact_after_a_jump(void **state) {
        (void)state;
        struct history_options options = history_options_with(100);
        options.ttl_ms[PACKET_CLASS_UDP] = 1000;
        begin_with(options);
        ticks_none(history, START);
        udp(START + 5000, 0);
        udp(START + 5001, 0);
        assert_int_equal(read_rows(1)->ab.packets, 2);
}

static void test_before_1970(void **state) {
        (void)state;
        struct history_options options = history_options_with(100);
        options.keep_all = true;
        begin_with(options);
        udp(-100, 0);
        udp(-80, 0);
        udp(-49, 999); /* 30.999 s later */
        udp(-20, 0);
        const struct flow_row *row = read_rows(2);
        assert_int_equal(row[0].first_seen_ms, -100000);
        assert_int_equal(row[0].last_seen_ms, -80000);
        assert_int_equal(row[1].first_seen_ms, -48001);
        assert_int_equal(row[1].ab.packets, 2);
}

/* ---- closed ------------------------------------------------------------------------------ */

static void test_linger(void **state) {
        (void)state;
        static const uint8_t ends[] = {PACKET_TCP_FIN, PACKET_TCP_RST};
        for (unsigned i = 0; i < 2; i++) {
                begin_with(history_options_with(100));
                tcp(START, 0, PACKET_TCP_SYN);
                tcp(START + 1, 0, ends[i]);
                for (int64_t s = 2; s <= 6; s++) {
                        assert_int_equal(figures().flows_active, 1);
                        tcp(START + s, 999, PACKET_TCP_ACK); /* stragglers still belong to it */
                }
                assert_int_equal(figures().flows_active, 0);
                tcp(START + 7, 0, PACKET_TCP_ACK); /* this one does not */
                const struct flow_row *row = read_rows(2);
                assert_int_equal(row[0].state, FLOW_STATE_ENDED);
                assert_int_equal(row[0].ab.packets, 7);
                assert_int_equal(row[1].state, FLOW_STATE_ACTIVE);
                silence(START + 8, START + 60);
                assert_int_equal(figures().flows_active, 1); /* the second was not closed from the start */
        }
}

static void test_half_closed_goes_on(void **state) {
        (void)state;
        struct flow_delta delta = delta_of(0, 100);
        delta.fin_ab = 1;
        ticks_one(history, START, 1, PROTO_TCP, delta);
        silence(START + 1, START + 100);
        assert_int_equal(figures().flows_active, 1);
        delta = delta_of(0, 100);
        delta.fin_ba = 1;
        ticks_one(history, START + 100, 1, PROTO_TCP, delta);
        silence(START + 101, START + 105);
        assert_int_equal(figures().flows_active, 1);
        ticks_none(history, START + 105);
        assert_int_equal(figures().flows_active, 0);
}

static void test_a_syn_begins_a_successor(void **state) {
        (void)state;
        tcp(START, 0, PACKET_TCP_SYN);
        tcp(START, 100, PACKET_TCP_SYN); /* a retransmission: the flow is not closed */
        read_rows(1);
        tcp(START, 200, PACKET_TCP_RST);
        tcp(START, 300, PACKET_TCP_SYN);
        const struct flow_row *row = read_rows(2);
        assert_int_equal(row[0].ab.packets, 3);
        assert_int_equal(row[0].state, FLOW_STATE_ENDED);
        assert_int_equal(row[1].first_seen_ms, START * MS_PER_S + 300);
        assert_int_equal(row[1].tcp_flags, PACKET_TCP_SYN);
        assert_true(row[1].id > row[0].id);
}

/* ---- listed, and forgotten ----------------------------------------------------------------- */

static void test_ended_flows_stay_for_the_retention(void **state) {
        (void)state;
        udp(START, 0);
        silence(START + 1, START + 60);
        assert_int_equal(read_rows(1)->state, FLOW_STATE_ENDED);
        ticks_none(history, START + 60);
        read_rows(0);
        assert_int_equal(figures().flows_forgotten, 0); /* its time had come */
}

static void test_new_and_active_are_counted(void **state) {
        (void)state;
        struct history_counters last;
        struct history_tick tick = ticks_begin(history, START);
        for (uint32_t n = 0; n < 5; n++) {
                const struct flow_key key = key_of(n, PROTO_UDP);
                ticks_add_key(history, &key, delta_of(0, 100), &tick);
                ticks_add_key(history, &key, delta_of(1, 100), &tick);
        }
        history_tick_end(history, &tick);
        assert_true(history_latest(history, &last));
        assert_int_equal(last.new_flows, 5);
        assert_int_equal(last.active_flows, 5);
        ticks_one(history, START + 1, 9, PROTO_UDP, delta_of(0, 100));
        history_latest(history, &last);
        assert_int_equal(last.new_flows, 1);
        assert_int_equal(last.active_flows, 6);
}

static void test_a_full_directory_refuses_and_forgets(void **state) {
        (void)state;
        begin_with(history_options_with(4));
        struct history_tick tick = ticks_begin(history, START);
        for (uint32_t n = 0; n < 6; n++) {
                const struct flow_key key = key_of(n, PROTO_UDP);
                assert_int_equal(ticks_add_key(history, &key, delta_of(0, 100 + n), &tick), n < 4);
        }
        history_tick_end(history, &tick);
        read_rows(4);

        silence(START + 1, START + 31); /* they end, and make room */
        ticks_one(history, START + 31, 7, PROTO_UDP, delta_of(0, 1));
        struct history_totals totals;
        history_read_totals(history, &totals);
        assert_int_equal(totals.flows_forgotten, 1);
        assert_int_equal(totals.forgotten.packets, 1);
        assert_int_equal(totals.forgotten.bytes, 100); /* the one that ended first */
        assert_int_equal(totals.totals.untracked.packets, 2);
        read_rows(4);
}

/* Connections of one 5-tuple that come and go faster than the tick has rows for: what cannot be
 * told is refused, and nothing stands in the list that carried nothing. */
static void test_more_flows_in_a_tick_than_rows(void **state) {
        (void)state;
        begin_with(history_options_with(4));
        struct history_tick tick = ticks_begin(history, START);
        const struct flow_key key = key_of(1, PROTO_TCP);
        for (unsigned i = 0; i < 20; i++) {
                struct flow_delta delta = delta_of(0, 60);
                delta.syn_first = delta.rst = 1;
                ticks_add_key(history, &key, delta, &tick);
        }
        history_tick_end(history, &tick);

        struct history_totals totals;
        history_read_totals(history, &totals);
        flow_result_fini(&rows);
        rows = ticks_rows(history);
        uint64_t packets = totals.forgotten.packets + totals.totals.untracked.packets;
        for (size_t i = 0; i < rows.n_rows; i++) {
                assert_true(rows.rows[i].ab.packets > 0);
                packets += rows.rows[i].ab.packets;
        }
        assert_int_equal(packets, 20);
}

/* A flow that is forgotten within its last second takes its row of that second along: the next one
 * in its place does not inherit it. */
static void test_a_place_changes_hands_within_a_tick(void **state) {
        (void)state;
        begin_with(history_options_with(3));
        ticks_one(history, START, 2, PROTO_TCP, delta_of(0, 60)); /* keeps one of the three places */

        /* three connections one after the other: the third takes the place of the first */
        struct history_tick tick = ticks_begin(history, START + 1);
        const struct flow_key key = key_of(1, PROTO_TCP);
        for (unsigned i = 0; i < 3; i++) {
                struct flow_delta delta = delta_of(0, 60);
                delta.syn_first = delta.rst = 1;
                assert_true(ticks_add_key(history, &key, delta, &tick));
        }
        history_tick_end(history, &tick);
        assert_int_equal(figures().flows_forgotten, 1);

        struct top_result top;
        const struct top_query query = {.by = TOP_BY_FLOW, .limit = 10};
        assert_int_equal(history_query_top(history, &query, NULL, NULL, &top), 0);
        assert_int_equal(top.matched_flows, 2);
        assert_int_equal(top.matched.packets, 2);
        read_rows(3);
        top_result_fini(&top);
}

static void test_stale_flows_are_refused(void **state) {
        (void)state;
        begin_with(history_options_with(1));
        struct history_flow first, none = {0};
        const struct flow_key one = key_of(1, PROTO_UDP), other = key_of(2, PROTO_UDP);
        const struct flow_delta delta = delta_of(0, 100);

        struct history_tick tick = ticks_begin(history, START);
        assert_true(history_flow_of(history, &one, DIRECTION_UNKNOWN, &first));
        assert_true(history_tick_add(history, &first, &delta));
        assert_false(history_tick_add(history, &none, &delta));
        history_tick_end(history, &tick);

        silence(START + 1, START + 31);
        tick = ticks_begin(history, START + 31);
        struct history_flow ended = first, second;
        assert_true(history_tick_add(history, &ended, &delta)); /* its successor begins */
        assert_true(ended.generation != first.generation);
        assert_false(history_tick_add(history, &first, &delta)); /* its place has gone to that one */
        history_tick_end(history, &tick);

        silence(START + 32, START + 62);
        tick = ticks_begin(history, START + 62);
        assert_true(history_flow_of(history, &other, DIRECTION_UNKNOWN, &second));
        assert_false(history_tick_add(history, &ended, &delta));
        assert_true(history_tick_add(history, &second, &delta));
        history_tick_end(history, &tick);
        assert_int_equal(number_of(&read_rows(1)->key), 2);
}

/* ---- who began ------------------------------------------------------------------------------- */

static void test_the_strongest_witness_counts(void **state) {
        (void)state;
        static const struct {
                uint8_t rank, is_b, wanted;
        } deltas[] = {
                {INITIATOR_FIRST_SEEN, 1, FLOW_INITIATOR_A}, /* the port below 1024 is B's */
                {INITIATOR_SYN_ACK, 1, FLOW_INITIATOR_B},    {INITIATOR_SYN_ACK, 0, FLOW_INITIATOR_B},
                {INITIATOR_SYN, 0, FLOW_INITIATOR_A},        {INITIATOR_SYN_ACK, 1, FLOW_INITIATOR_A},
        };
        for (unsigned i = 0; i < 5; i++) {
                struct flow_delta delta = delta_of(0, 100);
                delta.initiator_rank = deltas[i].rank & 3;
                delta.initiator_b = deltas[i].is_b & 1;
                ticks_one(history, START + i, 1, PROTO_TCP, delta);
                assert_int_equal(read_rows(1)->initiator, deltas[i].wanted);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_the_ttl_is_exact, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_idle_flows_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_each_class_has_its_ttl, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ttls_longer_than_the_wheel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_jumps_of_the_clock, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_ttl_is_exact_after_a_jump, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_before_1970, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_linger, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_half_closed_goes_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_syn_begins_a_successor, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ended_flows_stay_for_the_retention, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_new_and_active_are_counted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_full_directory_refuses_and_forgets, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_more_flows_in_a_tick_than_rows, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_place_changes_hands_within_a_tick, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_stale_flows_are_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_strongest_witness_counts, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
