/* The same path as live, with a file for a source: its timestamps are the only clock. Events bear the file's time, too:
 * where it begins, where it ends or was cut off, and what the retention keeps of it. */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/line.h"
#include "base/log.h"
#include "capture/capture.h"
#include "service.h"
#include "stop.h"

#define TIME_BYTES 32

struct replay {
        struct service service;
        struct server_file file;
        struct capture *capture; /* the pipeline's, once there is one */
        char name[HISTORY_NAME_BYTES];
};

/* ---- words ---------------------------------------------------------------------------------- */

/* The file's name without its folder, as text that can be shown: cut to what fits. */
static void name_file(const char *path, char ret[HISTORY_NAME_BYTES]) {
        const char *slash = strrchr(path, '/');
        (void)snprintf(ret, HISTORY_NAME_BYTES, "%s", !strcmp(path, "-") ? "standard input" : slash ? slash + 1 : path);
        line_blank_controls(ret);
        line_mend_utf8(ret);
}

/* RFC 3339, in UTC. */
static const char *time_text(int64_t second, char ret[TIME_BYTES]) {
        struct tm utc;
        time_t at = second;
        if (!gmtime_r(&at, &utc) || !strftime(ret, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc))
                (void)snprintf(ret, TIME_BYTES, "%" PRId64, second);
        return ret;
}

/* To the log and to the page. */
static void tell(const struct replay *replay, int64_t ts_ms, const char *event, const char *text) {
        history_add_event(replay->service.history, ts_ms, event, text);
        log_info("%s: %s", replay->name, text);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int open_file(struct replay *replay, struct error *error) {
        const struct options *options = replay->service.options;
        const struct capture_file_options file = {
                .path = options->read_path,
                .bpf = options->bpf,
                .snaplen = options->snaplen,
                .give_up_fd = stop_fd(),
        };
        int r = capture_open_file(&file, &replay->capture, error);
        if (r == 0 && options->speed > 0)
                r = capture_pace(replay->capture, options->speed, &replay->capture, error);
        if (r < 0)
                return r;
        int64_t started_ns = capture_started_ns(replay->capture);
        name_file(options->read_path, replay->name);
        replay->file.name = replay->name;
        replay->file.link = capture_link(replay->capture);
        replay->file.speed = options->speed;
        replay->file.started_ns = started_ns == INT64_MIN ? 0 : started_ns;
        replay->service.facts.file = &replay->file;
        return 0;
}

static int connect_file(struct replay *replay, struct error *error) {
        struct history_iface iface = {.state = HISTORY_IFACE_UP};
        memcpy(iface.name, replay->name, sizeof(iface.name));
        history_set_iface(replay->service.history, 0, &iface, 0);
        const struct pipeline_source source = {.capture = replay->capture};
        return service_connect(&replay->service, &source, 1, error);
}

static int start(struct replay *replay, struct error *error) {
        const struct options *options = replay->service.options;
        char text[160], speed[48] = "";
        if (options->speed > 0)
                (void)snprintf(speed, sizeof(speed), ", at %g times its speed", options->speed);
        (void)snprintf(text, sizeof(text), "reading %s%s", replay->name, speed);
        history_add_event(replay->service.history, floor_div(replay->file.started_ns, NS_PER_MS), "start", text);
        log_info("reading %s%s, filter '%s'", replay->name, speed, options->bpf);
        return service_start(&replay->service, error);
}

/* ---- the end of the file --------------------------------------------------------------------- */

/* Where the file is longer than the retention: what of it can still be asked for. */
static void tell_what_is_kept(const struct replay *replay, int64_t ts_ms) {
        int64_t from, to;
        char text[160], from_text[TIME_BYTES], to_text[TIME_BYTES];
        if (!history_span(replay->service.history, &from, &to) || from <= floor_div(replay->file.started_ns, NS_PER_S))
                return;
        (void)snprintf(text, sizeof(text), "longer than --retention (%u s): kept is from %s to %s",
                       replay->service.options->retention_s, time_text(from, from_text), time_text(to, to_text));
        tell(replay, ts_ms, "file_kept", text);
}

static int finish(struct replay *replay, struct error *error) {
        struct history_totals sums;
        char text[160];
        int failed = pipeline_failed(replay->service.pipeline);
        if (failed)
                return error_set(error, failed, "cannot read %s: %s", replay->service.options->read_path,
                                 strerror(-failed));
        history_read_totals(replay->service.history, &sums);
        int64_t last_ns = sums.totals.all.packets ? sums.totals.last_ns : replay->file.started_ns;
        int64_t ts_ms = floor_div(last_ns, NS_PER_MS);
        const char *broken_off = capture_truncated(replay->capture);
        (void)snprintf(text, sizeof(text), "end of the file: %" PRIu64 " packet%s, %" PRIu64 " bytes",
                       sums.totals.all.packets, sums.totals.all.packets == 1 ? "" : "s", sums.totals.all.bytes);
        atomic_store(&replay->file.has_ended, true);
        if (broken_off)
                tell(replay, ts_ms, "file_cut", broken_off);
        tell_what_is_kept(replay, ts_ms);
        tell(replay, ts_ms, "file_end", text);
        return 0;
}

/* Until a signal comes (0). */
static int wait_for_stop(struct replay *replay, struct error *error) {
        int r;
        while ((r = service_wait(&replay->service, -1, error)) == SERVICE_ENDED)
                if ((r = finish(replay, error)) < 0)
                        break;
        return r;
}

int replay_run(const struct options *options, struct error *error) {
        struct replay replay = {.capture = NULL};
        struct service *service = &replay.service;
        int r = service_init(service, options, 0, error);
        if (r == 0)
                r = open_file(&replay, error);
        if (r == 0)
                r = service_open(service, 1, error);
        if (r == 0)
                r = connect_file(&replay, error);
        if (r == 0)
                r = start(&replay, error);
        if (r == 0) {
                r = wait_for_stop(&replay, error);
                service_stop(service);
        }
        if (!service->pipeline)
                capture_close(replay.capture);
        service_fini(service);
        if (r != -EINTR)
                return r;
        log_info("%s", error->text);
        return 0;
}
