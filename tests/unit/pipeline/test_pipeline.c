/* From capture files to the history, with real threads: two workers merged into one stream of
 * ticks, against sums that the test keeps while it writes the files. */
#include "lib/check.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/eventfd.h>

#include "capture/source.h"
#include "history/history.h"
#include "lib/captures.h"
#include "lib/packets.h"
#include "pipeline/pipeline.h"

#define START 1700000000
#define FLOWS 50u
#define SECONDS 30

static struct history *history;
static struct pipeline *pipeline;
static char paths[2][128];
static unsigned n_files;
static int done_fd;

/* What was written. */
static struct {
        struct volume seconds[SECONDS], nonflow, all;
        struct {
                struct volume ab, ba;
                int64_t first_ms, last_ms;
        } flows[FLOWS];
} wanted;

static int set_up(void **state) {
        (void)state;
        memset(&wanted, 0, sizeof(wanted));
        n_files = 0;
        done_fd = eventfd(0, EFD_CLOEXEC);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        pipeline_free(pipeline);
        history_free(history);
        pipeline = NULL;
        history = NULL;
        close(done_fd);
        for (unsigned i = 0; i < n_files; i++)
                unlink(paths[i]);
        return 0;
}

static struct capture_writer new_file(void) {
        (void)snprintf(paths[n_files], sizeof(paths[0]), "%s", temporary_path(n_files ? "b.pcap" : "a.pcap"));
        return captures_open(paths[n_files++], DLT_EN10MB, true);
}

static void write_frame(struct capture_writer *writer, uint32_t number, bool from_a, unsigned payload, int64_t ms) {
        struct bytes b = {0};
        put_numbered(&b, number, from_a, payload);
        captures_write(writer, ms * NS_PER_MS, b.data, b.n, b.n);
}

static void write_random(struct capture_writer *writer, uint64_t *seed, int64_t ms) {
        uint32_t number = random_below(seed, FLOWS);
        unsigned payload = random_below(seed, 400);
        bool from_a = random_one_in(seed, 2);
        unsigned bytes = 42 + payload;
        volume_add(&wanted.seconds[ms / MS_PER_S - START], 1, bytes);
        volume_add(&wanted.all, 1, bytes);
        if (random_one_in(seed, 20)) {
                struct bytes arp = {0};
                put_ethernet(&arp, 0x0806);
                put_zeros(&arp, bytes - 14);
                captures_write(writer, ms * NS_PER_MS, arp.data, arp.n, arp.n);
                volume_add(&wanted.nonflow, 1, bytes);
                return;
        }
        write_frame(writer, number, from_a, payload, ms);
        volume_add(from_a ? &wanted.flows[number].ab : &wanted.flows[number].ba, 1, bytes);
        if (!wanted.flows[number].first_ms || ms < wanted.flows[number].first_ms)
                wanted.flows[number].first_ms = ms;
        if (ms > wanted.flows[number].last_ms)
                wanted.flows[number].last_ms = ms;
}

/* Traffic of [from, to) seconds; frames come up to 80 ms late, also over the end of a second. */
static void write_random_file(uint64_t seed, int64_t from, int64_t to, unsigned per_second) {
        struct capture_writer writer = new_file();
        for (int64_t ms = (START + from) * MS_PER_S; ms < (START + to) * MS_PER_S;) {
                int64_t late = random_one_in(&seed, 3) ? random_below(&seed, 80) : 0;
                if (ms - late < (START + from) * MS_PER_S)
                        late = 0;
                write_random(&writer, &seed, ms - late);
                ms += random_below(&seed, 2000 / per_second);
        }
        captures_close(&writer);
}

static void start(uint32_t max_flows, uint32_t directory_flows) {
        struct error error;
        struct pipeline_source sources[2];
        const struct local_nets no_nets = {0};
        const struct history_options history_options = {
                .retention_s = 3600,
                .keep_all = true,
                .gaps_are_zero = true,
                .max_flows = directory_flows,
                .ttl_ms = {120000, 30000, 10000, 30000},
                .seed = 1,
                .workers = n_files,
        };
        for (unsigned i = 0; i < n_files; i++) {
                const struct capture_file_options file = {.path = paths[i], .bpf = ""};
                sources[i] = (struct pipeline_source){0};
                assert_int_equal(capture_open_file(&file, &sources[i].capture, &error), 0);
        }
        struct pipeline_options options = {
                .sources = sources,
                .n_sources = n_files,
                .local_nets = &no_nets,
                .max_flows = max_flows,
                .seed = 1,
                .done_fd = done_fd,
        };
        memcpy(options.ttl_ms, history_options.ttl_ms, sizeof(options.ttl_ms));
        options.history = history = history_new(&history_options);
        assert_int_equal(pipeline_new(&options, &pipeline, &error), 0);
        assert_int_equal(pipeline_start(pipeline, &error), 0);
}

