/* Segments: what goes in comes out, merged by flow, thinned without a loss. */
#include "lib/check.h"

#include <stdlib.h>
#include <string.h>

#include "history/segment.h"

#define ROWS 5000u

static uint64_t random_number(uint64_t *seed) {
        return random_next(seed) >> random_below(seed, 64);
}

/* Random rows, ascending; returns how many. Every field of every length occurs. */
static unsigned random_rows(uint64_t *seed, struct flow_sum *rows, unsigned max, uint32_t gap) {
        uint32_t flow = random_below(seed, gap);
        unsigned n = 0;
        for (; n < max; n++) {
                struct flow_sum *row = &rows[n];
                *row = (struct flow_sum){.flow = flow};
                if (!random_one_in(seed, 3))
                        row->ab = (struct volume){1 + random_number(seed) / 100, random_number(seed) / 100};
                if (random_one_in(seed, 2))
                        row->ba = (struct volume){1 + random_number(seed) / 100, random_number(seed) / 100};
                if (UINT32_MAX - flow < gap + 1)
                        return n + 1;
                flow += 1 + random_below(seed, gap);
        }
        return n;
}

static struct segment *build(const struct flow_sum *rows, unsigned n, int64_t from, int64_t to) {
        struct segment_builder builder;
        segment_begin(&builder, from, to, 0);
        for (unsigned i = 0; i < n; i++)
                segment_add(&builder, &rows[i]);
        struct segment *segment = segment_end(&builder);
        assert_non_null(segment);
        assert_int_equal(segment->n, n);
        return segment;
}

static void assert_row(const struct flow_sum *x, const struct flow_sum *y) {
        assert_int_equal(x->flow, y->flow);
        assert_int_equal(x->ab.packets, y->ab.packets);
        assert_int_equal(x->ba.packets, y->ba.packets);
        assert_int_equal(x->ab.bytes, y->ab.bytes);
        assert_int_equal(x->ba.bytes, y->ba.bytes);
}

static void assert_rows(const struct segment *segment, const struct flow_sum *rows, unsigned n) {
        struct segment_cursor cursor = segment_start(segment);
        struct flow_sum row = {0};
        for (unsigned i = 0; i < n; i++) {
                assert_true(segment_next(&cursor, &row));
                assert_row(&row, &rows[i]);
        }
        assert_false(segment_next(&cursor, &row));
        assert_ptr_equal(cursor.at, segment->data + segment->bytes);
}

static void test_what_goes_in_comes_out(void **state) {
        (void)state;
        uint64_t seed = 1;
        static struct flow_sum rows[ROWS];
        for (unsigned i = 0; i < 60; i++) {
                unsigned n = random_rows(&seed, rows, random_below(&seed, ROWS), 1u << random_below(&seed, 32));
                struct segment *segment = build(rows, n, 7, 8);
                assert_rows(segment, rows, n);
                segment_unref(segment);
        }
        struct segment *empty = build(NULL, 0, 1, 2);
        assert_rows(empty, NULL, 0);
        segment_unref(segment_ref(empty));
        segment_unref(empty);
}

static void test_eight_bytes_a_row(void **state) {
        (void)state;
        uint64_t seed = 2;
        static struct flow_sum rows[ROWS];
        for (unsigned i = 0; i < ROWS; i++)
                rows[i] = (struct flow_sum){
                        .flow = i * 50,
                        .ab = {1 + random_below(&seed, 40), 60 + random_below(&seed, 12000)},
                        .ba = {1 + random_below(&seed, 40), 60 + random_below(&seed, 12000)},
                };
        struct segment *segment = build(rows, ROWS, 0, 1);
        assert_in_range(segment_bytes(segment), 5 * ROWS, 8 * ROWS);
        segment_unref(segment);
}

static int by_flow(const void *x, const void *y) {
        const struct flow_sum *a = x, *b = y;
        return (a->flow > b->flow) - (a->flow < b->flow);
}

