/* Which Unix second each second of the history bears. Internal to history/; the caller holds the lock.
 *
 * Seconds are numbered upwards, whatever the wall clock does; the wall time is a label. Between two
 * jumps of the clock label and number keep their distance: an era. */
#ifndef NETWATCH_HISTORY_WALL_H
#define NETWATCH_HISTORY_WALL_H

#include <stdbool.h>
#include <stdint.h>

#include "history/history.h"

#define WALL_ERAS_MAX 512u

struct wall_era {
        int64_t first;        /* number of its first second */
        int64_t ahead_s;      /* label less number */
        enum history_gap why; /* it began */
};

struct wall {
        unsigned n; /* eras, oldest first; the first one reaches back without end */
        uint64_t jumps;
        struct wall_era eras[WALL_ERAS_MAX];
};

void wall_init(struct wall *wall);

/* From `second` on, numbers bear labels `ahead_s` ahead of them. `second` is beyond any number in use.
 * Where there is no room for another era the oldest is forgotten. */
void wall_jump(struct wall *wall, int64_t second, int64_t ahead_s, enum history_gap why);

/* The label of a number; the same for milliseconds. */
int64_t wall_of(const struct wall *wall, int64_t second);
int64_t wall_of_ms(const struct wall *wall, int64_t ms);

/* The latest number up to `newest` that bears the label; false where none does. */
bool wall_find(const struct wall *wall, int64_t label, int64_t newest, int64_t *ret_second);

/* Numbers in a row. */
struct wall_span {
        int64_t from, to;
};

/* The numbers up to `newest` that bear the labels [from, to), each label by its latest number: up to `max` spans,
 * those of the newest eras first. Returns how many. */
unsigned wall_spans(const struct wall *wall, int64_t from, int64_t to, int64_t newest, struct wall_span *ret,
                    unsigned max);

/* For a label that no number bears: what made the clock jump over it, and the next label beyond that begins
 * an era. False where it did not jump over it. */
bool wall_skipped(const struct wall *wall, int64_t label, enum history_gap *ret_why, int64_t *ret_end);

#endif
