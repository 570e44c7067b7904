/* A live worker on a machine whose clocks are turned while traffic runs: a frame every 10 ms of real
 * time, always of one flow. Whatever the wall clock does, each frame counts once, no second holds
 * more than its span allows, the flow lives on, and the jump is told. And on one that is too busy to
 * hand frames over in time: each counts in its second all the same, and none is left behind at the end. */
#include "lib/check.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/source.h"
#include "history/history.h"
#include "lib/frames.h"
#include "lib/turned_clock.h"
#include "pipeline/pipeline.h"

#define START 1700000000
#define EVERY_MS 10
#define ROWS 200
#define CLOSED_MS 250 /* after its end every second is closed, whatever the frames' delay */

/* After so many ms awake the clocks are turned. */
struct turn {
        int64_t at_ms, step_ms, sleep_ms;
};

struct scripted {
        struct capture base;
        struct turned_clock clocks;
        const struct turn *turns;
        unsigned n_turns;
        int64_t awake_ms, line_ms, turned_ms, length_ms;
        unsigned delay; /* frames that wait in the "ring" until they are read */
        bool is_busy;   /* those around the end of a second, and the last ones, come too late */
        unsigned reads_without;
        bool has_ended;
        int64_t last_boot_ns; /* before that the last ones do not come */
        struct bytes frame;
        int64_t stamps[64];
        unsigned n_stamps;
        uint64_t n_frames;
        int wake_fd, end_fd, tick_fd;
};

static struct history *history;
static struct pipeline *pipeline;

/* The script outruns real time: once a worker must have closed a second, wait until it is in the history. */
static void wait_for_rollup(struct scripted *script) {
        struct pollfd fd = {.fd = script->tick_fd, .events = POLLIN};
        struct history_counters last;
        while (!history_latest(history, &last) || last.number < START + (script->line_ms - CLOSED_MS) / MS_PER_S - 1) {
                eventfd_t ignored;
                assert_int_equal(poll(&fd, 1, 60000), 1);
                (void)eventfd_read(script->tick_fd, &ignored);
        }
}

/* Line time as timeline.h has it. */
static void turn(struct scripted *script, const struct turn *turn) {
        int64_t moved_ms = turn->sleep_ms + turn->step_ms;
        turned_clock_sleep(&script->clocks, turn->sleep_ms);
        turned_clock_step(&script->clocks, turn->step_ms);
        script->turned_ms = script->awake_ms;
        if (moved_ms >= 0 && moved_ms <= MS_PER_S) {
                script->line_ms += moved_ms;
                return;
        }
        script->line_ms += MS_PER_S - script->line_ms % MS_PER_S;
        script->line_ms += script->clocks.wall_ns / NS_PER_MS % MS_PER_S;
}

static void pass_time(struct scripted *script) {
        if (script->line_ms > MS_PER_S + CLOSED_MS && script->awake_ms > script->turned_ms + CLOSED_MS)
                wait_for_rollup(script);
        turned_clock_run(&script->clocks, EVERY_MS);
        script->awake_ms += EVERY_MS;
        script->line_ms += EVERY_MS;
        for (unsigned i = 0; i < script->n_turns; i++)
                if (script->turns[i].at_ms == script->awake_ms)
                        turn(script, &script->turns[i]);
        script->stamps[script->n_stamps++] = script->clocks.wall_ns;
}

static int end_script(struct scripted *script) {
        struct pollfd fd = {.fd = script->wake_fd, .events = POLLIN};
        (void)eventfd_write(script->end_fd, 1);
        (void)poll(&fd, 1, 60000);
        script->has_ended = true;
        script->last_boot_ns = clock_boot_ns() + (script->is_busy ? 200 * NS_PER_MS : 0);
        return 0;
}

static int scripted_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns) {
        struct scripted *script = (struct scripted *)capture;
        (void)deadline_boot_ns;
        if (script->reads_without && script->reads_without--)
                return 0;
        if (script->has_ended && clock_boot_ns() < script->last_boot_ns)
                return 0;
        while (script->n_stamps <= script->delay && script->awake_ms < script->length_ms)
                pass_time(script);
        if (script->is_busy && script->awake_ms % 1000 == 990 && script->awake_ms < script->length_ms) {
                while (script->awake_ms % 1000 != 200 && script->awake_ms < script->length_ms)
                        pass_time(script);
                script->reads_without = 5;
                return 0;
        }
        if (script->awake_ms >= script->length_ms && !script->has_ended && (script->is_busy || !script->n_stamps))
                return end_script(script);
        unsigned n = 0;
        for (; n < script->n_stamps && n < max; n++)
                frames[n] = (struct frame){
                        .data = script->frame.data,
                        .captured = script->frame.n,
                        .length = script->frame.n,
                        .time_ns = script->stamps[n],
                        .link = FRAME_LINK_ETHERNET,
                        .direction = DIRECTION_IN,
                };
        script->n_stamps = 0;
        script->n_frames += n;
        return (int)n;
}

