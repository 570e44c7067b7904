/* What every flow did in a range of the past. Internal to history/. */
#ifndef NETWATCH_HISTORY_RANGE_H
#define NETWATCH_HISTORY_RANGE_H

#include "history/store.h"
#include "history/work.h"

/* Of a range over so many jumps of the clock the newest parts are seen. */
#define RANGE_SPANS_MAX 64u

struct range {
        struct history_seen seen; /* is_final up to now */
        int64_t end;              /* number after its last second */
        struct segment *sums;     /* one row for each flow; NULL: none */
};

/* The segments of a range, with a reference each. */
struct picked {
        struct segment **segments;
        size_t n;
};

/* The two parts of range_read, for who has something else to pick under the same lock. range_pick, which fills `*ret`
 * but for the sums, is called with the lock; it may fail with some picked, so range_sum is to be called in any case:
 * with the result of the picking, without the lock. It lets go of the segments. On 0 range_fini frees the sums. */
int range_pick(const struct history *history, struct history_range asked, struct range *range, struct picked *picked);
int range_sum(struct range *range, struct picked *picked, int picking, struct work *work);

/* Reads the seconds that bear the wall times [from, to), as far as they are held. Takes the history's lock for a
 * moment; the scan itself goes without. Returns 0, -ENOMEM, -ECANCELED, or as work_take. On 0 the sums are freed by
 * range_fini. */
int range_read(struct history *history, struct history_range asked, struct work *work, struct range *ret);
void range_fini(struct range *range);

/* How many flows it has, and the first of them. */
uint32_t range_flows(const struct range *range);
struct segment_cursor range_start(const struct range *range);

/* What a query saw of it: the rest of what was counted is thinned. */
struct history_seen range_seen(const struct range *range, struct volume matched, struct volume unmatched,
                               bool has_filter);

/* The entry of a flow of the range; NULL where it has left the directory since. The caller holds the lock. */
const struct entry *range_entry(const struct history *history, const struct range *range, const struct flow_sum *sum);

#endif
