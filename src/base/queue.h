/* A bounded queue of pointers between exactly one producer and one consumer thread.
 *
 * Neither side ever waits or locks. `queue_push` is the producer's, `queue_pop` the
 * consumer's; each side may be handed from thread to thread only with a join or a
 * create in between. Capacity is fixed (QUEUE_SLOTS). */
#ifndef NETWATCH_BASE_QUEUE_H
#define NETWATCH_BASE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define QUEUE_SLOTS 8u

struct queue {
        _Atomic unsigned pushed; /* written by the producer only */
        _Atomic unsigned popped; /* written by the consumer only */
        void *slots[QUEUE_SLOTS];
};

/* Producer. False where the queue is full. */
static inline bool queue_push(struct queue *q, void *item) {
        unsigned pushed = atomic_load_explicit(&q->pushed, memory_order_relaxed);
        if (pushed - atomic_load_explicit(&q->popped, memory_order_acquire) == QUEUE_SLOTS)
                return false;
        q->slots[pushed % QUEUE_SLOTS] = item;
        atomic_store_explicit(&q->pushed, pushed + 1, memory_order_release);
        return true;
}

/* Consumer. NULL where the queue is empty. */
static inline void *queue_pop(struct queue *q) {
        unsigned popped = atomic_load_explicit(&q->popped, memory_order_relaxed);
        if (popped == atomic_load_explicit(&q->pushed, memory_order_acquire))
                return NULL;
        void *item = q->slots[popped % QUEUE_SLOTS];
        atomic_store_explicit(&q->popped, popped + 1, memory_order_release);
        return item;
}

/* Consumer: the item that queue_pop would return, left in place. */
static inline void *queue_peek(struct queue *q) {
        unsigned popped = atomic_load_explicit(&q->popped, memory_order_relaxed);
        if (popped == atomic_load_explicit(&q->pushed, memory_order_acquire))
                return NULL;
        return q->slots[popped % QUEUE_SLOTS];
}

#endif
