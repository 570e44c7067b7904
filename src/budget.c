/* Rings take what was asked for (at most a quarter, the options see to that), the server a
 * sixteenth, its queries another one, the flow tables up to a quarter, and the history all the rest. Several interfaces
 * have equal parts of rings and tables. Of the history's part nine twentieths are for what each flow did in each
 * second, the rest for the flows themselves. A file needs no ring, a report of it no server either: half is for the
 * table then. Nothing of it is
 * touched before it is used, so a quiet host pays for what it sees. */
#include "budget.h"

#include <errno.h>

#include "history/history.h"
#include "pipeline/pipeline.h"

#define RING_BYTES_MIN (512u << 10)

/* The largest power of two of flows whose tables stay below `bytes`. */
static uint32_t flows_within(uint64_t bytes) {
        uint32_t flows = 1024;
        while (flows < 1u << 26 && pipeline_bytes(flows * 2) <= bytes)
                flows *= 2;
        return flows;
}

/* As many directory entries as fit. The chains grow in powers of two, hence the search. */
static uint32_t directory_within(struct history_options *options, uint64_t bytes) {
        uint32_t flows = 0;
        for (uint32_t step = 1u << 30; step; step /= 2) {
                options->max_flows = flows + step;
                if (history_bytes(options) <= bytes)
                        flows += step;
        }
        return flows;
}

int budget_divide(const struct options *options, unsigned rings, struct budget *ret, struct error *error) {
        unsigned workers = rings ? rings : 1;
        bool serves = options->report == REPORT_NONE;
        struct budget budget = {
                .memory_bytes = options->memory_bytes,
                .ring_bytes = rings ? options->ring_bytes / rings : 0,
                .query_bytes = serves ? options->memory_bytes / 16 : 0,
                .server_bytes = serves ? options->memory_bytes / 16 : 0,
        };
        uint64_t share = serves ? options->memory_bytes / 4 : options->memory_bytes / 2;
        budget.max_flows =
                options->max_flows ? (options->max_flows + workers - 1) / workers : flows_within(share / workers);
        budget.table_bytes = pipeline_bytes(budget.max_flows) * workers;
        if (rings && budget.ring_bytes < RING_BYTES_MIN)
                return error_set(error, -EINVAL, "--ring=%llu is too little for %u interfaces; give %uK for each",
                                 (unsigned long long)options->ring_bytes, rings, RING_BYTES_MIN >> 10);

        struct history_options history = {.retention_s = options->retention_s};
        uint64_t taken = budget.ring_bytes * rings + budget.query_bytes + budget.server_bytes + budget.table_bytes;
        if (taken < budget.memory_bytes) {
                uint64_t left = budget.memory_bytes - taken;
                history.segment_bytes = budget.segment_bytes = serves ? left / 20 * 9 : 0;
                budget.directory_flows = directory_within(&history, left);
        }
        if (budget.directory_flows < budget.max_flows * (uint64_t)workers)
                return error_set(
                        error, -EINVAL,
                        "--memory=%llu is too little for %u flows over %u s: raise it, or lower --max-flows or "
                        "--retention",
                        (unsigned long long)options->memory_bytes, budget.max_flows * workers, options->retention_s);
        history.max_flows = budget.directory_flows;
        budget.history_bytes = history_bytes(&history);
        *ret = budget;
        return 0;
}
