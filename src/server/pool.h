/* The query threads: few, behind a bounded queue, so that no query ever runs on an event loop. */
#ifndef NETWATCH_SERVER_POOL_H
#define NETWATCH_SERVER_POOL_H

#include <stdbool.h>

struct pool;

/* Embedded in what is to be done. */
struct pool_job {
        struct pool_job *next;
        void (*run)(struct pool_job *job); /* on a query thread */
};

/* Starts the threads. NULL where there is no memory or no thread to be had. */
struct pool *pool_start(unsigned threads, unsigned capacity);

/* Queues a job. Where there is room, `prepare` is called before any thread can see it.
 * False where the queue is full or stopped; then nothing was called. */
bool pool_submit(struct pool *pool, struct pool_job *job, void (*prepare)(struct pool_job *job));

/* As pool_submit, for a job that goes on with what was let in before: it finds room always. False after pool_stop. */
bool pool_go_on(struct pool *pool, struct pool_job *job, void (*prepare)(struct pool_job *job));

/* Lets the threads run what is queued, then joins them; from then on nothing can be submitted. NULL is fine. */
void pool_stop(struct pool *pool);

/* Once nobody can call pool_submit any more. NULL is fine. */
void pool_free(struct pool *pool);

#endif
