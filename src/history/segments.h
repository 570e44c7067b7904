/* The last hour's segments: one per second, one per minute, within a budget. Internal to history/; the caller
 * holds the history's lock.
 *
 *   minutes  [  ][  ][  ][  ][  ][  ]          merged from their seconds when they are over
 *   seconds            | | | | | | | | | |     the oldest ones go first when the budget is reached
 *            ^from     ^fine_from        ^to
 *
 * After the seconds the oldest minutes lose rows: to their top flows, then all. What a row had goes to its
 * segment's `thinned`, so sums stay exact. All seconds here are numbers, not wall time. */
#ifndef NETWATCH_HISTORY_SEGMENTS_H
#define NETWATCH_HISTORY_SEGMENTS_H

#include "history/segment.h"

#define MINUTE_S 60

struct segments {
        struct segment **seconds; /* number s at s modulo n_seconds; NULL: nothing happened, or it is no longer there */
        struct segment **minutes; /* number m * 60 at m modulo n_minutes */
        uint32_t n_seconds;
        uint32_t n_minutes;
        size_t bytes;       /* of all segments held */
        size_t budget;      /* 0: no segments are kept at all */
        int64_t from;       /* the oldest second of which anything is held */
        int64_t to;         /* after the newest; from == to: none yet */
        int64_t cut_to;     /* what the retention has dropped ends here; INT64_MIN: nothing yet */
        int64_t merged_to;  /* the first second whose minute has not been made */
        int64_t fine_from;  /* seconds before it are only in their minutes */
        int64_t rows_from;  /* in minutes before it no row is left but of the flows kept as their top */
        uint64_t thinnings; /* how often anything was thinned */
};

/* 0 or -ENOMEM. */
int segments_init(struct segments *segments, uint32_t retention_s, size_t budget);
void segments_fini(struct segments *segments);

/* What one second may use of the budget, directory entries included; bytes. */
size_t segments_second_cap(const struct segments *segments);

/* Takes the segment of a second, the newest or one after it; NULL where nothing happened in it. It replaces
 * one that was there. Forgets what is older than the retention. */
void segments_put(struct segments *segments, int64_t second, struct segment *segment);

/* Makes the minutes that are over, and keeps to the budget. May take a while. */
void segments_settle(struct segments *segments);

/* Takes the rows out of the oldest minute that has more than its top flows; false where there is none. `each` is
 * called for every flow that stays. */
bool segments_thin_oldest(struct segments *segments, void (*each)(uint32_t flow, void *context), void *context);

/* ---- reading ---- */

/* Rounds [from, to) to what can be told apart, and to what is held: outwards to a minute where its seconds are gone,
 * but inwards where the retention has cut that minute, unless there is nothing else in the range. */
void segments_widen(const struct segments *segments, int64_t *from, int64_t *to);

/* How many segments [from, to) takes, which is as wide as segments_widen makes it. Where `ret` is not NULL it receives
 * them, with a reference each. */
size_t segments_collect(const struct segments *segments, int64_t from, int64_t to, struct segment **ret);

#endif
