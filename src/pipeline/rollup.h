/* The rollup. Internal to pipeline/. */
#ifndef NETWATCH_PIPELINE_ROLLUP_H
#define NETWATCH_PIPELINE_ROLLUP_H

#include <pthread.h>

#include "pipeline/worker.h"

struct rollup {
        /* given */
        struct history *history;
        struct worker *workers;
        unsigned n_workers;
        struct history_flow **flows; /* per worker: slot → flow of the directory */
        int filled_fd;               /* written with every mail and when a worker ends */
        int done_fd;                 /* written once all workers have ended; -1: nobody asks */
        pthread_t thread;
        bool is_running;

        /* the rollup thread's own */
        int64_t first_mail_boot_ns; /* when the first mail of the tick in waiting came; 0: none */
        bool is_dropping;           /* the last tick had drops */
        int64_t last_second;        /* of the last tick; INT64_MIN before the first */
        int64_t covered;            /* up to and with this second the ticks go; as a rule, the same */
        unsigned era;               /* of the last tick, and its wall time less its number: see mailbox.h */
        int64_t ahead_s;
};

/* The thread; `context` is its struct. Runs until every worker has finished and its mails are in the history. */
void *rollup_run(void *context);

#endif
