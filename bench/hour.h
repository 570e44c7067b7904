/* hour: made-up flows, second by second, written into a history as the rollup writes them, with an account of its
 * own to hold the answers against.
 *
 * Of 20,000 flows alive a quarter, drawn anew each second, sends something: 5,000 active flows a second. Their
 * sizes follow Zipf's law. Flows end after four minutes on average and new ones take their place, some 300,000
 * in an hour; the first HOUR_HEAVY, the heaviest, stay. */
#ifndef NETWATCH_BENCH_HOUR_H
#define NETWATCH_BENCH_HOUR_H

#include "history/history.h"

#define HOUR_START ((int64_t)1600000020) /* Unix time of the first second: a whole minute */
#define HOUR_LIVE 20000u
#define HOUR_HEAVY 20u
#define HOUR_SECONDS_MAX 8192u

/* What was put into the history in one second. */
struct hour_second {
        struct volume all;
        struct volume heavy[HOUR_HEAVY];
};

struct hour {
        struct history *history;
        uint32_t seconds; /* written so far */
        uint64_t deltas;  /* in all */
        uint64_t flows;   /* begun so far */
        uint64_t flood;   /* packets of the flood so far */
        uint64_t untracked;
        struct {
                uint64_t number; /* of the flow that has this place */
                struct history_flow handle;
        } live[HOUR_LIVE];
        struct hour_second account[HOUR_SECONDS_MAX];
};

/* NULL without memory; freed with free(). */
struct hour *hour_new(struct history *history);

/* One more second, with `flood` flows of one SYN each besides. Returns the nanoseconds of CPU that the history took for
 * it, without those of the generator; `*ret_end_ns` (may be NULL) those of them that history_tick_end took. */
int64_t hour_second(struct hour *hour, uint32_t flood, int64_t *ret_end_ns);

/* The key of a heavy flow. */
struct flow_key hour_heavy_key(unsigned heavy);

/* What the account says of [from, to), seconds of Unix time. */
struct volume hour_all(const struct hour *hour, int64_t from, int64_t to);
struct volume hour_heavy(const struct hour *hour, unsigned heavy, int64_t from, int64_t to);

#endif
