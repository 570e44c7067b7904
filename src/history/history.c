/* The glue: one read-write lock, held for writing from the begin of a tick to its end, so that
 * no reader ever sees half a tick. Writers are preferred, so that queries cannot starve the
 * rollup; capture workers never come here at all. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "history/keep.h"
#include "history/store.h"

size_t history_bytes(const struct history_options *options) {
        return directory_bytes(options->max_flows) + options->retention_s * sizeof(struct history_counters) +
               options->segment_bytes;
}

static void init_lock(pthread_rwlock_t *lock) {
        pthread_rwlockattr_t attributes;
        pthread_rwlockattr_init(&attributes);
        pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        pthread_rwlock_init(lock, &attributes);
        pthread_rwlockattr_destroy(&attributes);
}

struct history *history_new(const struct history_options *options) {
        struct history *history = calloc(1, sizeof(*history));
        if (!history)
                return NULL;
        init_lock(&history->lock);
        wall_init(&history->wall);
        history->second = history->counted = INT64_MIN;
        history->gaps_are_zero = options->gaps_are_zero;
        history->bytes = history_bytes(options);
        history->event_fd = -1;
        work_memory_init(&history->work_memory, options->query_bytes ? options->query_bytes : SIZE_MAX);
        history->n_workers = options->workers;
        history->workers = calloc(options->workers ? options->workers : 1, sizeof(*history->workers));

        int r = events_init(&history->events);
        if (r == 0)
                r = counters_init(&history->counters, options->retention_s);
        if (r == 0)
                r = directory_init(&history->directory, options);
        if (r == 0)
                r = segments_init(&history->segments, options->retention_s, options->segment_bytes);
        if (options->segment_bytes)
                history->directory.segments = &history->segments;
        if (r < 0 || !history->workers) {
                history_free(history);
                return NULL;
        }
        return history;
}

void history_free(struct history *history) {
        if (!history)
                return;
        directory_fini(&history->directory);
        segments_fini(&history->segments);
        counters_fini(&history->counters);
        events_fini(&history->events);
        free(history->workers);
        pthread_rwlock_destroy(&history->lock);
        free(history);
}

void history_notify(struct history *history, int event_fd) {
        history->event_fd = event_fd;
}

static void tell(struct history *history) {
        atomic_fetch_add_explicit(&history->ticks, 1, memory_order_release);
        if (history->event_fd >= 0)
                (void)eventfd_write(history->event_fd, 1);
}

/* ---- writing ----------------------------------------------------------------------------- */

void history_set_wall(struct history *history, int64_t second, int64_t ahead_s, enum history_gap why) {
        pthread_rwlock_wrlock(&history->lock);
        assert(second > history->second);
        wall_jump(&history->wall, second, ahead_s, why);
        pthread_rwlock_unlock(&history->lock);
}

/* The seconds before `second` of which nothing was told: zeros, but for the flows that were alive in them. */
static void pass_silence(struct history *history, int64_t second) {
        int64_t kept_from = second - (int64_t)history->counters.n_rows;
        int64_t at = history->second + 1 > kept_from ? history->second + 1 : kept_from;
        for (; at < second; at++) {
                directory_expire(&history->directory, (at + 1) * MS_PER_S);
                struct history_counters *row = counters_at(&history->counters, at);
                row->span_ms = MS_PER_S;
                row->active_flows = history->directory.n_active;
        }
}

void history_tick_begin(struct history *history, int64_t second) {
        pthread_rwlock_wrlock(&history->lock);
        assert(second >= history->second);
        directory_begin_change(&history->directory);
        if (second != history->second) {
                if (history->gaps_are_zero && history->second != INT64_MIN)
                        pass_silence(history, second);
                directory_begin_tick(&history->directory, second);
                history->counted_to_ns = INT64_MIN;
        }
        history->second = second;
}

