/* Between a worker and the rollup: three letters that go round. Internal to pipeline/.
 *
 *   worker ── full ──> rollup        a second that is closed
 *   worker <── empty ── rollup       the letter to fill next
 *
 * Each queue has one producer and one consumer, so neither side locks. */
#ifndef NETWATCH_PIPELINE_MAILBOX_H
#define NETWATCH_PIPELINE_MAILBOX_H

#include "base/queue.h"
#include "pipeline/pipeline.h"

#define MAILS 3u

struct mail {
        struct flow_batch *batch;
        struct history_worker figures; /* as of the end of the batch */
        uint64_t drops;                /* read since the last mail */
        unsigned era;                  /* of its seconds: how often the clock has jumped, see timeline.h */
        int64_t ahead_s;               /* what that era is, as struct timeline_era */
        int64_t step_ns;
        int64_t sleep_ns;
};

struct mailbox {
        struct queue full;
        struct queue empty;
        int filled_fd;         /* eventfd of the rollup, shared by all mailboxes */
        int emptied_fd;        /* eventfd of the worker; a file waits for it */
        _Atomic bool finished; /* the worker has sent its last mail */
        struct mail mails[MAILS];
};

#endif
