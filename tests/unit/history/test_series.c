/* Groups over time, and flows second by second, against a table that the test keeps: any range, step, metric and
 * grouping, to the byte; with seconds, with minutes only, with gaps, and over a clock that was set. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ticks.h"

#define START 1699999990 /* ten seconds into a minute */
#define SECONDS 400
#define FLOWS 40u

static struct history *history;
static struct volume wanted[SECONDS][FLOWS];
static bool captured[SECONDS];

static void make(size_t segment_bytes) {
        struct history_options options = history_options_with(1000);
        options.retention_s = SECONDS;
        options.segment_bytes = segment_bytes;
        memset(wanted, 0, sizeof(wanted));
        memset(captured, 0, sizeof(captured));
        history = history_new(&options);
        assert_non_null(history);
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        history = NULL;
        return 0;
}

static uint8_t proto_of(uint32_t number) {
        return number % 3 ? PROTO_TCP : PROTO_UDP;
}

/* One second of random traffic; flow n is heavier the lower n is. */
static void second(int64_t s, uint64_t *seed) {
        struct history_tick tick = ticks_begin(history, START + s);
        for (uint32_t number = 0; number < FLOWS; number++) {
                if (random_one_in(seed, 3))
                        continue;
                const struct flow_key key = key_of(number, proto_of(number));
                struct flow_delta delta =
                        delta_of((uint16_t)random_below(seed, 1000), 60 + random_below(seed, 1500 * (FLOWS - number)));
                delta.ba_packets = random_below(seed, 20);
                delta.ba_bytes = delta.ba_packets * 60;
                assert_true(ticks_add_key(history, &key, delta, &tick));
                volume_add(&wanted[s][number], delta.ab_packets + delta.ba_packets, delta.ab_bytes + delta.ba_bytes);
        }
        history_tick_end(history, &tick);
        captured[s] = true;
}

/* Traffic of all seconds but a gap of twenty and one of a single second. */
static void fill(uint64_t seed) {
        for (int64_t s = 0; s < SECONDS; s++)
                if ((s < 200 || s >= 220) && s != 300)
                        second(s, &seed);
}

/* Does a flow count for a row, and how often does it count in all? */
static unsigned counts_for(uint32_t number, enum top_by by, const struct top_row *row) {
        const struct flow_key key = key_of(number, proto_of(number));
        switch (by) {
        case TOP_BY_FLOW: return number_of(&row->key) == number;
        case TOP_BY_HOST:
                return !memcmp(row->key.a_address, key.a_address, 16) || !memcmp(row->key.a_address, key.b_address, 16);
        case TOP_BY_PROTO: return row->key.proto == proto_of(number);
        default: fail(); return 0;
        }
}

static uint64_t amount(const struct volume *volume, bool by_packets) {
        return by_packets ? volume->packets : volume->bytes;
}

/* What the table has of seconds [from, to), as a row of the result counts it; NULL: all that matches. */
static uint64_t expected(const struct series_query *query, const struct top_row *row, int64_t from, int64_t to) {
        unsigned times = query->by == TOP_BY_HOST ? 2 : 1;
        uint64_t sum = 0;
        for (int64_t s = from < 0 ? 0 : from; s < to && s < SECONDS; s++)
                for (uint32_t number = 0; number < FLOWS; number++) {
                        bool matches = !query->filter.protos.n || query->filter.protos.list[0] == proto_of(number);
                        unsigned counts = row ? counts_for(number, query->by, row) : times;
                        sum += matches ? amount(&wanted[s][number], query->by_packets) * counts : 0;
                }
        return sum;
}

static uint64_t expected_span(int64_t from, int64_t to) {
        uint64_t span_ms = 0;
        for (int64_t s = from < 0 ? 0 : from; s < to && s < SECONDS; s++)
                span_ms += captured[s] ? 1000 : 0;
        return span_ms;
}

