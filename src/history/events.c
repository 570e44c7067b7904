/* Events come from any thread and are rare: a ring under a mutex. */
#include "history/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/line.h"

int events_init(struct events *events) {
        pthread_mutex_init(&events->lock, NULL);
        events->last_id = 0;
        events->ring = calloc(EVENTS_KEPT, sizeof(*events->ring));
        return events->ring ? 0 : -ENOMEM;
}

void events_fini(struct events *events) {
        free(events->ring);
        pthread_mutex_destroy(&events->lock);
}

void events_add(struct events *events, int64_t ts_ms, const char *event, const char *detail) {
        pthread_mutex_lock(&events->lock);
        uint64_t id = ++events->last_id;
        struct history_event *at = &events->ring[id % EVENTS_KEPT];
        *at = (struct history_event){.id = id, .ts_ms = ts_ms};
        (void)snprintf(at->event, sizeof(at->event), "%s", event);
        (void)snprintf(at->detail, sizeof(at->detail), "%s", detail);
        line_mend_utf8(at->detail);
        pthread_mutex_unlock(&events->lock);
}

size_t events_read(struct events *events, uint64_t after_id, int64_t from_ms, int64_t to_ms, struct history_event *ret,
                   size_t max) {
        size_t n = 0;
        pthread_mutex_lock(&events->lock);
        uint64_t oldest = events->last_id > EVENTS_KEPT ? events->last_id - EVENTS_KEPT + 1 : 1;
        for (uint64_t id = after_id + 1 > oldest ? after_id + 1 : oldest; id <= events->last_id && n < max; id++) {
                const struct history_event *event = &events->ring[id % EVENTS_KEPT];
                if (event->ts_ms >= from_ms && event->ts_ms < to_ms)
                        ret[n++] = *event;
        }
        pthread_mutex_unlock(&events->lock);
        return n;
}
