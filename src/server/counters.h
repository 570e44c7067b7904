/* Seconds → the points and gaps of /api/counters. Pure; any thread. */
#ifndef NETWATCH_SERVER_COUNTERS_H
#define NETWATCH_SERVER_COUNTERS_H

#include <stddef.h>

#include "history/history.h"

/* Any number of seconds in one: sums, and the extremes of the single seconds. */
struct counters_point {
        int64_t second; /* where the point begins */
        uint64_t span_ms;
        bool partial; /* not every second of it was captured in full */
        struct volume all, untracked, nonflow;
        struct volume by_class[PACKET_CLASSES], in[PACKET_CLASSES], out[PACKET_CLASSES];
        uint64_t drops, new_flows, active_flows;
        uint64_t min_bps, peak_bps, min_pps, peak_pps;
};

/* Sums up the leading rows that belong to [start, start + step_s); returns how many they were. */
size_t counters_sum(const struct history_counters *rows, size_t n, int64_t start, int64_t step_s,
                    struct counters_point *ret);

/* What is known of the time around the seconds that are held. */
struct counters_bounds {
        int64_t started;   /* the capture began */
        int64_t held_from; /* the seconds that are held: [held_from, held_to) */
        int64_t held_to;
};

struct counters_gap {
        int64_t from, to; /* Unix time, s */
        const char *reason;
};

/* Why nothing is known of `from`, and up to where (at most `to`) that holds. */
struct counters_gap counters_gap_at(const struct counters_bounds *bounds, int64_t from, int64_t to);

/* The first second after a row; one that merges several covers them all. */
int64_t counters_row_end(const struct history_counters *row);

#endif
