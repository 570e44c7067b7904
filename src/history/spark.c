/* A few flows second by second: the rows of a page beside the line that shows how each has been.
 *
 * A segment is ascending by flow, so its rows and the flows that are asked for, sorted alike, are walked side by side.
 */
#include <errno.h>
#include <stdlib.h>

#include "history/range.h"
#include "history/select.h"

/* A flow that is asked for. */
struct wanted {
        uint32_t flow; /* its index in the directory */
        size_t row;    /* of the result */
        unsigned directions;
};

struct run {
        struct work work;
        struct wanted *wanted;
        size_t n_wanted;
        struct segment **segments; /* of each second; NULL where nobody sent anything */
        struct spark_result result;
};

static int by_flow(const void *x, const void *y) {
        const struct wanted *a = x, *b = y;
        return (a->flow > b->flow) - (a->flow < b->flow);
}

/* The flows that are still where their rows say. */
static void find_flows(const struct history *history, const struct flow_row *rows, size_t n_rows, struct run *run) {
        const struct directory *directory = &history->directory;
        for (size_t i = 0; i < n_rows; i++) {
                uint32_t flow = rows[i].index;
                if (flow >= directory->used_up_to || directory->entries[flow].state == ENTRY_FREE ||
                    directory->entries[flow].id != rows[i].id)
                        continue;
                run->result.known[i] = true;
                run->wanted[run->n_wanted++] = (struct wanted){flow, i, rows[i].directions};
        }
}

/* The seconds that are still held one by one. */
static void find_seconds(const struct history *history, int64_t to, struct run *run) {
        int64_t from = to - run->result.n;
        for (unsigned i = 0; i < run->result.n; i++) {
                int64_t number;
                if (!wall_find(&history->wall, from + i, history->second, &number) ||
                    number < history->segments.fine_from || number >= history->segments.to)
                        continue;
                const struct history_counters *row = counters_find(&history->counters, number);
                if (!row)
                        continue;
                run->result.span_ms[i] = row->span_ms;
                segments_collect(&history->segments, number, number + 1, &run->segments[i]);
        }
}

static void add_second(struct run *run, unsigned second) {
        struct segment_cursor cursor = segment_start(run->segments[second]);
        struct flow_sum row;
        size_t i = 0;
        while (i < run->n_wanted && segment_next(&cursor, &row)) {
                while (i < run->n_wanted && run->wanted[i].flow < row.flow)
                        i++;
                if (i == run->n_wanted || run->wanted[i].flow != row.flow)
                        continue;
                const struct flow_sum part = select_part(&row, run->wanted[i].directions);
                run->result.bytes[run->wanted[i].row * run->result.n + second] = part.ab.bytes + part.ba.bytes;
        }
}

static int add_seconds(struct run *run) {
        int r = 0;
        if (run->n_wanted)
                qsort(run->wanted, run->n_wanted, sizeof(*run->wanted), by_flow);
        for (unsigned i = 0; i < run->result.n; i++) {
                if (r == 0 && work_is_cancelled(&run->work, 0))
                        r = -ECANCELED;
                if (r == 0 && run->segments[i])
                        add_second(run, i);
                segment_unref(run->segments[i]);
        }
        return r;
}

static int make_room(struct run *run, size_t n_rows, unsigned n) {
        int r = work_take(&run->work, n_rows * (sizeof(*run->wanted) + n * sizeof(*run->result.bytes)));
        if (r < 0)
                return r;
        run->wanted = calloc(n_rows + 1, sizeof(*run->wanted));
        run->segments = calloc(n, sizeof(struct segment *));
        run->result = (struct spark_result){
                .n = n,
                .span_ms = calloc(n, sizeof(*run->result.span_ms)),
                .bytes = calloc(n_rows * n + 1, sizeof(*run->result.bytes)),
                .known = calloc(n_rows + 1, sizeof(*run->result.known)),
        };
        bool good = run->wanted && run->segments && run->result.span_ms && run->result.bytes && run->result.known;
        return good ? 0 : -ENOMEM;
}

int history_query_spark(struct history *history, const struct flow_row *rows, size_t n_rows, int64_t to, unsigned n,
                        bool (*cancelled)(void *), void *context, struct spark_result *ret) {
        struct run run = {.work = work_begin(history, cancelled, context)};
        int r = make_room(&run, n_rows, n);
        if (r == 0) {
                pthread_rwlock_rdlock(&history->lock);
                find_flows(history, rows, n_rows, &run);
                find_seconds(history, to, &run);
                pthread_rwlock_unlock(&history->lock);
                r = add_seconds(&run);
        }
        free(run.wanted);
        free(run.segments);
        work_end(&run.work);
        if (r == 0)
                *ret = run.result;
        else
                spark_result_fini(&run.result);
        return r;
}

void spark_result_fini(struct spark_result *result) {
        free(result->span_ms);
        free(result->bytes);
        free(result->known);
        *result = (struct spark_result){0};
}
