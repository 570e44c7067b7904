#include "history/segments.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define SECOND_SHARE 16u /* a second may use so many times its equal share */
#define TOP_FLOWS 64u    /* what a thinned minute keeps */

static int64_t minute_of(int64_t second) {
        return floor_div(second, MINUTE_S);
}

static struct segment **slot(struct segment **ring, uint32_t n, int64_t number) {
        return &ring[((number % n) + n) % n];
}

static struct segment **second_slot(const struct segments *segments, int64_t second) {
        return slot(segments->seconds, segments->n_seconds, second);
}

static struct segment **minute_slot(const struct segments *segments, int64_t minute) {
        return slot(segments->minutes, segments->n_minutes, minute);
}

/* The minute whose first second is minute * 60, if it is held. */
static struct segment *minute_at(const struct segments *segments, int64_t minute) {
        struct segment *segment = *minute_slot(segments, minute);
        return segment && minute_of(segment->from) == minute ? segment : NULL;
}

static struct segment *second_at(const struct segments *segments, int64_t second) {
        struct segment *segment = *second_slot(segments, second);
        return segment && segment->from == second ? segment : NULL;
}

int segments_init(struct segments *segments, uint32_t retention_s, size_t budget) {
        *segments = (struct segments){
                .n_seconds = retention_s + 2 * MINUTE_S, /* a minute is made after it is over */
                .n_minutes = retention_s / MINUTE_S + 3,
                .budget = budget,
                .cut_to = INT64_MIN,
        };
        if (!budget)
                return 0;
        segments->seconds = calloc(segments->n_seconds, sizeof(struct segment *));
        segments->minutes = calloc(segments->n_minutes, sizeof(struct segment *));
        return segments->seconds && segments->minutes ? 0 : -ENOMEM;
}

/* Puts a segment, or nothing, into a slot. */
static void replace(struct segments *segments, struct segment **slot, struct segment *segment) {
        segments->bytes += segment_bytes(segment);
        segments->bytes -= segment_bytes(*slot);
        segment_unref(*slot);
        *slot = segment;
}

void segments_fini(struct segments *segments) {
        for (uint32_t i = 0; segments->seconds && i < segments->n_seconds; i++)
                segment_unref(segments->seconds[i]);
        for (uint32_t i = 0; segments->minutes && i < segments->n_minutes; i++)
                segment_unref(segments->minutes[i]);
        free(segments->seconds);
        free(segments->minutes);
}

size_t segments_second_cap(const struct segments *segments) {
        return SECOND_SHARE * segments->budget / segments->n_seconds;
}

/* ---- what is too old ----------------------------------------------------------------------- */

/* Empties the slots of a ring whose segments begin in [from, to); `step` seconds lie between two of them. */
static void forget(struct segments *segments, struct segment **ring, uint32_t n, int64_t from, int64_t to, int step) {
        int64_t first = floor_div(from, step), end = floor_div(to + step - 1, step);
        if (end - first > n)
                first = end - n; /* each slot once */
        for (; first < end; first++) {
                struct segment **at = slot(ring, n, first);
                if (*at && (*at)->from < to)
                        replace(segments, at, NULL);
        }
}

static void forget_seconds(struct segments *segments, int64_t from, int64_t to) {
        forget(segments, segments->seconds, segments->n_seconds, from, to, 1);
}

static void forget_before(struct segments *segments, int64_t from) {
        forget_seconds(segments, segments->from, from);
        forget(segments, segments->minutes, segments->n_minutes, segments->from - MINUTE_S, minute_of(from) * MINUTE_S,
               MINUTE_S);
        segments->from = segments->cut_to = from;
        if (segments->merged_to < minute_of(from) * MINUTE_S)
                segments->merged_to = minute_of(from) * MINUTE_S;
        if (segments->fine_from < from)
                segments->fine_from = from;
        if (segments->rows_from < from)
                segments->rows_from = from;
}

void segments_put(struct segments *segments, int64_t second, struct segment *segment) {
        if (segments->from == segments->to) {
                segments->from = segments->fine_from = segments->rows_from = segments->to = second;
                segments->merged_to = minute_of(second) * MINUTE_S;
        }
        int64_t oldest = second + 1 - (int64_t)(segments->n_seconds - 2 * MINUTE_S);
        if (oldest > segments->from)
                forget_before(segments, oldest);
        replace(segments, second_slot(segments, second), segment);
        if (segments->to <= second)
                segments->to = second + 1;
}

/* ---- minutes --------------------------------------------------------------------------------- */

