/* A flood of new flows, each with one small packet, in a history whose directory it would fill many times over: what
 * was there before stays as it was, every packet is counted, and the flood makes room for itself. */
#include "lib/check.h"

#include "lib/ticks.h"

#define START 1700000040 /* a whole minute */
#define BEFORE_S 150
#define FLOOD_S 18
#define STEADY 50u         /* flows that send in every second */
#define FLOOD 2000u        /* new ones in each second of the flood */
#define PLACES 5000u       /* in the directory */
#define STEADY_BYTES 1000u /* of each packet */
#define FLOOD_BYTES 60u

static struct history *history;

static int set_up(void **state) {
        (void)state;
        struct history_options options = history_options_with(PLACES);
        options.retention_s = 600;
        options.segment_bytes = 1u << 20;
        history = history_new(&options);
        return history ? 0 : -1;
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        return 0;
}

/* Returns how many flows found no place. */
static unsigned second(int64_t number, unsigned flood) {
        struct history_tick tick = ticks_begin(history, START + number);
        unsigned refused = 0;
        for (uint32_t i = 0; i < STEADY + flood; i++) {
                uint32_t flow = i < STEADY ? i : STEADY + (uint32_t)number * FLOOD + i;
                const struct flow_key key = key_of(flow, PROTO_TCP);
                refused += !ticks_add_key(history, &key, delta_of(0, i < STEADY ? STEADY_BYTES : FLOOD_BYTES), &tick);
        }
        history_tick_end(history, &tick);
        return refused;
}

static struct flow_result ask(int64_t from, int64_t to) {
        const struct flow_query query = {
                .has_range = true, .range = {START + from, START + to}, .max_rows = STEADY, .sort = FLOW_SORT_BYTES};
        struct flow_result result;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &result), 0);
        assert_int_equal(result.seen.range.from, START + from);
        assert_int_equal(result.seen.range.to, START + to);
        assert_int_equal(result.seen.resolution_ms, 1000);
        return result;
}

/* The steady flows over a range, each to the byte. */
static void check_steady(const struct flow_result *result, int64_t seconds) {
        assert_int_equal(result->n_rows, STEADY);
        for (size_t i = 0; i < STEADY; i++) {
                assert_true(number_of(&result->rows[i].key) < STEADY);
                assert_int_equal(result->rows[i].ab.packets, seconds);
                assert_int_equal(result->rows[i].ab.bytes, seconds * STEADY_BYTES);
        }
}

static void check_before(void) {
        struct flow_result result = ask(0, BEFORE_S);
        assert_int_equal(result.matched, STEADY);
        assert_int_equal(result.seen.thinned.packets, 0);
        check_steady(&result, BEFORE_S);
        flow_result_fini(&result);
}

static void test_a_flood_makes_room_for_itself(void **state) {
        (void)state;
        for (int64_t s = 0; s < BEFORE_S; s++)
                assert_int_equal(second(s, 0), 0);
        for (int64_t s = BEFORE_S; s < BEFORE_S + FLOOD_S; s++)
                assert_int_equal(second(s, FLOOD), 0);
        check_before();

        struct flow_result flood = ask(BEFORE_S, BEFORE_S + FLOOD_S);
        check_steady(&flood, FLOOD_S);
        struct volume sum = flood.matched_volume;
        volume_add(&sum, flood.seen.thinned.packets, flood.seen.thinned.bytes);
        assert_int_equal(sum.packets, FLOOD_S * (STEADY + FLOOD));
        assert_int_equal(sum.bytes, FLOOD_S * (STEADY * STEADY_BYTES + FLOOD * FLOOD_BYTES));
        flow_result_fini(&flood);

        for (int64_t s = BEFORE_S + FLOOD_S; s < BEFORE_S + FLOOD_S + 200; s++)
                assert_int_equal(second(s, 0), 0);
        check_before();
        struct history_figures figures;
        history_read_figures(history, &figures);
        assert_false(figures.is_thinned);
        assert_true(figures.bytes <= figures.budget);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_flood_makes_room_for_itself, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
