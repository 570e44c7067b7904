/* Line time: it goes on evenly whatever the wall clock does, and every frame finds its place in it. */
#include "lib/check.h"

#include "lib/turned_clock.h"
#include "pipeline/timeline.h"

#define START_MS (1700000000 * MS_PER_S)

static struct turned_clock clocks;
static struct clock_source source;
static struct timeline timeline;
static struct timeline_view view;

static int set_up(void **state) {
        (void)state;
        clocks = (struct turned_clock){.wall_ns = START_MS * NS_PER_MS, .mono_ns = NS_PER_S, .boot_ns = 5 * NS_PER_S};
        source = turned_clock_source(&clocks);
        timeline_init(&timeline, &source);
        timeline_view_init(&view, &timeline);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        timeline_fini(&timeline);
        return 0;
}

/* Line time in ms after the start, of a look that must jump or must not. */
static int64_t look(struct timeline_view *at, bool jumps) {
        int64_t line_ns;
        assert_int_equal(timeline_look(at, &line_ns), jumps);
        return line_ns / NS_PER_MS - START_MS;
}

static int64_t frame(int64_t wall_ms, int64_t line_ms) {
        int64_t line_ns = (START_MS + line_ms) * NS_PER_MS;
        return timeline_of(&view, (START_MS + wall_ms) * NS_PER_MS, line_ns) / NS_PER_MS - START_MS;
}

static void test_no_jump(void **state) {
        (void)state;
        for (int i = 1; i <= 1000; i++) {
                turned_clock_run(&clocks, 377);
                assert_int_equal(look(&view, false), 377 * i);
        }
        assert_int_equal(frame(1234, 2000), 1234);
        assert_int_equal(frame(2001, 2000), 2000); /* from the future: now */
}

/* Line goes on in the next second, at the wall clock's fraction. */
static void check_step(int64_t step_ms, int64_t line_ms) {
        set_up(NULL);
        turned_clock_run(&clocks, 3400);
        assert_int_equal(look(&view, false), 3400);
        turned_clock_step(&clocks, step_ms);
        assert_int_equal(look(&view, true), line_ms);
        assert_int_equal(view.era.end_ns / NS_PER_MS - START_MS, 3400);
        assert_int_equal(view.era.step_ns, step_ms * NS_PER_MS);
        assert_int_equal(view.era.sleep_ns, 0);
        assert_int_equal(line_ms + view.era.ahead_s * MS_PER_S, 3400 + step_ms);
        turned_clock_run(&clocks, 1000);
        assert_int_equal(look(&view, false), line_ms + 1000);
        tear_down(NULL);
}

static void test_steps(void **state) {
        (void)state;
        check_step(3600 * MS_PER_S, 4400);
        check_step(-3600 * MS_PER_S, 4400);
        check_step(3600 * MS_PER_S + 300, 4700);
        check_step(-3600 * MS_PER_S - 300, 4100);
        check_step(200, 3600);
        check_step(-200, 4200);
        check_step(700, 4100);
        check_step(1000, 4400);
        check_step(1100, 4500);
}

static void test_small_steps(void **state) {
        (void)state;
        turned_clock_step(&clocks, 15);
        assert_int_equal(look(&view, false), 15);
        turned_clock_step(&clocks, -30);
        assert_int_equal(look(&view, false), -15);
        turned_clock_step(&clocks, -15); /* they add up */
        assert_int_equal(look(&view, true), 2000 - 30);
}

static void test_sleep(void **state) {
        (void)state;
        turned_clock_run(&clocks, 2500);
        turned_clock_sleep(&clocks, 8 * 3600 * MS_PER_S);
        assert_int_equal(look(&view, true), 3500);
        assert_int_equal(view.era.sleep_ns, 8 * 3600 * NS_PER_S);
        assert_int_equal(view.era.step_ns, 0);

        turned_clock_sleep(&clocks, 60 * MS_PER_S);
        turned_clock_step(&clocks, -10 * MS_PER_S); /* and the clock was wrong */
        assert_int_equal(look(&view, true), 4500);
        assert_int_equal(view.era.sleep_ns, 60 * NS_PER_S);
        assert_int_equal(view.era.step_ns, -10 * NS_PER_S);
}

static void test_workers_agree(void **state) {
        (void)state;
        struct timeline_view other;
        timeline_view_init(&other, &timeline);
        turned_clock_run(&clocks, 900);
        turned_clock_step(&clocks, -3600 * MS_PER_S);
        int64_t line_ms = look(&view, true);
        turned_clock_run(&clocks, 300); /* the other one comes later, and finds the era begun */
        assert_int_equal(look(&other, true), line_ms + 300);
        assert_int_equal(look(&view, false), line_ms + 300);
        assert_memory_equal(&view.era, &other.era, sizeof(view.era));
}

/* Frames stamped before and after the step, read in one go after it was noticed. */
static void check_frames(int64_t step_ms) {
        set_up(NULL);
        turned_clock_run(&clocks, 3400);
        turned_clock_step(&clocks, step_ms);
        turned_clock_run(&clocks, 50); /* until somebody looks */
        int64_t now = look(&view, true), end = 3450;
        assert_int_equal(frame(3390, now), 3390);
        assert_int_equal(frame(1000, now), 1000);
        assert_int_equal(frame(3410 + step_ms, now), 3410);
        assert_int_equal(frame(3450 + step_ms, now), now);

        turned_clock_run(&clocks, 500);
        int64_t later = look(&view, false);
        assert_int_equal(frame(3700 + step_ms, later), now + 250);
        assert_int_equal(frame(3399, later), 3399); /* it was in the ring all the time */
        assert_true(end < now);
        tear_down(NULL);
}

