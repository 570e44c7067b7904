/* Top talkers of the last closed second: by flow from a bounded heap that every tick leaves
 * behind, otherwise by summing the rows of that tick under the key that the grouping keeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "history/groups.h"
#include "history/turns.h"
#include "history/verdicts.h"

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

struct run {
        struct history *history;
        const struct top_query *query;
        struct work work;
        struct range range; /* of a query that has one */
        struct verdicts verdicts;
        struct turns turns;
        struct select_rate rate; /* what all flows have in common */
        enum filter_lasts lasts;
        uint8_t *directions; /* what of each row is selected */
        struct top_result result;
};

/* The rows that are asked for, one after another: of the range, or of the last second. */
struct rows {
        const struct run *run;
        struct segment_cursor cursor;
        uint32_t n, i; /* the row to come */
};

static struct rows rows_start(const struct run *run) {
        bool of_range = run->query->has_range;
        return (struct rows){
                .run = run,
                .cursor = range_start(&run->range),
                .n = of_range ? range_flows(&run->range) : run->history->directory.n_rows,
        };
}

/* False after the last. NULL for an entry that has left the directory. */
static bool rows_next(struct rows *rows, struct flow_sum *ret_sum, const struct entry **ret_entry) {
        const struct run *run = rows->run;
        const struct directory *directory = &run->history->directory;
        if (rows->i == rows->n)
                return false;
        if (run->query->has_range) {
                if (!segment_next(&rows->cursor, ret_sum))
                        return false;
                *ret_entry = range_entry(run->history, &run->range, ret_sum);
        } else {
                *ret_sum = directory->rows[rows->i];
                *ret_entry = ret_sum->flow == FLOW_NONE ? NULL : &directory->entries[ret_sum->flow];
        }
        rows->i++;
        return true;
}

/* A flow has one row in a tick and is its own group, also where another of its key came before it. */
static void add_flow(struct run *run, const struct entry *entry, struct volume volume) {
        struct top_row row = {.key = entry->key, .id = entry->id, .volume = volume};
        groups_insert_best(run->result.rows, &run->result.n_rows, run->query->limit, &row, run->query->by_packets);
}

/* What of one flow is selected. */
static unsigned judge_row(struct run *run, const struct entry *entry, const struct flow_sum *sum) {
        struct top_result *result = &run->result;
        struct select_rate rate = run->rate;
        rate.bytes = flow_sum_both_ways(sum).bytes;
        groups_note_change(entry, run->query->by, run->lasts, &run->range.seen);
        unsigned directions = verdicts_select(&run->verdicts, &run->history->directory, entry, sum, &rate);
        struct volume volume = select_volume(sum, directions, &result->unmatched);
        if (!volume.packets) {
                result->unmatched_flows++;
                return 0;
        }
        result->matched_flows++;
        volume_add(&result->matched, volume.packets, volume.bytes);
        if (run->query->by == TOP_BY_FLOW)
                add_flow(run, entry, volume);
        return directions;
}

static int judge(struct run *run) {
        struct rows rows = rows_start(run);
        const struct entry *entry;
        struct flow_sum sum;
        while (rows_next(&rows, &sum, &entry)) {
                if (work_is_cancelled(&run->work, rows.i - 1))
                        return -ECANCELED;
                run->directions[rows.i - 1] = entry ? (uint8_t)judge_row(run, entry, &sum) : 0;
        }
        return 0;
}

/* A row's flow is no other one than when it was judged. */
static int add_row(struct groups *groups, const struct run *run, const struct flow_sum *sum, unsigned directions) {
        const struct entry *entry = &run->history->directory.entries[sum->flow];
        const struct flow_sum part = select_part(sum, directions);
        if (turns_has_lost(&run->turns, entry))
                return -EAGAIN;
        return groups_add_flow(groups, entry, flow_sum_both_ways(&part), run->query->by);
}

