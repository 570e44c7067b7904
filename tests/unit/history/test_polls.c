/* Every query asks all along whether it is still wanted, and ends wherever it hears that it is not: with -ECANCELED,
 * with nothing left to be freed (the sanitizers see to that), and with its result untouched. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>

#include "history/work.h"
#include "lib/ticks.h"

#define START 1700000000
#define SECONDS 110
#define FLOWS (3 * WORK_POLL_EVERY)

static struct history *history;

/* Two minutes, of which the first second and the last have all flows. */
static int fill(void **state) {
        (void)state;
        struct history_options options = history_options_with(FLOWS);
        options.retention_s = 300;
        options.segment_bytes = (size_t)1 << 30;
        history = history_new(&options);
        for (int64_t s = 0; s < SECONDS; s++) {
                struct history_tick tick = ticks_begin(history, START + s);
                for (uint32_t number = 0; number < FLOWS && s % (SECONDS - 1) == 0; number++) {
                        const struct flow_key key = key_of(number, PROTO_TCP);
                        ticks_add_key(history, &key, delta_of(0, 100 + number % 7), &tick);
                }
                history_tick_end(history, &tick);
        }
        return 0;
}

static int empty(void **state) {
        (void)state;
        history_free(history);
        return 0;
}

/* ---- the queries: each returns what the history said ------------------------------------------ */

typedef int (*ask)(bool (*cancelled)(void *), void *context);

static const struct history_range all = {START, START + SECONDS};

static int ask_flows(const struct flow_query *query, bool (*cancelled)(void *), void *context) {
        struct flow_result result = {.total = 42};
        int r = history_query_flows(history, query, cancelled, context, &result);
        if (r == 0)
                assert_int_equal(result.matched, FLOWS);
        else
                assert_int_equal(result.total, 42);
        if (r == 0)
                flow_result_fini(&result);
        return r;
}

static int flows_now(bool (*cancelled)(void *), void *context) {
        return ask_flows(&(struct flow_query){.max_rows = 1000}, cancelled, context);
}

static int flows_of_a_range(bool (*cancelled)(void *), void *context) {
        return ask_flows(&(struct flow_query){.has_range = true, .range = all, .max_rows = 1000}, cancelled, context);
}

static int ask_top(const struct top_query *query, bool (*cancelled)(void *), void *context) {
        struct top_result result = {.second = 42};
        int r = history_query_top(history, query, cancelled, context, &result);
        if (r == 0)
                assert_int_equal(result.matched_flows, FLOWS);
        else
                assert_int_equal(result.second, 42);
        if (r == 0)
                top_result_fini(&result);
        return r;
}

static int top_now(bool (*cancelled)(void *), void *context) {
        return ask_top(&(struct top_query){.by = TOP_BY_HOST, .limit = 10}, cancelled, context);
}

static int top_of_a_range(bool (*cancelled)(void *), void *context) {
        return ask_top(&(struct top_query){.has_range = true, .range = all, .by = TOP_BY_HOST, .limit = 10}, cancelled,
                       context);
}

static int ask_series(enum top_by by, bool (*cancelled)(void *), void *context) {
        struct series_result result = {.step_s = 42};
        const struct series_query query = {.range = all, .step_s = 1, .by = by, .limit = 10};
        int r = history_query_series(history, &query, cancelled, context, &result);
        if (r == 0)
                assert_int_equal(result.matched_flows, FLOWS);
        else
                assert_int_equal(result.step_s, 42);
        if (r == 0)
                series_result_fini(&result);
        return r;
}

static int series_by_flow(bool (*cancelled)(void *), void *context) {
        return ask_series(TOP_BY_FLOW, cancelled, context);
}

static int series_by_host(bool (*cancelled)(void *), void *context) {
        return ask_series(TOP_BY_HOST, cancelled, context);
}

/* ---- polls -------------------------------------------------------------------------------------- */

struct polls {
        unsigned seen;
        unsigned patience; /* so many get a no */
};

static bool count(void *context) {
        struct polls *polls = context;
        return polls->seen++ >= polls->patience;
}

static void test_every_poll_can_end_it(void **state) {
        (void)state;
        static const struct {
                ask ask;
                unsigned passes; /* over all flows */
        } queries[] = {
                {flows_now, 1},      {flows_of_a_range, 3}, {top_now, 2},
                {top_of_a_range, 4}, {series_by_flow, 3},   {series_by_host, 5},
        };
        for (unsigned i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
                struct polls whole = {.patience = UINT32_MAX};
                assert_int_equal(queries[i].ask(count, &whole), 0);
                assert_true(whole.seen >= queries[i].passes * FLOWS / WORK_POLL_EVERY);
                for (unsigned patience = 0; patience < whole.seen; patience++) {
                        struct polls polls = {.patience = patience};
                        assert_int_equal(queries[i].ask(count, &polls), -ECANCELED);
                        assert_int_equal(polls.seen, patience + 1);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_poll_can_end_it),
        };
        return cmocka_run_group_tests(tests, fill, empty);
}
