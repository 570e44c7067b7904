/* A query at work: who may end it, and the memory that it takes. Internal to history/. */
#ifndef NETWATCH_HISTORY_WORK_H
#define NETWATCH_HISTORY_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct history;

/* It asks whether it is still wanted once in so many flows: some milliseconds with the longest of filters. */
#define WORK_POLL_EVERY 16384u

/* What all queries at work may take together. */
struct work_memory {
        size_t max;
        _Atomic size_t left;
};

void work_memory_init(struct work_memory *memory, size_t max);

struct work {
        bool (*cancelled)(void *context); /* may be NULL */
        void *context;
        struct work_memory *memory;
        size_t taken; /* of it */
};

struct work work_begin(struct history *history, bool (*cancelled)(void *), void *context);

/* Gives back all that was taken. */
void work_end(struct work *work);

/* To be called before the memory is allocated: 0, -EBUSY where others have taken what is missing, or -E2BIG where this
 * query alone would take more than there is. */
int work_take(struct work *work, size_t bytes);
void work_give(struct work *work, size_t bytes);

/* Before flow `i` of many; any query, any thread. */
static inline bool work_is_cancelled(const struct work *work, size_t i) {
        return i % WORK_POLL_EVERY == 0 && work->cancelled && work->cancelled(work->context);
}

#endif
