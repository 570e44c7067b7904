/* Under the lock only references to segments are taken; they are summed up without it, into a segment of the same kind:
 * some eight bytes for each flow. Rows come by ascending index, so all segments are walked side by side, some thousand
 * indices at a time, whose sums lie in an array that stays in the cache. */
#include "history/range.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define BLOCK_FLOWS 8192u

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

static void add_labels(const struct wall *wall, int64_t first, int64_t end, struct history_range *labels) {
        int64_t from = wall_of(wall, first), to = wall_of(wall, end - 1) + 1;
        labels->from = from < labels->from ? from : labels->from;
        labels->to = to > labels->to ? to : labels->to;
}

/* Over a jump of the clock only the seconds asked for have a wall time. */
static struct history_range cut(struct history_range asked, struct history_range held) {
        return (struct history_range){
                asked.from > held.from ? asked.from : held.from,
                asked.to < held.to ? asked.to : held.to,
        };
}

int range_pick(const struct history *history, struct history_range asked, struct range *range, struct picked *picked) {
        struct wall_span spans[RANGE_SPANS_MAX];
        unsigned n = wall_spans(&history->wall, asked.from, asked.to, history->second, spans, RANGE_SPANS_MAX);
        int r = 0;
        *range =
                (struct range){.seen = {.range = asked, .resolution_ms = MS_PER_S, .is_final = true}, .end = INT64_MIN};
        struct history_range held = {INT64_MAX, INT64_MIN};
        for (unsigned i = 0; r == 0 && i < n; i++) {
                int64_t first = spans[i].from, end = spans[i].to;
                r = pick_span(history, &first, &end, picked, range);
                if (first < end)
                        add_labels(&history->wall, first, end, &held);
        }
        if (held.from < held.to)
                range->seen.range = n == 1 ? held : cut(asked, held);
        return r;
}

/* ---- sums ------------------------------------------------------------------------------------- */

/* A segment with its next row. */
struct source {
        struct segment_cursor cursor;
        struct flow_sum row;
};

struct summing {
        struct work *work;
        struct source *sources; /* those that are not at their ends */
        size_t n;
        struct flow_sum *block; /* the sums of BLOCK_FLOWS flows; without packets: not told of */
        struct segment_builder builder;
        size_t taken; /* for the builder */
        size_t rows;  /* looked at */
};

static int open_sources(struct summing *summing, const struct picked *picked) {
        size_t bytes = picked->n * sizeof(*summing->sources), block_bytes = BLOCK_FLOWS * sizeof(*summing->block);
        int r = work_take(summing->work, bytes + block_bytes);
        if (r < 0)
                return r;
        summing->sources = malloc(bytes);
        summing->block = calloc(BLOCK_FLOWS, sizeof(*summing->block));
        if (!summing->sources || !summing->block)
                return -ENOMEM;
        for (size_t i = 0; i < picked->n; i++) {
                struct source *source = &summing->sources[summing->n];
                source->cursor = segment_start(picked->segments[i]);
                summing->n += segment_next(&source->cursor, &source->row);
        }
        return 0;
}

static uint32_t lowest_flow(const struct summing *summing) {
        uint32_t lowest = UINT32_MAX;
        for (size_t i = 0; i < summing->n; i++)
                if (summing->sources[i].row.flow < lowest)
                        lowest = summing->sources[i].row.flow;
        return lowest;
}

/* Adds a source's rows of the block that begins with flow `from`; false where it is at its end. */
static bool add_rows(struct summing *summing, struct source *source, uint32_t from) {
        struct segment_cursor cursor = source->cursor;
        struct flow_sum row = source->row;
        uint32_t left = cursor.left;
        bool more = true;
        while (more && row.flow - from < BLOCK_FLOWS) {
                struct flow_sum *sum = &summing->block[row.flow - from];
                volume_add(&sum->ab, row.ab.packets, row.ab.bytes);
                volume_add(&sum->ba, row.ba.packets, row.ba.bytes);
                more = segment_next(&cursor, &row);
        }
        summing->rows += left - cursor.left;
        source->cursor = cursor;
        source->row = row;
        return more;
}

/* Moves the block's sums to the end of the result. */
static void close_block(struct summing *summing, uint32_t from) {
        for (uint32_t i = 0; i < BLOCK_FLOWS; i++) {
                struct flow_sum *sum = &summing->block[i];
                if (!(sum->ab.packets + sum->ba.packets))
                        continue;
                sum->flow = from + i;
                segment_add(&summing->builder, sum);
                *sum = (struct flow_sum){0};
        }
}

static int take_for_builder(struct summing *summing) {
        if (!summing->builder.segment)
                return -ENOMEM;
        size_t more = segment_bytes(summing->builder.segment) - summing->taken;
        summing->taken += more;
        return work_take(summing->work, more);
}

static int sum_up(struct summing *summing) {
        int r = 0;
        size_t asked_at = 0;
        while (r == 0 && summing->n) {
                uint32_t from = lowest_flow(summing);
                for (size_t i = summing->n; i--;)
                        if (!add_rows(summing, &summing->sources[i], from))
                                summing->sources[i] = summing->sources[--summing->n];
                close_block(summing, from);
                r = take_for_builder(summing);
                if (r == 0 && summing->rows - asked_at >= WORK_POLL_EVERY) {
                        asked_at = summing->rows;
                        r = work_is_cancelled(summing->work, 0) ? -ECANCELED : 0;
                }
        }
        return r;
}

/* Several segments into one that has each flow once. */
static int add_up(struct range *range, const struct picked *picked, struct work *work) {
        struct summing summing = {.work = work};
        int r = open_sources(&summing, picked);
        if (r == 0) {
                segment_begin(&summing.builder, 0, 0, 0);
                r = sum_up(&summing);
        }
        free(summing.sources);
        free(summing.block);
        if (r < 0) {
                segment_unref(summing.builder.segment);
                return r;
        }
        work_give(work, picked->n * sizeof(*summing.sources) + BLOCK_FLOWS * sizeof(*summing.block));
        range->sums = segment_end(&summing.builder);
        return range->sums ? 0 : -ENOMEM;
}

/* ---- the range --------------------------------------------------------------------------------- */

/* One segment has each flow once already. */
int range_sum(struct range *range, struct picked *picked, int picking, struct work *work) {
        int r = picking;
        if (r == 0 && work_is_cancelled(work, 0))
                r = -ECANCELED;
        if (r == 0 && picked->n == 1)
                range->sums = segment_ref(picked->segments[0]);
        else if (r == 0 && picked->n)
                r = add_up(range, picked, work);
        for (size_t i = 0; i < picked->n; i++) {
                range->seen.thinned_flows += picked->segments[i]->thinned_flows;
                segment_unref(picked->segments[i]);
        }
        free(picked->segments);
        *picked = (struct picked){0};
        return r;
}

int range_read(struct history *history, struct history_range asked, struct work *work, struct range *ret) {
        struct range range;
        struct picked picked = {0};
        pthread_rwlock_rdlock(&history->lock);
        int r = range_pick(history, asked, &range, &picked);
        pthread_rwlock_unlock(&history->lock);
        r = range_sum(&range, &picked, r, work);
        if (r == 0)
                *ret = range;
        return r;
}

void range_fini(struct range *range) {
        segment_unref(range->sums);
        *range = (struct range){0};
}

uint32_t range_flows(const struct range *range) {
        return range->sums ? range->sums->n : 0;
}

struct segment_cursor range_start(const struct range *range) {
        return range->sums ? segment_start(range->sums) : (struct segment_cursor){0};
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
