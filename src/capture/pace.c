/* Keeps a file to its own clock: frames come out when their time has come, `speed` times as fast as they were
 * captured.
 *
 *   file   |--A-----------B-C------------D-->     anchor: a time of the file, and of the boot clock
 *   boot      |-----A'----------B'--C'------->    due = anchor + (time - anchor of the file) / speed
 *
 * The file is read a burst ahead. Where its clock was set back, and where nobody could follow for a while (the
 * machine slept), the anchor is moved to the frame that comes next: nothing is hurried, nothing waits for long. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/source.h"

#define HELD 64u
#define BEHIND_NS (2 * NS_PER_S)
#define BEHIND_FRAMES 3u /* one alone is a stray */

struct pace {
        struct capture base;
        struct capture_kind kind;
        struct capture *inner;
        double speed;
        int wake_fd;
        bool has_anchor;
        int64_t anchor_ns; /* of the file */
        int64_t anchor_boot_ns;
        unsigned frames_behind;
        struct frame held[HELD];
        unsigned at, n;
};

static void anchor(struct pace *pace, int64_t time_ns, int64_t boot_ns) {
        pace->has_anchor = true;
        pace->anchor_ns = time_ns;
        pace->anchor_boot_ns = boot_ns;
        pace->frames_behind = 0;
}

/* How far the file has come since the anchor, ns of its own. Times of a file may be any: hence no integers. */
static double elapsed_ns(const struct pace *pace, int64_t boot_ns) {
        return (double)(boot_ns - pace->anchor_boot_ns) * pace->speed;
}

/* How long until a frame is due, ns of the file; less than 0: since when. */
static double due_in_ns(const struct pace *pace, const struct frame *frame, int64_t boot_ns) {
        return (double)frame->time_ns - (double)pace->anchor_ns - elapsed_ns(pace, boot_ns);
}

static unsigned take_due(struct pace *pace, struct frame *frames, unsigned max) {
        int64_t boot_ns = clock_boot_ns();
        unsigned n = 0;
        for (; n < max && pace->at < pace->n; pace->at++) {
                const struct frame *next = &pace->held[pace->at];
                double due_ns = due_in_ns(pace, next, boot_ns);
                if (due_ns > 0)
                        break;
                pace->frames_behind = due_ns < -(double)BEHIND_NS ? pace->frames_behind + 1 : 0;
                if (pace->frames_behind == BEHIND_FRAMES)
                        anchor(pace, next->time_ns, boot_ns);
                frames[n++] = *next;
        }
        return n;
}

/* Now by the file's clock, while a frame is waited for: never beyond that frame. */
static int64_t pace_now(const struct capture *capture) {
        const struct pace *pace = (const struct pace *)capture;
        if (pace->at == pace->n)
                return INT64_MIN;
        int64_t next_ns = pace->held[pace->at].time_ns, now_ns;
        if (__builtin_add_overflow(pace->anchor_ns, (int64_t)elapsed_ns(pace, clock_boot_ns()), &now_ns))
                return next_ns;
        return now_ns < next_ns ? now_ns : next_ns;
}

/* Until the next frame is due, a second of the file can be closed, or somebody wakes us. */
static void wait_for_next(struct pace *pace) {
        int64_t lag_ns = pace->base.kind->lag_ns, seen_ns = pace_now(&pace->base) - lag_ns;
        double wait_ns = due_in_ns(pace, &pace->held[pace->at], clock_boot_ns());
        double second_ns = (double)(NS_PER_S - (seen_ns - floor_div(seen_ns, NS_PER_S) * NS_PER_S));
        if (second_ns < wait_ns)
                wait_ns = second_ns;
        if (wait_ns <= 0)
                return;
        int64_t boot_ns = (int64_t)(wait_ns / pace->speed) + 1;
        struct timespec timeout = {.tv_sec = boot_ns / NS_PER_S, .tv_nsec = boot_ns % NS_PER_S};
        struct pollfd fd = {.fd = pace->wake_fd, .events = POLLIN};
        eventfd_t ignored;
        if (ppoll(&fd, 1, &timeout, NULL) > 0)
                (void)eventfd_read(pace->wake_fd, &ignored);
}

static int pace_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns) {
        struct pace *pace = (struct pace *)capture;
        if (pace->at == pace->n) {
                int n = capture_read(pace->inner, pace->held, HELD, deadline_boot_ns);
                if (n <= 0)
                        return n;
                pace->at = 0;
                pace->n = (unsigned)n;
        }
        if (!pace->has_anchor)
                anchor(pace, pace->held[0].time_ns, clock_boot_ns());
        unsigned n = take_due(pace, frames, max);
        if (!n) {
                wait_for_next(pace);
                n = take_due(pace, frames, max);
        }
        return (int)n;
}

static void pace_wake(struct capture *capture) {
        struct pace *pace = (struct pace *)capture;
        capture_wake(pace->inner);
        (void)eventfd_write(pace->wake_fd, 1);
}

static struct capture_counts pace_counts(struct capture *capture) {
        struct pace *pace = (struct pace *)capture;
        struct capture_counts counts = capture_counts(pace->inner);
        counts.received -= pace->n - pace->at;
        return counts;
}

static const char *pace_truncated(const struct capture *capture) {
        return capture_truncated(((const struct pace *)capture)->inner);
}

static void pace_progress(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes) {
        capture_progress(((const struct pace *)capture)->inner, ret_read_bytes, ret_size_bytes);
}

static void pace_close(struct capture *capture) {
        struct pace *pace = (struct pace *)capture;
        capture_close(pace->inner);
        close(pace->wake_fd);
        free(pace);
}

int capture_pace(struct capture *file, double speed, struct capture **ret, struct error *error) {
        struct pace *pace = calloc(1, sizeof(*pace));
        int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (!pace || wake_fd < 0) {
                int r = pace ? -errno : -ENOMEM;
                if (wake_fd >= 0)
                        close(wake_fd);
                free(pace);
                return error_set(error, r, "cannot pace a file: %s", strerror(-r));
        }
        pace->base = *file;
        pace->kind = (struct capture_kind){
                .is_file = true,
                .lag_ns = file->kind->lag_ns,
                .read = pace_read,
                .wake = pace_wake,
                .counts = pace_counts,
                .now = pace_now,
                .truncated = pace_truncated,
                .progress = pace_progress,
                .close = pace_close,
        };
        pace->base.kind = &pace->kind;
        pace->inner = file;
        pace->speed = speed;
        pace->wake_fd = wake_fd;
        *ret = &pace->base;
        return 0;
}