static void wait_for_end(void) {
        struct pollfd fd = {.fd = done_fd, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 60000), 1);
        pipeline_stop(pipeline);
        assert_int_equal(pipeline_failed(pipeline), 0);
}

static struct flow_result read_rows(void) {
        struct flow_result rows;
        const struct flow_query query = {.sort = FLOW_SORT_ID, .ascending = true, .max_rows = SIZE_MAX};
        assert_int_equal(history_query_flows(history, &query, NULL, NULL, &rows), 0);
        return rows;
}

static void assert_volumes_equal(struct volume x, struct volume y) {
        assert_int_equal(x.packets, y.packets);
        assert_int_equal(x.bytes, y.bytes);
}

/* Rows, forgotten, untracked and nonflow are all that there is; returns the totals. */
static struct history_totals check_sums(void) {
        struct history_totals totals;
        struct flow_result rows = read_rows();
        history_read_totals(history, &totals);
        struct volume sum = totals.forgotten;
        volume_add(&sum, totals.totals.untracked.packets, totals.totals.untracked.bytes);
        volume_add(&sum, totals.totals.nonflow.packets, totals.totals.nonflow.bytes);
        for (size_t i = 0; i < rows.n_rows; i++)
                volume_add(&sum, rows.rows[i].ab.packets + rows.rows[i].ba.packets,
                           rows.rows[i].ab.bytes + rows.rows[i].ba.bytes);
        assert_volumes_equal(sum, totals.totals.all);
        flow_result_fini(&rows);
        return totals;
}

static void check_seconds(int64_t from, int64_t to) {
        struct history_counters counters[SECONDS];
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, counters, SECONDS), to - from);
        for (int64_t s = from; s < to; s++) {
                const struct history_counters *row = &counters[s - from];
                assert_int_equal(row->second, START + s);
                assert_volumes_equal(row->all, wanted.seconds[s]);
                assert_int_equal(row->span_ms, 1000);
                assert_false(row->partial);
                assert_false(row->merged);
                assert_int_equal(row->drops, 0);
        }
}

static void check_flows(void) {
        struct flow_result rows = read_rows();
        unsigned n = 0;
        for (unsigned i = 0; i < FLOWS; i++)
                n += wanted.flows[i].last_ms != 0;
        assert_int_equal(rows.n_rows, n);
        for (size_t i = 0; i < rows.n_rows; i++) {
                uint32_t number = number_of(&rows.rows[i].key);
                assert_volumes_equal(rows.rows[i].ab, wanted.flows[number].ab);
                assert_volumes_equal(rows.rows[i].ba, wanted.flows[number].ba);
                assert_int_equal(rows.rows[i].first_seen_ms, wanted.flows[number].first_ms);
                assert_int_equal(rows.rows[i].last_seen_ms, wanted.flows[number].last_ms);
        }
        flow_result_fini(&rows);
}

static void check_everything(int64_t from, int64_t to) {
        const struct history_totals totals = check_sums();
        assert_volumes_equal(totals.totals.all, wanted.all);
        assert_volumes_equal(totals.totals.nonflow, wanted.nonflow);
        assert_int_equal(totals.totals.untracked.packets, 0);
        assert_int_equal(totals.totals.late, 0);
        assert_int_equal(totals.flows_forgotten, 0);
        check_seconds(from, to);
        check_flows();
}

static void test_two_workers(void **state) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
                write_random_file(seed, 0, 12, 400);
                write_random_file(seed + 100, 5, 20, 300);
                start(1024, 1024);
                wait_for_end();
                check_everything(0, 20);

                uint64_t frames = history_read_worker(history, 0).frames + history_read_worker(history, 1).frames;
                assert_int_equal(frames, wanted.all.packets);
                tear_down(state);
                set_up(state);
        }
}

static void test_one_of_them_has_nothing(void **state) {
        (void)state;
        write_random_file(7, 0, 10, 200);
        struct capture_writer writer = new_file();
        captures_close(&writer);
        start(1024, 1024);
        wait_for_end();
        check_everything(0, 10);
}

