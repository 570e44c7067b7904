/* Opening comes first, since it may need privileges; then they are dropped; then the threads
 * start. The end runs the same way backwards. */
#include "service.h"

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
#include "notify.h"
#include "privileges.h"
#include "stop.h"

#define WATCHDOG_PATIENCE_NS (10 * NS_PER_S)

/* ---- opening, while there may be privileges ------------------------------------------------- */

int service_init(struct service *service, const struct options *options, unsigned rings, struct error *error) {
        *service = (struct service){
                .options = options,
                .facts =
                        {
                                .version = NETWATCH_VERSION,
                                .bpf = options->bpf,
                                .snaplen = options->snaplen,
                                .started_boot_ns = clock_boot_ns(),
                                .retention_s = options->retention_s,
                        },
                .rings = rings,
                .done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        };
        if (service->done_fd < 0)
                return error_set(error, -errno, "cannot make an eventfd: %s", strerror(errno));
        if (getrandom(&service->seed, sizeof(service->seed), 0) < 0)
                return error_set(error, -errno, "cannot get random bytes: %s", strerror(errno));
        return budget_divide(options, rings, &service->budget, error);
}

static int make_history(struct service *service, unsigned n_sources, struct error *error) {
        struct history_options history = {
                .retention_s = service->options->retention_s,
                .gaps_are_zero = service->facts.file != NULL,
                .max_flows = service->budget.directory_flows,
                .segment_bytes = service->budget.segment_bytes,
                .query_bytes = service->budget.query_bytes,
                .seed = service->seed,
                .workers = n_sources,
        };
        memcpy(history.ttl_ms, service->options->ttl_ms, sizeof(history.ttl_ms));
        service->history = history_new(&history);
        if (!service->history)
                return error_set(error, -ENOMEM, "not enough memory for --memory=%" PRIu64,
                                 service->options->memory_bytes);
        return 0;
}

static int open_server(struct service *service, struct error *error) {
        const struct options *options = service->options;
        const struct server_options server = {
                .bind = options->bind,
                .auth_token = options->auth_token,
                .allow_hosts = options->allow_hosts,
                .n_allow_hosts = options->n_allow_hosts,
                .max_websockets = options->max_websockets,
                .cursor_bytes = service->budget.server_bytes / 8 * 3,
                .export_bytes = service->budget.server_bytes / 8 * 3,
                .answer_bytes = service->budget.server_bytes / 4,
                .history = service->history,
                .facts = &service->facts,
        };
        int r = server_open(&server, &service->server, error);
        if (r == 0)
                history_notify(service->history, server_event_fd(service->server));
        return r;
}

int service_open(struct service *service, unsigned n_sources, struct error *error) {
        int r = make_history(service, n_sources, error);
        if (r == 0)
                r = open_server(service, error);
        if (r == 0)
                r = privileges_drop(service->options->user, error);
        return r;
}

int service_connect(struct service *service, const struct pipeline_source *sources, unsigned n, struct error *error) {
        struct pipeline_options pipeline = {
                .sources = sources,
                .n_sources = n,
                .history = service->history,
                .local_nets = &service->options->local_nets,
                .max_flows = service->budget.max_flows,
                .seed = service->seed,
                .done_fd = service->done_fd,
        };
        memcpy(pipeline.ttl_ms, service->options->ttl_ms, sizeof(pipeline.ttl_ms));
        return pipeline_new(&pipeline, &service->pipeline, error);
}

/* ---- running -------------------------------------------------------------------------------- */

static unsigned mib(uint64_t bytes) {
        return (unsigned)(bytes >> 20);
}

static void announce(const struct service *service) {
        const struct budget *budget = &service->budget;
        unsigned n_tables = service->rings ? service->rings : 1;
        char rings[64] = "";
        if (service->rings)
                (void)snprintf(rings, sizeof(rings), "%u x ring %u + ", service->rings, mib(budget->ring_bytes));
        log_info(
                "memory: %u MiB = %sflow tables %u (%u flows) + history %u (%u flows, %u min) + queries %u + server %u",
                mib(budget->memory_bytes), rings, mib(budget->table_bytes), budget->max_flows * n_tables,
                mib(budget->history_bytes), budget->directory_flows, service->options->retention_s / 60,
                mib(budget->query_bytes), mib(budget->server_bytes));
        log_info("open %s", server_url(service->server));
}

int service_start(struct service *service, struct error *error) {
        int r = server_start(service->server, error);
        if (r == 0)
                r = pipeline_start(service->pipeline, error);
        if (r < 0)
                return r;
        service->last_tick_boot_ns = clock_boot_ns();
        announce(service);
        (void)notify_send(NOTIFY_READY);
        return 0;
}

/* Tells the watchdog that all is well for as long as ticks come; a file may be silent for longer, or over. */
static void feed_watchdog(struct service *service) {
        uint64_t ticks = history_ticks(service->history);
        int64_t now = clock_boot_ns();
        if (ticks != service->last_ticks || service->facts.file) {
                service->last_ticks = ticks;
                service->last_tick_boot_ns = now;
        }
        if (now - service->last_tick_boot_ns < WATCHDOG_PATIENCE_NS)
                (void)notify_send(NOTIFY_WATCHDOG);
}

int service_wait(struct service *service, int fd, struct error *error) {
        int64_t interval_ns = notify_watchdog_interval_ns();
        int interval_ms = interval_ns ? (int)(interval_ns / NS_PER_MS) : -1;
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = stop_fd(), .events = POLLIN},
                        {.fd = service->done_fd, .events = POLLIN},
                        {.fd = fd, .events = POLLIN},
                };
                eventfd_t ignored;
                int n = poll(fds, 3, interval_ms);
                if (n < 0 && errno != EINTR)
                        return error_set(error, -errno, "cannot wait: %s", strerror(errno));
                if (interval_ns)
                        feed_watchdog(service);
                if (n > 0 && fds[0].revents)
                        return SERVICE_STOP;
                if (n > 0 && fds[1].revents && eventfd_read(service->done_fd, &ignored) == 0)
                        return SERVICE_ENDED;
                if (n > 0 && fds[2].revents)
                        return SERVICE_READY;
        }
}

static void print_summary(const struct service *service) {
        struct history_totals sums;
        struct history_figures figures;
        history_read_totals(service->history, &sums);
        history_read_figures(service->history, &figures);
        uint64_t received = 0, counted = 0, dropped = 0;
        for (unsigned w = 0; w < figures.workers; w++) {
                struct history_worker worker = history_read_worker(service->history, w);
                received += worker.received;
                counted += worker.frames;
                dropped += worker.dropped;
        }
        log_info("stopped after %.1f s: %" PRIu64 " packets, %" PRIu64 " bytes; frames: %" PRIu64 " received = %" PRIu64
                 " counted + %" PRIu64 " dropped by the kernel",
                 (double)(clock_boot_ns() - service->facts.started_boot_ns) / 1e9, sums.totals.all.packets,
                 sums.totals.all.bytes, received, counted, dropped);
}

void service_stop(struct service *service) {
        (void)notify_send(NOTIFY_STOPPING);
        pipeline_stop(service->pipeline);
        server_stop(service->server);
        print_summary(service);
}

void service_fini(struct service *service) {
        pipeline_free(service->pipeline);
        server_close(service->server);
        history_free(service->history);
        if (service->done_fd >= 0)
                close(service->done_fd);
}
