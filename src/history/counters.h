/* The counters of the last `retention` seconds, by number. Internal to history/; the caller holds the lock. */
#ifndef NETWATCH_HISTORY_COUNTERS_H
#define NETWATCH_HISTORY_COUNTERS_H

#include "history/history.h"

struct counters {
        struct history_counters *rows; /* second s at s modulo n_rows; a row tells which number it has */
        uint32_t n_rows;
        int64_t from; /* the oldest second held */
        int64_t to;   /* after the newest; from == to: none yet */
};

int counters_init(struct counters *counters, uint32_t retention_s);
void counters_fini(struct counters *counters);

/* The row of a second, which becomes the newest. A second that is the newest already goes on;
 * seconds left out are gaps. */
struct history_counters *counters_at(struct counters *counters, int64_t second);

/* The row of a second, be it a gap; NULL where there is none, or it is no longer held. */
const struct history_counters *counters_row(const struct counters *counters, int64_t second);

/* NULL where nothing was captured in that second, or it is no longer held. */
const struct history_counters *counters_find(const struct counters *counters, int64_t second);

#endif
