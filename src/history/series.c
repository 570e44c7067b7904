/* The greatest groups of a range, step by step.
 *
 * Under one lock the range's segments are picked twice: as few as there are (whole minutes) for the sums over the whole
 * range, which say who is greatest, and step by step. What a flow counts for is then looked up once for each flow, so
 * that the second pass is one addition for each row of a segment, without the lock. A minute whose seconds are gone
 * counts whole, in the step in which it begins. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "history/groups.h"
#include "history/turns.h"
#include "history/verdicts.h"

/* Which rows of the result a flow counts for: 0 none, else the row's number plus 1. */
struct places {
        uint16_t first, second;
        uint8_t directions; /* what of it is selected */
};
#define PLACE_OTHER UINT16_MAX

struct run {
        struct history *history;
        const struct series_query *query;
        struct work work;
        enum filter_lasts lasts;
        struct range range;
        struct verdicts verdicts;
        struct select_rate rate; /* what all flows have in common */
        struct picked picked;    /* of the whole range */
        struct segment **parts;  /* of the steps, and which step each is of */
        uint16_t *steps;
        size_t n_parts;
        struct groups groups;
        struct turns turns;
        struct places *places; /* by the flow's index */
        size_t n_places;
        struct series_result result;
};

/* Where a pass over the range's flows is. */
struct counted {
        struct run *run;
        struct segment_cursor cursor;
        size_t i;
};

/* ---- the steps ------------------------------------------------------------------------------ */

static int64_t round_up(int64_t value, int64_t unit) {
        return (value + unit - 1) / unit * unit;
}

/* Lays the steps over the range that can be told. */
static int lay_steps(struct run *run) {
        const struct history_seen *seen = &run->range.seen;
        const struct history *history = run->history;
        struct series_result *result = &run->result;
        int64_t unit_s = seen->resolution_ms / MS_PER_S, start = seen->range.from, number;
        if (unit_s > 1 && wall_find(&history->wall, start, history->second, &number))
                start -= number - floor_div(number, unit_s) * unit_s;
        int64_t length = seen->range.to > start ? seen->range.to - start : 0;
        int64_t least_s = (length + SERIES_STEPS_MAX - 1) / SERIES_STEPS_MAX;
        result->start = start;
        result->step_s = round_up(run->query->step_s > least_s ? run->query->step_s : least_s, unit_s);
        result->n_steps = (size_t)(round_up(length, result->step_s) / result->step_s);
        result->span_ms = calloc(result->n_steps + 1, sizeof(*result->span_ms));
        return result->span_ms ? 0 : -ENOMEM;
}

/* Takes the segments of numbers [from, to) for a step, and how much of them was captured. There is room. */
static void take_part(struct run *run, int64_t from, int64_t to, size_t step) {
        const struct history *history = run->history;
        size_t n = segments_collect(&history->segments, from, to, run->parts + run->n_parts);
        for (; n; n--)
                run->steps[run->n_parts++] = (uint16_t)step;
        for (int64_t number = from; number < to; number++) {
                const struct history_counters *row = counters_find(&history->counters, number);
                if (row)
                        run->result.span_ms[step] += row->span_ms;
        }
}

static size_t step_of(const struct series_result *result, int64_t label) {
        if (label < result->start)
                return 0;
        size_t step = (size_t)((label - result->start) / result->step_s);
        return step < result->n_steps ? step : result->n_steps - 1;
}

static int make_room(struct run *run, size_t more) {
        int r = work_take(&run->work, more * (sizeof(struct segment *) + sizeof(*run->steps)));
        if (r < 0)
                return r;
        struct segment **parts = realloc(run->parts, (run->n_parts + more) * sizeof(struct segment *));
        if (parts)
                run->parts = parts;
        uint16_t *steps = realloc(run->steps, (run->n_parts + more) * sizeof(*steps));
        if (steps)
                run->steps = steps;
        return parts && steps ? 0 : -ENOMEM;
}

/* Numbers in a row, whose labels are all the same distance away. */
static int take_span(struct run *run, int64_t from, int64_t to) {
        const struct history *history = run->history;
        const struct series_result *result = &run->result;
        int64_t ahead_s = wall_of(&history->wall, from) - from;
        segments_widen(&history->segments, &from, &to);
        if (from >= to)
                return 0;
        int r = make_room(run, (size_t)(to - from));
        if (r < 0)
                return r;
        for (int64_t next; from < to; from = next) {
                size_t step = step_of(result, from + ahead_s);
                next = result->start + (int64_t)(step + 1) * result->step_s - ahead_s;
                if (next <= from)
                        next = from + 1;
                if (next < history->segments.fine_from)
                        next = floor_div(next + MINUTE_S - 1, MINUTE_S) * MINUTE_S;
                if (next > to)
                        next = to;
                take_part(run, from, next, step);
        }
        return 0;
}

