/* The same path as live: source → worker → rollup → history; only then is the history printed,
 * by report_json.c or report_text.c. */
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "budget.h"
#include "capture/capture.h"
#include "history/history.h"
#include "pipeline/pipeline.h"
#include "privileges.h"
#include "report_print.h"
#include "stop.h"

#define PROGRESS_EVERY_MS 250

/* ---- printing --------------------------------------------------------------------------- */

#define WIDTH_WITHOUT_TERMINAL 100u

static unsigned output_width(void) {
        struct winsize size;
        bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col;
        return known ? size.ws_col : WIDTH_WITHOUT_TERMINAL;
}

static int print_report(const struct options *options, struct history *history, const char *broken_off) {
        const struct report report = {
                .history = history,
                .path = strcmp(options->read_path, "-") ? options->read_path : "standard input",
                .broken_off = broken_off,
        };
        return options->report == REPORT_TEXT ? report_print_text(&report, output_width()) : report_print_json(&report);
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
                const char *broken_off = r == -EINTR ? "interrupted" : capture_truncated(capture);
                if (broken_off)
                        log_warn("%s: %s", options->read_path, broken_off);
                if (r == 0 || r == -EINTR) {
                        int printed = print_report(options, history, broken_off);
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
                .give_up_fd = stop_fd(),
        };
        struct capture *capture;
        r = capture_open_file(&file, &capture, error);
        if (r < 0)
                return r;
        r = privileges_drop(options->user, error);
        if (r < 0) {
                capture_close(capture);
                return r;
        }
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
