/* Eras are few (none but the first on most machines) and what is asked for is mostly of the newest, so
 * they are walked from the newest back. */
#include "history/wall.h"

#include <string.h>

#include "base/clock.h"

void wall_init(struct wall *wall) {
        wall->n = 1;
        wall->jumps = 0;
        wall->eras[0] = (struct wall_era){.first = INT64_MIN};
}

void wall_jump(struct wall *wall, int64_t second, int64_t ahead_s, enum history_gap why) {
        if (wall->n == WALL_ERAS_MAX) {
                memmove(&wall->eras[0], &wall->eras[1], (WALL_ERAS_MAX - 1) * sizeof(wall->eras[0]));
                wall->eras[0].first = INT64_MIN;
                wall->n--;
        }
        wall->jumps++;
        wall->eras[wall->n++] = (struct wall_era){.first = second, .ahead_s = ahead_s, .why = why};
}

int64_t wall_of(const struct wall *wall, int64_t second) {
        unsigned i = wall->n - 1;
        while (i && second < wall->eras[i].first)
                i--;
        return second + wall->eras[i].ahead_s;
}

int64_t wall_of_ms(const struct wall *wall, int64_t ms) {
        int64_t second = floor_div(ms, MS_PER_S);
        return ms + (wall_of(wall, second) - second) * MS_PER_S;
}

bool wall_find(const struct wall *wall, int64_t label, int64_t newest, int64_t *ret_second) {
        for (unsigned i = wall->n; i--;) {
                int64_t second = label - wall->eras[i].ahead_s;
                bool is_over = i + 1 < wall->n ? second >= wall->eras[i + 1].first : second > newest;
                if (second >= wall->eras[i].first && !is_over) {
                        *ret_second = second;
                        return true;
                }
        }
        return false;
}

static int64_t first_label(const struct wall_era *era) {
        return era->first + era->ahead_s;
}

bool wall_skipped(const struct wall *wall, int64_t label, enum history_gap *ret_why, int64_t *ret_end) {
        bool skipped = false;
        int64_t end = INT64_MAX;
        for (unsigned i = wall->n; --i;) {
                const struct wall_era *era = &wall->eras[i];
                if (first_label(era) <= label)
                        continue;
                if (first_label(era) < end)
                        end = first_label(era);
                if (!skipped && label > era->first - 1 + wall->eras[i - 1].ahead_s) {
                        *ret_why = era->why;
                        skipped = true;
                }
        }
        if (skipped)
                *ret_end = end;
        return skipped;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

struct spans {
        const struct wall *wall;
        int64_t newest;
        struct wall_span *list;
        unsigned n, max;
};

/* The labels that an era bears: [*ret_from, *ret_to). */
static void labels_of(const struct spans *spans, unsigned era, int64_t *ret_from, int64_t *ret_to) {
        const struct wall_era *eras = spans->wall->eras;
        int64_t last = era + 1 < spans->wall->n ? eras[era + 1].first - 1 : spans->newest;
        *ret_from = era ? first_label(&eras[era]) : INT64_MIN;
        *ret_to = last + eras[era].ahead_s + 1;
}

/* Adds the labels [from, to) of an era, less what the eras from `later` on bear again. */
static void add_labels(struct spans *spans, unsigned era, unsigned later, int64_t from, int64_t to) {
        for (; later < spans->wall->n && from < to; later++) {
                int64_t again_from, again_to;
                labels_of(spans, later, &again_from, &again_to);
                if (again_to <= from || again_from >= to)
                        continue;
                if (again_to < to)
                        add_labels(spans, era, later + 1, again_to, to);
                to = again_from;
        }
        int64_t ahead_s = spans->wall->eras[era].ahead_s;
        if (from < to && spans->n < spans->max)
                spans->list[spans->n++] = (struct wall_span){from - ahead_s, to - ahead_s};
}

unsigned wall_spans(const struct wall *wall, int64_t from, int64_t to, int64_t newest, struct wall_span *ret,
                    unsigned max) {
        struct spans spans = {.wall = wall, .newest = newest, .list = ret, .max = max};
        for (unsigned era = wall->n; era--;) {
                int64_t era_from, era_to;
                labels_of(&spans, era, &era_from, &era_to);
                add_labels(&spans, era, era + 1, from > era_from ? from : era_from, to < era_to ? to : era_to);
        }
        return spans.n;
}
