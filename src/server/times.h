/* Time parameters: Unix milliseconds, RFC 3339, or a negative duration that counts from now, or
 * from the end of the file that is being read. */
#ifndef NETWATCH_SERVER_TIMES_H
#define NETWATCH_SERVER_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/params.h"

/* "1700000000000", "2026-01-31T12:00:00.5+01:00" (a blank in the place of the plus is accepted, since
 * that is what a '+' in a query string decodes to), "-90s". Unix ms; the years 1970 to 9999. A file whose time is that
 * of a clock that was never set may be near 1970: up to a day back from there is its beginning, 0. */
bool times_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

#define TIMES_ACCEPTED "must be Unix milliseconds, an RFC 3339 time or a negative duration such as -90s"

/* A range in whole seconds, [from, to). */
struct times_range {
        bool has_from, has_to;
        int64_t from, to; /* Unix time, s; valid with has_ */
        bool widened;     /* one of them was within a second */
};

/* The parameters `from` and `to`, widened to whole seconds. A problem where one does not
 * parse, or where from >= to. */
bool times_range(const struct params *params, int64_t now_ms, struct times_range *ret, struct problem *problem);

/* The parameter `step`, a duration in whole seconds, a year at most; leaves it as it is where it is not given. */
bool times_step(const struct params *params, int64_t *step_s, struct problem *problem);

#endif