static void check_step(const struct series_query *query, const struct series_result *result, size_t step) {
        int64_t from = result->start + (int64_t)step * result->step_s - START, to = from + result->step_s;
        if (from < result->seen.range.from - START)
                from = result->seen.range.from - START;
        if (to > result->seen.range.to - START)
                to = result->seen.range.to - START;
        uint64_t sum = 0;
        for (size_t row = 0; row < result->n_rows; row++) {
                uint64_t value = result->values[row * result->n_steps + step];
                assert_int_equal(value, expected(query, &result->rows[row], from, to));
                sum += value;
        }
        sum += result->values[result->n_rows * result->n_steps + step];
        assert_int_equal(sum, expected(query, NULL, from, to));
        assert_int_equal(result->span_ms[step], expected_span(from, to));
}

/* The rows are the greatest: none is greater than the one before, and each is what its values add up to. */
static void check_rows(const struct series_query *query, const struct series_result *result) {
        for (size_t row = 0; row < result->n_rows; row++) {
                uint64_t sum = 0;
                for (size_t step = 0; step < result->n_steps; step++)
                        sum += result->values[row * result->n_steps + step];
                assert_int_equal(sum, amount(&result->rows[row].volume, query->by_packets));
                if (row)
                        assert_true(sum <= amount(&result->rows[row - 1].volume, query->by_packets));
        }
}

/* /api/top of the same range has the same rows. */
static void check_top(const struct series_query *query, const struct series_result *result) {
        const struct top_query top = {
                .has_range = true,
                .range = query->range,
                .by = query->by,
                .by_packets = query->by_packets,
                .filter = query->filter,
                .limit = query->limit,
        };
        struct top_result groups;
        assert_int_equal(history_query_top(history, &top, NULL, NULL, &groups), 0);
        assert_int_equal(groups.n_rows, result->n_rows);
        for (size_t i = 0; i < groups.n_rows; i++) {
                assert_memory_equal(&groups.rows[i].key, &result->rows[i].key, sizeof(struct flow_key));
                assert_int_equal(groups.rows[i].id, result->rows[i].id);
                assert_int_equal(groups.rows[i].volume.bytes, result->rows[i].volume.bytes);
        }
        assert_int_equal(groups.matched.bytes, result->matched.bytes);
        assert_int_equal(groups.seen.thinned.bytes, result->seen.thinned.bytes);
        assert_int_equal(groups.seen.range.from, result->seen.range.from);
        assert_int_equal(groups.seen.range.to, result->seen.range.to);
        top_result_fini(&groups);
}

/* About seconds from +first on. */
static struct series_query random_query(uint64_t *seed, int64_t first) {
        static const enum top_by bys[] = {TOP_BY_FLOW, TOP_BY_HOST, TOP_BY_PROTO};
        int64_t from = first + random_below(seed, (uint32_t)(SECONDS - first)),
                to = from + 1 + random_below(seed, SECONDS);
        struct series_query query = {
                .range = {START + from, START + (to > SECONDS ? SECONDS : to)},
                .step_s = 1 + random_below(seed, 100),
                .by = bys[random_below(seed, 3)],
                .by_packets = random_one_in(seed, 2),
                .limit = 1 + random_below(seed, 12),
        };
        if (random_one_in(seed, 3))
                query.filter.protos = (struct flow_values){.n = 1, .list = {PROTO_UDP}};
        return query;
}

static void ask(uint64_t *seed, int64_t first) {
        struct series_query query = random_query(seed, first);
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, NULL, NULL, &result), 0);
        const struct history_seen *seen = &result.seen;
        if (seen->resolution_ms == 1000) {
                assert_int_equal(result.step_s, query.step_s);
                assert_int_equal(result.start, query.range.from);
        } else {
                assert_int_equal(result.step_s, (query.step_s + 59) / 60 * 60);
                assert_int_equal(result.start % 60, 0);
        }
        assert_int_equal(result.n_steps, (seen->range.to - result.start + result.step_s - 1) / result.step_s);
        for (size_t step = 0; step < result.n_steps; step++)
                check_step(&query, &result, step);
        check_rows(&query, &result);
        check_top(&query, &result);
        series_result_fini(&result);
}

static void test_any_range_and_step(void **state) {
        (void)state;
        uint64_t seed = 1;
        make(64 << 20);
        fill(1);
        for (unsigned i = 0; i < 400; i++)
                ask(&seed, 0);
}

