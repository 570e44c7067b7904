/* A long look at the flows of a range that takes turns with the ticks. Internal to history/.
 *
 * The flows are judged under one lock. From then on only their keys are read, which stay as they are, so that they can
 * be grouped in turns with the ticks. A flow may leave the directory meanwhile, and its key with it: then all is done
 * again, and in the end without turns. */
#ifndef NETWATCH_HISTORY_TURNS_H
#define NETWATCH_HISTORY_TURNS_H

#include "history/store.h"

#define TURN_FLOWS 4096u  /* some milliseconds */
#define TURNS_FROM 50000u /* flows: fewer are looked at in one go */

struct turns {
        struct history *history;
        bool gives_way;   /* else the lock is held all along */
        uint64_t last_id; /* as of the judging */
};

/* What is to be done; each returns 0 or -errno, but for the last. */
struct turns_work {
        int (*judge)(void *context);   /* under the lock */
        int (*group)(void *context);   /* between turns_begin and turns_end; -EAGAIN: it has lost a flow */
        void (*forget)(void *context); /* back to before the judging */
};

/* 0 or what the work returned. */
int turns_take(struct turns *turns, bool may_give_way, const struct turns_work *work, void *context);

static inline void turns_begin(const struct turns *turns) {
        if (turns->gives_way)
                pthread_rwlock_rdlock(&turns->history->lock);
}

static inline void turns_end(const struct turns *turns) {
        if (turns->gives_way)
                pthread_rwlock_unlock(&turns->history->lock);
}

/* Before flow `i`, between begin and end: true where the query is wanted no more. */
static inline bool turns_next(const struct turns *turns, const struct work *work, size_t i) {
        if (!turns->gives_way || i % TURN_FLOWS)
                return work_is_cancelled(work, i);
        turns_end(turns);
        bool is_cancelled = work_is_cancelled(work, 0);
        turns_begin(turns);
        return is_cancelled;
}

/* Whether this is not the flow any more that was judged. */
static inline bool turns_has_lost(const struct turns *turns, const struct entry *entry) {
        return entry->state == ENTRY_FREE || entry->id > turns->last_id;
}

#endif