bool history_flow_of(struct history *history, const struct flow_key *key, enum direction ab_direction,
                     struct history_flow *ret_flow) {
        return directory_flow_of(&history->directory, key, ab_direction, history->second * MS_PER_S, ret_flow);
}

bool history_tick_add(struct history *history, struct history_flow *flow, const struct flow_delta *delta) {
        return directory_add(&history->directory, flow, history->second, delta);
}

void history_set_worker(struct history *history, unsigned worker, const struct history_worker *figures) {
        assert(worker < history->n_workers);
        history->workers[worker] = *figures;
}

/* How much of the tick is time that was captured and that its second has not shown yet: a second that was begun
 * again goes on (a preview), or it only gets what some worker brought too late. */
static uint32_t new_span_ms(struct history *history, const struct history_tick *tick, enum history_gap *ret_gap) {
        int64_t start_ns = tick->start_ns > history->counted_to_ns ? tick->start_ns : history->counted_to_ns;
        if (tick->end_ns <= start_ns)
                return 0;
        history->counted_to_ns = tick->end_ns;
        int64_t captured_ns = ifaces_captured_ns(&history->ifaces, start_ns, tick->end_ns, ret_gap);
        return (uint32_t)((captured_ns + NS_PER_MS / 2) / NS_PER_MS);
}

/* Adds the tick's time to its row. A row without any is a gap; but what was counted was captured, also where the
 * word that the interface is up came a little later than its first frames. */
static void count_span(struct history *history, const struct history_tick *tick, struct history_counters *row) {
        enum history_gap gap = HISTORY_GAP_NONE;
        row->span_ms += new_span_ms(history, tick, &gap);
        if (!row->span_ms && tick->totals.all.packets)
                row->span_ms = 1 + (uint32_t)((tick->totals.last_ns - tick->totals.first_ns) / NS_PER_MS);
        row->partial = row->span_ms < MS_PER_S;
        row->gap = row->span_ms || tick->drops ? HISTORY_GAP_NONE : gap;
        if (row->gap == HISTORY_GAP_NONE)
                history->counted = history->second;
}

static void count_second(struct history *history, const struct history_tick *tick) {
        const struct tick_totals *totals = &tick->totals;
        struct history_counters *row = counters_at(&history->counters, history->second);
        count_span(history, tick, row);
        row->merged |= tick->merged;
        volume_add(&row->all, totals->all.packets, totals->all.bytes);
        classes_add(row->by_class, totals->by_class);
        classes_add(row->in, totals->in);
        classes_add(row->out, totals->out);
        volume_add(&row->untracked, totals->untracked.packets, totals->untracked.bytes);
        volume_add(&row->nonflow, totals->nonflow.packets, totals->nonflow.bytes);
        row->drops += tick->drops;
        row->new_flows = history->directory.n_new;
        row->active_flows = history->directory.n_active;
}

static void add_totals(struct history *history, const struct tick_totals *more) {
        struct tick_totals labelled = *more;
        int64_t ahead_ns = (wall_of(&history->wall, history->second) - history->second) * NS_PER_S;
        labelled.first_ns += ahead_ns;
        labelled.last_ns += ahead_ns;
        tick_totals_add(&history->totals.totals, &labelled);
}

/* What the flows of a second carried and no row of its segment has is thinned: of flows that were too many, or had to
 * leave while the tick was made. */
static void keep_second(struct history *history, struct segment *segment) {
        const struct history_counters *row = counters_row(&history->counters, history->second);
        struct volume flows = volume_less(row->all, row->untracked);
        flows = volume_less(flows, row->nonflow);
        if (!segment && flows.packets) {
                struct segment_builder builder;
                segment_begin(&builder, history->second, history->second + 1, 0);
                segment = segment_end(&builder);
        }
        if (segment)
                segment->thinned = volume_less(flows, segment->rows);
        segments_put(&history->segments, history->second, segment);
        segments_settle(&history->segments);
        if (history->segments.thinnings && !history->has_told_thinning) {
                history->has_told_thinning = true;
                events_add(&history->events, wall_of(&history->wall, history->second) * MS_PER_S, "thinning",
                           "the memory for the past is full: its oldest part is kept by the minute from now on");
        }
}

