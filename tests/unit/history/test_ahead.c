/* Queries that take long give way to the ticks, and yet show one: ticks are written wherever a query lets go of the
 * lock, and then it must say what one says during which nothing happens. */
#include "lib/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/store.h"
#include "lib/ticks.h"

#define START 1700000000
#define FLOWS 60000u
#define TOUCHED 3000u

static struct history *history;
static int64_t second;
static uint64_t seed;
static struct filter *filter;
static uint8_t proto; /* of what is sent */

/* Some flows send more, some of these for the first time of their lives a RST. */
static void write_tick(unsigned touched) {
        struct history_tick tick = ticks_begin(history, ++second);
        for (unsigned i = 0; i < touched; i++) {
                const struct flow_key key = key_of(touched == FLOWS ? i : random_below(&seed, FLOWS), proto);
                struct flow_delta delta = delta_of(0, 60 + (uint32_t)random_below(&seed, 200));
                delta.rst = touched != FLOWS && random_one_in(&seed, 3);
                delta.tcp_flags = delta.rst ? 4 : 16;
                ticks_add_key(history, &key, delta, &tick);
        }
        history_tick_end(history, &tick);
}

static int fill(void **state) {
        (void)state;
        struct history_options options = history_options_with(12 * FLOWS);
        options.retention_s = 300;
        options.segment_bytes = (size_t)1 << 30;
        options.ttl_ms[0] = 4000;
        history = history_new(&options);
        second = START - 1;
        seed = 5;
        proto = PROTO_TCP;
        write_tick(FLOWS);
        for (unsigned i = 0; i < 4; i++)
                write_tick(TOUCHED);
        return 0;
}

static int empty(void **state) {
        (void)state;
        filter_free(filter);
        filter = NULL;
        history_free(history);
        return 0;
}

/* So many conditions, none of which fits alone, before that which decides. */
static void use_filter(const char *last) {
        char text[16384];
        struct filter_error error;
        size_t n = 0;
        for (unsigned i = 0; i < 200; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "bytes = %u or ", 1000000 + i);
        (void)snprintf(text + n, sizeof(text) - n, "%s", last);
        filter_free(filter);
        assert_int_equal(filter_parse(text, NULL, &filter, &error), 0);
}

/* ---- ticks in between ------------------------------------------------------------------------------ */

struct ticks {
        unsigned polls, every, left, written;
        unsigned silent_s;
        bool after_judging; /* not before the query has held the lock for a while */
};

/* Polled by a query: never cancels it. */
static bool write_meanwhile(void *context) {
        struct ticks *ticks = context;
        if (!ticks->left || ++ticks->polls % ticks->every)
                return false;
        if (pthread_rwlock_trywrlock(&history->lock) != 0) {
                ticks->after_judging = false;
                return false;
        }
        pthread_rwlock_unlock(&history->lock);
        if (ticks->after_judging)
                return false;
        second += ticks->silent_s;
        write_tick(ticks->silent_s ? FLOWS - 1 : TOUCHED); /* after a silence all places are free */
        ticks->left--;
        ticks->written++;
        return false;
}

static struct flow_result ask_flows(bool has_range, struct ticks *ticks) {
        const struct flow_query query = {
                .has_range = has_range,
                .range = {START, START + 3},
                .filter = {.expression = filter},
                .sort = FLOW_SORT_LAST_SEEN,
                .max_rows = 300,
        };
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, write_meanwhile, ticks, &result), 0);
        return result;
}

static void assert_same(const struct flow_row *x, const struct flow_row *y) {
        assert_int_equal(x->id, y->id);
        assert_int_equal(x->ab.bytes, y->ab.bytes);
        assert_int_equal(x->last.bytes, y->last.bytes);
        assert_int_equal(x->last_seen_ms, y->last_seen_ms);
        assert_int_equal(x->directions, y->directions);
        assert_int_equal(x->state, y->state);
}

static const char *const deciding[] = {
        "state ended",
        "state active",
        "flags rst",
        "not flags rst and packets > 1",
        "rate > 1K",
        "rate = 0",
        "duration > 3s",
        "bytes > 300",
        "src host 10.0.0.1 or src net 10.0.1.0/24",
};

static void test_flows_are_of_one_tick(void **state) {
        (void)state;
        for (unsigned i = 0; i < 2 * sizeof(deciding) / sizeof(deciding[0]); i++) {
                struct ticks ticks = {.every = 7, .left = 3}, none = {0};
                use_filter(deciding[i / 2]);
                struct flow_result busy = ask_flows(i % 2, &ticks), quiet = ask_flows(i % 2, &none);
                assert_int_equal(ticks.written, 3);
                assert_int_equal(busy.asof_ms, (second + 1) * MS_PER_S);
                assert_int_equal(busy.matched, quiet.matched);
                assert_int_equal(busy.unmatched, quiet.unmatched);
                assert_int_equal(busy.matched_volume.bytes, quiet.matched_volume.bytes);
                assert_int_equal(busy.unmatched_volume.bytes, quiet.unmatched_volume.bytes);
                assert_int_equal(busy.n_rows, quiet.n_rows);
                for (size_t row = 0; row < busy.n_rows; row++)
                        assert_same(&busy.rows[row], &quiet.rows[row]);
                flow_result_fini(&busy);
                flow_result_fini(&quiet);
        }
}

