/* The ring of seconds: what is held, what is a gap. */
#include "lib/check.h"

#include "history/counters.h"

static struct counters counters;

static int set_up(void **state) {
        (void)state;
        return counters_init(&counters, 10);
}

static int tear_down(void **state) {
        (void)state;
        counters_fini(&counters);
        return 0;
}

/* Counts `packets` in a second. */
static void count(int64_t second, uint64_t packets) {
        counters_at(&counters, second)->all.packets += packets;
}

/* Packets of a second, or -1 for a gap. */
static int64_t held(int64_t second) {
        const struct history_counters *row = counters_find(&counters, second);
        if (row)
                assert_int_equal(row->number, second);
        return row ? (int64_t)row->all.packets : -1;
}

static void test_nothing_yet(void **state) {
        (void)state;
        for (int64_t second = -20; second < 20; second++)
                assert_int_equal(held(second), -1);
        assert_int_equal(held(INT64_MIN), -1);
        assert_int_equal(held(INT64_MAX), -1);
}

static void test_a_second_goes_on(void **state) {
        (void)state;
        count(100, 1);
        count(100, 2);
        assert_int_equal(held(100), 3);
        assert_int_equal(held(99), -1);
        assert_int_equal(held(101), -1);
}

static void test_gaps(void **state) {
        (void)state;
        count(100, 1);
        count(104, 2);
        assert_int_equal(held(100), 1);
        for (int64_t second = 101; second < 104; second++)
                assert_int_equal(held(second), -1);
        assert_int_equal(held(104), 2);
}

static void test_retention(void **state) {
        (void)state;
        for (int64_t second = 0; second < 35; second++) {
                count(second, (uint64_t)second + 1);
                for (int64_t back = 0; back < 20 && back <= second; back++)
                        assert_int_equal(held(second - back), back < 10 ? second - back + 1 : -1);
        }
        assert_int_equal(counters.from, 25);
        assert_int_equal(counters.to, 35);
}

/* A jump of any length leaves only what is within the retention, and no old row in a new place. */
static void test_jumps(void **state) {
        (void)state;
        for (int64_t jump = 1; jump < 45; jump++) {
                for (int64_t second = 0; second < 10; second++)
                        count(second, 1);
                count(9 + jump, 2);
                for (int64_t second = -5; second < 9 + jump; second++) {
                        bool is_old = second >= 0 && second < 10;
                        assert_int_equal(held(second), second >= jump && is_old ? 1 : -1);
                }
                assert_int_equal(held(9 + jump), 2);
                tear_down(state);
                set_up(state);
        }
}

static void test_before_1970(void **state) {
        (void)state;
        for (int64_t second = -15; second < 5; second++)
                count(second, (uint64_t)(second + 100));
        for (int64_t second = -15; second < 5; second++)
                assert_int_equal(held(second), second >= -5 ? second + 100 : -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing_yet, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_second_goes_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_gaps, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_retention, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_jumps, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_before_1970, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