void history_tick_end(struct history *history, const struct history_tick *tick) {
        struct segments *segments = &history->segments;
        struct segment *segment = NULL;
        if (segments->budget) /* before flows end and leave */
                segment = keep_rows(&history->directory, history->second, segments_second_cap(segments));
        directory_expire(&history->directory, floor_div(tick->end_ns + NS_PER_S - 1, NS_PER_S) * MS_PER_S);
        count_second(history, tick);
        if (segments->budget)
                keep_second(history, segment);
        add_totals(history, &tick->totals);
        history->totals.drops += tick->drops;
        history->totals.flows_forgotten = history->directory.n_forgotten;
        history->totals.forgotten = history->directory.forgotten;
        top_collect(&history->directory, &history->top);
        pthread_rwlock_unlock(&history->lock);
        tell(history);
}

void history_set_iface(struct history *history, unsigned iface, const struct history_iface *now, int64_t at_ns) {
        pthread_rwlock_wrlock(&history->lock);
        ifaces_set(&history->ifaces, iface, now, at_ns);
        pthread_rwlock_unlock(&history->lock);
}

void history_add_event(struct history *history, int64_t ts_ms, const char *event, const char *detail) {
        events_add(&history->events, ts_ms, event, detail);
        tell(history);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A row as readers get it. */
static struct history_counters labelled(const struct history *history, const struct history_counters *row) {
        struct history_counters copy = *row;
        copy.second = wall_of(&history->wall, row->number);
        return copy;
}

bool history_last_row(const struct history *history, struct history_counters *ret) {
        const struct history_counters *row = counters_find(&history->counters, history->counted);
        if (row)
                *ret = labelled(history, row);
        return row != NULL;
}

bool history_latest(struct history *history, struct history_counters *ret) {
        pthread_rwlock_rdlock(&history->lock);
        bool any = history_last_row(history, ret);
        pthread_rwlock_unlock(&history->lock);
        return any;
}

bool history_latest_gap(struct history *history, struct history_counters *ret) {
        pthread_rwlock_rdlock(&history->lock);
        const struct history_counters *row = counters_row(&history->counters, history->second);
        bool is_gap = row && row->gap != HISTORY_GAP_NONE;
        if (is_gap)
                *ret = labelled(history, row);
        pthread_rwlock_unlock(&history->lock);
        return is_gap;
}

enum history_gap history_gap_of(struct history *history, int64_t second, int64_t *ret_end) {
        int64_t number;
        enum history_gap gap = HISTORY_GAP_NO_CAPTURE;
        *ret_end = second + 1;
        pthread_rwlock_rdlock(&history->lock);
        if (wall_find(&history->wall, second, history->second, &number)) {
                const struct history_counters *row = counters_row(&history->counters, number);
                gap = row ? row->gap : gap;
        } else {
                (void)wall_skipped(&history->wall, second, &gap, ret_end);
        }
        pthread_rwlock_unlock(&history->lock);
        return gap;
}

bool history_before(struct history *history, int64_t second, struct history_counters *ret) {
        const struct counters *counters = &history->counters;
        const struct history_counters *row = NULL;
        int64_t number;
        pthread_rwlock_rdlock(&history->lock);
        if (wall_find(&history->wall, second, history->second, &number))
                while (!row && --number >= counters->from)
                        row = counters_row(counters, number);
        bool any = row && row->gap == HISTORY_GAP_NONE;
        if (any)
                *ret = labelled(history, row);
        pthread_rwlock_unlock(&history->lock);
        return any;
}

uint64_t history_ticks(struct history *history) {
        return atomic_load_explicit(&history->ticks, memory_order_acquire);
}

bool history_span(struct history *history, int64_t *ret_from, int64_t *ret_to) {
        pthread_rwlock_rdlock(&history->lock);
        const struct counters *counters = &history->counters;
        const struct wall *wall = &history->wall;
        bool any = counters->from < counters->to;
        if (any) {
                *ret_from = wall_of(wall, counters->from);
                *ret_to = wall_of(wall, counters->to - 1) + 1;
                for (unsigned i = 1; i < wall->n; i++) {
                        int64_t label = wall->eras[i].first + wall->eras[i].ahead_s;
                        if (wall->eras[i].first > counters->from && label < *ret_from)
                                *ret_from = label;
                }
        }
        pthread_rwlock_unlock(&history->lock);
        return any;
}

static int by_second(const void *x, const void *y) {
        const struct history_counters *a = x, *b = y;
        return (a->second > b->second) - (a->second < b->second);
}

size_t history_read_counters(struct history *history, int64_t from, int64_t to, struct history_counters *ret,
                             size_t max) {
        pthread_rwlock_rdlock(&history->lock);
        const struct counters *counters = &history->counters;
        size_t n = 0;
        for (int64_t number = counters->from; number < counters->to && n < max; number++) {
                const struct history_counters *row = counters_find(counters, number);
                int64_t label = wall_of(&history->wall, number), latest;
                if (row && label >= from && label < to && wall_find(&history->wall, label, history->second, &latest) &&
                    latest == number)
                        ret[n++] = labelled(history, row);
        }
        bool in_order = history->wall.n == 1;
        pthread_rwlock_unlock(&history->lock);
        if (!in_order)
                qsort(ret, n, sizeof(*ret), by_second);
        return n;
}

size_t history_count_between(struct history *history, int64_t after_number, int64_t before_number) {
        pthread_rwlock_rdlock(&history->lock);
        const struct counters *counters = &history->counters;
        size_t n = 0;
        int64_t number = after_number < counters->from ? counters->from : after_number + 1;
        for (; number < before_number && number < counters->to; number++)
                n += counters_find(counters, number) != NULL;
        pthread_rwlock_unlock(&history->lock);
        return n;
}

void history_read_totals(struct history *history, struct history_totals *ret) {
        pthread_rwlock_rdlock(&history->lock);
        *ret = history->totals;
        pthread_rwlock_unlock(&history->lock);
}

void history_read_figures(struct history *history, struct history_figures *ret) {
        pthread_rwlock_rdlock(&history->lock);
        const struct directory *directory = &history->directory;
        *ret = (struct history_figures){
                .flows_active = directory->n_active,
                .flows_ended = directory->n_ended,
                .flows_capacity = directory->capacity,
                .flows_forgotten = directory->n_forgotten,
                .bytes = directory->used_up_to * sizeof(struct entry) + directory->n_chains * sizeof(uint32_t) +
                         history->counters.n_rows * sizeof(struct history_counters) + history->segments.bytes,
                .budget = history->bytes,
                .is_thinned = history->segments.fine_from > history->segments.from,
                .thinned_before_s = wall_of(&history->wall, history->segments.fine_from),
                .workers = history->n_workers,
        };
        pthread_rwlock_unlock(&history->lock);
}

struct history_worker history_read_worker(struct history *history, unsigned worker) {
        assert(worker < history->n_workers);
        pthread_rwlock_rdlock(&history->lock);
        struct history_worker figures = history->workers[worker];
        pthread_rwlock_unlock(&history->lock);
        return figures;
}

unsigned history_read_ifaces(struct history *history, struct history_iface *ret, unsigned max) {
        pthread_rwlock_rdlock(&history->lock);
        unsigned n = history->ifaces.n < max ? history->ifaces.n : max;
        memcpy(ret, history->ifaces.list, n * sizeof(*ret));
        pthread_rwlock_unlock(&history->lock);
        return n;
}

size_t history_read_events(struct history *history, uint64_t after_id, int64_t from_ms, int64_t to_ms,
                           struct history_event *ret, size_t max) {
        return events_read(&history->events, after_id, from_ms, to_ms, ret, max);
}
