/* What every flow did in a range of the past. Internal to history/. */
#ifndef NETWATCH_HISTORY_RANGE_H
#define NETWATCH_HISTORY_RANGE_H

#include "history/store.h"

/* A query holds sums of at most so many flows. */
#define RANGE_FLOWS_MAX 4000000u

/* Of a range over so many jumps of the clock the newest parts are seen. */
#define RANGE_SPANS_MAX 64u

/* A query is asked whether it is still wanted once in so many flows: some milliseconds with the longest of filters. */
#define QUERY_POLL_EVERY 16384u

struct query_poll {
        bool (*cancelled)(void *context); /* may be NULL */
        void *context;
};

/* Before flow `i` of many. */
static inline bool query_is_cancelled(const struct query_poll *poll, size_t i) {
        return i % QUERY_POLL_EVERY == 0 && poll->cancelled && poll->cancelled(poll->context);
}

struct range {
        struct history_seen seen;
        int64_t end;           /* number after its last second */
        struct flow_sum *sums; /* one for each flow, ascending */
        uint32_t n;
        uint32_t room; /* for so many sums */
};

/* The segments of a range, with a reference each. */
struct picked {
        struct segment **segments;
        size_t n;
        uint32_t flows; /* the indices of their flows are below */
};

/* The two parts of range_read, for who has something else to pick under the same lock. range_pick, which fills `*ret`
 * but for the sums, is called with the lock; it may fail with some picked, so range_sum is to be called in any case:
 * with the result of the picking, without the lock. It lets go of the segments. On 0 range_fini frees the sums. */
int range_pick(const struct history *history, struct history_range asked, struct range *range, struct picked *picked);
int range_sum(struct range *range, struct picked *picked, int picking, uint32_t max_flows, bool (*cancelled)(void *),
              void *context);

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
