/* Queries over the past against a table that the test keeps: any range, any grouping, to the byte; with seconds, with
 * minutes only, with flows thinned away, and over a clock that was set. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ticks.h"

#define START 1699999990 /* ten seconds into a minute */
#define SECONDS 500
#define FLOWS 60u

static struct history *history;
static struct volume wanted[SECONDS][FLOWS];
static struct volume nonflow[SECONDS], untracked[SECONDS];

static void make(size_t segment_bytes, uint32_t max_flows) {
        struct history_options options = history_options_with(max_flows);
        options.retention_s = SECONDS;
        options.segment_bytes = segment_bytes;
        memset(wanted, 0, sizeof(wanted));
        memset(nonflow, 0, sizeof(nonflow));
        memset(untracked, 0, sizeof(untracked));
        history = history_new(&options);
        assert_non_null(history);
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        history = NULL;
        return 0;
}

/* One second of random traffic; flow n is heavier the lower n is. */
static void second(int64_t s, uint64_t *seed) {
        struct history_tick tick = ticks_begin(history, START + s);
        for (uint32_t number = 0; number < FLOWS; number++) {
                if (random_one_in(seed, 3))
                        continue;
                uint32_t bytes = 60 + random_below(seed, 1500 * (FLOWS - number));
                const struct flow_key key = key_of(number, PROTO_TCP);
                struct flow_delta delta = delta_of((uint16_t)random_below(seed, 1000), bytes);
                if (random_one_in(seed, 2)) {
                        delta.ba_packets = 2;
                        delta.ba_bytes = 200;
                }
                if (ticks_add_key(history, &key, delta, &tick))
                        volume_add(&wanted[s][number], delta.ab_packets + delta.ba_packets,
                                   delta.ab_bytes + delta.ba_bytes);
                else
                        volume_add(&untracked[s], delta.ab_packets + delta.ba_packets, delta.ab_bytes + delta.ba_bytes);
        }
        nonflow[s] = (struct volume){1, 60};
        volume_add(&tick.totals.all, 1, 60);
        volume_add(&tick.totals.nonflow, 1, 60);
        volume_add(&tick.totals.by_class[PACKET_CLASS_OTHER], 1, 60);
        history_tick_end(history, &tick);
}

static struct volume sum(const struct volume *of, int64_t from, int64_t to, size_t step) {
        struct volume all = {0};
        for (int64_t s = from; s < to; s++)
                volume_add(&all, of[(size_t)s * step].packets, of[(size_t)s * step].bytes);
        return all;
}

static void assert_volume(struct volume x, struct volume y) {
        assert_int_equal(x.packets, y.packets);
        assert_int_equal(x.bytes, y.bytes);
}

static struct volume add(struct volume x, struct volume y) {
        volume_add(&x, y.packets, y.bytes);
        return x;
}

/* The five parts are the counters, which are what was put in. */
static void check_seen(const struct history_seen *seen, struct volume matched, struct volume unmatched) {
        int64_t from = seen->range.from - START, to = seen->range.to - START;
        struct volume all = add(sum(nonflow, from, to, 1), sum(untracked, from, to, 1));
        for (uint32_t number = 0; number < FLOWS; number++)
                all = add(all, sum(&wanted[0][number], from, to, FLOWS));
        assert_volume(seen->all, all);
        assert_volume(seen->nonflow, sum(nonflow, from, to, 1));
        assert_volume(seen->untracked, sum(untracked, from, to, 1));
        assert_volume(add(add(matched, unmatched), add(seen->thinned, add(seen->untracked, seen->nonflow))), all);
        assert_int_equal(seen->span_ms, (to - from) * 1000);
}

#define NEVER INT64_MAX

