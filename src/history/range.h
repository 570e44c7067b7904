/* What every flow did in a range of the past. Internal to history/. */
#ifndef NETWATCH_HISTORY_RANGE_H
#define NETWATCH_HISTORY_RANGE_H

#include "history/store.h"

/* A query holds sums of at most so many flows. */
#define RANGE_FLOWS_MAX 4000000u

struct range {
        struct history_seen seen;
        int64_t end;           /* number after its last second */
        struct flow_sum *sums; /* one for each flow, ascending */
        uint32_t n;
        uint32_t room; /* for so many sums */
};

/* Reads the seconds that bear the wall times [from, to), as far as they are held. Takes the history's lock for a
 * moment; the scan itself goes without. `cancelled` may be NULL.
 *
 * Returns 0, -ENOMEM, -ECANCELED, or -E2BIG: more flows than max_flows. On 0 the sums are freed by range_fini. */
int range_read(struct history *history, struct history_range asked, uint32_t max_flows, bool (*cancelled)(void *),
               void *context, struct range *ret);
void range_fini(struct range *range);

/* What a query saw of it: the rest of what was counted is thinned. */
struct history_seen range_seen(const struct range *range, struct volume matched, struct volume unmatched,
                               bool has_filter);

/* The entry of a flow of the range; NULL where it has left the directory since. The caller holds the lock. */
const struct entry *range_entry(const struct history *history, const struct range *range, const struct flow_sum *sum);

#endif
