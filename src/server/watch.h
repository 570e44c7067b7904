/* Whether a query is still wanted: the server goes on, its client is there, and its time is not up. */
#ifndef NETWATCH_SERVER_WATCH_H
#define NETWATCH_SERVER_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/reply.h"

/* A query at work may take so long. */
#define WATCH_LIMIT_S 10

enum watch_end {
        WATCH_GOES_ON,
        WATCH_SERVER_STOPS,
        WATCH_CLIENT_LEFT,
        WATCH_TIME_IS_UP,
};

struct watch {
        const _Atomic bool *stopping;
        int fd;             /* of the client; -1: not looked at */
        int64_t begun_ns;   /* CLOCK_BOOTTIME */
        int64_t limit_ns;   /* WATCH_LIMIT_S, unless a test sets another */
        enum watch_end end; /* what watch_has_ended has found; stays */
};

/* Begins now. `stopping` outlives the watch. */
struct watch watch_begin(const _Atomic bool *stopping, int fd);

/* For the query to poll: `context` is a struct watch. A system call, so not for every row. */
bool watch_has_ended(void *context);

/* The problem that says why a query ended before its answer. */
void watch_problem(const struct watch *watch, struct problem *problem);

#endif
