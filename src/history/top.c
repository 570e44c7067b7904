/* Top talkers of the last closed second: by flow from a bounded heap that every tick leaves
 * behind, otherwise by summing the rows of that tick under the key that the grouping keeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "history/groups.h"
#include "history/range.h"
#include "history/select.h"

void top_collect(const struct directory *directory, struct top_flows *ret) {
        size_t n = 0;
        uint64_t least = 0;
        for (uint32_t i = 0; i < directory->n_rows; i++) {
                const struct flow_sum *row = &directory->rows[i];
                if (row->flow == FLOW_NONE || (n == TOP_KEPT && row->ab.bytes + row->ba.bytes < least))
                        continue;
                const struct entry *entry = &directory->entries[row->flow];
                struct top_row top = {.key = entry->key, .id = entry->id, .volume = flow_sum_both_ways(row)};
                groups_insert_best(ret->rows, &n, TOP_KEPT, &top, false);
                least = ret->rows[n - 1].volume.bytes;
        }
        ret->n = (unsigned)n;
}

/* ---- the query ---------------------------------------------------------------------------- */

/* A flow has one row in a tick and is its own group, also where another of its key came before it. */
static void add_flow(struct top_result *result, const struct top_query *query, const struct entry *entry,
                     struct volume volume) {
        struct top_row row = {.key = entry->key, .id = entry->id, .volume = volume};
        groups_insert_best(result->rows, &result->n_rows, query->limit, &row, query->by_packets);
}

/* One flow's part of the second, or of the range; `rate` is what all flows have in common. */
static int take_row(struct top_result *result, const struct top_query *query, struct groups *groups,
                    const struct entry *entry, const struct flow_sum *row, const struct select_rate *rate) {
        struct volume volume;
        (void)select_volume(&query->filter, entry, row, *rate, &volume, &result->unmatched);
        if (!volume.packets) {
                result->unmatched_flows++;
                return 0;
        }
        result->matched_flows++;
        volume_add(&result->matched, volume.packets, volume.bytes);
        if (query->by != TOP_BY_FLOW)
                return groups_add_flow(groups, entry, volume, query->by);
        add_flow(result, query, entry, volume);
        return 0;
}

static int take_last_second(const struct history *history, const struct top_query *query, const struct query_poll *poll,
                            struct groups *groups, struct top_result *result) {
        const struct directory *directory = &history->directory;
        struct history_counters last;
        bool has_last = history_last_row(history, &last) && last.number == history->second;
        const struct select_rate rate = {.span_ms = has_last ? last.span_ms : 0, .now_ms = history_now_ms(history)};
        int r = 0;
        for (uint32_t i = 0; r == 0 && i < directory->n_rows; i++) {
                const struct flow_sum *row = &directory->rows[i];
                if (query_is_cancelled(poll, i))
                        r = -ECANCELED;
                else if (row->flow != FLOW_NONE)
                        r = take_row(result, query, groups, &directory->entries[row->flow], row, &rate);
        }
        if (has_last) {
                result->span_ms = last.span_ms;
                result->untracked = last.untracked;
                result->nonflow = last.nonflow;
        }
        return r;
}

static int take_range(const struct history *history, const struct top_query *query, const struct query_poll *poll,
                      const struct range *range, struct groups *groups, struct top_result *result) {
        const struct select_rate rate = {.span_ms = (uint32_t)range->seen.span_ms, .now_ms = history_now_ms(history)};
        int r = 0;
        for (uint32_t i = 0; r == 0 && i < range->n; i++) {
                const struct entry *entry = range_entry(history, range, &range->sums[i]);
                if (query_is_cancelled(poll, i))
                        r = -ECANCELED;
                else if (entry)
                        r = take_row(result, query, groups, entry, &range->sums[i], &rate);
        }
        if (r == 0) {
                result->seen = range_seen(range, result->matched, result->unmatched, !select_is_all(&query->filter));
                result->span_ms = result->seen.span_ms;
                result->untracked = result->seen.untracked;
                result->nonflow = result->seen.nonflow;
        }
        return r;
}

int history_query_top(struct history *history, const struct top_query *query, bool (*cancelled)(void *), void *context,
                      struct top_result *ret) {
        struct top_result result = {.rows = calloc(query->limit, sizeof(struct top_row))};
        struct groups groups = {.seed = history->directory.seed};
        struct range range = {0};
        const struct query_poll poll = {cancelled, context};
        int r = result.rows ? 0 : -ENOMEM;
        if (r == 0 && query->has_range)
                r = range_read(history, query->range, RANGE_FLOWS_MAX, cancelled, context, &range);
        if (r == 0) {
                pthread_rwlock_rdlock(&history->lock);
                if (history->second != INT64_MIN)
                        result.second = wall_of(&history->wall, history->second);
                r = query->has_range ? take_range(history, query, &poll, &range, &groups, &result)
                                     : take_last_second(history, query, &poll, &groups, &result);
                pthread_rwlock_unlock(&history->lock);
        }
        range_fini(&range);

        for (size_t i = 0; r == 0 && i < groups.room; i++)
                if (groups.rows[i].volume.packets)
                        groups_insert_best(result.rows, &result.n_rows, query->limit, &groups.rows[i],
                                           query->by_packets);
        groups_fini(&groups);
        if (r < 0) {
                free(result.rows);
                return r;
        }
        *ret = result;
        return 0;
}

size_t history_read_top(struct history *history, struct top_row *ret, size_t max, struct history_counters *ret_second) {
        pthread_rwlock_rdlock(&history->lock);
        size_t n = history->top.n < max ? history->top.n : max;
        memcpy(ret, history->top.rows, n * sizeof(*ret));
        if (!history_last_row(history, ret_second))
                *ret_second = (struct history_counters){0};
        pthread_rwlock_unlock(&history->lock);
        return n;
}

void top_result_fini(struct top_result *result) {
        free(result->rows);
        *result = (struct top_result){0};
}
