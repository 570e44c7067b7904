/* Which answers cannot change any more. A second is over once the next has begun. What is left of it can then change by
 * thinning, by a flow's leaving the directory, by a jump of the clock that gives its time to another second, and by an
 * interface's new name: all these are counted. What leaves by age alone is not: it is not held. After a step back of
 * the clock a time that it has yet to reach again is not past: another second will bear it. */
#include "history/store.h"

/* The first second that the retention has not cut into. */
static int64_t held_from(const struct history *history) {
        const struct counters *counters = &history->counters;
        int64_t cut_to = history->segments.cut_to;
        return counters->to - counters->from == counters->n_rows && counters->from > cut_to ? counters->from : cut_to;
}

/* Where seconds had to make room the minute counts as a whole. */
static int64_t whole_from(const struct history *history, int64_t second) {
        bool is_fine = second >= history->segments.fine_from;
        return is_fine ? second : floor_div(second, MINUTE_S) * MINUTE_S;
}

struct history_basis history_read_basis(struct history *history, struct history_range range) {
        struct wall_span span;
        struct history_basis basis;
        pthread_rwlock_rdlock(&history->lock);
        unsigned n = wall_spans(&history->wall, range.from, range.to, history->second, &span, 1);
        basis.is_past = n && span.to - span.from == range.to - range.from && span.to <= history->second &&
                        range.to <= wall_of(&history->wall, history->second) && span.from >= history->counters.from &&
                        whole_from(history, span.from) >= held_from(history);
        basis.changes = history->segments.thinnings + history->directory.n_forgotten + history->wall.jumps +
                        history->ifaces.namings;
        pthread_rwlock_unlock(&history->lock);
        return basis;
}
