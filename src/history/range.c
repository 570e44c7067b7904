/* Under the lock only references to segments are taken; they are summed up without it. Sums lie in an array by the
 * flow's index, of which only those pages are ever touched that have a flow of the range: rows come by ascending index,
 * so that this is a walk through memory where a hash table would miss the caches at every row. */
#include "history/range.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

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
        picked->flows = history->directory.used_up_to;
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

/* The sums of flows [0, room), each at its index; those of which no row has told have no packets. */
struct sums {
        struct flow_sum *slots;
        uint32_t room;
        uint32_t n; /* flows told of */
        uint32_t max;
        uint32_t low; /* where they lie: [low, high) */
        uint32_t high;
};

/* `flows` is what indices stay below. */
static int sums_init(struct sums *sums, const struct picked *picked, uint32_t flows, uint32_t max) {
        uint32_t room = picked->n == 1 ? picked->segments[0]->n : flows;
        *sums = (struct sums){.room = room, .max = max, .low = room};
        if (!picked->n || !room)
                return 0;
        sums->slots = memory_map(room * sizeof(struct flow_sum));
        return sums->slots ? 0 : -ENOMEM;
}

static int add_segment(struct sums *sums, const struct segment *segment) {
        struct segment_cursor cursor = segment_start(segment);
        if (!sums->slots)
                return 0; /* there are no flows, so it has no rows */
        bool is_first = true;
        for (struct flow_sum row; segment_next(&cursor, &row);) {
                struct flow_sum *sum = &sums->slots[row.flow];
                if (is_first && row.flow < sums->low)
                        sums->low = row.flow;
                is_first = false;
                if (!(sum->ab.packets + sum->ba.packets) && sums->n++ == sums->max)
                        return -E2BIG;
                sum->flow = row.flow;
                volume_add(&sum->ab, row.ab.packets, row.ab.bytes);
                volume_add(&sum->ba, row.ba.packets, row.ba.bytes);
        }
        if (!is_first && cursor.flow >= sums->high)
                sums->high = cursor.flow + 1;
        return 0;
}

/* One segment has each flow once. */
static int copy_segment(struct sums *sums, const struct segment *segment) {
        struct segment_cursor cursor = segment_start(segment);
        while (sums->n < sums->room && segment_next(&cursor, &sums->slots[sums->n]))
                sums->n++;
        return sums->n > sums->max ? -E2BIG : 0;
}

/* Moves the flows told of to the front, in their order. */
static void close_ranks(struct sums *sums) {
        uint32_t n = 0;
        for (uint32_t i = sums->low; i < sums->high; i++)
                if (sums->slots[i].ab.packets + sums->slots[i].ba.packets)
                        sums->slots[n++] = sums->slots[i];
}

/* ---- the range --------------------------------------------------------------------------------- */

int range_sum(struct range *range, struct picked *picked, int picking, uint32_t max_flows, bool (*cancelled)(void *),
              void *context) {
        struct sums sums = {0};
        int r = picking == 0 ? sums_init(&sums, picked, picked->flows, max_flows) : picking;
        bool is_one = picked->n == 1;
        for (size_t i = 0; i < picked->n; i++) {
                if (r == 0 && cancelled && cancelled(context))
                        r = -ECANCELED;
                if (r == 0)
                        r = is_one ? copy_segment(&sums, picked->segments[i]) : add_segment(&sums, picked->segments[i]);
                range->seen.thinned_flows += picked->segments[i]->thinned_flows;
                segment_unref(picked->segments[i]);
        }
        free(picked->segments);
        *picked = (struct picked){0};
        if (r < 0) {
                memory_unmap(sums.slots, sums.room * sizeof(struct flow_sum));
                return r;
        }
        if (!is_one)
                close_ranks(&sums);
        range->sums = sums.slots;
        range->n = sums.n;
        range->room = sums.room;
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
        memory_unmap(range->sums, range->room * sizeof(struct flow_sum));
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
