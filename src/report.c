/* The same path as live: source → worker → rollup → history; only then is the history printed.
 * Flow rows are printed one by one, since there may be a million. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "budget.h"
#include "capture/capture.h"
#include "history/history.h"
#include "pipeline/pipeline.h"
#include "render/render.h"
#include "stop.h"

#define PROGRESS_EVERY_MS 250

/* ---- printing --------------------------------------------------------------------------- */

/* "name":value, and frees the value. */
static void print_member(const char *name, json_t *value, const char *after) {
        (void)printf("\"%s\":", name);
        (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)fputs(after, stdout);
        json_decref(value);
}

static json_t *time_or_null(const struct tick_totals *totals, int64_t time_ns) {
        return totals->all.packets ? json_integer((json_int_t)floor_div(time_ns, NS_PER_MS)) : json_null();
}

static json_t *by_proto(const struct tick_totals *totals) {
        json_t *object = json_object();
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                (void)json_object_set_new(object, packet_class_name(i), render_volume(totals->by_class[i]));
        return object;
}

static int print_flows(struct history *history) {
        static const struct render_names no_names;
        const struct flow_query query = {.sort = FLOW_SORT_BYTES, .max_rows = SIZE_MAX};
        struct flow_result result;
        int r = history_query_flows(history, &query, NULL, NULL, &result);
        if (r < 0)
                return r;

        (void)fputs("\"flows\":[", stdout);
        for (size_t i = 0; r == 0 && i < result.n_rows; i++) {
                json_t *row = render_flow(&result.rows[i], &no_names);
                (void)fputs(i ? ",\n" : "\n", stdout);
                if (!row || json_dumpf(row, stdout, JSON_COMPACT))
                        r = -ENOMEM;
                json_decref(row);
        }
        (void)fputs("],\n", stdout);
        flow_result_fini(&result);
        return r;
}

static int print_report(struct history *history, bool truncated) {
        struct history_totals sums;
        history_read_totals(history, &sums);
        const struct tick_totals *totals = &sums.totals;

        (void)printf("{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\n", totals->all.packets, totals->all.bytes);
        print_member("by_proto", by_proto(totals), ",\n");
        print_member("nonflow", render_volume(totals->nonflow), ",\n");
        print_member("untracked", render_volume(totals->untracked), ",\n");
        print_member("forgotten", render_share(sums.flows_forgotten, sums.forgotten), ",\n");
        int r = print_flows(history);
        print_member("first_seen", time_or_null(totals, totals->first_ns), ",");
        print_member("last_seen", time_or_null(totals, totals->last_ns), ",\n");
        print_member("undecoded", render_undecoded(totals->verdicts), ",");
        print_member("truncated", json_boolean(truncated), "}\n");
        if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = errno ? -errno : -EIO;
        return r;
}

/* ---- reading ------------------------------------------------------------------------------ */

static void show_progress(const struct capture *capture) {
        uint64_t read_bytes, size_bytes;
        capture_progress(capture, &read_bytes, &size_bytes);
        if (size_bytes)
                (void)fprintf(stderr, "\rreading: %3u %% of %.1f MB", (unsigned)(read_bytes * 100 / size_bytes),
                              (double)size_bytes / 1e6);
}

/* Waits for the end of the file or a signal. 0 or -EINTR. */
static int wait_for_end(const struct capture *capture, int done_fd) {
        bool on_terminal = isatty(STDERR_FILENO), shown = false;
        int r = -EAGAIN;
        while (r == -EAGAIN) {
                struct pollfd fds[] = {
                        {.fd = done_fd, .events = POLLIN},
                        {.fd = stop_fd(), .events = POLLIN},
                };
                int n = poll(fds, 2, on_terminal ? PROGRESS_EVERY_MS : -1);
                if (n > 0 && fds[1].revents)
                        r = -EINTR;
                else if (n > 0 && fds[0].revents)
                        r = 0;
                else if (n == 0) {
                        show_progress(capture);
                        shown = true;
                }
        }
        if (shown)
                (void)fputs("\r\033[K", stderr);
        return r;
}

static int run_pipeline(const struct options *options, const struct budget *budget, struct capture *capture,
                        struct history *history, uint64_t seed, struct error *error) {
        struct pipeline *pipeline = NULL;
        const struct pipeline_source source = {.capture = capture};
        int done_fd = eventfd(0, EFD_CLOEXEC);
        if (done_fd < 0)
                return error_set(error, -errno, "cannot make an eventfd: %s", strerror(errno));

        struct pipeline_options pipe = {
                .sources = &source,
                .n_sources = 1,
                .history = history,
                .local_nets = &options->local_nets,
                .max_flows = budget->max_flows,
                .seed = seed,
                .done_fd = done_fd,
        };
        memcpy(pipe.ttl_ms, options->ttl_ms, sizeof(pipe.ttl_ms));
        int r = pipeline_new(&pipe, &pipeline, error);
        if (r < 0) {
                capture_close(capture);
        } else {
                r = pipeline_start(pipeline, error);
                if (r == 0) {
                        r = wait_for_end(capture, done_fd);
                        pipeline_stop(pipeline);
                        if (pipeline_failed(pipeline))
                                r = error_set(error, pipeline_failed(pipeline), "cannot read %s: %s",
                                              options->read_path, strerror(-pipeline_failed(pipeline)));
                }
                const char *truncated = capture_truncated(capture);
                if (truncated)
                        log_warn("%s: %s", options->read_path, truncated);
                if (r == 0 || r == -EINTR) {
                        int printed = print_report(history, truncated || r == -EINTR);
                        if (printed < 0)
                                r = error_set(error, printed, "cannot write the report: %s", strerror(-printed));
                }
        }
        pipeline_free(pipeline);
        close(done_fd);
        return r;
}

int report_run(const struct options *options, struct error *error) {
        struct budget budget;
        int r = budget_divide(options, 0, &budget, error);
        if (r < 0)
                return r;

        struct history_options history_options = {
                .retention_s = options->retention_s,
                .keep_all = true,
                .gaps_are_zero = true,
                .max_flows = budget.directory_flows,
                .workers = 1,
        };
        memcpy(history_options.ttl_ms, options->ttl_ms, sizeof(history_options.ttl_ms));
        if (getrandom(&history_options.seed, sizeof(history_options.seed), 0) < 0)
                return error_set(error, -errno, "cannot get random bytes: %s", strerror(errno));

        const struct capture_file_options file = {
                .path = options->read_path,
                .bpf = options->bpf,
                .snaplen = options->snaplen,
        };
        struct capture *capture;
        r = capture_open_file(&file, &capture, error);
        if (r < 0)
                return r;
        struct history *history = history_new(&history_options);
        if (!history) {
                capture_close(capture);
                return error_set(error, -ENOMEM, "not enough memory for --memory=%llu",
                                 (unsigned long long)options->memory_bytes);
        }
        r = run_pipeline(options, &budget, capture, history, history_options.seed, error);
        history_free(history);
        return r;
}
