/* Opening comes first, since it may need privileges; then they are dropped; then the threads
 * start. The end runs the same way backwards. */
#include "live.h"

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
#include "history/history.h"
#include "ifaces.h"
#include "notify.h"
#include "pipeline/pipeline.h"
#include "privileges.h"
#include "server/server.h"
#include "stop.h"

#define WATCHDOG_PATIENCE_NS (10 * NS_PER_S)

/* Everything that lives as long as the daemon; zero or NULL where it is not there (yet). */
struct live {
        const struct options *options;
        struct budget budget;
        struct server_facts facts;
        uint64_t seed;
        struct ifaces *ifaces;
        struct history *history;
        struct server *server;
        struct pipeline *pipeline;
        int done_fd;
};

/* ---- opening, while there may be privileges ------------------------------------------------- */

static int open_captures(struct live *live, struct error *error) {
        live->facts.backlog_drops_before = iface_backlog_drops();
        int r = ifaces_open(live->ifaces, live->options, live->budget.ring_bytes, error);
        return r == -EPERM ? privileges_explain_capture(error) : r;
}

static int make_history(struct live *live, struct error *error) {
        struct history_options history = {
                .retention_s = live->options->retention_s,
                .max_flows = live->budget.directory_flows,
                .segment_bytes = live->budget.segment_bytes,
                .seed = live->seed,
                .workers = ifaces_count(live->ifaces),
        };
        memcpy(history.ttl_ms, live->options->ttl_ms, sizeof(history.ttl_ms));
        live->history = history_new(&history);
        if (!live->history)
                return error_set(error, -ENOMEM, "not enough memory for --memory=%" PRIu64,
                                 live->options->memory_bytes);
        return 0;
}

static int open_server(struct live *live, struct error *error) {
        const struct server_options server = {
                .bind = live->options->bind,
                .auth_token = live->options->auth_token,
                .allow_hosts = live->options->allow_hosts,
                .n_allow_hosts = live->options->n_allow_hosts,
                .max_websockets = live->options->max_websockets,
                .cursor_bytes = live->budget.server_bytes / 8 * 3,
                .export_bytes = live->budget.server_bytes / 8 * 3,
                .history = live->history,
                .facts = &live->facts,
        };
        int r = server_open(&server, &live->server, error);
        if (r == 0)
                history_notify(live->history, server_event_fd(live->server));
        return r;
}

static int make_pipeline(struct live *live, struct error *error) {
        struct pipeline_source sources[OPTIONS_IFACES_MAX];
        unsigned n = ifaces_count(live->ifaces);
        for (unsigned i = 0; i < n; i++)
                sources[i] = (struct pipeline_source){
                        .capture = ifaces_capture(live->ifaces, i),
                        .iface = (uint8_t)i,
                        .ring_bytes = live->budget.ring_bytes,
                };
        struct pipeline_options pipeline = {
                .sources = sources,
                .n_sources = n,
                .history = live->history,
                .local_nets = &live->options->local_nets,
                .max_flows = live->budget.max_flows,
                .seed = live->seed,
                .done_fd = live->done_fd,
        };
        memcpy(pipeline.ttl_ms, live->options->ttl_ms, sizeof(pipeline.ttl_ms));
        int r = pipeline_new(&pipeline, &live->pipeline, error);
        if (r == 0)
                ifaces_release(live->ifaces);
        return r;
}

static int prepare(struct live *live, struct error *error) {
        int r = ifaces_choose(live->options, &live->ifaces, error);
        if (r == 0)
                r = budget_divide(live->options, ifaces_count(live->ifaces), &live->budget, error);
        if (r == 0 && getrandom(&live->seed, sizeof(live->seed), 0) < 0)
                r = error_set(error, -errno, "cannot get random bytes: %s", strerror(errno));
        live->done_fd = eventfd(0, EFD_CLOEXEC);
        if (r == 0 && live->done_fd < 0)
                r = error_set(error, -errno, "cannot make an eventfd: %s", strerror(errno));
        if (r == 0)
                r = open_captures(live, error);
        if (r == 0)
                r = make_history(live, error);
        if (r == 0)
                r = open_server(live, error);
        if (r == 0)
                r = privileges_drop(live->options->user, error);
        if (r == 0)
                r = make_pipeline(live, error);
        return r;
}

/* ---- running -------------------------------------------------------------------------------- */

static unsigned mib(uint64_t bytes) {
        return (unsigned)(bytes >> 20);
}