/* All that is read under the first lock. */
static int pick(struct run *run) {
        const struct history *history = run->history;
        const struct history_range *asked = &run->query->range;
        struct wall_span spans[RANGE_SPANS_MAX];
        int r = range_pick(history, *asked, &run->range, &run->picked);
        if (r == 0)
                r = lay_steps(run);
        unsigned n = wall_spans(&history->wall, asked->from, asked->to, history->second, spans, RANGE_SPANS_MAX);
        for (unsigned i = 0; r == 0 && run->result.n_steps && i < n; i++)
                r = take_span(run, spans[i].from, spans[i].to);
        return r;
}

/* ---- who is greatest ------------------------------------------------------------------------ */

/* What of a flow the filter selects; `*ret` receives its volume, and the rest goes to what it does not. */
static unsigned take_selected(struct run *run, const struct entry *entry, const struct flow_sum *sum,
                              struct volume *ret) {
        struct select_rate rate = run->rate;
        rate.bytes = flow_sum_both_ways(sum).bytes;
        groups_note_change(entry, run->query->by, run->lasts, &run->range.seen);
        unsigned directions = verdicts_select(&run->verdicts, &run->history->directory, entry, sum, &rate);
        *ret = select_volume(sum, directions, &run->result.unmatched);
        return directions;
}

/* By flow the id is the index for as long as the greatest are looked for. */
static void take_flow(struct run *run, const struct entry *entry, const struct flow_sum *sum) {
        struct series_result *result = &run->result;
        const struct series_query *query = run->query;
        struct volume volume;
        unsigned directions = take_selected(run, entry, sum, &volume);
        if (!volume.packets) {
                result->unmatched_flows++;
                return;
        }
        result->matched_flows++;
        volume_add(&result->matched, volume.packets, volume.bytes);
        run->places[sum->flow] = (struct places){
                .first = PLACE_OTHER,
                .second = query->by == TOP_BY_HOST ? PLACE_OTHER : 0,
                .directions = (uint8_t)directions,
        };
        if (query->by != TOP_BY_FLOW)
                return;
        struct top_row row = {.key = entry->key, .id = sum->flow, .volume = volume};
        groups_insert_best(result->rows, &result->n_rows, query->limit, &row, query->by_packets);
}

static int take_flows(struct run *run) {
        struct segment_cursor cursor = range_start(&run->range);
        struct flow_sum sum;
        for (uint32_t i = 0; segment_next(&cursor, &sum); i++) {
                const struct entry *entry = range_entry(run->history, &run->range, &sum);
                if (work_is_cancelled(&run->work, i))
                        return -ECANCELED;
                if (entry)
                        take_flow(run, entry, &sum);
        }
        return 0;
}

static void place_flows(struct run *run) {
        struct series_result *result = &run->result;
        for (size_t i = 0; i < result->n_rows; i++) {
                struct top_row *row = &result->rows[i];
                run->places[row->id].first = (uint16_t)(i + 1);
                row->id = run->history->directory.entries[row->id].id;
        }
}

/* The rows that count, one after another: false after the last, or with `*ret` below 0. Takes turns. */
static bool next_counted(struct counted *rows, struct flow_sum *sum, int *ret) {
        struct run *run = rows->run;
        while (*ret == 0 && segment_next(&rows->cursor, sum)) {
                if (turns_next(&run->turns, &run->work, rows->i++))
                        *ret = -ECANCELED;
                else if (run->places[sum->flow].first)
                        *ret = turns_has_lost(&run->turns, &run->history->directory.entries[sum->flow]) ? -EAGAIN : 0;
                else
                        continue;
                return *ret == 0;
        }
        return false;
}

static int add_all(struct groups *groups, void *context) {
        struct run *run = context;
        const struct entry *entries = run->history->directory.entries;
        struct counted rows = {.run = run, .cursor = range_start(&run->range)};
        struct flow_sum sum;
        int r = 0;
        turns_begin(&run->turns);
        while (next_counted(&rows, &sum, &r)) {
                const struct flow_sum part = select_part(&sum, run->places[sum.flow].directions);
                r = groups_add_flow(groups, &entries[sum.flow], flow_sum_both_ways(&part), run->query->by);
        }
        turns_end(&run->turns);
        return r;
}

static void place(const struct groups *groups, const struct flow_key *key, uint16_t *place) {
        uint64_t row = groups_id(groups, key);
        if (row)
                *place = (uint16_t)row;
}

static int place_all(struct run *run) {
        const struct entry *entries = run->history->directory.entries;
        struct counted rows = {.run = run, .cursor = range_start(&run->range)};
        struct flow_sum sum;
        int r = 0;
        turns_begin(&run->turns);
        while (next_counted(&rows, &sum, &r)) {
                struct places *places = &run->places[sum.flow];
                struct flow_key key = groups_key(&entries[sum.flow], run->query->by);
                place(&run->groups, &key, &places->first);
                if (groups_other_host(&entries[sum.flow], run->query->by, &key))
                        place(&run->groups, &key, &places->second);
        }
        turns_end(&run->turns);
        return r;
}