static void test_frames(void **state) {
        (void)state;
        check_frames(3600 * MS_PER_S);
        check_frames(-3600 * MS_PER_S);
        check_frames(-10 * MS_PER_S + 123);
        check_frames(10 * MS_PER_S - 123);
}

/* Whatever a frame's stamp, it is never beyond now, nor long ago where it was just stamped. */
static void test_any_steps(void **state) {
        (void)state;
        uint64_t seed = 1;
        int64_t last = 0;
        for (int i = 0; i < 20000; i++) {
                int64_t ran = random_below(&seed, 300);
                turned_clock_run(&clocks, ran);
                bool steps = random_one_in(&seed, 10);
                if (steps)
                        turned_clock_step(&clocks, (int64_t)random_below(&seed, 20000) - 10000);
                int64_t line_ns;
                (void)timeline_look(&view, &line_ns);
                int64_t now = line_ns / NS_PER_MS;
                assert_true(now >= last + ran - 20 && now <= last + ran + 2020 + (i ? 0 : START_MS));
                last = now;
                int64_t at = timeline_of(&view, clocks.wall_ns - random_below(&seed, 50) * NS_PER_MS, line_ns);
                assert_true(at <= line_ns && line_ns - at < 3 * NS_PER_S);
                (void)timeline_of(&view, (int64_t)random_next(&seed) / 8, line_ns);
        }
}

/* ---- files ---- */

/* Feeds frames at these seconds; returns the line second of the last, and how many eras there were. */
static int64_t feed(const int64_t *seconds, unsigned n, unsigned *ret_eras) {
        int64_t newest_ns = seconds[0] * NS_PER_S, at_ns = newest_ns;
        for (unsigned i = 0; i < n; i++) {
                int64_t wall_ns = seconds[i] * NS_PER_S;
                if (timeline_file_jumps(&view, wall_ns, newest_ns))
                        timeline_file_jump(&view, wall_ns, newest_ns);
                at_ns = timeline_file_of(&view, wall_ns);
                newest_ns = at_ns > newest_ns ? at_ns : newest_ns;
        }
        *ret_eras = view.version;
        return at_ns / NS_PER_S;
}

#define FEED(...) feed((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), &eras)

static void test_file(void **state) {
        unsigned eras;
        assert_int_equal(FEED(100, 101, 100, 99, 102, 900), 900); /* disorder, silence */
        assert_int_equal(eras, 0);
        set_up(state);
        assert_int_equal(FEED(100, 50, 101, 20, 30, 102), 102); /* strays */
        assert_int_equal(eras, 0);
        set_up(state);
        assert_int_equal(FEED(100, 50, 51, 52, 53), 102); /* 52 is the third in a row */
        assert_int_equal(eras, 1);
        set_up(state);
        assert_int_equal(FEED(1000, 50, 50, 50, 51, 1001, 1002), 1004); /* there, and back again */
        assert_int_equal(eras, 2);
        set_up(state);
        for (int i = 0; i < 200; i++)
                (void)FEED(1000 - i, 50, 50, 50);
        assert_int_equal(view.version, 64); /* enough */
}

/* From one end of time to the other and back, time and again: what a sanitizer would find, and never backwards. */
static void test_file_of_any_times(void **state) {
        (void)state;
        const int64_t end_s = CLOCK_FILE_MAX_NS / NS_PER_S;
        unsigned eras;
        assert_int_equal(FEED(-end_s, end_s, -end_s, -end_s, -end_s, end_s), end_s);
        for (uint64_t seed = 1; seed <= 200; seed++) {
                uint64_t random = seed;
                const int64_t ends[] = {-end_s, end_s, 0, UINT32_MAX, random_below(&random, 9000000)};
                int64_t newest_ns = -CLOCK_FILE_MAX_NS;
                set_up(state);
                for (int i = 0; i < 300; i++) {
                        int64_t wall_ns = ends[random_below(&random, i / 100 + 3)] * NS_PER_S;
                        for (int again = 0; again < 3; again++) {
                                if (timeline_file_jumps(&view, wall_ns, newest_ns)) {
                                        timeline_file_jump(&view, wall_ns, newest_ns);
                                        assert_true(timeline_file_of(&view, wall_ns) > newest_ns ||
                                                    view.version == 64 || newest_ns > CLOCK_FILE_MAX_NS - 2 * NS_PER_S);
                                }
                                int64_t at_ns = timeline_file_of(&view, wall_ns);
                                assert_true(at_ns <= CLOCK_FILE_MAX_NS && at_ns >= -CLOCK_FILE_MAX_NS);
                                newest_ns = at_ns > newest_ns ? at_ns : newest_ns;
                        }
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_no_jump, set_up, tear_down),
                cmocka_unit_test(test_steps),
                cmocka_unit_test_setup_teardown(test_small_steps, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sleep, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_workers_agree, set_up, tear_down),
                cmocka_unit_test(test_frames),
                cmocka_unit_test_setup_teardown(test_any_steps, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_file_of_any_times, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
