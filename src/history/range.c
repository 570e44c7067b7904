/* Under the lock only references to segments are taken; they are summed up without it. Sums are kept in an
 * open-addressed table by the flow's index, at half load at most. */
#include "history/range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* ---- which seconds ------------------------------------------------------------------------- */

/* Adds the segments of numbers [from, to) and what was counted then; these are widened to what can be told. */
static int pick_span(const struct history *history, int64_t *from, int64_t *to, struct picked *picked,
                     struct range *range) {
        segments_widen(&history->segments, from, to);
        size_t n = segments_collect(&history->segments, *from, *to, NULL);
        struct segment **grown = realloc(picked->segments, (picked->n + n + 1) * sizeof(struct segment *));
        if (!grown)
                return -ENOMEM;
        picked->segments = grown;
        picked->n += segments_collect(&history->segments, *from, *to, grown + picked->n);
        for (int64_t number = *from; number < *to; number++) {
                const struct history_counters *row = counters_find(&history->counters, number);
                if (!row)
                        continue;
                volume_add(&range->seen.all, row->all.packets, row->all.bytes);
                volume_add(&range->seen.untracked, row->untracked.packets, row->untracked.bytes);
                volume_add(&range->seen.nonflow, row->nonflow.packets, row->nonflow.bytes);
                range->seen.span_ms += row->span_ms;
        }
        if (*from < history->segments.fine_from && *from < *to)
                range->seen.resolution_ms = MINUTE_S * MS_PER_S;
        if (*to > range->end)
                range->end = *to;
        return 0;
}

int range_pick(const struct history *history, struct history_range asked, struct range *range, struct picked *picked) {
        struct wall_span spans[RANGE_SPANS_MAX];
        unsigned n = wall_spans(&history->wall, asked.from, asked.to, history->second, spans, RANGE_SPANS_MAX);
        int r = 0;
        *range = (struct range){.seen = {.range = asked, .resolution_ms = MS_PER_S}, .end = INT64_MIN};
        for (unsigned i = 0; r == 0 && i < n; i++) {
                int64_t first = spans[i].from, end = spans[i].to;
                r = pick_span(history, &first, &end, picked, range);
                if (n == 1 && first < end) { /* over a jump of the clock only the seconds asked for have a wall time */
                        range->seen.range.from = wall_of(&history->wall, first);
                        range->seen.range.to = wall_of(&history->wall, end - 1) + 1;
                }
        }
        return r;
}

/* ---- sums ------------------------------------------------------------------------------------- */

struct table {
        struct flow_sum *slots; /* FLOW_NONE: unused */
        uint32_t room;          /* a power of two */
        uint32_t n;
        uint32_t max;
};

static struct flow_sum *place_of(struct flow_sum *slots, uint32_t room, uint32_t flow) {
        uint32_t at = flow * 0x9e3779b1u & (room - 1);
        while (slots[at].flow != flow && slots[at].flow != FLOW_NONE)
                at = (at + 1) & (room - 1);
        return &slots[at];
}

static int table_grow(struct table *table) {
        if (table->n >= table->max)
                return -E2BIG;
        uint32_t room = table->room ? table->room * 2 : 4096;
        struct flow_sum *slots = malloc(room * sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        for (uint32_t i = 0; i < room; i++)
                slots[i].flow = FLOW_NONE;
        for (uint32_t i = 0; i < table->room; i++)
                if (table->slots[i].flow != FLOW_NONE)
                        *place_of(slots, room, table->slots[i].flow) = table->slots[i];
        free(table->slots);
        table->slots = slots;
        table->room = room;
        return 0;
}

static int add_segment(struct table *table, const struct segment *segment) {
        struct segment_cursor cursor = segment_start(segment);
        for (struct flow_sum row; segment_next(&cursor, &row);) {
                if (table->n * 2 >= table->room) {
                        int r = table_grow(table);
                        if (r < 0)
                                return r;
                }
                struct flow_sum *sum = place_of(table->slots, table->room, row.flow);
                if (sum->flow == FLOW_NONE) {
                        *sum = row;
                        table->n++;
                        continue;
                }
                volume_add(&sum->ab, row.ab.packets, row.ab.bytes);
                volume_add(&sum->ba, row.ba.packets, row.ba.bytes);
        }
        return 0;
}

/* Moves the used slots to the front. */
static void close_ranks(struct table *table) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < table->room; i++)
                if (table->slots[i].flow != FLOW_NONE)
                        table->slots[n++] = table->slots[i];
}

/* ---- the range --------------------------------------------------------------------------------- */

int range_sum(struct range *range, struct picked *picked, int picking, uint32_t max_flows, bool (*cancelled)(void *),
              void *context) {
        int r = picking;
        struct table table = {.max = max_flows};
        for (size_t i = 0; i < picked->n; i++) {
                if (r == 0 && cancelled && cancelled(context))
                        r = -ECANCELED;
                if (r == 0)
                        r = add_segment(&table, picked->segments[i]);
                range->seen.thinned_flows += picked->segments[i]->thinned_flows;
                segment_unref(picked->segments[i]);
        }
        free(picked->segments);
        *picked = (struct picked){0};
        if (r < 0) {
                free(table.slots);
                return r;
        }
        close_ranks(&table);
        range->sums = table.slots;
        range->n = table.n;
        return 0;
}

int range_read(struct history *history, struct history_range asked, uint32_t max_flows, bool (*cancelled)(void *),
               void *context, struct range *ret) {
        struct range range;
        struct picked picked = {0};
        pthread_rwlock_rdlock(&history->lock);
        int r = range_pick(history, asked, &range, &picked);
        pthread_rwlock_unlock(&history->lock);
        r = range_sum(&range, &picked, r, max_flows, cancelled, context);
        if (r == 0)
                *ret = range;
        return r;
}

void range_fini(struct range *range) {
        free(range->sums);
        *range = (struct range){0};
}

struct history_seen range_seen(const struct range *range, struct volume matched, struct volume unmatched,
                               bool has_filter) {
        struct history_seen seen = range->seen;
        seen.thinned = volume_less(volume_less(seen.all, seen.untracked), seen.nonflow);
        seen.thinned = volume_less(volume_less(seen.thinned, matched), unmatched);
        seen.exact = !has_filter || !seen.thinned.packets;
        return seen;
}

const struct entry *range_entry(const struct history *history, const struct range *range, const struct flow_sum *sum) {
        const struct entry *entry = &history->directory.entries[sum->flow];
        bool is_another = entry->state == ENTRY_FREE || floor_div(entry->first_seen_ms, MS_PER_S) >= range->end;
        return is_another ? NULL : entry;
}