/* ---- groups ---------------------------------------------------------------------------------------- */

static struct top_result ask_top(enum top_by by, struct history_range range, struct ticks *ticks) {
        const struct top_query query = {
                .has_range = true, .range = range, .by = by, .limit = 300, .filter = {.expression = filter}};
        struct top_result result;
        assert_int_equal(history_query_top(history, &query, write_meanwhile, ticks, &result), 0);
        return result;
}

static struct series_result ask_series(enum top_by by, struct history_range range, struct ticks *ticks) {
        const struct series_query query = {
                .range = range, .step_s = 1, .by = by, .limit = 90, .filter = {.expression = filter}};
        struct series_result result;
        assert_int_equal(history_query_series(history, &query, write_meanwhile, ticks, &result), 0);
        return result;
}

static const enum top_by groupings[] = {TOP_BY_HOST, TOP_BY_PAIR, TOP_BY_PORT, TOP_BY_PROTO, TOP_BY_FLOW};
static const struct history_range past = {START, START + 3};

static void test_groups(void **state) {
        (void)state;
        use_filter("bytes > 100");
        for (unsigned i = 0; i < sizeof(groupings) / sizeof(groupings[0]); i++) {
                struct ticks ticks = {.every = 11, .left = 9}, none = {0};
                struct top_result busy = ask_top(groupings[i], past, &ticks),
                                  quiet = ask_top(groupings[i], past, &none);
                assert_true(ticks.written >= 2);
                assert_int_equal(busy.matched.bytes, quiet.matched.bytes);
                assert_int_equal(busy.n_rows, quiet.n_rows);
                assert_memory_equal(busy.rows, quiet.rows, busy.n_rows * sizeof(busy.rows[0]));
                top_result_fini(&busy);
                top_result_fini(&quiet);
        }
}

static void test_groups_over_time(void **state) {
        (void)state;
        use_filter("bytes > 100");
        for (unsigned i = 0; i < sizeof(groupings) / sizeof(groupings[0]); i++) {
                struct ticks ticks = {.every = 11, .left = 9}, none = {0};
                struct series_result busy = ask_series(groupings[i], past, &ticks);
                struct series_result quiet = ask_series(groupings[i], past, &none);
                size_t values = (busy.n_rows + 1) * busy.n_steps;
                assert_true(ticks.written >= 2);
                assert_int_equal(busy.matched.bytes, quiet.matched.bytes);
                assert_int_equal(busy.n_rows, quiet.n_rows);
                assert_int_equal(busy.n_steps, quiet.n_steps);
                assert_memory_equal(busy.values, quiet.values, values * sizeof(busy.values[0]));
                series_result_fini(&busy);
                series_result_fini(&quiet);
        }
}

static uint64_t bytes_of(const struct top_row *rows, size_t n) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < n; i++)
                bytes += rows[i].volume.bytes;
        return bytes;
}

/* Flows leave with the time while they are summed up, and others take their places: these are not mistaken for them. */
static void test_flows_that_leave(void **state) {
        (void)state;
        for (unsigned every = 1; every < 5; every++) {
                empty(NULL);
                fill(NULL);
                proto = PROTO_UDP;
                struct ticks ticks = {.every = every, .left = 2, .silent_s = 400, .after_judging = true};
                struct top_result top = ask_top(TOP_BY_PROTO, past, &ticks);
                const struct history_seen *seen = &top.seen;
                assert_true(ticks.written);
                assert_true(!top.n_rows || (top.n_rows == 1 && top.rows[0].key.proto == PROTO_TCP));
                assert_int_equal(bytes_of(top.rows, top.n_rows), top.matched.bytes);
                assert_int_equal(top.matched.bytes + top.unmatched.bytes + seen->thinned.bytes, seen->all.bytes);
                top_result_fini(&top);

                empty(NULL);
                fill(NULL);
                proto = PROTO_UDP;
                ticks = (struct ticks){.every = every, .left = 2, .silent_s = 400, .after_judging = true};
                struct series_result series = ask_series(TOP_BY_PROTO, past, &ticks);
                assert_true(ticks.written);
                assert_true(!series.n_rows || (series.n_rows == 1 && series.rows[0].key.proto == PROTO_TCP));
                assert_int_equal(bytes_of(series.rows, series.n_rows), series.matched.bytes);
                uint64_t sum = 0;
                for (size_t i = 0; i < (series.n_rows + 1) * series.n_steps; i++)
                        sum += series.values[i];
                assert_int_equal(sum, series.matched.bytes);
                series_result_fini(&series);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_flows_are_of_one_tick, fill, empty),
                cmocka_unit_test_setup_teardown(test_groups, fill, empty),
                cmocka_unit_test_setup_teardown(test_groups_over_time, fill, empty),
                cmocka_unit_test_setup_teardown(test_flows_that_leave, fill, empty),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
