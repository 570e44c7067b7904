/* Slices of flows lie side by side in the directory, and each knows when it was judged. A flow that changed in the
 * second that was the last one then may be another one by now, since its rate is that of a second: so it is judged
 * again, unless no tick was written meanwhile. */
#include "history/verdicts.h"

#include <errno.h>
#include <stdlib.h>

#define SLICE_FLOWS 2048u /* with the longest of filters some ten milliseconds */
#define PASSES_MAX 6u
#define WORTH 4000000u /* conditions: less than that is done under the lock, in some ten milliseconds */

struct verdict_slice {
        uint32_t stamp;        /* of the directory */
        uint32_t second_stamp; /* and of the begin of its second */
};

/* ---- asking --------------------------------------------------------------------------- */

static bool is_told(const struct verdicts *verdicts, const struct directory *directory, uint32_t flow) {
        if (flow >= verdicts->n)
                return false;
        const struct verdict_slice *slice = &verdicts->slices[flow / SLICE_FLOWS];
        return slice->stamp == directory->stamp || directory->entries[flow].stamp < slice->second_stamp;
}

unsigned verdicts_select(const struct verdicts *verdicts, const struct directory *directory, const struct entry *entry,
                         const struct flow_sum *sum, const struct select_rate *rate) {
        if (is_told(verdicts, directory, sum->flow))
                return verdicts->directions[sum->flow];
        return select_directions(verdicts->filter, entry, sum, rate);
}

struct select_rate verdicts_rate(const struct verdicts *verdicts, const struct history *history,
                                 const struct range *range) {
        const struct history_counters *last = counters_find(&history->counters, history->second);
        uint32_t last_ms = last ? last->span_ms : 0;
        return (struct select_rate){
                .span_ms = range ? (uint32_t)range->seen.span_ms : last_ms,
                .now_ms = verdicts->n ? verdicts->now_ms : history_now_ms(history),
        };
}

/* ---- judging ahead -------------------------------------------------------------------- */

struct pass {
        struct verdicts *verdicts;
        struct history *history;
        const struct range *range;
        struct segment_cursor cursor; /* of the range */
        struct flow_sum sum;          /* the next one of the range, if there is one */
        bool has_sum;
        uint64_t judged;
};

static void judge(struct pass *pass, const struct entry *entry, const struct flow_sum *sum, uint64_t rate_bytes,
                  struct select_rate rate) {
        struct verdicts *verdicts = pass->verdicts;
        if (is_told(verdicts, &pass->history->directory, sum->flow))
                return;
        rate.bytes = rate_bytes;
        verdicts->directions[sum->flow] = (uint8_t)select_directions(verdicts->filter, entry, sum, &rate);
        pass->judged++;
}

static void judge_range(struct pass *pass, uint32_t end, struct select_rate rate) {
        while (pass->has_sum && pass->sum.flow < end) {
                const struct entry *entry = range_entry(pass->history, pass->range, &pass->sum);
                if (entry)
                        judge(pass, entry, &pass->sum, flow_sum_both_ways(&pass->sum).bytes, rate);
                pass->has_sum = segment_next(&pass->cursor, &pass->sum);
        }
}

static void judge_now(struct pass *pass, uint32_t from, uint32_t end, struct select_rate rate) {
        const struct directory *directory = &pass->history->directory;
        for (uint32_t i = from; i < end; i++) {
                const struct entry *entry = &directory->entries[i];
                const struct flow_sum sum = directory_sum(directory, i), last = directory_last(directory, i);
                if (entry->state != ENTRY_FREE)
                        judge(pass, entry, &sum, flow_sum_both_ways(&last).bytes, rate);
        }
}

static void judge_slice(struct pass *pass, uint32_t from, uint32_t end) {
        struct verdicts *verdicts = pass->verdicts;
        const struct directory *directory = &pass->history->directory;
        pthread_rwlock_rdlock(&pass->history->lock);
        const struct select_rate rate = verdicts_rate(verdicts, pass->history, pass->range);
        if (pass->range)
                judge_range(pass, end, rate);
        else
                judge_now(pass, from, end, rate);
        verdicts->slices[from / SLICE_FLOWS] = (struct verdict_slice){directory->stamp, directory->second_stamp};
        pthread_rwlock_unlock(&pass->history->lock);
}

/* Brings all verdicts up to date, those of the first slices to an earlier one than those of the last. */
static int judge_all(struct pass *pass, const struct work *work) {
        const struct verdicts *verdicts = pass->verdicts;
        if (pass->range) {
                pass->cursor = range_start(pass->range);
                pass->has_sum = segment_next(&pass->cursor, &pass->sum);
        }
        for (uint32_t from = 0; from < verdicts->n; from += SLICE_FLOWS) {
                if (work_is_cancelled(work, 0))
                        return -ECANCELED;
                judge_slice(pass, from, verdicts->n - from > SLICE_FLOWS ? from + SLICE_FLOWS : verdicts->n);
        }
        return 0;
}

static int make_room(struct verdicts *verdicts, uint32_t n, struct work *work) {
        size_t slices = n / SLICE_FLOWS + 1u;
        int r = work_take(work, n + slices * sizeof(*verdicts->slices));
        if (r < 0)
                return r;
        verdicts->directions = malloc(n);
        verdicts->slices = calloc(slices, sizeof(*verdicts->slices));
        if (!verdicts->directions || !verdicts->slices)
                return -ENOMEM;
        verdicts->n = n;
        return 0;
}

int verdicts_begin(struct verdicts *verdicts, struct history *history, const struct flow_filter *filter,
                   const struct range *range, struct work *work) {
        const uint64_t cost = select_cost(filter);
        *verdicts = (struct verdicts){.filter = filter};
        pthread_rwlock_rdlock(&history->lock);
        uint32_t n = history->directory.used_up_to;
        verdicts->now_ms = history_now_ms(history);
        pthread_rwlock_unlock(&history->lock);
        if (cost * (range ? range_flows(range) : n) < WORTH)
                return 0;
        int r = make_room(verdicts, n, work);
        for (unsigned passes = 0; r == 0 && passes < PASSES_MAX; passes++) {
                struct pass pass = {.verdicts = verdicts, .history = history, .range = range};
                r = judge_all(&pass, work);
                if (cost * pass.judged < WORTH)
                        break;
        }
        return r;
}

void verdicts_fini(struct verdicts *verdicts) {
        free(verdicts->directions);
        free(verdicts->slices);
        *verdicts = (struct verdicts){0};
}
