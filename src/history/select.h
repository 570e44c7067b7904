/* Which flows are asked for, and which directions of them. Internal to history/; the caller holds the lock. */
#ifndef NETWATCH_HISTORY_SELECT_H
#define NETWATCH_HISTORY_SELECT_H

#include "history/store.h"

/* What a filter may ask of a flow's present. */
struct select_rate {
        uint64_t bytes; /* both ways */
        uint32_t span_ms;
        int64_t now_ms; /* on the clock of entries */
};

/* The directions that the filter selects, FILTER_AB or FILTER_BA or both; 0: not this flow. */
unsigned select_directions(const struct flow_filter *filter, const struct entry *entry, const struct flow_sum *sum,
                           const struct select_rate *rate);

/* What of a sum ran in these directions. */
struct flow_sum select_part(const struct flow_sum *sum, unsigned directions);

/* The volume of these directions; that of the others is added to `*rest`. */
struct volume select_volume(const struct flow_sum *sum, unsigned directions, struct volume *rest);

/* How many conditions a flow is asked, at most. */
unsigned select_cost(const struct flow_filter *filter);

/* For how long what the filter says of a flow stands, over seconds that are past. */
enum filter_lasts select_lasts(const struct flow_filter *filter);

/* True for a filter without any condition. */
bool select_is_all(const struct flow_filter *filter);

#endif
