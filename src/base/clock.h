/* The clocks, in one unit. Any thread; never fails. */
#ifndef NETWATCH_BASE_CLOCK_H
#define NETWATCH_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
#define MS_PER_S 1000LL

/* The times that a capture file may invent are kept within this and its negative (1823 to 2116), so that two of them
 * can be added or subtracted, and the ends of their seconds reckoned with. */
#define CLOCK_FILE_MAX_NS (INT64_MAX / 2 / NS_PER_S * NS_PER_S - 4 * NS_PER_S)

static inline int64_t clock_read_ns(clockid_t id) {
        struct timespec ts;
        clock_gettime(id, &ts);
        return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Unix time; steps when the wall clock is set. */
static inline int64_t clock_wall_ns(void) {
        return clock_read_ns(CLOCK_REALTIME);
}

/* Time since boot, sleep included; only ever grows. */
static inline int64_t clock_boot_ns(void) {
        return clock_read_ns(CLOCK_BOOTTIME);
}

/* Time since boot, without sleep. */
static inline int64_t clock_mono_ns(void) {
        return clock_read_ns(CLOCK_MONOTONIC);
}

/* The clocks as they are handed to what a test wants to turn them for. */
struct clock_source {
        int64_t (*wall_ns)(void *context);
        int64_t (*mono_ns)(void *context);
        int64_t (*boot_ns)(void *context);
        void *context;
};

/* The machine's. */
extern const struct clock_source clock_system;

/* CPU time of the whole process. */
static inline int64_t clock_cpu_ns(void) {
        return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Division that rounds towards minus infinity, so that times before 1970 fall into the right second. */
static inline int64_t floor_div(int64_t value, int64_t unit) {
        int64_t q = value / unit;
        return value % unit < 0 ? q - 1 : q;
}

#endif
