/* Captured interfaces: with none of them up a second is a gap, with one of them it is not. */
#include "lib/check.h"

#include <string.h>

#include "lib/one_history.h"

#define START 1700000000

static void put(unsigned iface, enum history_iface_state state, int64_t at_ms) {
        const struct history_iface now = {.name = "eth", .state = state};
        history_set_iface(history, iface, &now, START * NS_PER_S + at_ms * NS_PER_MS);
}

/* 0: no such row. */
static uint32_t span_of(int64_t second) {
        struct history_counters row;
        return history_read_counters(history, START + second, START + second + 1, &row, 1) ? row.span_ms : 0;
}

static void test_a_second_without_an_interface_is_a_gap(void **state) {
        (void)state;
        put(0, HISTORY_IFACE_UP, 0);
        ticks_none(history, START);
        put(0, HISTORY_IFACE_DOWN, 1300);
        ticks_none(history, START + 1);
        ticks_none(history, START + 2);
        put(0, HISTORY_IFACE_GONE, 3500);
        ticks_none(history, START + 3);
        ticks_none(history, START + 4);
        put(0, HISTORY_IFACE_NO_CARRIER, 5000);
        ticks_none(history, START + 5);
        put(0, HISTORY_IFACE_UP, 6250);
        put(0, HISTORY_IFACE_DOWN, 6500);
        put(0, HISTORY_IFACE_UP, 6750);
        ticks_none(history, START + 6);

        const uint32_t spans[] = {1000, 300, 0, 0, 0, 0, 500};
        const enum history_gap gaps[] = {
                HISTORY_GAP_NONE,       HISTORY_GAP_NONE,       HISTORY_GAP_IFACE_DOWN, HISTORY_GAP_IFACE_GONE,
                HISTORY_GAP_IFACE_GONE, HISTORY_GAP_IFACE_DOWN, HISTORY_GAP_NONE,
        };
        int64_t end;
        for (unsigned i = 0; i < 7; i++) {
                assert_int_equal(span_of(i), spans[i]);
                assert_int_equal(history_gap_of(history, START + i, &end), gaps[i]);
        }
        int64_t from, to;
        assert_true(history_span(history, &from, &to));
        assert_int_equal(to - from, 7);
}

static void test_the_last_row_stays_the_latest_during_a_gap(void **state) {
        (void)state;
        struct history_counters row, gap;
        put(0, HISTORY_IFACE_GONE, 100); /* at the start; so it was before */
        ticks_none(history, START);
        assert_false(history_latest(history, &row));
        assert_true(history_latest_gap(history, &gap));
        assert_int_equal(gap.second, START);
        put(0, HISTORY_IFACE_UP, 1000);
        ticks_none(history, START + 1);
        assert_false(history_latest_gap(history, &gap));
        put(0, HISTORY_IFACE_GONE, 2000);
        ticks_none(history, START + 2);
        assert_true(history_latest(history, &row));
        assert_int_equal(row.second, START + 1);
        assert_true(history_latest_gap(history, &gap));
        assert_int_equal(gap.second, START + 2);
        assert_int_equal(gap.gap, HISTORY_GAP_IFACE_GONE);
}

static void test_one_of_several_is_enough(void **state) {
        (void)state;
        struct history_iface list[4];
        put(0, HISTORY_IFACE_GONE, 10);
        put(1, HISTORY_IFACE_UP, 20);
        put(0, HISTORY_IFACE_UP, 500);
        put(1, HISTORY_IFACE_GONE, 700);
        put(0, HISTORY_IFACE_DOWN, 1000);
        put(1, HISTORY_IFACE_UP, 1500);
        for (int64_t second = 0; second < 3; second++)
                ticks_none(history, START + second);
        assert_int_equal(span_of(0), 1000);
        assert_int_equal(span_of(1), 500);
        assert_int_equal(span_of(2), 1000);
        assert_int_equal(history_read_ifaces(history, list, 4), 2);
        assert_int_equal(list[0].state, HISTORY_IFACE_DOWN);
        assert_int_equal(list[1].state, HISTORY_IFACE_UP);
        assert_int_equal(history_read_ifaces(history, list, 1), 1);
}

/* Word of an interface that is up may come after its first frames. */
static void test_what_was_counted_was_captured(void **state) {
        (void)state;
        int64_t end;
        put(0, HISTORY_IFACE_DOWN, 0);
        ticks_one(history, START, 1, 17, delta_of(500, 100));
        assert_int_equal(history_gap_of(history, START, &end), HISTORY_GAP_NONE);
        assert_in_range(span_of(0), 1, 1000);
        struct history_counters row;
        assert_true(history_latest(history, &row));
        assert_int_equal(row.all.packets, 1);
        assert_true(row.partial);
}

/* A preview that was captured in full, and an outage in the rest of its second. */
static void test_a_second_that_goes_on(void **state) {
        (void)state;
        put(0, HISTORY_IFACE_UP, 0);
        struct history_tick tick = ticks_begin(history, START);
        tick.end_ns = START * NS_PER_S + 400 * NS_PER_MS;
        history_tick_end(history, &tick);
        put(0, HISTORY_IFACE_DOWN, 600);
        tick = ticks_begin(history, START);
        tick.start_ns += 400 * NS_PER_MS;
        history_tick_end(history, &tick);
        assert_int_equal(span_of(0), 600);
}

/* Several seconds that were counted together, then one by itself, then a gap. */
static void test_what_was_held_before_a_second(void **state) {
        (void)state;
        struct history_counters row;
        put(0, HISTORY_IFACE_UP, 0);
        assert_false(history_before(history, START, &row));
        struct history_tick tick = ticks_begin(history, START);
        tick.end_ns = (START + 3) * NS_PER_S;
        tick.merged = true;
        history_tick_end(history, &tick);
        put(0, HISTORY_IFACE_DOWN, 4000);
        ticks_none(history, START + 3);
        ticks_none(history, START + 4);

        assert_false(history_before(history, START, &row));
        for (int64_t second = 1; second <= 3; second++) {
                assert_true(history_before(history, START + second, &row));
                assert_int_equal(row.second, START);
                assert_int_equal(row.span_ms, 3000);
                assert_true(row.merged);
        }
        assert_true(history_before(history, START + 4, &row));
        assert_int_equal(row.second, START + 3);
        assert_false(history_before(history, START + 5, &row)); /* not begun */
        ticks_none(history, START + 5);
        assert_false(history_before(history, START + 5, &row)); /* before it is a gap */
}

/* More than are kept: the oldest are forgotten, and nothing else. */
static void test_many_outages(void **state) {
        (void)state;
        for (int64_t i = 0; i < 500; i++) {
                put(0, HISTORY_IFACE_DOWN, 10 * i);
                put(0, HISTORY_IFACE_UP, 10 * i + 5);
        }
        ticks_none(history, START + 3);
        ticks_none(history, START + 4);
        ticks_none(history, START + 5);
        assert_int_equal(span_of(3), 1000);
        assert_int_equal(span_of(4), 1000 - 64 * 5);
        assert_int_equal(span_of(5), 1000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_second_without_an_interface_is_a_gap, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_last_row_stays_the_latest_during_a_gap, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one_of_several_is_enough, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_was_counted_was_captured, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_second_that_goes_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_was_held_before_a_second, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_many_outages, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
