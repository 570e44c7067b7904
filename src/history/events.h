/* What happened, newest 4,096. Internal to history/; has a lock of its own. */
#ifndef NETWATCH_HISTORY_EVENTS_H
#define NETWATCH_HISTORY_EVENTS_H

#include <pthread.h>

#include "history/history.h"

#define EVENTS_KEPT 4096u

struct events {
        pthread_mutex_t lock;
        uint64_t last_id;
        struct history_event *ring; /* id n at n modulo EVENTS_KEPT */
};

int events_init(struct events *events);
void events_fini(struct events *events);
void events_add(struct events *events, int64_t ts_ms, const char *event, const char *detail);
size_t events_read(struct events *events, uint64_t after_id, int64_t from_ms, int64_t to_ms, struct history_event *ret,
                   size_t max);

#endif
