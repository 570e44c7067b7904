/* Rings take what was asked for (at most a quarter, the options see to that), the server a
 * sixteenth, the flow tables up to a quarter, and the history all the rest. A report needs
 * neither ring nor server: half is for the tables then. Nothing of it is
 * touched before it is used, so a quiet host pays for what it sees. */
#include "budget.h"

#include <errno.h>

#include "history/history.h"
#include "pipeline/pipeline.h"

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

int budget_divide(const struct options *options, bool ring, struct budget *ret, struct error *error) {
        struct budget budget = {
                .memory_bytes = options->memory_bytes,
                .ring_bytes = ring ? options->ring_bytes : 0,
                .server_bytes = ring ? options->memory_bytes / 16 : 0,
        };
        uint64_t share = ring ? options->memory_bytes / 4 : options->memory_bytes / 2;
        budget.max_flows = options->max_flows ? options->max_flows : flows_within(share);
        budget.table_bytes = pipeline_bytes(budget.max_flows);

        struct history_options history = {.retention_s = options->retention_s};
        uint64_t taken = budget.ring_bytes + budget.server_bytes + budget.table_bytes;
        if (taken < budget.memory_bytes)
                budget.directory_flows = directory_within(&history, budget.memory_bytes - taken);
        if (budget.directory_flows < budget.max_flows)
                return error_set(
                        error, -EINVAL,
                        "--memory=%llu is too little for %u flows over %u s: raise it, or lower --max-flows or "
                        "--retention",
                        (unsigned long long)options->memory_bytes, budget.max_flows, options->retention_s);
        history.max_flows = budget.directory_flows;
        budget.history_bytes = history_bytes(&history);
        *ret = budget;
        return 0;
}