static void test_no_overlap(void **state) {
        (void)state;
        write_random_file(8, 20, 30, 100);
        write_random_file(9, 0, 3, 100);
        start(1024, 1024);
        wait_for_end();
        check_everything(0, 30); /* between the two there are zeros */
}

static void test_one_worker(void **state) {
        (void)state;
        write_random_file(10, 0, 30, 500);
        start(1024, 1024);
        wait_for_end();
        check_everything(0, 30);
}

/* Far more flows than there is room for, in the tables and in the directory. */
static void test_too_many_flows(void **state) {
        (void)state;
        uint64_t seed = 11;
        for (unsigned file = 0; file < 2; file++) {
                struct capture_writer writer = new_file();
                for (int64_t i = 0; i < 20000; i++)
                        write_frame(&writer, random_below(&seed, 5000), random_one_in(&seed, 2), 0,
                                    START * MS_PER_S + i * 5);
                captures_close(&writer);
        }
        start(64, 200);
        wait_for_end();
        const struct history_totals totals = check_sums();
        assert_int_equal(totals.totals.all.packets, 40000);
        assert_true(totals.totals.untracked.packets > 0);
        assert_true(totals.flows_forgotten > 0);
}

/* The directory is full when a flow begins: once others have ended it gets in. */
static void test_a_flow_gets_in_later(void **state) {
        (void)state;
        struct capture_writer writer = new_file();
        for (int64_t s = 0; s < 100; s++)
                for (uint32_t number = 0; number < 5; number++)
                        if ((number == 4) == (s > 0)) /* four flows of one packet, then one that goes on */
                                write_frame(&writer, number, true, 0, (START + s) * MS_PER_S + number);
        captures_close(&writer);
        start(64, 4);
        wait_for_end();
        const struct history_totals totals = check_sums();
        assert_in_range(totals.totals.untracked.packets, 29, 63);
        struct flow_result rows = read_rows();
        assert_int_equal(number_of(&rows.rows[rows.n_rows - 1].key), 4);
        flow_result_fini(&rows);
}

/* A frame of a second that is over counts in the open one, and is called late. */
static void test_late_frames(void **state) {
        (void)state;
        struct capture_writer writer = new_file();
        write_frame(&writer, 1, true, 0, START * MS_PER_S);
        write_frame(&writer, 1, true, 0, (START + 10) * MS_PER_S);
        write_frame(&writer, 2, true, 0, (START + 5) * MS_PER_S);
        write_frame(&writer, 3, true, 0, (START - 40 * 86400) * MS_PER_S);
        write_frame(&writer, 1, true, 0, (START + 11) * MS_PER_S);
        captures_close(&writer);
        start(64, 64);
        wait_for_end();
        const struct history_totals totals = check_sums();
        assert_int_equal(totals.totals.late, 2);
        assert_int_equal(history_read_worker(history, 0).late, 2);

        struct history_counters counters[SECONDS];
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, counters, SECONDS), 12);
        assert_int_equal(counters[5].all.packets, 0);
        assert_int_equal(counters[10].all.packets, 3);
        assert_int_equal(counters[11].all.packets, 1);
}

/* The clock of the capturing machine was set back by an hour, and forward again. */
static void test_time_goes_back(void **state) {
        (void)state;
        struct capture_writer writer = new_file();
        for (int64_t s = 0; s < 30; s++)
                for (int64_t i = 0; i < 10; i++)
                        write_frame(&writer, 1, true, 0,
                                    (START + s - (s >= 10 && s < 20 ? 3600 : 0)) * MS_PER_S + i * 100);
        captures_close(&writer);
        start(64, 64);
        wait_for_end();
        const struct history_totals totals = check_sums();
        assert_int_equal(totals.totals.all.packets, 300);
        assert_int_equal(totals.totals.late, 2); /* the first ones, which could have been strays */
        assert_int_equal(totals.totals.first_ns, (START + 10 - 3600) * NS_PER_S);
        assert_int_equal(totals.totals.last_ns, (START + 29) * NS_PER_S + 900 * NS_PER_MS);

        struct history_counters counters[SECONDS + 1];
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, counters, SECONDS + 1), SECONDS);
        for (unsigned i = 0; i < SECONDS; i++) {
                assert_int_equal(counters[i].second, START + (i < 10 ? (int64_t)i + 10 - 3600 : i < 20 ? i - 10 : i));
                assert_in_range(counters[i].all.packets, 8, 12);
        }
        struct flow_result rows = read_rows();
        assert_int_equal(rows.n_rows, 1);
        flow_result_fini(&rows);

        struct history_event events[4];
        assert_int_equal(history_read_events(history, 0, INT64_MIN, INT64_MAX, events, 4), 2);
        assert_string_equal(events[0].event, "clock_step");
        assert_string_equal(events[0].detail, "the wall clock was set back by 3599.700 s");
        assert_string_equal(events[1].detail, "the wall clock was set forward by 3600.100 s");
}