static void scripted_wake(struct capture *capture) {
        (void)eventfd_write(((struct scripted *)capture)->wake_fd, 1);
}

static struct capture_counts scripted_counts(struct capture *capture) {
        return (struct capture_counts){.received = ((struct scripted *)capture)->n_frames};
}

static uint64_t scripted_entered(struct capture *capture) {
        const struct scripted *script = (struct scripted *)capture;
        return script->n_frames + script->n_stamps;
}

static void scripted_close(struct capture *capture) {
        struct scripted *script = (struct scripted *)capture;
        close(script->wake_fd);
        close(script->end_fd);
        close(script->tick_fd);
        free(script);
}

static const struct capture_kind scripted_kind = {
        .is_file = false,
        .lag_ns = 70 * NS_PER_MS,
        .read = scripted_read,
        .wake = scripted_wake,
        .counts = scripted_counts,
        .entered = scripted_entered,
        .close = scripted_close,
};

/* Runs to the end; the history stays for the checks. Returns the number of frames. */
static uint64_t play_on(bool is_busy, const struct turn *turns, unsigned n_turns, int64_t length_ms, unsigned delay) {
        struct scripted *script = calloc(1, sizeof(*script));
        assert_non_null(script);
        script->base = (struct capture){.kind = &scripted_kind, .started_ns = START * NS_PER_S};
        script->clocks = (struct turned_clock){.wall_ns = START * NS_PER_S, .mono_ns = 7 * NS_PER_S};
        script->turns = turns;
        script->n_turns = n_turns;
        script->length_ms = length_ms;
        script->delay = delay;
        script->is_busy = is_busy;
        script->wake_fd = eventfd(0, EFD_CLOEXEC);
        script->tick_fd = eventfd(0, EFD_CLOEXEC);
        int end_fd = script->end_fd = eventfd(0, EFD_CLOEXEC);
        put_ethernet(&script->frame, 0x0800);
        put_ip4(&script->frame, 17, "10.0.0.1", "10.0.0.2", 108);
        put_udp(&script->frame, 1000, 2000);
        put_zeros(&script->frame, 100);

        const struct history_options history_options = {
                .retention_s = 3600, .max_flows = 16, .ttl_ms = {120000, 30000, 10000, 30000}, .workers = 1};
        const struct local_nets no_nets = {0};
        const struct pipeline_source source = {.capture = &script->base};
        const struct clock_source clocks = turned_clock_source(&script->clocks);
        struct pipeline_options options = {
                .sources = &source,
                .n_sources = 1,
                .local_nets = &no_nets,
                .max_flows = 64,
                .clock = &clocks,
                .done_fd = -1,
        };
        struct error error;
        memcpy(options.ttl_ms, history_options.ttl_ms, sizeof(options.ttl_ms));
        options.history = history = history_new(&history_options);
        history_notify(history, script->tick_fd);
        assert_int_equal(pipeline_new(&options, &pipeline, &error), 0);
        assert_int_equal(pipeline_start(pipeline, &error), 0);
        struct pollfd fd = {.fd = end_fd, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 60000), 1);
        pipeline_stop(pipeline);
        return (uint64_t)(length_ms / EVERY_MS);
}

static uint64_t play(const struct turn *turns, unsigned n_turns, int64_t length_ms, unsigned delay) {
        return play_on(false, turns, n_turns, length_ms, delay);
}

static void end(void) {
        pipeline_free(pipeline);
        history_free(history);
}

