/* Interfaces as the source of a service: opening their rings needs privileges, following what becomes of them none. */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ifaces.h"
#include "privileges.h"
#include "service.h"

static int open_captures(struct service *service, struct ifaces *ifaces, struct error *error) {
        service->facts.backlog_drops_before = iface_backlog_drops();
        int r = ifaces_open(ifaces, service->options, service->budget.ring_bytes, error);
        return r == -EPERM ? privileges_explain_capture(error) : r;
}

static int connect_captures(struct service *service, struct ifaces *ifaces, struct error *error) {
        struct pipeline_source sources[OPTIONS_IFACES_MAX];
        unsigned n = ifaces_count(ifaces);
        for (unsigned i = 0; i < n; i++)
                sources[i] = (struct pipeline_source){
                        .capture = ifaces_capture(ifaces, i),
                        .iface = (uint8_t)i,
                        .ring_bytes = service->budget.ring_bytes,
                };
        int r = service_connect(service, sources, n, error);
        if (r == 0)
                ifaces_release(ifaces);
        return r;
}

static int start(struct service *service, struct ifaces *ifaces, struct error *error) {
        char detail[160];
        (void)snprintf(detail, sizeof(detail), "capturing on %.140s", ifaces_text(ifaces));
        history_add_event(service->history, clock_wall_ns() / NS_PER_MS, "start", detail);
        ifaces_report(ifaces, service->history, service->pipeline);
        log_info("capturing on %s, filter '%s'", ifaces_text(ifaces), service->options->bpf);
        return service_start(service, error);
}

/* Until a signal comes (0), or the capture ends by itself (-errno). */
static int follow(struct service *service, struct ifaces *ifaces, struct error *error) {
        int event;
        while ((event = service_wait(service, ifaces_fd(ifaces), error)) == SERVICE_READY) {
                int r = ifaces_follow(ifaces);
                if (r < 0)
                        return error_set(error, r, "cannot watch the interfaces: %s", strerror(-r));
        }
        if (event != SERVICE_ENDED)
                return event;
        int failed = pipeline_failed(service->pipeline);
        return error_set(error, failed ? failed : -EIO, "the capture on %s ended: %s", ifaces_text(ifaces),
                         strerror(failed ? -failed : EIO));
}

static int run(struct service *service, struct ifaces *ifaces, struct error *error) {
        int r = service_init(service, service->options, ifaces_count(ifaces), error);
        if (r == 0)
                r = open_captures(service, ifaces, error);
        if (r == 0)
                r = service_open(service, ifaces_count(ifaces), error);
        if (r == 0)
                r = connect_captures(service, ifaces, error);
        if (r == 0)
                r = start(service, ifaces, error);
        if (r == 0) {
                r = follow(service, ifaces, error);
                service_stop(service);
        }
        return r;
}

int live_run(const struct options *options, struct error *error) {
        struct ifaces *ifaces = NULL;
        struct service service = {.options = options, .done_fd = -1};
        int r = ifaces_choose(options, &ifaces, error);
        if (r == 0)
                r = run(&service, ifaces, error);
        service_fini(&service);
        ifaces_free(ifaces);
        return r;
}
