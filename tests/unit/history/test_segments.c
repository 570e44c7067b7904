/* The store of segments against a plain table: any range gives what was put in, before and after thinning. */
#include "lib/check.h"

#include <string.h>

#include "history/segments.h"

#define RETENTION 600
#define SECONDS 2000
#define FLOWS 40u

static struct segments segments;
static uint64_t wanted[SECONDS][FLOWS]; /* bytes */

static int tear_down(void **state) {
        (void)state;
        segments_fini(&segments);
        memset(&segments, 0, sizeof(segments));
        memset(wanted, 0, sizeof(wanted));
        return 0;
}

static void put(int64_t base, int64_t second, uint64_t *seed, unsigned flows) {
        struct segment_builder builder;
        segment_begin(&builder, base + second, base + second + 1, 4);
        unsigned n = 0;
        for (uint32_t flow = 0; flow < flows; flow++)
                if (random_one_in(seed, 3)) {
                        wanted[second][flow] = 100 + random_below(seed, 100000);
                        segment_add(&builder, &(struct flow_sum){.flow = flow, .ab = {1, wanted[second][flow]}});
                        n++;
                }
        struct segment *segment = segment_end(&builder);
        if (!n) {
                segment_unref(segment);
                segment = NULL;
        }
        segments_put(&segments, base + second, segment);
        segments_settle(&segments);
}

/* Sums of a range, which must be as wide as it is told; returns the bytes that no row has. */
static uint64_t check_range(int64_t base, int64_t from, int64_t to, bool rows_exact) {
        struct segment *list[RETENTION + 200];
        size_t n = segments_collect(&segments, base + from, base + to, NULL);
        assert_in_range(n, 0, RETENTION + 200);
        assert_int_equal(segments_collect(&segments, base + from, base + to, list), n);
        uint64_t sums[FLOWS] = {0}, thinned = 0, rows = 0, all = 0;
        for (size_t i = 0; i < n; i++) {
                struct segment_cursor cursor = segment_start(list[i]);
                for (struct flow_sum row; segment_next(&cursor, &row);) {
                        sums[row.flow] += row.ab.bytes;
                        rows += row.ab.bytes;
                }
                thinned += list[i]->thinned.bytes;
                segment_unref(list[i]);
        }
        for (uint32_t flow = 0; flow < FLOWS; flow++) {
                uint64_t sum = 0;
                for (int64_t s = from; s < to; s++)
                        sum += wanted[s][flow];
                all += sum;
                if (rows_exact)
                        assert_int_equal(sums[flow], sum);
                else
                        assert_true(sums[flow] <= sum);
        }
        assert_int_equal(rows + thinned, all);
        return thinned;
}

/* Of a minute that the retention has cut, and that has no seconds any more, the counters alone can tell. */
static bool is_in_cut_minute(int64_t from) {
        return from < segments.fine_from && from - from % 60 < segments.cut_to;
}

static void check_random_ranges(int64_t base, int64_t now, uint64_t *seed, bool rows_exact) {
        for (unsigned i = 0; i < 200; i++) {
                int64_t from = base + random_below(seed, SECONDS), to = from + random_below(seed, 300);
                segments_widen(&segments, &from, &to);
                assert_true(from <= to);
                if (from < to)
                        assert_true(from >= base && to <= base + now && from >= base + now - RETENTION - 60);
                if (is_in_cut_minute(from))
                        assert_int_equal(segments_collect(&segments, from, to, NULL), 0);
                else
                        (void)check_range(base, from - base, to - base, rows_exact);
        }
}

static void test_everything_fits(void **state) {
        (void)state;
        const int64_t bases[] = {0, 17, 1700000000, -500};
        for (unsigned i = 0; i < 4; i++) {
                uint64_t seed = 1 + i;
                assert_int_equal(segments_init(&segments, RETENTION, 100 << 20), 0);
                for (int64_t s = 0; s < SECONDS; s++) {
                        put(bases[i], s, &seed, FLOWS);
                        if (s % 97 == 0)
                                check_random_ranges(bases[i], s + 1, &seed, true);
                }
                assert_int_equal(segments.thinnings, 0);
                int64_t from = bases[i], to = bases[i] + SECONDS;
                segments_widen(&segments, &from, &to);
                assert_int_equal(from, bases[i] + SECONDS - RETENTION);
                assert_int_equal(to, bases[i] + SECONDS);
                (void)check_range(bases[i], from - bases[i], to - bases[i], true);
                tear_down(state);
        }
}

