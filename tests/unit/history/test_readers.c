/* Readers of the past beside the writer that thins it all the while, for the sanitizers and for the sums: each second
 * carries the same, so whatever a reader is told of a range must add up to a multiple of it, and a segment that it
 * holds stays as it was. */
#include "lib/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "history/store.h"
#include "lib/ticks.h"

#define START 1700000000
#define SECONDS 700
#define RETENTION 400
#define FLOWS_A_SECOND 100u
#define BYTES_A_PACKET 300u
#define KEYS 1500u
#define PLACES 1000u
#define SEGMENT_BYTES 60000u
#define READERS 3u

static struct history *history;
static _Atomic bool done;
static _Atomic int64_t written; /* the first second that is not in the history yet */
static _Atomic unsigned held;   /* segments that others were thinned beside */

static int set_up(void **state) {
        (void)state;
        struct history_options options = history_options_with(PLACES);
        options.retention_s = RETENTION;
        options.segment_bytes = SEGMENT_BYTES;
        history = history_new(&options);
        return history ? 0 : -1;
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        return 0;
}

/* ---- the writer --------------------------------------------------------------------------------- */

/* What was not told of when a reader looked cannot have been in its answer. */
static void write_second(int64_t second, uint64_t *seed) {
        struct history_tick tick = ticks_begin(history, second);
        for (unsigned i = 0; i < FLOWS_A_SECOND; i++) {
                const struct flow_key key = key_of(random_below(seed, KEYS), PROTO_UDP);
                (void)ticks_add_key(history, &key, delta_of((uint16_t)i, BYTES_A_PACKET), &tick);
        }
        history_tick_end(history, &tick);
        atomic_store(&written, second + 1);
}

/* And on, until a segment was held the while. */
static void *write_all(void *context) {
        uint64_t seed = 1;
        for (int64_t second = START; second < START + SECONDS || !atomic_load(&held); second++)
                write_second(second, &seed);
        atomic_store(&done, true);
        return context;
}

/* ---- the readers ---------------------------------------------------------------------------------- */

/* A thread that is not cmocka's own cannot fail a test, but end it. */
static void must(bool holds) {
        if (!holds)
                abort();
}

static struct history_range any_range(uint64_t *seed) {
        uint32_t n = (uint32_t)(atomic_load(&written) - START);
        int64_t from = START + random_below(seed, n + 1);
        return (struct history_range){from, from + 1 + random_below(seed, random_one_in(seed, 2) ? 5 : RETENTION)};
}

/* The counters of a range are whole seconds, and its parts are no more than they. */
static void check_seen(const struct history_seen *seen, struct volume matched, struct volume unmatched) {
        must(seen->all.packets % FLOWS_A_SECOND == 0);
        must(seen->all.bytes == seen->all.packets * BYTES_A_PACKET);
        must(seen->all.packets * 1000 == seen->span_ms * FLOWS_A_SECOND);
        must(seen->thinned.packets <= seen->all.packets);
        must(matched.packets + unmatched.packets + seen->thinned.packets + seen->untracked.packets ==
             seen->all.packets);
        must(matched.bytes + unmatched.bytes + seen->thinned.bytes + seen->untracked.bytes == seen->all.bytes);
}

static void read_flows(uint64_t *seed) {
        struct flow_query query = {.has_range = true, .range = any_range(seed), .max_rows = 50};
        if (random_one_in(seed, 2)) {
                query.filter.has_state = true;
                query.filter.state = FLOW_STATE_ENDED;
        }
        struct flow_result result;
        must(history_query_flows(history, &query, NULL, NULL, &result) == 0);
        check_seen(&result.seen, result.matched_volume, result.unmatched_volume);
        for (size_t i = 0; i < result.n_rows; i++)
                must(result.rows[i].ab.bytes + result.rows[i].ba.bytes ==
                     (result.rows[i].ab.packets + result.rows[i].ba.packets) * BYTES_A_PACKET);
        flow_result_fini(&result);
}

