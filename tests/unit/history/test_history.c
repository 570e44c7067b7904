/* The history as a whole: spans and partial seconds, sums that stay exact under any traffic, and
 * readers that see whole ticks while a writer goes on. */
#include "lib/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/one_history.h"

#define START 1700000000

/* A tick over [from_ms, to_ms) after START. */
static void span(int64_t second, int64_t from_ms, int64_t to_ms) {
        struct history_tick tick = ticks_begin(history, START + second);
        tick.start_ns = START * NS_PER_S + from_ms * NS_PER_MS;
        tick.end_ns = START * NS_PER_S + to_ms * NS_PER_MS;
        history_tick_end(history, &tick);
}

static struct history_counters latest(void) {
        struct history_counters row;
        assert_true(history_latest(history, &row));
        return row;
}

static void test_before_the_first_tick(void **state) {
        (void)state;
        struct history_counters row;
        int64_t from, to;
        struct top_row top;
        assert_false(history_latest(history, &row));
        assert_false(history_span(history, &from, &to));
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, &row, 1), 0);
        assert_int_equal(history_read_top(history, &top, 1, &row), 0);
        struct flow_result result = ticks_rows(history);
        assert_int_equal(result.n_rows, 0);
        assert_int_equal(result.asof_ms, 0);
        flow_result_fini(&result);
}

static void test_spans(void **state) {
        (void)state;
        span(0, 300, 900); /* shown early */
        assert_int_equal(latest().span_ms, 600);
        assert_true(latest().partial);
        span(0, 900, 1000); /* and gone on with */
        assert_int_equal(latest().span_ms, 700);
        assert_true(latest().partial);
        span(1, 1000, 2000);
        assert_int_equal(latest().span_ms, 1000);
        assert_false(latest().partial);
        span(2, 2000, 5000); /* the rollup was late: three seconds in one */
        assert_int_equal(latest().span_ms, 3000);
        assert_false(latest().partial);
}

/* A worker that came too late adds packets to a second, not time. */
static void test_a_late_worker_adds_no_time(void **state) {
        (void)state;
        span(0, 0, 1000);
        span(0, 0, 1000);
        assert_int_equal(latest().span_ms, 1000);
        span(1, 1000, 2000);
        span(1, 0, 1000);
        assert_int_equal(latest().span_ms, 1000);
        span(2, 2500, 2400); /* the clock was set back meanwhile */
        assert_int_equal(latest().span_ms, 0);
}

static void test_counters_that_are_read(void **state) {
        (void)state;
        struct history_counters rows[100];
        int64_t from, to;
        for (int64_t s = 0; s < 70; s++)
                if (s != 50)
                        ticks_one(history, START + s, 1, PROTO_UDP, delta_of(0, (uint32_t)s));
        assert_true(history_span(history, &from, &to));
        assert_int_equal(from, START + 10);
        assert_int_equal(to, START + 70);
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, rows, 100), 59);
        assert_int_equal(rows[0].second, START + 10);
        assert_int_equal(rows[0].all.bytes, 10);
        assert_int_equal(rows[0].by_class[PACKET_CLASS_UDP].bytes, 10);
        assert_int_equal(rows[58].second, START + 69);
        assert_int_equal(history_read_counters(history, START + 49, START + 52, rows, 100), 2);
        assert_int_equal(rows[0].second, START + 49);
        assert_int_equal(rows[1].second, START + 51);
        assert_int_equal(history_read_counters(history, START + 20, START + 40, rows, 3), 3);
        assert_int_equal(rows[2].second, START + 22);
        assert_int_equal(history_read_counters(history, START + 40, START + 20, rows, 3), 0);
}

/* In a file: flows live on in it, and end at their time. */
static void test_silence(void **state) {
        struct history_options options = history_options_with(100);
        struct history_counters rows[100];
        options.gaps_are_zero = true;
        tear_down(state);
        history = history_new(&options);
        ticks_one(history, START, 1, PROTO_UDP, delta_of(500, 1));
        ticks_one(history, START + 10, 2, PROTO_TCP, delta_of(0, 1));
        ticks_one(history, START + 50, 2, PROTO_TCP, delta_of(0, 1));
        assert_int_equal(history_read_counters(history, START, START + 51, rows, 100), 51);
        for (int64_t s = 0; s <= 50; s++) {
                assert_int_equal(rows[s].second, START + s);
                assert_int_equal(rows[s].span_ms, 1000);
                assert_int_equal(rows[s].all.packets, s == 0 || s == 10 || s == 50);
                assert_int_equal(rows[s].active_flows, (s < 30) + (s >= 10));
                assert_int_equal(rows[s].new_flows, s == 0 || s == 10);
        }
        ticks_one(history, START + 100000, 2, PROTO_TCP, delta_of(0, 1));
        assert_int_equal(history_read_counters(history, START, START + 100001, rows, 100), 60);
        assert_int_equal(rows[58].active_flows, 0);
        assert_int_equal(rows[59].active_flows, 1);
        assert_int_equal(rows[59].new_flows, 1);
}

static void test_ticks_and_events_are_told(void **state) {
        (void)state;
        uint64_t told = 0;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        history_notify(history, fd);
        ticks_none(history, START);
        ticks_none(history, START + 1);
        history_add_event(history, 0, "start", "x");
        assert_int_equal(history_ticks(history), 3);
        assert_int_equal(read(fd, &told, sizeof(told)), sizeof(told));
        assert_int_equal(told, 3);
        close(fd);
}

