/* The time that a query over flows is about: `at` for one second, `from` and `to` for a range; without them now. */
#ifndef NETWATCH_SERVER_PAST_H
#define NETWATCH_SERVER_PAST_H

#include "server/internal.h"
#include "server/params.h"
#include "server/routes.h"

#define PAST_PARAMS "at", "from", "to"

/* False: a problem, 400 for what is no time or has not come yet, 410 for what is no longer held. */
bool past_parse(const struct route_call *call, bool *ret_has_range, struct history_range *ret_range,
                struct problem *problem);

/* What became of a query that failed with -errno. */
void past_problem(const struct route_call *call, int error, struct problem *problem);

/* The five parts of what was counted in a range; they add up to its counters. */
json_t *past_summary(const struct history_seen *seen, uint64_t matched_flows, struct volume matched,
                     uint64_t unmatched_flows, struct volume unmatched);

/* True where no time is given, or one that counts from now: beside a cursor that does not contradict its range. */
bool past_is_open(const struct params *params);

#endif