static int add_all(struct groups *groups, void *context) {
        struct run *run = context;
        struct rows rows = rows_start(run);
        const struct entry *entry;
        struct flow_sum sum;
        int r = 0;
        turns_begin(&run->turns);
        while (r == 0 && rows_next(&rows, &sum, &entry)) {
                unsigned directions = run->directions[rows.i - 1];
                if (turns_next(&run->turns, &run->work, rows.i - 1))
                        r = -ECANCELED;
                else if (directions)
                        r = add_row(groups, run, &sum, directions);
        }
        turns_end(&run->turns);
        return r;
}

static int choose(void *context) {
        struct run *run = context;
        struct top_result *result = &run->result;
        if (run->query->by == TOP_BY_FLOW)
                return 0; /* each was its own group when it was judged */
        struct groups groups = groups_begin(&run->work, run->history->directory.seed);
        int r = groups_best(&groups, add_all, run, result->rows, &result->n_rows, run->query->limit,
                            run->query->by_packets);
        groups_fini(&groups);
        return r;
}

/* The second or the range that is asked for, but for what the filter makes of it. */
static void look_at_time(struct run *run) {
        const struct history *history = run->history;
        struct top_result *result = &run->result;
        struct history_counters last;
        bool has_last = history_last_row(history, &last) && last.number == history->second;
        if (history->second != INT64_MIN)
                result->second = wall_of(&history->wall, history->second);
        if (run->query->has_range) {
                result->span_ms = run->range.seen.span_ms;
                result->untracked = run->range.seen.untracked;
                result->nonflow = run->range.seen.nonflow;
        } else if (has_last) {
                result->span_ms = last.span_ms;
                result->untracked = last.untracked;
                result->nonflow = last.nonflow;
        }
        run->rate = verdicts_rate(&run->verdicts, history, run->query->has_range ? &run->range : NULL);
}

/* A service port may change, and needs few groups. */
static bool may_take_turns(const struct run *run) {
        return run->query->has_range && run->query->by != TOP_BY_PORT && range_flows(&run->range) >= TURNS_FROM;
}

static int take(void *context) {
        struct run *run = context;
        look_at_time(run);
        size_t n = rows_start(run).n;
        int r = work_take(&run->work, n);
        if (r < 0)
                return r;
        run->directions = malloc(n + 1);
        return run->directions ? judge(run) : -ENOMEM;
}

static void forget(void *context) {
        struct run *run = context;
        run->result = (struct top_result){.rows = run->result.rows};
        free(run->directions);
        run->directions = NULL;
        work_give(&run->work, range_flows(&run->range));
}

static int ask(struct run *run, struct history *history) {
        int r = run->result.rows ? 0 : -ENOMEM;
        run->verdicts.filter = &run->query->filter;
        if (r == 0 && run->query->has_range)
                r = range_read(history, run->query->range, &run->work, &run->range);
        if (r == 0 && run->query->has_range)
                r = verdicts_begin(&run->verdicts, history, &run->query->filter, &run->range, &run->work);
        if (r < 0)
                return r;
        const struct turns_work work = {take, choose, forget};
        return turns_take(&run->turns, may_take_turns(run), &work, run);
}

int history_query_top(struct history *history, const struct top_query *query, bool (*cancelled)(void *), void *context,
                      struct top_result *ret) {
        struct run run = {.history = history,
                          .query = query,
                          .work = work_begin(history, cancelled, context),
                          .turns = {.history = history},
                          .lasts = select_lasts(&query->filter)};
        struct top_result *result = &run.result;
        result->rows = calloc(query->limit, sizeof(*result->rows));
        int r = ask(&run, history);
        if (r == 0 && query->has_range)
                result->seen =
                        range_seen(&run.range, result->matched, result->unmatched, !select_is_all(&query->filter));
        free(run.directions);
        verdicts_fini(&run.verdicts);
        range_fini(&run.range);
        work_end(&run.work);
        if (r == 0)
                *ret = *result;
        else
                top_result_fini(result);
        return r;
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