static int place_groups(void *context) {
        struct run *run = context;
        struct series_result *result = &run->result;
        if (run->query->by == TOP_BY_FLOW)
                return 0; /* each was placed when it was judged */
        run->groups = groups_begin(&run->work, run->history->directory.seed);
        int r = groups_best(&run->groups, add_all, run, result->rows, &result->n_rows, run->query->limit,
                            run->query->by_packets);
        if (r == 0)
                r = groups_keep(&run->groups, result->rows, result->n_rows);
        return r < 0 ? r : place_all(run);
}

/* A service port may change, and needs few groups. */
static bool may_take_turns(const struct run *run) {
        return run->query->by != TOP_BY_PORT && range_flows(&run->range) >= TURNS_FROM;
}

static int judge(void *context) {
        struct run *run = context;
        run->rate = verdicts_rate(&run->verdicts, run->history, &run->range);
        run->n_places = run->history->directory.used_up_to + 1u;
        int r = work_take(&run->work, run->n_places * sizeof(*run->places));
        if (r < 0)
                return r;
        run->places = calloc(run->n_places, sizeof(*run->places));
        r = run->places ? take_flows(run) : -ENOMEM;
        if (r == 0 && run->query->by == TOP_BY_FLOW)
                place_flows(run);
        return r;
}

static void forget(void *context) {
        struct run *run = context;
        struct series_result *result = &run->result;
        result->n_rows = result->matched_flows = result->unmatched_flows = 0;
        result->matched = result->unmatched = (struct volume){0};
        groups_fini(&run->groups);
        free(run->places);
        run->places = NULL;
        work_give(&run->work, run->n_places * sizeof(*run->places));
}

/* ---- the values ----------------------------------------------------------------------------- */

static void add(struct series_result *result, uint16_t place, size_t step, uint64_t amount) {
        size_t row = place == PLACE_OTHER ? result->n_rows : place - 1u;
        result->values[row * result->n_steps + step] += amount;
}

static void add_part(struct run *run, const struct segment *segment, size_t step) {
        struct segment_cursor cursor = segment_start(segment);
        for (struct flow_sum row; segment_next(&cursor, &row);) {
                const struct places *places = &run->places[row.flow];
                const struct flow_sum part = select_part(&row, places->directions);
                struct volume volume = flow_sum_both_ways(&part);
                uint64_t amount = run->query->by_packets ? volume.packets : volume.bytes;
                if (places->first)
                        add(&run->result, places->first, step, amount);
                if (places->second)
                        add(&run->result, places->second, step, amount);
        }
}

static int add_parts(struct run *run) {
        struct series_result *result = &run->result;
        size_t n = (result->n_rows + 1) * result->n_steps + 1;
        int r = work_take(&run->work, n * sizeof(*result->values));
        if (r < 0)
                return r;
        result->values = calloc(n, sizeof(*result->values));
        if (!result->values)
                return -ENOMEM;
        for (size_t i = 0; i < run->n_parts; i++) {
                if (work_is_cancelled(&run->work, 0))
                        return -ECANCELED;
                add_part(run, run->parts[i], run->steps[i]);
        }
        return 0;
}

/* ---- the query ------------------------------------------------------------------------------ */

static int ask(struct run *run) {
        struct history *history = run->history;
        pthread_rwlock_rdlock(&history->lock);
        int r = pick(run);
        pthread_rwlock_unlock(&history->lock);
        r = range_sum(&run->range, &run->picked, r, &run->work);
        if (r == 0)
                r = verdicts_begin(&run->verdicts, history, &run->query->filter, &run->range, &run->work);
        if (r < 0)
                return r;
        const struct turns_work work = {judge, place_groups, forget};
        r = turns_take(&run->turns, may_take_turns(run), &work, run);
        return r < 0 ? r : add_parts(run);
}

int history_query_series(struct history *history, const struct series_query *query, bool (*cancelled)(void *),
                         void *context, struct series_result *ret) {
        struct run run = {.history = history,
                          .query = query,
                          .work = work_begin(history, cancelled, context),
                          .turns = {.history = history},
                          .lasts = select_lasts(&query->filter)};
        struct series_result *result = &run.result;
        result->rows = calloc(query->limit, sizeof(*result->rows));
        int r = result->rows ? ask(&run) : -ENOMEM;
        if (r == 0)
                result->seen =
                        range_seen(&run.range, result->matched, result->unmatched, !select_is_all(&query->filter));
        for (size_t i = 0; i < run.n_parts; i++)
                segment_unref(run.parts[i]);
        free(run.parts);
        free(run.steps);
        free(run.places);
        verdicts_fini(&run.verdicts);
        groups_fini(&run.groups);
        range_fini(&run.range);
        work_end(&run.work);
        if (r == 0)
                *ret = run.result;
        else
                series_result_fini(result);
        return r;
}

void series_result_fini(struct series_result *result) {
        free(result->rows);
        free(result->span_ms);
        free(result->values);
        *result = (struct series_result){0};
}
