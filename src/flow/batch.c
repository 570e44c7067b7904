/* Delta batches: large, reused for ever, and resident only as far as a busy second filled them. */
#include <stdlib.h>

#include "base/memory.h"
#include "flow/flow.h"

size_t flow_batch_bytes(uint32_t capacity) {
        return (size_t)capacity * (sizeof(struct flow_delta) + sizeof(struct flow_key));
}

struct flow_batch *flow_batch_new(uint32_t capacity) {
        struct flow_batch *batch = calloc(1, sizeof(*batch));
        if (!batch)
                return NULL;
        batch->capacity = capacity;
        batch->deltas = memory_map((size_t)capacity * sizeof(struct flow_delta));
        batch->keys = memory_map((size_t)capacity * sizeof(struct flow_key));
        if (!batch->deltas || !batch->keys) {
                flow_batch_free(batch);
                return NULL;
        }
        return batch;
}

void flow_batch_free(struct flow_batch *batch) {
        if (!batch)
                return;
        memory_unmap(batch->deltas, (size_t)batch->capacity * sizeof(struct flow_delta));
        memory_unmap(batch->keys, (size_t)batch->capacity * sizeof(struct flow_key));
        free(batch);
}

struct volume classes_sum(const struct volume classes[PACKET_CLASSES]) {
        struct volume sum = {0};
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                volume_add(&sum, classes[i].packets, classes[i].bytes);
        return sum;
}

void classes_add(struct volume sum[PACKET_CLASSES], const struct volume more[PACKET_CLASSES]) {
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                volume_add(&sum[i], more[i].packets, more[i].bytes);
}

void tick_totals_add(struct tick_totals *sum, const struct tick_totals *more) {
        if (more->all.packets) {
                if (!sum->all.packets || more->first_ns < sum->first_ns)
                        sum->first_ns = more->first_ns;
                if (!sum->all.packets || more->last_ns > sum->last_ns)
                        sum->last_ns = more->last_ns;
        }
        volume_add(&sum->all, more->all.packets, more->all.bytes);
        classes_add(sum->by_class, more->by_class);
        classes_add(sum->in, more->in);
        classes_add(sum->out, more->out);
        volume_add(&sum->untracked, more->untracked.packets, more->untracked.bytes);
        volume_add(&sum->nonflow, more->nonflow.packets, more->nonflow.bytes);
        sum->frames += more->frames;
        sum->late += more->late;
        for (unsigned i = 0; i < PACKET_VERDICTS; i++)
                sum->verdicts[i] += more->verdicts[i];
}