/* Everything that was added is in a row, forgotten or untracked: random lives of 60 keys in a
 * directory of 20, over seconds that follow each other or jump. */
static void run_lives(uint64_t seed) {
        struct history_options options = history_options_with(20);
        options.keep_all = true;
        options.ttl_ms[PACKET_CLASS_UDP] = 3000;
        options.ttl_ms[PACKET_CLASS_TCP] = 5000;
        tear_down(NULL);
        history = history_new(&options);

        struct volume added = {0};
        int64_t second = START;
        for (unsigned ticks = 0; ticks < 300; ticks++) {
                struct history_tick tick = ticks_begin(history, second);
                for (unsigned i = 0, n = random_below(&seed, 30); i < n; i++) {
                        uint16_t ms = (uint16_t)random_below(&seed, 1000);
                        struct flow_delta delta = delta_of(ms, random_below(&seed, 100000));
                        const struct flow_key key = key_of(random_below(&seed, 60), i % 2 ? PROTO_TCP : PROTO_UDP);
                        delta.ba_packets = random_below(&seed, 3);
                        delta.ba_bytes = delta.ba_packets * 60;
                        delta.rst = random_one_in(&seed, 10);
                        delta.syn_first = random_one_in(&seed, 4);
                        delta.fin_ab = random_one_in(&seed, 4);
                        delta.fin_ba = random_one_in(&seed, 4);
                        ticks_add_key(history, &key, delta, &tick);
                }
                volume_add(&added, tick.totals.all.packets, tick.totals.all.bytes);
                history_tick_end(history, &tick);
                second += random_one_in(&seed, 20) ? random_below(&seed, 9000) : random_below(&seed, 2);
        }

        struct history_totals totals;
        struct flow_result rows = ticks_rows(history);
        history_read_totals(history, &totals);
        struct volume sum = totals.forgotten;
        volume_add(&sum, totals.totals.untracked.packets, totals.totals.untracked.bytes);
        for (size_t i = 0; i < rows.n_rows; i++) {
                assert_true(rows.rows[i].ab.packets > 0);
                assert_true(rows.rows[i].first_seen_ms <= rows.rows[i].last_seen_ms);
                volume_add(&sum, rows.rows[i].ab.packets + rows.rows[i].ba.packets,
                           rows.rows[i].ab.bytes + rows.rows[i].ba.bytes);
        }
        assert_int_equal(sum.packets, added.packets);
        assert_int_equal(sum.bytes, added.bytes);
        assert_int_equal(totals.totals.all.packets, added.packets);
        assert_true(totals.flows_forgotten > 0);

        struct history_figures figures;
        history_read_figures(history, &figures);
        assert_int_equal(figures.flows_active + figures.flows_ended, rows.n_rows);
        flow_result_fini(&rows);
}

static void test_sums_stay_exact(void **state) {
        (void)state;
        for (uint64_t seed = 1; seed <= 20; seed++)
                run_lives(seed);
}

/* ---- readers beside the writer ------------------------------------------------------------ */

static _Atomic bool stop;

/* In each tick every flow sends one packet: so in any answer all flows have the same count. */
static void *read_ticks(void *context) {
        _Atomic unsigned *n_answers = context;
        while (!atomic_load(&stop)) {
                struct flow_result rows = ticks_rows(history);
                for (size_t i = 1; i < rows.n_rows; i++)
                        if (rows.rows[i].ab.packets != rows.rows[0].ab.packets)
                                abort();
                flow_result_fini(&rows);

                struct top_result top;
                const struct top_query query = {.by = TOP_BY_HOST, .limit = 10};
                if (history_query_top(history, &query, NULL, NULL, &top) != 0)
                        abort();
                top_result_fini(&top);

                struct history_counters counters[60];
                struct top_row best[10];
                struct history_totals totals;
                struct history_event events[10];
                size_t n = history_read_counters(history, INT64_MIN, INT64_MAX, counters, 60);
                for (size_t i = 0; i < n; i++)
                        if (counters[i].all.packets != 50)
                                abort();
                (void)history_read_top(history, best, 10, counters);
                (void)history_read_events(history, 0, INT64_MIN, INT64_MAX, events, 10);
                history_read_totals(history, &totals);
                (void)history_read_worker(history, 0);
                atomic_fetch_add(n_answers, 1);
        }
        return NULL;
}

/* The writer goes on until both readers have had their share. */
static void test_readers_see_whole_ticks(void **state) {
        (void)state;
        pthread_t readers[2];
        _Atomic unsigned answers[2] = {0};
        atomic_store(&stop, false);
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(pthread_create(&readers[i], NULL, read_ticks, &answers[i]), 0);
        for (int64_t s = 0; s < 1000 || atomic_load(&answers[0]) <= 10 || atomic_load(&answers[1]) <= 10; s++) {
                struct history_tick tick = ticks_begin(history, START + s);
                for (uint32_t n = 0; n < 50; n++) {
                        const struct flow_key key = key_of(n, PROTO_UDP);
                        ticks_add_key(history, &key, delta_of(0, 100), &tick);
                }
                history_set_worker(history, 0, &(struct history_worker){.frames = (uint64_t)s});
                history_tick_end(history, &tick);
                history_add_event(history, s, "drops", "x");
                usleep(200);
        }
        atomic_store(&stop, true);
        for (unsigned i = 0; i < 2; i++)
                pthread_join(readers[i], NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_before_the_first_tick, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_spans, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_late_worker_adds_no_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_counters_that_are_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ticks_and_events_are_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sums_stay_exact, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_readers_see_whole_ticks, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
