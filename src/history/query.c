/* The flow table as it is now, or over a range: one pass over the directory, or over the range's sums,
 * under the read lock, the best `max_rows` kept in a bounded heap whose top is the worst of them, so that the memory of
 * a query depends on what was asked for and not on how many flows there are. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "history/verdicts.h"

/* ---- the order -------------------------------------------------------------------------- */

/* A flow and what it did, with what it is sorted by as an unsigned number. */
struct candidate {
        uint64_t value;
        uint64_t id;
        struct flow_sum sum;
};

static uint64_t ordered(int64_t value) {
        return (uint64_t)value ^ 1ull << 63;
}

/* `sum` is what the row shows, `rate` what its rates are made of. */
static uint64_t sort_value(const struct entry *entry, const struct flow_sum *sum, const struct flow_sum *rate,
                           enum flow_sort sort) {
        switch (sort) {
        case FLOW_SORT_BYTES: return flow_sum_both_ways(sum).bytes;
        case FLOW_SORT_PACKETS: return flow_sum_both_ways(sum).packets;
        case FLOW_SORT_AB_BYTES: return sum->ab.bytes;
        case FLOW_SORT_BA_BYTES: return sum->ba.bytes;
        case FLOW_SORT_AB_PACKETS: return sum->ab.packets;
        case FLOW_SORT_BA_PACKETS: return sum->ba.packets;
        case FLOW_SORT_BPS: return flow_sum_both_ways(rate).bytes;
        case FLOW_SORT_PPS: return flow_sum_both_ways(rate).packets;
        case FLOW_SORT_FIRST_SEEN: return ordered(entry->first_seen_ms);
        case FLOW_SORT_LAST_SEEN: return ordered(entry->last_seen_ms);
        case FLOW_SORT_A_PORT: return entry->key.a_port;
        case FLOW_SORT_B_PORT: return entry->key.b_port;
        case FLOW_SORT_PROTO_NUMBER: return entry->key.proto;
        case FLOW_SORT_VLAN: return flow_key_vlan(&entry->key);
        case FLOW_SORT_TCP_FLAGS: return entry->tcp_flags;
        case FLOW_SORT_ID:
        case FLOW_SORTS: break;
        }
        return entry->id;
}

/* True where x stands after y in the result. */
static bool is_after(const struct candidate *x, const struct candidate *y) {
        return x->value != y->value ? x->value < y->value : x->id > y->id;
}

static int by_order(const void *x, const void *y) {
        return is_after(x, y) ? 1 : -1;
}

/* A heap of the best so far; its top is the one that stands last. */
struct best {
        struct candidate *heap;
        size_t n;
        size_t max;
        size_t room;
};

static void sift_up(struct candidate *heap, size_t at) {
        for (size_t parent; at && is_after(&heap[at], &heap[parent = (at - 1) / 2]); at = parent) {
                struct candidate swap = heap[at];
                heap[at] = heap[parent];
                heap[parent] = swap;
        }
}

static void sift_down(struct candidate *heap, size_t n) {
        for (size_t at = 0;;) {
                size_t last = at, child = 2 * at + 1;
                if (child < n && is_after(&heap[child], &heap[last]))
                        last = child;
                if (child + 1 < n && is_after(&heap[child + 1], &heap[last]))
                        last = child + 1;
                if (last == at)
                        return;
                struct candidate swap = heap[at];
                heap[at] = heap[last];
                heap[last] = swap;
                at = last;
        }
}

static int best_grow(struct best *best, struct work *work) {
        size_t room = best->room ? best->room * 2 : 256;
        int r = work_take(work, (room - best->room) * sizeof(*best->heap));
        if (r < 0)
                return r;
        struct candidate *heap = realloc(best->heap, room * sizeof(*heap));
        if (!heap)
                return -ENOMEM;
        best->heap = heap;
        best->room = room;
        return 0;
}

