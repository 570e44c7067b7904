/* Flows second by second, against what was put in. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/ticks.h"

#define START 1699999990
#define SECONDS 200
#define FLOWS 20u

static struct history *history;
static uint64_t wanted[SECONDS][FLOWS];

static void make(size_t segment_bytes, uint32_t max_flows) {
        struct history_options options = history_options_with(max_flows);
        options.retention_s = SECONDS;
        options.segment_bytes = segment_bytes;
        history = history_new(&options);
        assert_non_null(history);
        memset(wanted, 0, sizeof(wanted));
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        history = NULL;
        return 0;
}

/* Random seconds, every tenth not captured. */
static void fill(void) {
        uint64_t seed = 1;
        for (int64_t s = 0; s < SECONDS; s++) {
                if (s % 10 == 5)
                        continue;
                struct history_tick tick = ticks_begin(history, START + s);
                for (uint32_t number = 0; number < FLOWS; number++) {
                        if (random_one_in(&seed, 2))
                                continue;
                        const struct flow_key key = key_of(number, PROTO_TCP);
                        wanted[s][number] = 60 + random_below(&seed, 100000);
                        assert_true(ticks_add_key(history, &key, delta_of(0, (uint32_t)wanted[s][number]), &tick));
                }
                history_tick_end(history, &tick);
        }
}

/* Asks for the seconds before +to; those before +held_from are not held. */
static void check(const struct flow_result *flows, int64_t to, unsigned n, int64_t held_from) {
        struct spark_result sparks;
        assert_int_equal(history_query_spark(history, flows->rows, flows->n_rows, START + to, n, NULL, NULL, &sparks),
                         0);
        assert_int_equal(sparks.n, n);
        for (unsigned i = 0; i < n; i++) {
                int64_t s = to - n + i;
                bool is_held = s >= held_from && s < SECONDS && s % 10 != 5;
                assert_int_equal(sparks.span_ms[i], is_held ? 1000 : 0);
                for (size_t row = 0; is_held && row < flows->n_rows; row++) {
                        assert_true(sparks.known[row]);
                        assert_int_equal(sparks.bytes[row * n + i], wanted[s][number_of(&flows->rows[row].key)]);
                }
        }
        spark_result_fini(&sparks);
}

static void test_every_second(void **state) {
        (void)state;
        make(64 << 20, 100);
        fill();
        const struct flow_query query = {.sort = FLOW_SORT_BYTES, .max_rows = 7};
        struct flow_result flows;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &flows), 0);
        assert_int_equal(flows.n_rows, 7);
        check(&flows, SECONDS, 60, 0);
        check(&flows, SECONDS, SPARK_MAX, 0);
        check(&flows, 100, 1, 0);
        check(&flows, SECONDS + 3, 10, 0);
        flow_result_fini(&flows);
}

static void test_rows_of_a_range(void **state) {
        (void)state;
        make(64 << 20, 100);
        fill();
        const struct flow_query query = {.has_range = true, .range = {START + 50, START + 90}, .max_rows = 100};
        struct flow_result flows;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &flows), 0);
        check(&flows, 90, 60, 0);
        flow_result_fini(&flows);
}

/* Where there are minutes only nothing is known of a second. */
static void test_seconds_that_made_room(void **state) {
        (void)state;
        make(12000, 100);
        fill();
        struct history_figures figures;
        history_read_figures(history, &figures);
        assert_true(figures.is_thinned);
        const struct flow_query query = {.max_rows = 100};
        struct flow_result flows;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &flows), 0);
        check(&flows, SECONDS, SECONDS, figures.thinned_before_s - START);
        flow_result_fini(&flows);
}

/* A row whose place another flow has now. */
static void test_a_flow_that_has_left(void **state) {
        (void)state;
        make(64 << 20, 100);
        fill();
        const struct flow_query query = {.max_rows = 2};
        struct flow_result flows;
        struct spark_result sparks;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &flows), 0);
        flows.rows[0].id += 1ull << 32;
        assert_int_equal(history_query_spark(history, flows.rows, 2, START + SECONDS, 10, NULL, NULL, &sparks), 0);
        assert_false(sparks.known[0]);
        assert_true(sparks.known[1]);
        spark_result_fini(&sparks);
        flow_result_fini(&flows);
}

static bool yes(void *context) {
        (void)context;
        return true;
}

static void test_cancelled(void **state) {
        (void)state;
        make(64 << 20, 100);
        fill();
        struct spark_result sparks;
        assert_int_equal(history_query_spark(history, NULL, 0, START + SECONDS, 10, yes, NULL, &sparks), -ECANCELED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_every_second, tear_down),
                cmocka_unit_test_teardown(test_rows_of_a_range, tear_down),
                cmocka_unit_test_teardown(test_seconds_that_made_room, tear_down),
                cmocka_unit_test_teardown(test_a_flow_that_has_left, tear_down),
                cmocka_unit_test_teardown(test_cancelled, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
