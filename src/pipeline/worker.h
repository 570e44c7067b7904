/* One capture worker. Internal to pipeline/. */
#ifndef NETWATCH_PIPELINE_WORKER_H
#define NETWATCH_PIPELINE_WORKER_H

#include <pthread.h>

#include "pipeline/mailbox.h"
#include "pipeline/timeline.h"

struct worker {
        /* given */
        struct capture *capture;
        struct flow_table *table;
        struct mailbox mailbox;
        const struct local_nets *local_nets;
        uint8_t iface;
        uint64_t ring_bytes;
        uint32_t max_flows;
        _Atomic bool stop;
        pthread_t thread;
        bool is_running;
        int failed; /* 0 or -errno; valid once finished */

        /* the worker thread's own */
        struct mail *open;    /* the second that packets go to */
        struct mail *closing; /* the one before, until its last deltas are out; or NULL */
        struct timeline_view time;
        int64_t now_ns;     /* line time: the clock's, or of the newest frame of a file */
        int64_t preview_ns; /* when to show the first, partial second early; INT64_MAX: no more */
        struct capture_counts counts;
        uint64_t frames;
        struct volume seen;
        uint64_t late;
        uint64_t longest_pause_us;
        uint64_t n_read;    /* live: frames that came out of the source, */
        uint64_t n_entered; /* and that had entered it by `entered_ns`, line time */
        int64_t entered_ns;
        unsigned holds;      /* how often those were waited for */
        uint32_t sweep_left; /* slots still to be looked at in this second */
};

/* The thread; `context` is its struct. Runs until the source ends, fails, or `stop` is set and the source woken. */
void *worker_run(void *context);

#endif