static void read_top(uint64_t *seed) {
        const struct top_query query = {
                .has_range = true, .range = any_range(seed), .by = random_below(seed, TOP_BYS), .limit = 20};
        struct top_result result;
        must(history_query_top(history, &query, NULL, NULL, &result) == 0);
        check_seen(&result.seen, result.matched, result.unmatched);
        top_result_fini(&result);
}

static void read_counters(uint64_t *seed) {
        static _Thread_local struct history_counters rows[RETENTION];
        struct history_range range = any_range(seed);
        struct history_figures figures;
        size_t n = history_read_counters(history, range.from, range.to, rows, RETENTION);
        for (size_t i = 0; i < n; i++)
                must(rows[i].all.packets == FLOWS_A_SECOND);
        history_read_figures(history, &figures);
        must(figures.bytes <= figures.budget);
}

static void *read_past(void *context) {
        uint64_t seed = (uint64_t)(uintptr_t)context;
        while (!atomic_load(&done)) {
                read_flows(&seed);
                read_top(&seed);
                read_counters(&seed);
        }
        return context;
}

/* ---- one that does not let go ----------------------------------------------------------------------- */

static struct volume sum_of(const struct segment *segment) {
        struct volume sum = {0};
        struct segment_cursor cursor = segment_start(segment);
        for (struct flow_sum row; segment_next(&cursor, &row);)
                volume_add(&sum, row.ab.packets + row.ba.packets, row.ab.bytes + row.ba.bytes);
        return sum;
}

/* The oldest segment with rows, and how often anything had been thinned then. NULL: none yet. */
static struct segment *take_oldest(uint64_t *ret_thinnings) {
        struct segment *list[RETENTION + 2 * MINUTE_S], *oldest = NULL;
        pthread_rwlock_rdlock(&history->lock);
        const struct segments *segments = &history->segments;
        size_t n = segments_collect(segments, segments->from, segments->to, list);
        *ret_thinnings = segments->thinnings;
        pthread_rwlock_unlock(&history->lock);
        for (size_t i = 0; i < n; i++)
                if (!oldest && list[i]->n)
                        oldest = list[i];
                else
                        segment_unref(list[i]);
        return oldest;
}

static uint64_t thinnings_now(void) {
        pthread_rwlock_rdlock(&history->lock);
        uint64_t n = history->segments.thinnings;
        pthread_rwlock_unlock(&history->lock);
        return n;
}

static void *hold_oldest(void *context) {
        uint64_t thinnings;
        while (!atomic_load(&done)) {
                struct segment *segment = take_oldest(&thinnings);
                if (!segment)
                        continue;
                const struct volume rows = segment->rows;
                uint32_t n = segment->n;
                do {
                        struct volume sum = sum_of(segment);
                        must(sum.packets == rows.packets && sum.bytes == rows.bytes && segment->n == n);
                } while (!atomic_load(&done) && thinnings_now() < thinnings + 3);
                held += thinnings_now() > thinnings;
                segment_unref(segment);
        }
        return context;
}

static void test_readers_beside_a_writer_that_thins(void **state) {
        (void)state;
        pthread_t writer, holder, readers[READERS];
        uint64_t seed = 7;
        write_second(START - 1, &seed);
        assert_int_equal(pthread_create(&holder, NULL, hold_oldest, NULL), 0);
        for (unsigned i = 0; i < READERS; i++)
                assert_int_equal(pthread_create(&readers[i], NULL, read_past, (void *)(uintptr_t)(i + 1)), 0);
        assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
        assert_int_equal(pthread_join(writer, NULL), 0);
        for (unsigned i = 0; i < READERS; i++)
                assert_int_equal(pthread_join(readers[i], NULL), 0);
        assert_int_equal(pthread_join(holder, NULL), 0);
        assert_true(thinnings_now() > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_readers_beside_a_writer_that_thins, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