/* Seconds go first; sums of minutes stay exact, and so does what is still there by the second. */
static void test_seconds_go_first(void **state) {
        (void)state;
        uint64_t seed = 5;
        assert_int_equal(segments_init(&segments, RETENTION, 40000), 0);
        for (int64_t s = 0; s < SECONDS; s++) {
                put(7, s, &seed, FLOWS);
                assert_true(segments.bytes <= 40000);
                if (s % 97 == 0)
                        check_random_ranges(7, s + 1, &seed, segments.rows_from <= segments.from);
        }
        assert_true(segments.thinnings > 0);
        assert_true(segments.fine_from > segments.from);
        int64_t from = segments.from + 61, to = from + 1;
        segments_widen(&segments, &from, &to);
        assert_int_equal(from % 60, 0);
        assert_int_equal(to, from + 60);
        from = segments.to - 20, to = from + 1;
        segments_widen(&segments, &from, &to);
        assert_int_equal(to, from + 1);

        /* the oldest minute is cut: passed over, unless nothing else is asked for */
        int64_t minute = segments.from - segments.from % 60 + 60;
        assert_int_not_equal(segments.from % 60, 0);
        from = segments.from, to = minute + 1;
        segments_widen(&segments, &from, &to);
        assert_true(from == minute && to == minute + 60);
        from = segments.from, to = from + 1;
        segments_widen(&segments, &from, &to);
        assert_true(from == segments.from && to == minute);
}

static unsigned kept;

static void keep(uint32_t flow, void *context) {
        (void)context;
        assert_in_range(flow, 0, FLOWS - 1);
        kept++;
}

static void test_then_rows(void **state) {
        (void)state;
        uint64_t seed = 6;
        assert_int_equal(segments_init(&segments, RETENTION, 9000), 0);
        for (int64_t s = 0; s < SECONDS; s++) {
                put(0, s, &seed, FLOWS);
                if (s % 97 == 0)
                        check_random_ranges(0, s + 1, &seed, false);
        }
        assert_true(segments.rows_from > segments.from);
        assert_true(segments.bytes < 20000); /* the newest two minutes are as they are */

        while (segments_thin_oldest(&segments, keep, NULL))
                assert_true(kept);
        assert_int_equal(segments.rows_from, segments.merged_to);
        check_random_ranges(0, SECONDS, &seed, false);
}

/* Seconds in which nothing happened, and long jumps: what is before them is merged all the same. */
static void test_jumps(void **state) {
        (void)state;
        uint64_t seed = 7;
        assert_int_equal(segments_init(&segments, RETENTION, 100 << 20), 0);
        for (int64_t s = 0; s < SECONDS; s += 1 + (random_one_in(&seed, 40) ? random_below(&seed, 200) : 0)) {
                put(3, s, &seed, random_one_in(&seed, 2) ? FLOWS : 0);
                check_random_ranges(3, s + 1, &seed, true);
        }
        segments_put(&segments, 1000000000, NULL);
        segments_settle(&segments);
        assert_int_equal(segments.bytes, 0);
        assert_int_equal(segments_collect(&segments, segments.from, segments.to, NULL), 0);
}

/* A second that is begun again has its segment replaced. */
static void test_again(void **state) {
        (void)state;
        uint64_t seed = 8;
        assert_int_equal(segments_init(&segments, RETENTION, 100 << 20), 0);
        put(0, 0, &seed, FLOWS);
        memset(wanted[0], 0, sizeof(wanted[0]));
        put(0, 0, &seed, FLOWS);
        put(0, 1, &seed, FLOWS);
        (void)check_range(0, 0, 2, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everything_fits),
                cmocka_unit_test_teardown(test_seconds_go_first, tear_down),
                cmocka_unit_test_teardown(test_then_rows, tear_down),
                cmocka_unit_test_teardown(test_jumps, tear_down),
                cmocka_unit_test_teardown(test_again, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
