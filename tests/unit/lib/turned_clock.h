/* A machine whose clocks the test turns. */
#ifndef NETWATCH_TESTS_TURNED_CLOCK_H
#define NETWATCH_TESTS_TURNED_CLOCK_H

#include "base/clock.h"

struct turned_clock {
        int64_t wall_ns, mono_ns, boot_ns;
};

static inline int64_t turned_wall_ns(void *context) {
        return ((struct turned_clock *)context)->wall_ns;
}

static inline int64_t turned_mono_ns(void *context) {
        return ((struct turned_clock *)context)->mono_ns;
}

static inline int64_t turned_boot_ns(void *context) {
        return ((struct turned_clock *)context)->boot_ns;
}

static inline struct clock_source turned_clock_source(struct turned_clock *clock) {
        return (struct clock_source){
                .wall_ns = turned_wall_ns, .mono_ns = turned_mono_ns, .boot_ns = turned_boot_ns, .context = clock};
}

/* Time goes by, awake. */
static inline void turned_clock_run(struct turned_clock *clock, int64_t ms) {
        clock->wall_ns += ms * NS_PER_MS;
        clock->mono_ns += ms * NS_PER_MS;
        clock->boot_ns += ms * NS_PER_MS;
}

static inline void turned_clock_sleep(struct turned_clock *clock, int64_t ms) {
        clock->wall_ns += ms * NS_PER_MS;
        clock->boot_ns += ms * NS_PER_MS;
}

/* Somebody sets the wall clock. */
static inline void turned_clock_step(struct turned_clock *clock, int64_t ms) {
        clock->wall_ns += ms * NS_PER_MS;
}

#endif