static void announce(const struct live *live) {
        const struct budget *budget = &live->budget;
        unsigned n = ifaces_count(live->ifaces);
        log_info("capturing on %s, filter '%s'", ifaces_text(live->ifaces), live->options->bpf);
        log_info(
                "memory: %u MiB = %u x ring %u + flow tables %u (%u flows) + history %u (%u flows, %u min) + server %u",
                mib(budget->memory_bytes), n, mib(budget->ring_bytes), mib(budget->table_bytes), budget->max_flows * n,
                mib(budget->history_bytes), budget->directory_flows, live->options->retention_s / 60,
                mib(budget->server_bytes));
        log_info("open %s", server_url(live->server));
}

static int start(struct live *live, struct error *error) {
        char detail[160];
        (void)snprintf(detail, sizeof(detail), "capturing on %.140s", ifaces_text(live->ifaces));
        history_add_event(live->history, clock_wall_ns() / NS_PER_MS, "start", detail);
        ifaces_report(live->ifaces, live->history, live->pipeline);

        int r = server_start(live->server, error);
        if (r == 0)
                r = pipeline_start(live->pipeline, error);
        if (r < 0)
                return r;
        announce(live);
        (void)notify_send(NOTIFY_READY);
        return 0;
}

/* Tells the watchdog that all is well for as long as ticks come. */
static void feed_watchdog(const struct live *live, uint64_t *last_ticks, int64_t *last_boot_ns) {
        uint64_t ticks = history_ticks(live->history);
        int64_t now = clock_boot_ns();
        if (ticks != *last_ticks) {
                *last_ticks = ticks;
                *last_boot_ns = now;
        }
        if (now - *last_boot_ns < WATCHDOG_PATIENCE_NS)
                (void)notify_send(NOTIFY_WATCHDOG);
}

/* Until a signal comes (0), or the capture ends by itself (-errno). */
static int wait_for_end(struct live *live, struct error *error) {
        int64_t interval_ns = notify_watchdog_interval_ns();
        int interval_ms = interval_ns ? (int)(interval_ns / NS_PER_MS) : -1;
        uint64_t last_ticks = 0;
        int64_t last_boot_ns = clock_boot_ns();
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = stop_fd(), .events = POLLIN},
                        {.fd = live->done_fd, .events = POLLIN},
                        {.fd = ifaces_fd(live->ifaces), .events = POLLIN},
                };
                int n = poll(fds, 3, interval_ms);
                if (n < 0 && errno != EINTR)
                        return error_set(error, -errno, "cannot wait: %s", strerror(errno));
                if (n > 0 && fds[0].revents)
                        return 0;
                if (n > 0 && fds[1].revents) {
                        int failed = pipeline_failed(live->pipeline);
                        return error_set(error, failed ? failed : -EIO, "the capture on %s ended: %s",
                                         ifaces_text(live->ifaces), strerror(failed ? -failed : EIO));
                }
                if (n > 0 && fds[2].revents && (n = ifaces_follow(live->ifaces)) < 0)
                        return error_set(error, n, "cannot watch the interfaces: %s", strerror(-n));
                if (interval_ns)
                        feed_watchdog(live, &last_ticks, &last_boot_ns);
        }
}

static void print_summary(const struct live *live, int64_t started_boot_ns) {
        struct history_totals sums;
        history_read_totals(live->history, &sums);
        uint64_t received = 0, counted = 0, dropped = 0;
        for (unsigned w = 0; w < ifaces_count(live->ifaces); w++) {
                struct history_worker worker = history_read_worker(live->history, w);
                received += worker.received;
                counted += worker.frames;
                dropped += worker.dropped;
        }
        log_info("stopped after %.1f s: %" PRIu64 " packets, %" PRIu64 " bytes; frames: %" PRIu64 " received = %" PRIu64
                 " counted + %" PRIu64 " dropped by the kernel",
                 (double)(clock_boot_ns() - started_boot_ns) / 1e9, sums.totals.all.packets, sums.totals.all.bytes,
                 received, counted, dropped);
}

int live_run(const struct options *options, struct error *error) {
        struct live live = {
                .options = options,
                .facts =
                        {
                                .version = NETWATCH_VERSION,
                                .bpf = options->bpf,
                                .snaplen = options->snaplen,
                                .started_boot_ns = clock_boot_ns(),
                                .retention_s = options->retention_s,
                        },
                .done_fd = -1,
        };

        int r = prepare(&live, error);
        if (r == 0)
                r = start(&live, error);
        if (r == 0) {
                r = wait_for_end(&live, error);
                (void)notify_send(NOTIFY_STOPPING);
                pipeline_stop(live.pipeline);
                server_stop(live.server);
                print_summary(&live, live.facts.started_boot_ns);
        }

        pipeline_free(live.pipeline);
        server_close(live.server);
        history_free(live.history);
        ifaces_free(live.ifaces);
        if (live.done_fd >= 0)
                close(live.done_fd);
        return r;
}
