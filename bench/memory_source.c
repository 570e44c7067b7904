/* No copy: frames point into the trace, as the ring's point into its blocks. */
#include <errno.h>
#include <stdlib.h>

#include "capture/source.h"
#include "memory_source.h"

struct memory_source {
        struct capture base;
        const struct trace *trace;
        struct trace_position position;
};

static int memory_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns) {
        struct memory_source *source = (struct memory_source *)capture;
        (void)deadline_boot_ns;
        unsigned n = trace_read(source->trace, &source->position, frames, max);
        return n ? (int)n : -ENODATA;
}

static void memory_wake(struct capture *capture) {
        (void)capture;
}

static struct capture_counts memory_counts(struct capture *capture) {
        return (struct capture_counts){.received = ((struct memory_source *)capture)->position.packet};
}

static const char *memory_truncated(const struct capture *capture) {
        (void)capture;
        return NULL;
}

static void memory_progress(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes) {
        const struct memory_source *source = (const struct memory_source *)capture;
        *ret_read_bytes = source->position.offset;
        *ret_size_bytes = source->trace->bytes;
}

static void memory_close(struct capture *capture) {
        free(capture);
}

static const struct capture_kind memory_kind = {
        .is_file = true,
        .lag_ns = 0,
        .read = memory_read,
        .wake = memory_wake,
        .counts = memory_counts,
        .truncated = memory_truncated,
        .progress = memory_progress,
        .close = memory_close,
};

struct capture *memory_source_new(const struct trace *trace) {
        struct memory_source *source = calloc(1, sizeof(*source));
        if (!source)
                return NULL;
        source->base.kind = &memory_kind;
        source->trace = trace;
        return &source->base;
}