static int best_add(struct best *best, struct work *work, struct candidate candidate) {
        if (!best->max)
                return 0;
        if (best->n == best->max) {
                if (!is_after(&candidate, &best->heap[0])) {
                        best->heap[0] = candidate;
                        sift_down(best->heap, best->n);
                }
                return 0;
        }
        int r = best->n == best->room ? best_grow(best, work) : 0;
        if (r < 0)
                return r;
        best->heap[best->n] = candidate;
        sift_up(best->heap, best->n++);
        return 0;
}

/* ---- the query ------------------------------------------------------------------------- */

struct run {
        struct history *history;
        const struct flow_query *query;
        struct work work;
        struct range range; /* of a query that has one */
        struct verdicts verdicts;
        enum filter_lasts lasts;
        struct select_rate rate; /* of every flow, but for its bytes */
        struct best best;
        struct flow_result result;
};

/* What of a flow's sum and of its rate is asked for; nothing of both where it is not. */
static unsigned take_part(const struct run *run, const struct entry *entry, struct flow_sum *sum,
                          struct flow_sum *rate) {
        struct select_rate facts = run->rate;
        facts.bytes = flow_sum_both_ways(rate).bytes;
        unsigned directions = verdicts_select(&run->verdicts, &run->history->directory, entry, sum, &facts);
        *sum = select_part(sum, directions);
        *rate = select_part(rate, directions);
        return directions;
}

/* A row shows what an active flow is at, and a filter may judge it anew. */
static void note_change(struct run *run, const struct entry *entry, unsigned directions) {
        bool is_active = entry->state == ENTRY_ACTIVE;
        if (run->lasts == FILTER_LASTS_NOT || (is_active && (directions || run->lasts == FILTER_LASTS_ONCE_ENDED)))
                run->range.seen.is_final = false;
}

/* Judges one flow. */
static int consider(struct run *run, const struct entry *entry, struct flow_sum sum, struct flow_sum rate) {
        const struct flow_query *query = run->query;
        struct flow_result *result = &run->result;
        const struct flow_sum all = sum;
        struct volume whole = flow_sum_both_ways(&sum);
        unsigned directions = take_part(run, entry, &sum, &rate);
        struct volume part = flow_sum_both_ways(&sum), rest = volume_less(whole, part);
        note_change(run, entry, directions);
        volume_add(&result->unmatched_volume, rest.packets, rest.bytes);
        /* directions in which nothing was sent are no match */
        if (!directions || (!part.packets && whole.packets)) {
                result->unmatched++;
                return 0;
        }
        result->matched++;
        volume_add(&result->matched_volume, part.packets, part.bytes);
        uint64_t value = sort_value(entry, &sum, &rate, query->sort);
        return best_add(&run->best, &run->work, (struct candidate){query->ascending ? ~value : value, entry->id, all});
}

static bool has_asked_state(const struct flow_filter *filter, const struct entry *entry) {
        return !filter->has_state || (entry->state == ENTRY_ENDED) == (filter->state == FLOW_STATE_ENDED);
}

/* All flows of the asked state. */
static int scan_now(struct run *run) {
        const struct directory *directory = &run->history->directory;
        const struct flow_filter *filter = &run->query->filter;
        int r = 0;
        for (uint32_t index = 0; r == 0 && index < directory->used_up_to; index++) {
                const struct entry *entry = &directory->entries[index];
                if (work_is_cancelled(&run->work, index))
                        return -ECANCELED;
                if (entry->state == ENTRY_FREE || !has_asked_state(filter, entry))
                        continue;
                run->result.total++;
                r = consider(run, entry, directory_sum(directory, index), directory_last(directory, index));
        }
        return r;
}

