/* Eras are few (none but the first on most machines) and what is asked for is mostly of the newest, so
 * they are walked from the newest back. */
#include "history/wall.h"

#include <string.h>

#include "base/clock.h"

void wall_init(struct wall *wall) {
        wall->n = 1;
        wall->eras[0] = (struct wall_era){.first = INT64_MIN};
}

void wall_jump(struct wall *wall, int64_t second, int64_t ahead_s, enum history_gap why) {
        if (wall->n == WALL_ERAS_MAX) {
                memmove(&wall->eras[0], &wall->eras[1], (WALL_ERAS_MAX - 1) * sizeof(wall->eras[0]));
                wall->eras[0].first = INT64_MIN;
                wall->n--;
        }
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