static void test_by_the_minute(void **state) {
        (void)state;
        uint64_t seed = 2;
        make(50000);
        fill(2);
        struct history_figures figures;
        history_read_figures(history, &figures);
        assert_true(figures.is_thinned);
        for (unsigned i = 0; i < 400; i++)
                ask(&seed, 50); /* in the first seconds there are too many new flows for such a budget */
}

/* Three steps, of which one has nobody in it and one was not captured at all. */
static void test_zero_is_not_a_gap(void **state) {
        (void)state;
        make(64 << 20);
        ticks_one(history, START, 1, PROTO_TCP, delta_of(0, 100));
        ticks_none(history, START + 1);
        ticks_one(history, START + 3, 1, PROTO_TCP, delta_of(0, 300));
        const struct series_query query = {.range = {START, START + 4}, .step_s = 1, .limit = 1};
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, NULL, NULL, &result), 0);
        static const uint64_t values[] = {100, 0, 0, 300, 0, 0, 0, 0}, spans[] = {1000, 1000, 0, 1000};
        assert_int_equal(result.n_steps, 4);
        assert_memory_equal(result.values, values, sizeof(values));
        assert_memory_equal(result.span_ms, spans, sizeof(spans));
        series_result_fini(&result);
}

static void test_a_clock_set_back(void **state) {
        (void)state;
        uint64_t seed = 5;
        make(64 << 20);
        for (int64_t s = 0; s < 200; s++) {
                if (s == 100)
                        history_set_wall(history, START + 100, -50, HISTORY_GAP_CLOCK_STEP);
                second(s, &seed);
        }
        /* of +40..+60 the first ten are the first ones that bear it, the others those after the step */
        const struct series_query query = {
                .range = {START + 40, START + 60}, .step_s = 10, .by = TOP_BY_PROTO, .limit = 2};
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, NULL, NULL, &result), 0);
        assert_int_equal(result.n_steps, 2);
        for (size_t row = 0; row < 2; row++) {
                assert_int_equal(result.values[row * 2], expected(&query, &result.rows[row], 40, 50));
                assert_int_equal(result.values[row * 2 + 1], expected(&query, &result.rows[row], 100, 110));
        }
        series_result_fini(&result);
}

static void test_nothing_held(void **state) {
        (void)state;
        make(64 << 20);
        const struct series_query query = {.range = {START, START}, .step_s = 1, .limit = 1};
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, NULL, NULL, &result), 0);
        assert_int_equal(result.n_steps, 0);
        series_result_fini(&result);
}

static void test_never_more_steps_than_allowed(void **state) {
        (void)state;
        make(64 << 20);
        ticks_one(history, START, 1, PROTO_TCP, delta_of(0, 100));
        history_set_wall(history, START + 1, 100000, HISTORY_GAP_CLOCK_STEP);
        ticks_one(history, START + 1, 1, PROTO_TCP, delta_of(0, 300));
        const struct series_query query = {.range = {START, START + 100002}, .step_s = 1, .limit = 1};
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, NULL, NULL, &result), 0);
        assert_true(result.n_steps <= SERIES_STEPS_MAX && result.step_s > 1);
        assert_int_equal(result.values[0], 100);
        assert_int_equal(result.values[result.n_steps - 1], 300);
        series_result_fini(&result);
}

static bool yes(void *context) {
        (void)context;
        return true;
}

static void test_cancelled(void **state) {
        (void)state;
        uint64_t seed = 6;
        make(64 << 20);
        second(0, &seed);
        const struct series_query query = {.range = {START, START + 1}, .step_s = 1, .limit = 1};
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, yes, NULL, &result), -ECANCELED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_any_range_and_step, tear_down),
                cmocka_unit_test_teardown(test_by_the_minute, tear_down),
                cmocka_unit_test_teardown(test_zero_is_not_a_gap, tear_down),
                cmocka_unit_test_teardown(test_a_clock_set_back, tear_down),
                cmocka_unit_test_teardown(test_nothing_held, tear_down),
                cmocka_unit_test_teardown(test_never_more_steps_than_allowed, tear_down),
                cmocka_unit_test_teardown(test_cancelled, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
