/* The memory of queries is a stock from which each takes what it needs when it needs it, and waits for nothing: so one
 * that is large goes through while there are few, and many never take more than the stock. */
#include "history/work.h"

#include <errno.h>

#include "history/store.h"

void work_memory_init(struct work_memory *memory, size_t max) {
        memory->max = max;
        atomic_init(&memory->left, max);
}

struct work work_begin(struct history *history, bool (*cancelled)(void *), void *context) {
        return (struct work){.cancelled = cancelled, .context = context, .memory = &history->work_memory};
}

int work_take(struct work *work, size_t bytes) {
        struct work_memory *memory = work->memory;
        size_t left = atomic_load(&memory->left);
        if (bytes > memory->max - work->taken)
                return -E2BIG;
        do
                if (bytes > left)
                        return -EBUSY;
        while (!atomic_compare_exchange_weak(&memory->left, &left, left - bytes));
        work->taken += bytes;
        return 0;
}

void work_give(struct work *work, size_t bytes) {
        work->taken -= bytes;
        atomic_fetch_add(&work->memory->left, bytes);
}

void work_end(struct work *work) {
        work_give(work, work->taken);
}
