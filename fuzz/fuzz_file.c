/* A capture file on its way through everything: reader, decoder, flow table, deltas, rollup,
 * history. The input is the file.
 *
 * What has to hold of any file: the frames do not depend on how many are read at a time; every
 * frame is counted once; packets = Σ protocols = Σ flows + untracked + nonflow, in bytes alike,
 * for the whole and as far as a second goes. The tables are tiny, so that they overflow. */
#include "fuzz.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/pipeline.h"

#define BURST 32
#define MAX_FLOWS 16
#define SEED 7
#define RETENTION_S 60

static const int64_t ttl_ms[PACKET_CLASSES] = {120000, 30000, 10000, 30000};

/* ---- the reader -------------------------------------------------------------------------- */

/* A file without a name, by the name that the kernel gives to its descriptor. */
struct input {
        int fd;
        char path[64];
};

static struct input input_new(const uint8_t *data, size_t size) {
        struct input input = {.fd = memfd_create("input", MFD_CLOEXEC)};
        assert(input.fd >= 0);
        ssize_t n = write(input.fd, data, size);
        assert(n == (ssize_t)size);
        (void)snprintf(input.path, sizeof(input.path), "/proc/self/fd/%d", input.fd);
        return input;
}

static struct capture *open_input(const struct input *input) {
        const struct capture_file_options options = {.path = input->path, .bpf = ""};
        struct capture *capture = NULL;
        struct error error = {.text = ""};
        int r = capture_open_file(&options, &capture, &error);
        assert(r == 0 ? capture != NULL : *error.text);
        return capture;
}

/* What was read, in a form in which two readings can be compared. */
struct reading {
        uint64_t frames;
        uint64_t bytes;
        uint64_t hash;
        int64_t newest_ns;
        bool goes_back; /* by more than disorder: the clock was set, and times are labels that need not grow */
};

static void add(struct reading *reading, const struct frame *frame) {
        uint64_t hash = reading->hash ^ (uint64_t)frame->time_ns ^ (uint64_t)frame->length << 32 ^ frame->link;
        for (uint32_t i = 0; i < frame->captured; i++)
                hash = (hash ^ frame->data[i]) * 0x100000001b3u; /* FNV-1a */
        reading->hash = hash * 31 + frame->captured;
        if (reading->frames && frame->time_ns < reading->newest_ns - NS_PER_S)
                reading->goes_back = true;
        if (!reading->frames || frame->time_ns > reading->newest_ns)
                reading->newest_ns = frame->time_ns;
        reading->frames++;
        reading->bytes += frame->length;
}

static struct reading read_all(struct capture *capture, unsigned burst) {
        struct reading reading = {0};
        struct frame frames[BURST];
        int n;
        while ((n = capture_read(capture, frames, burst, 0)) > 0) {
                assert((unsigned)n <= burst);
                for (int i = 0; i < n; i++)
                        add(&reading, &frames[i]);
        }
        assert(n == -ENODATA);
        assert(capture_counts(capture).received == reading.frames);
        const char *end = capture_truncated(capture);
        assert(!end || *end);
        return reading;
}

/* ---- the sums ---------------------------------------------------------------------------- */

static void add_volume(struct volume *sum, struct volume more) {
        volume_add(sum, more.packets, more.bytes);
}

static void check_equal(struct volume x, struct volume y) {
        assert(x.packets == y.packets && x.bytes == y.bytes);
}

static void check_classes(struct volume all, const struct volume by_class[], const struct volume in[],
                          const struct volume out[]) {
        check_equal(classes_sum(by_class), all);
        for (unsigned i = 0; i < PACKET_CLASSES; i++) {
                assert(in[i].packets + out[i].packets <= by_class[i].packets);
                assert(in[i].bytes + out[i].bytes <= by_class[i].bytes);
        }
}

static void check_verdicts(const struct tick_totals *totals) {
        uint64_t frames = 0, nonflow = 0;
        for (unsigned i = 0; i < PACKET_VERDICTS; i++) {
                frames += totals->verdicts[i];
                nonflow += i < PACKET_FLOW_VERDICTS ? 0 : totals->verdicts[i];
        }
        assert(frames == totals->frames && nonflow == totals->nonflow.packets);
        assert(!totals->frames || totals->first_ns <= totals->last_ns);
}

static void check_time(int64_t ms, const struct tick_totals *totals) {
        assert(ms >= floor_div(totals->first_ns, NS_PER_MS));
        assert(ms <= floor_div(totals->last_ns, NS_PER_MS));
}