static void test_stop_in_the_middle(void **state) {
        static const unsigned pauses_us[] = {0, 100, 3000, 20000};
        for (unsigned i = 0; i < 4; i++) {
                for (unsigned file = 0; file < 2; file++) {
                        struct capture_writer writer = new_file();
                        for (int64_t n = 0; n < 60000; n++)
                                write_frame(&writer, (uint32_t)(n % 3000), true, 0, START * MS_PER_S + n);
                        captures_close(&writer);
                }
                start(4096, 4096);
                usleep(pauses_us[i]);
                pipeline_stop(pipeline);
                pipeline_stop(pipeline);

                const struct history_totals totals = check_sums();
                uint64_t frames = history_read_worker(history, 0).frames + history_read_worker(history, 1).frames;
                assert_int_equal(totals.totals.all.packets, frames);
                assert_in_range(frames, 0, 120000);
                tear_down(state);
                set_up(state);
        }
}

static void test_never_started(void **state) {
        (void)state;
        struct error error;
        const struct local_nets no_nets = {0};
        write_random_file(1, 0, 1, 10);
        const struct capture_file_options file = {.path = paths[0], .bpf = ""};
        struct pipeline_source source = {0};
        assert_int_equal(capture_open_file(&file, &source.capture, &error), 0);
        const struct history_options history_options = {.retention_s = 60, .max_flows = 10, .workers = 1};
        history = history_new(&history_options);
        const struct pipeline_options options = {
                .sources = &source,
                .n_sources = 1,
                .history = history,
                .local_nets = &no_nets,
                .max_flows = 16,
                .done_fd = -1,
        };
        assert_int_equal(pipeline_new(&options, &pipeline, &error), 0);
        pipeline_stop(pipeline);
}

#define SLOW 8u

static struct {
        sem_t begun; /* closes */
        struct timespec deadline;
        atomic_uint together, closed;
} slow;

/* As a ring, whose close takes a while: this one takes until all have begun. */
static void slow_close(struct capture *capture) {
        (void)capture;
        if (atomic_fetch_add(&slow.together, 1) + 1 == SLOW)
                for (unsigned i = 0; i < SLOW; i++)
                        (void)sem_post(&slow.begun);
        if (sem_timedwait(&slow.begun, &slow.deadline) == 0)
                atomic_fetch_add(&slow.closed, 1);
}

/* However many they are, the end is not later. */
static void test_sources_are_closed_at_once(void **state) {
        (void)state;
        static const struct capture_kind kind = {.close = slow_close};
        struct capture captures[SLOW];
        struct pipeline_source sources[SLOW];
        struct error error;
        const struct local_nets no_nets = {0};
        for (unsigned i = 0; i < SLOW; i++) {
                captures[i] = (struct capture){.kind = &kind};
                sources[i] = (struct pipeline_source){.capture = &captures[i]};
        }
        const struct pipeline_options options = {
                .sources = sources,
                .n_sources = SLOW,
                .local_nets = &no_nets,
                .max_flows = 16,
                .done_fd = -1,
        };
        assert_int_equal(sem_init(&slow.begun, 0, 0), 0);
        (void)clock_gettime(CLOCK_REALTIME, &slow.deadline);
        slow.deadline.tv_sec += 60;
        assert_int_equal(pipeline_new(&options, &pipeline, &error), 0);
        pipeline_free(pipeline);
        pipeline = NULL;
        assert_int_equal(atomic_load(&slow.closed), SLOW);
        (void)sem_destroy(&slow.begun);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_two_workers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one_of_them_has_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_overlap, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one_worker, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_too_many_flows, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_flow_gets_in_later, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_late_frames, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_time_goes_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_stop_in_the_middle, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_never_started, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sources_are_closed_at_once, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
