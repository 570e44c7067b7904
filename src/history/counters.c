/* One fixed row per second, in a ring that is as long as the retention. A second for which
 * there is no row is a gap: zero is not "no data". */
#include "history/counters.h"

#include <errno.h>
#include <stdlib.h>

static struct history_counters *place_of(const struct counters *counters, int64_t second) {
        int64_t n = counters->n_rows;
        return &counters->rows[((second % n) + n) % n];
}

int counters_init(struct counters *counters, uint32_t retention_s) {
        *counters = (struct counters){.n_rows = retention_s};
        counters->rows = calloc(retention_s, sizeof(*counters->rows));
        if (!counters->rows)
                return -ENOMEM;
        for (uint32_t i = 0; i < retention_s; i++)
                counters->rows[i].number = INT64_MIN;
        return 0;
}

void counters_fini(struct counters *counters) {
        free(counters->rows);
}

struct history_counters *counters_at(struct counters *counters, int64_t second) {
        struct history_counters *row = place_of(counters, second);
        if (counters->from == counters->to)
                counters->from = counters->to = second;

        if (row->number != second)
                *row = (struct history_counters){.number = second};
        if (counters->to <= second)
                counters->to = second + 1;
        if (counters->from < counters->to - (int64_t)counters->n_rows)
                counters->from = counters->to - (int64_t)counters->n_rows;
        return row;
}

const struct history_counters *counters_find(const struct counters *counters, int64_t second) {
        const struct history_counters *row = counters_row(counters, second);
        return row && row->gap == HISTORY_GAP_NONE ? row : NULL;
}

const struct history_counters *counters_row(const struct counters *counters, int64_t second) {
        if (second < counters->from || second >= counters->to)
                return NULL;
        const struct history_counters *row = place_of(counters, second);
        return row->number == second ? row : NULL;
}