/* One random question; from the second `exact_from` on every flow must be right. */
static void ask(uint64_t *seed, int64_t now, int64_t exact_from) {
        int64_t from = random_below(seed, (uint32_t)now), to = from + 1 + random_below(seed, 200);
        if (to > now)
                to = now;
        struct flow_query query = {.has_range = true, .range = {START + from, START + to}, .max_rows = 1000};
        if (random_one_in(seed, 2)) {
                query.filter.nets.n = 1;
                const struct flow_key key = key_of(random_below(seed, FLOWS), PROTO_TCP);
                memcpy(query.filter.nets.list[0].address, key.a_address, 16);
                query.filter.nets.list[0].bits = 128;
                query.filter.nets.list[0].family = 4;
        }
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
        const struct history_seen *seen = &result.seen;
        bool exact = exact_from != NEVER && seen->range.from - START >= exact_from;
        assert_true(seen->range.from <= START + from && seen->range.to >= START + to);
        if (seen->resolution_ms == 1000)
                assert_true(seen->range.from == START + from && seen->range.to == START + to);
        else
                assert_int_equal(seen->resolution_ms, 60000);
        check_seen(seen, result.matched_volume, result.unmatched_volume);
        assert_int_equal(result.n_rows, result.matched);
        for (size_t i = 0; i < result.n_rows; i++) {
                const struct flow_row *row = &result.rows[i];
                struct volume mine =
                        sum(&wanted[0][number_of(&row->key)], seen->range.from - START, seen->range.to - START, FLOWS);
                if (exact)
                        assert_volume(add(row->ab, row->ba), mine);
                else
                        assert_true(row->ab.bytes + row->ba.bytes <= mine.bytes);
                if (i)
                        assert_true(row->ab.bytes + row->ba.bytes <= row[-1].ab.bytes + row[-1].ba.bytes);
        }
        if (exact)
                assert_int_equal(seen->thinned.packets, 0);

        struct top_query top = {.has_range = true, .range = query.range, .by = TOP_BY_PROTO, .limit = 5};
        struct top_result groups;
        assert_int_equal(history_query_top(history, &top, NULL, NULL, &groups), 0);
        check_seen(&groups.seen, groups.matched, groups.unmatched);
        assert_volume(groups.n_rows ? groups.rows[0].volume : (struct volume){0}, groups.matched);
        top_result_fini(&groups);
        flow_result_fini(&result);
}

static void test_any_second_or_range(void **state) {
        (void)state;
        uint64_t seed = 1;
        make(64 << 20, 1000);
        for (int64_t s = 0; s < SECONDS; s++) {
                second(s, &seed);
                for (unsigned i = 0; i < 4; i++)
                        ask(&seed, s + 1, 0);
        }
}

static uint64_t total_of(bool has_state, enum flow_state flow_state) {
        const struct flow_query query = {
                .has_range = true,
                .range = {START, START + 200},
                .filter = {.has_state = has_state, .state = flow_state},
                .max_rows = 1,
        };
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
        uint64_t total = result.total;
        assert_int_equal(result.matched, total);
        flow_result_fini(&result);
        return total;
}

/* The total is of flows in the asked state. */
static void test_state(void **state) {
        (void)state;
        make(1 << 20, 100);
        ticks_one(history, START, 1, PROTO_TCP, delta_of(0, 1));
        ticks_one(history, START + 1, 2, PROTO_UDP, delta_of(0, 1));
        ticks_one(history, START + 2, 3, PROTO_UDP, delta_of(0, 1));
        ticks_none(history, START + 100);
        assert_int_equal(total_of(false, FLOW_STATE_ACTIVE), 3);
        assert_int_equal(total_of(true, FLOW_STATE_ACTIVE), 1);
        assert_int_equal(total_of(true, FLOW_STATE_ENDED), 2);
}

static void test_by_the_minute(void **state) {
        (void)state;
        uint64_t seed = 2;
        make(60000, 1000);
        for (int64_t s = 0; s < SECONDS; s++)
                second(s, &seed);
        for (unsigned i = 0; i < 500; i++)
                ask(&seed, SECONDS, 10); /* in the first seconds there are too many new flows for such a budget */
        struct flow_query query = {.has_range = true, .range = {START + 100, START + 101}, .max_rows = 1};
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
        assert_int_equal(result.seen.resolution_ms, 60000);
        assert_int_equal(result.seen.range.from, START + 50); /* the whole minute */
        flow_result_fini(&result);
}

static void test_small_flows_thinned(void **state) {
        (void)state;
        uint64_t seed = 3;
        make(12000, 1000);
        for (int64_t s = 0; s < SECONDS; s++)
                second(s, &seed);
        for (unsigned i = 0; i < 500; i++)
                ask(&seed, SECONDS, NEVER);
        const struct flow_query query = {.has_range = true, .range = {START, START + SECONDS}, .max_rows = 1000};
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
        assert_true(result.seen.thinned.packets > 0 && result.seen.thinned_flows > 0);
        assert_true(result.seen.exact); /* nothing was asked of the flows */
        flow_result_fini(&result);
}