/* Every frame counted; the spans are the time awake; no second holds more frames than its span is long. */
static void check_seconds(uint64_t frames, int64_t length_ms, unsigned delay) {
        struct history_counters rows[ROWS];
        struct history_totals totals;
        history_read_totals(history, &totals);
        assert_int_equal(totals.totals.all.packets, frames);
        assert_int_equal(totals.totals.untracked.packets, 0);

        size_t n = history_read_counters(history, INT64_MIN, INT64_MAX, rows, ROWS);
        int64_t span_ms = 0;
        for (size_t i = 0; i < n; i++) {
                assert_true(rows[i].all.packets <= rows[i].span_ms / EVERY_MS + delay + 1);
                assert_true(!i || rows[i].second > rows[i - 1].second);
                assert_in_range(rows[i].span_ms, 1, 1000);
                span_ms += rows[i].span_ms;
        }
        assert_in_range(span_ms, length_ms - 100 - EVERY_MS * delay, length_ms + 100);

        const struct flow_query query = {.max_rows = 10};
        struct flow_result flows;
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &flows), 0);
        assert_int_equal(flows.n_rows, 1);
        assert_int_equal(flows.rows[0].state, FLOW_STATE_ACTIVE);
        assert_int_equal(flows.rows[0].ab.packets, frames);
        flow_result_fini(&flows);
}

static void check_event(unsigned n, const char *name, const char *detail) {
        struct history_event events[16];
        size_t count = history_read_events(history, 0, INT64_MIN, INT64_MAX, events, 16);
        assert_true(n < count);
        assert_string_equal(events[n].event, name);
        assert_string_equal(events[n].detail, detail);
}

/* Turns the clocks once, in the middle of the fourth second. */
static void turn_once(int64_t step_ms, int64_t sleep_ms, const char *event, const char *detail) {
        const struct turn turn = {.at_ms = 3400, .step_ms = step_ms, .sleep_ms = sleep_ms};
        for (unsigned delay = 0; delay <= 8; delay += 4) {
                uint64_t frames = play(&turn, 1, 7990, delay);
                check_seconds(frames, 7990, delay);
                check_event(0, event, detail);
                struct history_counters last;
                assert_true(history_latest(history, &last));
                int64_t end_ms = START * MS_PER_S + 7990 + step_ms + sleep_ms;
                assert_in_range(last.second * MS_PER_S, end_ms - 1100, end_ms);
                end();
        }
}

static void test_no_turn(void **state) {
        (void)state;
        check_seconds(play(NULL, 0, 7990, 4), 7990, 4);
        struct history_event event;
        assert_int_equal(history_read_events(history, 0, INT64_MIN, INT64_MAX, &event, 1), 0);
        end();
}

static void test_a_busy_machine(void **state) {
        (void)state;
        struct history_counters rows[ROWS];
        struct history_totals totals;
        check_seconds(play_on(true, NULL, 0, 7990, 0), 7990, 0);
        history_read_totals(history, &totals);
        assert_int_equal(totals.totals.late, 0);
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, rows, ROWS), 8);
        for (unsigned i = 0; i < 8; i++)
                assert_int_equal(rows[i].all.packets, i ? 100 : 99);
        end();
}

static void test_forward(void **state) {
        (void)state;
        turn_once(3600 * MS_PER_S, 0, "clock_step", "the wall clock was set forward by 3600.000 s");
        turn_once(86400 * 365 * MS_PER_S + 321, 0, "clock_step", "the wall clock was set forward by 31536000.321 s");
        turn_once(300, 0, "clock_step", "the wall clock was set forward by 0.300 s");
}

static void test_back(void **state) {
        (void)state;
        turn_once(-3600 * MS_PER_S, 0, "clock_step", "the wall clock was set back by 3600.000 s");
        turn_once(-86400 * 365 * MS_PER_S - 1, 0, "clock_step", "the wall clock was set back by 31536000.001 s");
}

static void test_sleep(void **state) {
        (void)state;
        turn_once(0, 8 * 3600 * MS_PER_S, "sleep", "the machine slept for 28800.000 s");
}

static void test_back_and_forth(void **state) {
        (void)state;
        struct turn turns[40];
        for (unsigned i = 0; i < 40; i++)
                turns[i] = (struct turn){.at_ms = 1000 * (i + 1) - 300, .step_ms = i % 2 ? 7200000 : -7200000};
        uint64_t frames = play(turns, 40, 42990, 3);
        struct history_totals totals;
        history_read_totals(history, &totals);
        assert_int_equal(totals.totals.all.packets, frames);
        check_event(1, "clock_step", "the wall clock was set forward by 7200.000 s");
        end();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_turn), cmocka_unit_test(test_a_busy_machine),
                cmocka_unit_test(test_forward), cmocka_unit_test(test_back),
                cmocka_unit_test(test_sleep),   cmocka_unit_test(test_back_and_forth),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
