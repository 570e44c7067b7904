/* One interface over the two kinds of source. */
#include "capture/source.h"

void capture_close(struct capture *capture) {
        if (capture)
                capture->kind->close(capture);
}

int capture_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns) {
        return capture->kind->read(capture, frames, max, deadline_boot_ns);
}

void capture_wake(struct capture *capture) {
        capture->kind->wake(capture);
}

void capture_silence(struct capture *capture) {
        if (capture->kind->silence)
                capture->kind->silence(capture);
}

bool capture_is_file(const struct capture *capture) {
        return capture->kind->is_file;
}

int64_t capture_started_ns(const struct capture *capture) {
        return capture->started_ns;
}

int64_t capture_now_ns(const struct capture *capture) {
        return capture->kind->now ? capture->kind->now(capture) : INT64_MIN;
}

const char *capture_link(const struct capture *capture) {
        return capture->link;
}

int64_t capture_lag_ns(const struct capture *capture) {
        return capture->kind->lag_ns;
}

struct capture_counts capture_counts(struct capture *capture) {
        return capture->kind->counts(capture);
}

uint64_t capture_entered(struct capture *capture) {
        return capture->kind->entered ? capture->kind->entered(capture) : 0;
}

bool capture_segments_known(const struct capture *capture) {
        return !capture->segments_unknown;
}

const char *capture_truncated(const struct capture *capture) {
        return capture->kind->truncated(capture);
}

void capture_progress(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes) {
        capture->kind->progress(capture, ret_read_bytes, ret_size_bytes);
}