static void check_row(const struct flow_row *row, const struct tick_totals *totals, bool goes_back) {
        const struct flow_key *key = &row->key;
        assert(memcmp(key->a_address, key->b_address, 16) <= 0);
        assert(row->ab.packets + row->ba.packets > 0);
        assert(row->first_seen_ms <= row->last_seen_ms);
        if (!goes_back) /* else it is told by a clock that the flow's beginning did not know */
                check_time(row->first_seen_ms, totals);
        check_time(row->last_seen_ms, totals);
}

/* What the rows carry, and those that had to leave. */
static struct volume sum_of_flows(struct history *history, const struct history_totals *sums, bool goes_back) {
        const struct flow_query query = {.sort = FLOW_SORT_BYTES, .max_rows = SIZE_MAX};
        struct flow_result result;
        struct volume sum = sums->forgotten;
        int r = history_query_flows(history, &query, NULL, NULL, &result);
        assert(r == 0);
        for (size_t i = 0; i < result.n_rows; i++) {
                check_row(&result.rows[i], &sums->totals, goes_back);
                add_volume(&sum, result.rows[i].ab);
                add_volume(&sum, result.rows[i].ba);
        }
        flow_result_fini(&result);
        return sum;
}

static void check_seconds(struct history *history, struct volume all) {
        static struct history_counters seconds[RETENTION_S];
        size_t n = history_read_counters(history, INT64_MIN, INT64_MAX, seconds, RETENTION_S);
        struct volume sum = {0};
        for (size_t i = 0; i < n; i++) {
                assert(i == 0 || seconds[i].second > seconds[i - 1].second);
                check_classes(seconds[i].all, seconds[i].by_class, seconds[i].in, seconds[i].out);
                add_volume(&sum, seconds[i].all);
        }
        assert(sum.packets <= all.packets && sum.bytes <= all.bytes); /* less where the retention has dropped some */
}

static void check_history(struct history *history, const struct reading *reading) {
        struct history_totals sums;
        history_read_totals(history, &sums);
        const struct tick_totals *totals = &sums.totals;
        assert(totals->frames == reading->frames && totals->all.packets == reading->frames);
        assert(totals->all.bytes == reading->bytes);
        check_classes(totals->all, totals->by_class, totals->in, totals->out);
        check_verdicts(totals);

        struct volume sum = sum_of_flows(history, &sums, reading->goes_back);
        add_volume(&sum, totals->untracked);
        add_volume(&sum, totals->nonflow);
        check_equal(sum, totals->all);
        check_seconds(history, totals->all);
}

/* ---- the pipeline ------------------------------------------------------------------------ */

static struct history *new_history(void) {
        struct history_options options = {
                .retention_s = RETENTION_S,
                .keep_all = true,
                .gaps_are_zero = true,
                .max_flows = 2 * MAX_FLOWS,
                .seed = SEED,
                .workers = 1,
        };
        memcpy(options.ttl_ms, ttl_ms, sizeof(ttl_ms));
        struct history *history = history_new(&options);
        assert(history);
        return history;
}

static void run_pipeline(struct capture *capture, struct history *history) {
        static const struct local_nets no_nets;
        const struct pipeline_source source = {.capture = capture};
        struct pipeline_options options = {
                .sources = &source,
                .n_sources = 1,
                .history = history,
                .local_nets = &no_nets,
                .max_flows = MAX_FLOWS,
                .seed = SEED,
                .done_fd = eventfd(0, EFD_CLOEXEC),
        };
        memcpy(options.ttl_ms, ttl_ms, sizeof(ttl_ms));
        struct pipeline *pipeline = NULL;
        struct error error = {.text = ""};
        int r = pipeline_new(&options, &pipeline, &error);
        assert(r == 0);
        r = pipeline_start(pipeline, &error);
        assert(r == 0);

        struct pollfd done = {.fd = options.done_fd, .events = POLLIN};
        r = poll(&done, 1, -1);
        assert(r == 1);
        pipeline_stop(pipeline);
        assert(pipeline_failed(pipeline) == 0);
        pipeline_free(pipeline);
        close(options.done_fd);
}

/* Tables ask for huge pages. Clearing those would be nearly all that a run of a few packets does. */
static void use_small_pages(void) {
        static bool done;
        if (!done)
                done = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        use_small_pages();
        const struct input input = input_new(data, size);
        struct capture *one = open_input(&input), *burst = open_input(&input), *whole = open_input(&input);
        assert(!one == !burst && !one == !whole);
        if (one) {
                const struct reading reading = read_all(one, 1), again = read_all(burst, BURST);
                assert(reading.frames == again.frames && reading.bytes == again.bytes && reading.hash == again.hash);

                struct history *history = new_history();
                run_pipeline(whole, history);
                check_history(history, &reading);
                history_free(history);
                capture_close(one);
                capture_close(burst);
        }
        close(input.fd);
        return 0;
}