/* More flows than the directory holds come and go; what a row says is still its own flow's. */
/* Of a filter without a condition nothing can be missing. */
static void test_an_empty_filter_is_exact(void **state) {
        (void)state;
        uint64_t seed = 3;
        make(12000, 1000);
        for (int64_t s = 0; s < SECONDS; s++)
                second(s, &seed);
        static const char *const texts[] = {"", " ", "ip or ip6"};
        for (unsigned i = 0; i < 3; i++) {
                struct flow_query query = {.has_range = true, .range = {START, START + SECONDS}, .max_rows = 1};
                struct filter *filter;
                struct filter_error error;
                struct flow_result result;
                assert_int_equal(filter_parse(texts[i], NULL, &filter, &error), 0);
                query.filter.expression = filter;
                assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
                assert_true(result.seen.thinned.packets > 0);
                assert_int_equal(result.seen.exact, i < 2);
                flow_result_fini(&result);
                filter_free(filter);
        }
}

/* It is said once that there is no room any more, also where it was one for a flow that was wanting. */
static void test_thinning_is_told(void **state) {
        (void)state;
        static const struct {
                size_t segment_bytes;
                uint32_t max_flows;
        } wants[] = {{12000, 100000}, {10 << 20, 200}};
        for (unsigned i = 0; i < 2; i++) {
                struct history_event events[8];
                make(wants[i].segment_bytes, wants[i].max_flows);
                assert_int_equal(history_read_events(history, 0, INT64_MIN, INT64_MAX, events, 8), 0);
                for (int64_t s = 0; s < SECONDS; s++)
                        ticks_one(history, START + s, (uint32_t)s, PROTO_UDP, delta_of(0, 100));
                assert_int_equal(history_read_events(history, 0, INT64_MIN, INT64_MAX, events, 8), 1);
                assert_string_equal(events[0].event, "thinning");
                tear_down(state);
        }
}

static void test_places_change_hands(void **state) {
        (void)state;
        uint64_t seed = 4;
        make(64 << 20, 30);
        for (int64_t s = 0; s < SECONDS; s++) {
                second(s, &seed);
                if (s % 7 == 0)
                        ask(&seed, s + 1, NEVER);
        }
}

static void test_a_clock_set_back(void **state) {
        (void)state;
        uint64_t seed = 5;
        make(64 << 20, 1000);
        for (int64_t s = 0; s < 200; s++) {
                if (s == 100)
                        history_set_wall(history, START + 100, -50, HISTORY_GAP_CLOCK_STEP);
                second(s, &seed);
        }
        /* of +40..+60 the first ten are the first ones that bear it, the others those after the step */
        const struct flow_query query = {.has_range = true, .range = {START + 40, START + 60}, .max_rows = 1000};
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
        for (size_t i = 0; i < result.n_rows; i++) {
                uint32_t number = number_of(&result.rows[i].key);
                struct volume mine =
                        add(sum(&wanted[0][number], 40, 50, FLOWS), sum(&wanted[0][number], 100, 110, FLOWS));
                assert_volume(add(result.rows[i].ab, result.rows[i].ba), mine);
        }
        assert_int_equal(result.seen.span_ms, 20000);
        flow_result_fini(&result);
}

static bool yes(void *context) {
        (void)context;
        return true;
}

static void test_cancelled(void **state) {
        (void)state;
        uint64_t seed = 6;
        make(64 << 20, 1000);
        second(0, &seed);
        const struct flow_query query = {.has_range = true, .range = {START, START + 1}, .max_rows = 1};
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, yes, NULL, &result), -ECANCELED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_any_second_or_range, tear_down),
                cmocka_unit_test_teardown(test_state, tear_down),
                cmocka_unit_test_teardown(test_by_the_minute, tear_down),
                cmocka_unit_test_teardown(test_small_flows_thinned, tear_down),
                cmocka_unit_test_teardown(test_an_empty_filter_is_exact, tear_down),
                cmocka_unit_test_teardown(test_thinning_is_told, tear_down),
                cmocka_unit_test_teardown(test_places_change_hands, tear_down),
                cmocka_unit_test_teardown(test_a_clock_set_back, tear_down),
                cmocka_unit_test_teardown(test_cancelled, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