static void test_merge(void **state) {
        (void)state;
        uint64_t seed = 3;
        static struct flow_sum rows[ROWS], all[60 * 300], sums[60 * 300];
        for (unsigned round = 0; round < 30; round++) {
                struct segment *segments[60], *merged;
                unsigned n_segments = 1 + random_below(&seed, 60), n_all = 0, n_sums = 0;
                for (unsigned s = 0; s < n_segments; s++) {
                        unsigned n = random_rows(&seed, rows, random_below(&seed, 300), 1 + random_below(&seed, 9));
                        memcpy(all + n_all, rows, n * sizeof(*rows));
                        n_all += n;
                        segments[s] = build(rows, n, 100 + s, 101 + s);
                        segments[s]->thinned = (struct volume){s, 10 * s};
                        segments[s]->thinned_flows = 1;
                }
                qsort(all, n_all, sizeof(*all), by_flow);
                for (unsigned i = 0; i < n_all; i++) {
                        if (!i || all[i].flow != all[i - 1].flow)
                                sums[n_sums++] = (struct flow_sum){.flow = all[i].flow};
                        volume_add(&sums[n_sums - 1].ab, all[i].ab.packets, all[i].ab.bytes);
                        volume_add(&sums[n_sums - 1].ba, all[i].ba.packets, all[i].ba.bytes);
                }
                merged = segment_merge(segments, n_segments);
                assert_non_null(merged);
                assert_int_equal(merged->from, 100);
                assert_int_equal(merged->to, 100 + n_segments);
                assert_rows(merged, sums, n_sums);
                assert_int_equal(merged->thinned.packets, n_segments * (n_segments - 1) / 2);
                assert_int_equal(merged->thinned.bytes, 10 * merged->thinned.packets);
                assert_int_equal(merged->thinned_flows, n_segments);
                for (unsigned s = 0; s < n_segments; s++)
                        segment_unref(segments[s]);
                segment_unref(merged);
        }
}

static struct volume sum_of(const struct segment *segment) {
        struct segment_cursor cursor = segment_start(segment);
        struct volume sum = segment->thinned;
        for (struct flow_sum row; segment_next(&cursor, &row);)
                volume_add(&sum, row.ab.packets + row.ba.packets, row.ab.bytes + row.ba.bytes);
        return sum;
}

/* The greatest stay, as they are; nothing is lost. */
static void test_thin(void **state) {
        (void)state;
        uint64_t seed = 4;
        static struct flow_sum rows[ROWS];
        for (unsigned round = 0; round < 60; round++) {
                unsigned n = 1 + random_below(&seed, 400);
                for (unsigned i = 0; i < n; i++) /* few sizes, so that many are equal */
                        rows[i] = (struct flow_sum){.flow = 3 * i, .ba = {1, random_below(&seed, 5)}};
                struct segment *segment = build(rows, n, 0, 60);
                uint32_t keep = random_below(&seed, 500);
                struct segment *thin = segment_thin(segment, keep);
                assert_non_null(thin);
                assert_int_equal(thin->n, keep < n ? keep : n);
                assert_int_equal(thin->thinned_flows, n - thin->n);
                assert_int_equal(sum_of(thin).packets, n);
                assert_int_equal(sum_of(thin).bytes, sum_of(segment).bytes);
                uint64_t least = UINT64_MAX, kept_bytes = 0;
                struct segment_cursor cursor = segment_start(thin);
                for (struct flow_sum row; segment_next(&cursor, &row);) {
                        assert_row(&row, &rows[row.flow / 3]);
                        kept_bytes += row.ba.bytes;
                        least = row.ba.bytes < least ? row.ba.bytes : least;
                }
                unsigned greater = 0;
                for (unsigned i = 0; i < n; i++)
                        greater += rows[i].ba.bytes > least;
                assert_true(greater <= thin->n || !thin->n);
                assert_int_equal(kept_bytes + thin->thinned.bytes, sum_of(segment).bytes);
                segment_unref(thin);
                segment_unref(segment);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_goes_in_comes_out),
                cmocka_unit_test(test_eight_bytes_a_row),
                cmocka_unit_test(test_merge),
                cmocka_unit_test(test_thin),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