/* Merges the seconds of a minute that is over; false without memory. */
static bool make_minute(struct segments *segments, int64_t minute) {
        struct segment *seconds[MINUTE_S];
        unsigned n = 0;
        for (int64_t second = minute * MINUTE_S; second < (minute + 1) * MINUTE_S; second++)
                if (second_at(segments, second))
                        seconds[n++] = second_at(segments, second);
        if (!n)
                return true;
        struct segment *merged = segment_merge(seconds, n);
        if (!merged)
                return false;
        merged->from = minute * MINUTE_S;
        merged->to = merged->from + MINUTE_S;
        replace(segments, minute_slot(segments, minute), merged);
        return true;
}

/* ---- the budget ------------------------------------------------------------------------------- */

/* Lets go of the oldest minute's seconds. */
static bool drop_fine_minute(struct segments *segments) {
        int64_t minute = minute_of(segments->fine_from), end = (minute + 1) * MINUTE_S;
        if (end > segments->merged_to)
                return false;
        forget_seconds(segments, segments->fine_from, end);
        segments->fine_from = end;
        segments->thinnings++;
        return true;
}

static void keep_nothing(uint32_t flow, void *context) {
        (void)flow;
        (void)context;
}

bool segments_thin_oldest(struct segments *segments, void (*each)(uint32_t flow, void *context), void *context) {
        while (segments->rows_from < segments->merged_to) {
                int64_t minute = minute_of(segments->rows_from), end = (minute + 1) * MINUTE_S;
                if (segments->fine_from < end && !drop_fine_minute(segments))
                        return false;
                segments->rows_from = end;
                const struct segment *segment = minute_at(segments, minute);
                if (!segment)
                        continue;
                struct segment *thin = segment_thin(segment, TOP_FLOWS);
                if (!thin)
                        return false;
                replace(segments, minute_slot(segments, minute), thin);
                segments->thinnings++;
                struct segment_cursor cursor = segment_start(thin);
                for (struct flow_sum row; segment_next(&cursor, &row);)
                        each(row.flow, context);
                return true;
        }
        return false;
}

/* All rows of the oldest minute that has any. */
static bool empty_oldest(struct segments *segments) {
        for (int64_t minute = minute_of(segments->from); minute * MINUTE_S < segments->rows_from; minute++) {
                const struct segment *segment = minute_at(segments, minute);
                if (!segment || !segment->n)
                        continue;
                struct segment *thin = segment_thin(segment, 0);
                if (!thin)
                        return false;
                replace(segments, minute_slot(segments, minute), thin);
                segments->thinnings++;
                return true;
        }
        return false;
}

void segments_settle(struct segments *segments) {
        if (segments->from == segments->to)
                return;
        while (segments->merged_to + MINUTE_S < segments->to && make_minute(segments, minute_of(segments->merged_to)))
                segments->merged_to += MINUTE_S;
        while (segments->bytes > segments->budget &&
               (drop_fine_minute(segments) || segments_thin_oldest(segments, keep_nothing, NULL) ||
                empty_oldest(segments)))
                ;
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* Is the first second held that of a minute of which nothing has been dropped? */
static bool begins_whole(const struct segments *segments, int64_t second) {
        int64_t start = minute_of(second) * MINUTE_S;
        return start >= segments->cut_to && (second == start || second == segments->from);
}

void segments_widen(const struct segments *segments, int64_t *from, int64_t *to) {
        if (*from < segments->from)
                *from = segments->from;
        if (*to > segments->to)
                *to = segments->to;
        if (*to < segments->fine_from)
                *to = minute_of(*to + MINUTE_S - 1) * MINUTE_S;
        if (*from < segments->fine_from) {
                int64_t start = minute_of(*from) * MINUTE_S;
                if (start < segments->cut_to && start + MINUTE_S < *to)
                        start += MINUTE_S;
                *from = start < segments->from ? segments->from : start;
        }
        if (*to < *from)
                *to = *from;
}

size_t segments_collect(const struct segments *segments, int64_t from, int64_t to, struct segment **ret) {
        size_t n = 0;
        for (int64_t second = from; second < to;) {
                struct segment *segment = NULL;
                int64_t minute = minute_of(second), end = (minute + 1) * MINUTE_S;
                if (begins_whole(segments, second) && end <= to && end <= segments->merged_to) {
                        segment = minute_at(segments, minute);
                        second = end;
                } else {
                        segment = second_at(segments, second++);
                }
                if (segment && ret)
                        ret[n] = segment_ref(segment);
                n += segment != NULL;
        }
        return n;
}
