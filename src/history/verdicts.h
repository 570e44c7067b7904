/* What a long filter says of many flows, found out ahead of the moment in which an answer is made. Internal to
 * history/.
 *
 * An answer shows one tick, so it is made under the lock, and the next tick waits. Hundreds of conditions for each of a
 * million flows are seconds: so they are judged before, some at a time, with the lock given up in between. A verdict
 * stands for as long as its flow does not change; those that have changed meanwhile are judged again, at last under the
 * lock with which the answer is made. */
#ifndef NETWATCH_HISTORY_VERDICTS_H
#define NETWATCH_HISTORY_VERDICTS_H

#include "history/range.h"
#include "history/select.h"

struct verdict_slice;

/* Zeroed: nothing is known ahead. */
struct verdicts {
        const struct flow_filter *filter;
        uint8_t *directions;          /* by the flow's index */
        struct verdict_slice *slices; /* as of when */
        uint32_t n;                   /* of so many flows */
        int64_t now_ms;               /* to where the age of all counts */
};

/* Judges the flows of a range, or with NULL those of now, if that is worth it. Without the lock. 0, -ENOMEM,
 * -ECANCELED, or as work_take; in any case to be given to verdicts_fini. */
int verdicts_begin(struct verdicts *verdicts, struct history *history, const struct flow_filter *filter,
                   const struct range *range, struct work *work);
void verdicts_fini(struct verdicts *verdicts);

/* What a filter may ask of the present, but for a flow's bytes. The caller holds the lock, here and below. */
struct select_rate verdicts_rate(const struct verdicts *verdicts, const struct history *history,
                                 const struct range *range);

/* As select_directions. */
unsigned verdicts_select(const struct verdicts *verdicts, const struct directory *directory, const struct entry *entry,
                         const struct flow_sum *sum, const struct select_rate *rate);

#endif
