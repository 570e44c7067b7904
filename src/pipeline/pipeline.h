/* pipeline: the threads between capture and history.
 *
 *   worker (one per source): source → decode → flow table → delta batch
 *   rollup (one): mailboxes → one tick → history
 *
 * Workers never wait for the rollup when their source is live: if no batch is free, the
 * open one goes on and that tick says `merged`. Over a file they wait, and lose nothing. */
#ifndef NETWATCH_PIPELINE_PIPELINE_H
#define NETWATCH_PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "capture/capture.h"
#include "flow/flow.h"
#include "history/history.h"

#define PIPELINE_WORKERS_MAX 64

struct pipeline;

struct pipeline_source {
        struct capture *capture; /* taken: closed by pipeline_free */
        uint8_t iface;           /* index that its flows bear */
        uint64_t ring_bytes;     /* for the statistics */
};

struct pipeline_options {
        const struct pipeline_source *sources;
        unsigned n_sources; /* 1..PIPELINE_WORKERS_MAX */
        struct history *history;
        const struct local_nets *local_nets; /* count 0: direction as the source says */
        uint32_t max_flows;                  /* per worker */
        int64_t ttl_ms[PACKET_CLASSES];
        uint64_t seed;
        const struct clock_source *clock; /* NULL: the machine's */
        int done_fd;                      /* eventfd that is written once when all sources have ended; -1: none */
};

/* Allocates everything, starts no thread. 0 or -errno. On failure the sources stay the caller's. */
int pipeline_new(const struct pipeline_options *options, struct pipeline **ret, struct error *error);

/* Starts rollup and workers. */
int pipeline_start(struct pipeline *pipeline, struct error *error);

/* Asks the workers to stop, waits until what they hold is in the history, joins all threads.
 * Idempotent. */
void pipeline_stop(struct pipeline *pipeline);
void pipeline_free(struct pipeline *pipeline);

/* Now, on the clock of ticks (that of their start_ns) and, as of the same moment, by the wall clock. The thread that
 * owns the pipeline. */
int64_t pipeline_now_ns(struct pipeline *pipeline, int64_t *ret_wall_ns);

/* Why a source ended before it was asked to: 0, or the -errno of the first that failed. After pipeline_stop or done_fd.
 */
int pipeline_failed(const struct pipeline *pipeline);

/* Bytes of batches and tables for a worker with so many flows. */
uint64_t pipeline_bytes(uint32_t max_flows);

#endif
