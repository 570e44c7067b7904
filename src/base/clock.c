#include "base/clock.h"

static int64_t wall_ns(void *context) {
        (void)context;
        return clock_wall_ns();
}

static int64_t mono_ns(void *context) {
        (void)context;
        return clock_mono_ns();
}

static int64_t boot_ns(void *context) {
        (void)context;
        return clock_boot_ns();
}

const struct clock_source clock_system = {.wall_ns = wall_ns, .mono_ns = mono_ns, .boot_ns = boot_ns};
