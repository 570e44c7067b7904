/* How --memory is divided. */
#ifndef NETWATCH_BUDGET_H
#define NETWATCH_BUDGET_H

#include "base/error.h"
#include "options.h"

struct budget {
        uint64_t memory_bytes;
        uint64_t ring_bytes;      /* of each ring */
        uint64_t table_bytes;     /* flow tables and delta batches of all workers */
        uint64_t segment_bytes;   /* of it, for what each flow did in each second */
        uint64_t history_bytes;   /* counters and flow directory */
        uint64_t query_bytes;     /* what all queries at work may take */
        uint64_t server_bytes;    /* pinned results, exports, answers that wait to be read */
        uint32_t max_flows;       /* live flows of each worker */
        uint32_t directory_flows; /* live and ended */
};

/* Divides the budget of the options among `rings` interfaces with a ring and a worker each; 0: a file,
 * which has one worker and no ring; a report of it has no server either. 0 or -EINVAL with a line that says what would
 * have to change. */
int budget_divide(const struct options *options, unsigned rings, struct budget *ret, struct error *error);

#endif
