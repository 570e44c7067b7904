/* Seconds into points, and what lies between them into gaps. */
#include "server/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct history_counters row(int64_t second, uint64_t packets, uint64_t bytes) {
        return (struct history_counters){
                .second = second,
                .span_ms = 1000,
                .all = {packets, bytes},
                .by_class = {[PACKET_CLASS_UDP] = {packets, bytes}},
                .in = {[PACKET_CLASS_UDP] = {packets, bytes}},
                .drops = 1,
                .new_flows = 2,
                .active_flows = (uint32_t)second,
        };
}

static void test_sums(void **state) {
        (void)state;
        const struct history_counters rows[] = {row(10, 1, 100), row(11, 5, 500), row(12, 3, 300), row(13, 9, 900)};
        struct counters_point point;
        assert_int_equal(counters_sum(rows, 4, 10, 3, &point), 3);
        assert_int_equal(point.second, 10);
        assert_int_equal(point.span_ms, 3000);
        assert_false(point.partial);
        assert_int_equal(point.all.packets, 9);
        assert_int_equal(point.all.bytes, 900);
        assert_int_equal(point.by_class[PACKET_CLASS_UDP].bytes, 900);
        assert_int_equal(point.in[PACKET_CLASS_UDP].packets, 9);
        assert_int_equal(point.drops, 3);
        assert_int_equal(point.new_flows, 6);
        assert_int_equal(point.active_flows, 12);
        assert_int_equal(point.min_bps, 800);
        assert_int_equal(point.peak_bps, 4000);
        assert_int_equal(point.min_pps, 1);
        assert_int_equal(point.peak_pps, 5);
}

static void test_holes_make_a_point_partial(void **state) {
        (void)state;
        const struct history_counters rows[] = {row(10, 1, 100), row(12, 3, 300)};
        struct counters_point point;
        assert_int_equal(counters_sum(rows, 2, 10, 3, &point), 2);
        assert_true(point.partial);
        assert_int_equal(point.span_ms, 2000);
}

static void check_gap(const struct counters_bounds *bounds, int64_t from, int64_t to, int64_t until,
                      const char *reason) {
        struct counters_gap gap = counters_gap_at(bounds, from, to);
        assert_int_equal(gap.from, from);
        assert_int_equal(gap.to, until);
        assert_string_equal(gap.reason, reason);
}

static void test_gaps(void **state) {
        (void)state;
        const struct counters_bounds bounds = {.started = 100, .held_from = 200, .held_to = 300};
        check_gap(&bounds, 50, 400, 100, "not_started");
        check_gap(&bounds, 50, 70, 70, "not_started");
        check_gap(&bounds, 100, 400, 200, "expired");
        check_gap(&bounds, 250, 251, 251, "no_capture");
        check_gap(&bounds, 299, 400, 300, "no_capture");
        check_gap(&bounds, 300, 400, 400, "not_yet");

        const struct counters_bounds young = {.started = 200, .held_from = 200, .held_to = 300};
        check_gap(&young, 50, 400, 200, "not_started");
}

static void test_a_merged_row_covers_its_seconds(void **state) {
        (void)state;
        struct history_counters one = row(10, 1, 100);
        assert_int_equal(counters_row_end(&one), 11);
        one.merged = true;
        one.span_ms = 3000;
        assert_int_equal(counters_row_end(&one), 13);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sums),
                cmocka_unit_test(test_holes_make_a_point_partial),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_a_merged_row_covers_its_seconds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
