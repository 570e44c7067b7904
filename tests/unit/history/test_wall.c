/* Numbers and the wall time they bear: what readers get after the clock was set. */
#include "lib/check.h"

#include <stdlib.h>

#include "history/wall.h"
#include "lib/one_history.h"

#define START 1700000000

/* Seconds [from, to) after START, the n-th with n + 1 packets of flow 1. */
static void seconds(int64_t from, int64_t to) {
        const struct flow_key key = key_of(1, PROTO_UDP);
        for (int64_t s = from; s < to; s++) {
                struct history_tick tick = ticks_begin(history, START + s);
                tick.totals.first_ns = tick.start_ns;
                tick.totals.last_ns = tick.start_ns;
                for (int64_t i = 0; i <= s; i++)
                        assert_true(ticks_add_key(history, &key, delta_of(0, 100), &tick));
                history_tick_end(history, &tick);
        }
}

/* Packets of the second that bears a time after START; -1 where none does. */
static int64_t packets_at(int64_t label) {
        struct history_counters row;
        if (!history_read_counters(history, START + label, START + label + 1, &row, 1))
                return -1;
        assert_int_equal(row.second, START + label);
        return (int64_t)row.all.packets;
}

static enum history_gap gap_of(int64_t label) {
        int64_t end;
        return history_gap_of(history, label, &end);
}

static bool is_past(int64_t from, int64_t to) {
        return history_read_basis(history, (struct history_range){START + from, START + to}).is_past;
}

static struct flow_row only_flow(void) {
        struct flow_result rows = ticks_rows(history);
        assert_int_equal(rows.n_rows, 1);
        struct flow_row row = rows.rows[0];
        flow_result_fini(&rows);
        return row;
}

static void test_forward(void **state) {
        (void)state;
        seconds(0, 5);
        history_set_wall(history, START + 5, 3600, HISTORY_GAP_CLOCK_STEP);
        seconds(5, 10);
        assert_int_equal(packets_at(4), 5);
        assert_int_equal(packets_at(5), -1);
        assert_int_equal(packets_at(3604), -1);
        assert_int_equal(packets_at(3605), 6);
        assert_int_equal(gap_of(START + 4), HISTORY_GAP_NONE);
        assert_int_equal(gap_of(START + 5), HISTORY_GAP_CLOCK_STEP);
        assert_int_equal(gap_of(START + 3604), HISTORY_GAP_CLOCK_STEP);
        assert_int_equal(gap_of(START + 3605), HISTORY_GAP_NONE);

        int64_t from, to;
        (void)history_gap_of(history, START + 7, &to);
        assert_int_equal(to, START + 3605);
        assert_true(history_span(history, &from, &to));
        assert_int_equal(from, START);
        assert_int_equal(to, START + 3610);
        assert_int_equal(history_end(history), to);
        struct flow_row row = only_flow(); /* it did not grow an hour older */
        assert_int_equal(row.state, FLOW_STATE_ACTIVE);
        assert_int_equal(row.first_seen_ms, (START + 3600) * MS_PER_S); /* by the clock as it is now */
        assert_int_equal(row.last_seen_ms, (START + 3609) * MS_PER_S);
}

static void test_back(void **state) {
        (void)state;
        seconds(0, 10);
        history_set_wall(history, START + 10, -6, HISTORY_GAP_CLOCK_STEP); /* bears +4 */
        seconds(10, 13);
        assert_int_equal(packets_at(3), 4);
        for (int64_t label = 4; label < 7; label++)
                assert_int_equal(packets_at(label), label + 6 + 1); /* the latest that bears it */
        assert_int_equal(packets_at(7), 8);                         /* until time gets there again */
        seconds(13, 14);
        assert_int_equal(packets_at(7), 14);

        struct history_counters rows[20];
        size_t n = history_read_counters(history, START, START + 20, rows, 20);
        assert_int_equal(n, 10);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(rows[i].second, START + (int64_t)i);
        struct history_counters latest;
        assert_true(history_latest(history, &latest));
        assert_int_equal(latest.second, START + 7);
        assert_int_equal(latest.number, START + 13);
        assert_int_equal(history_count_between(history, START + 8, START + 13, false), 4);
        int64_t from, to;
        assert_true(history_span(history, &from, &to));
        assert_int_equal(from, START);
        assert_int_equal(to, START + 8);
        assert_int_equal(history_end(history), START + 10);
        assert_int_equal(only_flow().last_seen_ms, (START + 7) * MS_PER_S);
        assert_int_equal(only_flow().first_seen_ms, (START + 7 - 13) * MS_PER_S);
}

/* A time that another second will bear once the clock has come there again is not past. */
static void test_back_is_not_past(void **state) {
        (void)state;
        seconds(0, 10);
        assert_true(is_past(6, 9));
        assert_false(is_past(7, 10));                                      /* the last second may go on */
        history_set_wall(history, START + 10, -6, HISTORY_GAP_CLOCK_STEP); /* bears +4 */
        seconds(10, 12);
        assert_true(is_past(0, 4));
        assert_true(is_past(4, 5));
        assert_false(is_past(6, 9));
        seconds(12, 15);
        assert_true(is_past(6, 8));
        assert_false(is_past(6, 9));
        seconds(15, 17);
        assert_true(is_past(6, 9));
}

static void test_far_back(void **state) {
        (void)state;
        seconds(0, 3);
        history_set_wall(history, START + 3, -1000, HISTORY_GAP_CLOCK_STEP);
        seconds(3, 5);
        int64_t from, to;
        assert_true(history_span(history, &from, &to));
        assert_int_equal(from, START + 3 - 1000);
        assert_int_equal(to, START + 5 - 1000);
        assert_int_equal(history_end(history), START + 3);
        struct history_counters rows[10];
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, rows, 10), 5);
        assert_int_equal(rows[0].second, START + 3 - 1000);
        assert_int_equal(rows[4].second, START + 2);
        struct history_totals totals;
        history_read_totals(history, &totals);
        assert_int_equal(totals.totals.first_ns, (START - 997) * NS_PER_S);
        assert_int_equal(totals.totals.last_ns, (START + 2) * NS_PER_S);
}

static void test_sleep(void **state) {
        (void)state;
        seconds(0, 2);
        history_set_wall(history, START + 2, 28800, HISTORY_GAP_SLEEP);
        seconds(2, 3);
        assert_int_equal(gap_of(START + 100), HISTORY_GAP_SLEEP);
        assert_int_equal(only_flow().state, FLOW_STATE_ACTIVE);
}

static void test_more_jumps_than_are_kept(void **state) {
        (void)state;
        struct wall *wall = malloc(sizeof(*wall));
        assert_non_null(wall);
        wall_init(wall);
        for (int64_t i = 1; i <= 2000; i++)
                wall_jump(wall, i * 10, i * 100, HISTORY_GAP_CLOCK_STEP);
        assert_int_equal(wall->n, WALL_ERAS_MAX);
        assert_int_equal(wall_of(wall, 20005), 220005);
        assert_int_equal(wall_of(wall, 19999), 219899);
        int64_t second;
        assert_true(wall_find(wall, 219899, INT64_MAX, &second));
        assert_int_equal(second, 19999);
        free(wall);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_forward, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_back_is_not_past, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_far_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sleep, set_up, tear_down),
                cmocka_unit_test(test_more_jumps_than_are_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
