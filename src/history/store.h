/* The history itself, as its own files see it. */
#ifndef NETWATCH_HISTORY_STORE_H
#define NETWATCH_HISTORY_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "history/counters.h"
#include "history/directory.h"
#include "history/events.h"
#include "history/history.h"
#include "history/ifaces.h"
#include "history/wall.h"
#include "history/work.h"

#define TOP_KEPT 10u

/* The flows with the most bytes of the last tick, highest first. */
struct top_flows {
        unsigned n;
        struct top_row rows[TOP_KEPT];
};

struct history {
        pthread_rwlock_t lock; /* of all below up to bytes: the rollup writes from begin to end of a tick */
        struct counters counters;
        struct directory directory;
        struct segments segments;
        struct history_totals totals; /* its first_ns and last_ns are Unix time */
        struct history_worker *workers;
        unsigned n_workers;
        struct ifaces_state ifaces;
        struct top_flows top;
        struct wall wall;
        int64_t second;        /* number of the current or last tick; INT64_MIN before the first */
        int64_t counted;       /* number of the last one that is no gap; INT64_MIN: none */
        int64_t counted_to_ns; /* up to where the span of that second has been counted */
        bool gaps_are_zero;
        bool has_told_thinning; /* also where it began while a tick was made, for want of room for a flow */
        size_t bytes;

        struct events events;
        struct work_memory work_memory;
        _Atomic uint64_t ticks;
        int event_fd;
};

/* The end of the last tick, on the clock of entries; 0 before the first. */
static inline int64_t history_now_ms(const struct history *history) {
        return history->second == INT64_MIN ? 0 : (history->second + 1) * MS_PER_S;
}

/* The counters of the last tick, with their label; false before the first. */
bool history_last_row(const struct history *history, struct history_counters *ret);

/* Picks the top flows out of the rows of the tick that is ending. */
void top_collect(const struct directory *directory, struct top_flows *ret);

#endif
