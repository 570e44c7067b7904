#include "server/pool.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#define POOL_THREADS_MAX 8

struct pool {
        pthread_mutex_t lock;
        pthread_cond_t more;
        struct pool_job *head, **tail;
        unsigned queued, capacity;
        bool stopped;
        unsigned n_threads;
        pthread_t threads[POOL_THREADS_MAX];
};

/* Waits for a job; NULL once the pool has stopped and the queue is empty. */
static struct pool_job *take(struct pool *pool) {
        pthread_mutex_lock(&pool->lock);
        while (!pool->head && !pool->stopped)
                pthread_cond_wait(&pool->more, &pool->lock);
        struct pool_job *job = pool->head;
        if (job) {
                pool->head = job->next;
                if (!pool->head)
                        pool->tail = &pool->head;
                pool->queued--;
        }
        pthread_mutex_unlock(&pool->lock);
        return job;
}

static void *work(void *context) {
        for (struct pool_job *job; (job = take(context));)
                job->run(job);
        return NULL;
}

struct pool *pool_start(unsigned threads, unsigned capacity) {
        struct pool *pool = calloc(1, sizeof(*pool));
        if (!pool)
                return NULL;
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->more, NULL);
        pool->tail = &pool->head;
        pool->capacity = capacity;
        for (; pool->n_threads < threads && pool->n_threads < POOL_THREADS_MAX; pool->n_threads++)
                if (pthread_create(&pool->threads[pool->n_threads], NULL, work, pool)) {
                        pool_stop(pool);
                        pool_free(pool);
                        return NULL;
                }
        return pool;
}

static bool submit(struct pool *pool, struct pool_job *job, unsigned capacity, void (*prepare)(struct pool_job *job)) {
        pthread_mutex_lock(&pool->lock);
        bool room = !pool->stopped && pool->queued < capacity;
        if (room) {
                prepare(job);
                job->next = NULL;
                *pool->tail = job;
                pool->tail = &job->next;
                pool->queued++;
                pthread_cond_signal(&pool->more);
        }
        pthread_mutex_unlock(&pool->lock);
        return room;
}

bool pool_submit(struct pool *pool, struct pool_job *job, void (*prepare)(struct pool_job *job)) {
        return submit(pool, job, pool->capacity, prepare);
}

bool pool_go_on(struct pool *pool, struct pool_job *job, void (*prepare)(struct pool_job *job)) {
        return submit(pool, job, UINT_MAX, prepare);
}

void pool_stop(struct pool *pool) {
        if (!pool)
                return;
        pthread_mutex_lock(&pool->lock);
        pool->stopped = true;
        pthread_cond_broadcast(&pool->more);
        pthread_mutex_unlock(&pool->lock);
        for (; pool->n_threads; pool->n_threads--)
                pthread_join(pool->threads[pool->n_threads - 1], NULL);
}

void pool_free(struct pool *pool) {
        if (!pool)
                return;
        pthread_cond_destroy(&pool->more);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
}
