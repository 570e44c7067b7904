#include "history/turns.h"

#include <errno.h>

#define ATTEMPTS 2u

static int attempt(struct turns *turns, bool gives_way, const struct turns_work *work, void *context) {
        pthread_rwlock_t *lock = &turns->history->lock;
        pthread_rwlock_rdlock(lock);
        turns->gives_way = gives_way;
        turns->last_id = turns->history->directory.last_id;
        int r = work->judge(context);
        if (r == 0 && !gives_way)
                r = work->group(context);
        pthread_rwlock_unlock(lock);
        return r == 0 && gives_way ? work->group(context) : r;
}

int turns_take(struct turns *turns, bool may_give_way, const struct turns_work *work, void *context) {
        for (unsigned i = 0; may_give_way && i < ATTEMPTS; i++) {
                int r = attempt(turns, true, work, context);
                if (r != -EAGAIN)
                        return r;
                work->forget(context);
        }
        return attempt(turns, false, work, context);
}