/* All flows of the range that are still known; the others are thinned. */
static int scan_range(struct run *run) {
        struct segment_cursor cursor = range_start(&run->range);
        struct flow_sum sum;
        int r = 0;
        for (uint32_t i = 0; r == 0 && segment_next(&cursor, &sum); i++) {
                const struct entry *entry = range_entry(run->history, &run->range, &sum);
                if (work_is_cancelled(&run->work, i))
                        return -ECANCELED;
                if (!entry)
                        continue;
                run->result.total += has_asked_state(&run->query->filter, entry);
                r = consider(run, entry, sum, sum);
        }
        return r;
}

/* Both times by the clock as it was when the flow was last seen: their distance is how long it was there. */
static void label_times(const struct wall *wall, struct flow_row *row) {
        int64_t ahead_ms = wall_of_ms(wall, row->last_seen_ms) - row->last_seen_ms;
        row->first_seen_ms += ahead_ms;
        row->last_seen_ms += ahead_ms;
}

/* The row of a candidate, with what of it is asked for. */
static struct flow_row row_of(const struct run *run, const struct candidate *candidate) {
        const struct directory *directory = &run->history->directory;
        struct flow_sum sum = candidate->sum;
        struct flow_sum rate = run->query->has_range ? sum : directory_last(directory, sum.flow);
        const struct entry *entry = &directory->entries[sum.flow];
        struct flow_row row = entry_to_row(entry);
        row.index = sum.flow;
        row.directions = (uint8_t)take_part(run, entry, &sum, &rate);
        row.ab = sum.ab;
        row.ba = sum.ba;
        row.last = flow_sum_both_ways(&rate);
        row.last_span_ms = run->rate.span_ms;
        label_times(&run->history->wall, &row);
        return row;
}

static int copy_rows(struct run *run) {
        const struct best *best = &run->best;
        struct flow_result *result = &run->result;
        result->rows = malloc((best->n ? best->n : 1) * sizeof(*result->rows));
        if (!result->rows)
                return -ENOMEM;
        for (size_t i = 0; i < best->n; i++)
                result->rows[i] = row_of(run, &best->heap[i]);
        result->n_rows = best->n;
        return 0;
}

static int scan(struct run *run) {
        const struct history *history = run->history;
        run->result.asof_ms =
                history->second == INT64_MIN ? 0 : (wall_of(&history->wall, history->second) + 1) * MS_PER_S;
        run->rate = verdicts_rate(&run->verdicts, history, run->query->has_range ? &run->range : NULL);
        int r = run->query->has_range ? scan_range(run) : scan_now(run);
        if (r < 0)
                return r;
        if (run->best.n)
                qsort(run->best.heap, run->best.n, sizeof(*run->best.heap), by_order);
        return copy_rows(run);
}

int history_query_flows(struct history *history, const struct flow_query *query, bool (*cancelled)(void *),
                        void *context, struct flow_result *ret) {
        struct run run = {
                .history = history,
                .query = query,
                .work = work_begin(history, cancelled, context),
                .lasts = select_lasts(&query->filter),
                .best = {.max = query->max_rows},
        };
        int r = 0;
        if (query->has_range)
                r = range_read(history, query->range, &run.work, &run.range);
        if (r == 0)
                r = verdicts_begin(&run.verdicts, history, &query->filter, query->has_range ? &run.range : NULL,
                                   &run.work);
        if (r == 0) {
                pthread_rwlock_rdlock(&history->lock);
                r = scan(&run);
                pthread_rwlock_unlock(&history->lock);
        }
        if (r == 0 && query->has_range)
                run.result.seen = range_seen(&run.range, run.result.matched_volume, run.result.unmatched_volume,
                                             !select_is_all(&query->filter));
        free(run.best.heap);
        verdicts_fini(&run.verdicts);
        range_fini(&run.range);
        work_end(&run.work);
        if (r == 0)
                *ret = run.result;
        else
                flow_result_fini(&run.result);
        return r;
}

void flow_result_fini(struct flow_result *result) {
        free(result->rows);
        *result = (struct flow_result){0};
}
