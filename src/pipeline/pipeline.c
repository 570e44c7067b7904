/* Building, starting and stopping the threads of the pipeline. */
#include "pipeline/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "pipeline/rollup.h"

struct pipeline {
        struct local_nets local_nets;
        struct worker *workers;
        unsigned n_workers;
        uint32_t max_flows;
        struct rollup rollup;
        struct timeline timeline;
        struct timeline_view view; /* of the thread that owns the pipeline */
        bool sources_taken;
};

static size_t slot_map_bytes(uint32_t max_flows) {
        return (size_t)flow_table_slots(max_flows) * sizeof(struct history_flow);
}

uint64_t pipeline_bytes(uint32_t max_flows) {
        return flow_table_bytes(max_flows) + MAILS * flow_batch_bytes(max_flows) + slot_map_bytes(max_flows);
}

static int new_worker(struct pipeline *pipeline, unsigned w, const struct pipeline_options *options) {
        struct worker *worker = &pipeline->workers[w];
        worker->capture = options->sources[w].capture;
        worker->iface = options->sources[w].iface;
        worker->ring_bytes = options->sources[w].ring_bytes;
        worker->local_nets = &pipeline->local_nets;
        worker->max_flows = options->max_flows;
        timeline_view_init(&worker->time, &pipeline->timeline);
        worker->mailbox.filled_fd = pipeline->rollup.filled_fd;
        worker->mailbox.emptied_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->mailbox.emptied_fd < 0)
                return -errno;

        struct flow_table_options table = {
                .max_flows = options->max_flows, .seed = options->seed, .iface = worker->iface};
        memcpy(table.ttl_ms, options->ttl_ms, sizeof(table.ttl_ms));
        worker->table = flow_table_new(&table);
        if (!worker->table)
                return -ENOMEM;
        for (unsigned i = 0; i < MAILS; i++) {
                struct mail *mail = &worker->mailbox.mails[i];
                mail->batch = flow_batch_new(options->max_flows);
                if (!mail->batch)
                        return -ENOMEM;
                (void)queue_push(&worker->mailbox.empty, mail);
        }
        pipeline->rollup.flows[w] = memory_map(slot_map_bytes(options->max_flows));
        return pipeline->rollup.flows[w] ? 0 : -ENOMEM;
}

int pipeline_new(const struct pipeline_options *options, struct pipeline **ret, struct error *error) {
        struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
        if (!pipeline)
                return error_set(error, -ENOMEM, "out of memory");
        pipeline->local_nets = *options->local_nets;
        pipeline->max_flows = options->max_flows;
        timeline_init(&pipeline->timeline, options->clock ? options->clock : &clock_system);
        timeline_view_init(&pipeline->view, &pipeline->timeline);
        pipeline->workers = calloc(options->n_sources, sizeof(*pipeline->workers));
        pipeline->n_workers = pipeline->workers ? options->n_sources : 0;
        pipeline->rollup = (struct rollup){
                .history = options->history,
                .workers = pipeline->workers,
                .n_workers = options->n_sources,
                .flows = calloc(options->n_sources, sizeof(struct history_flow *)),
                .filled_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                .done_fd = options->done_fd,
        };

        int r = pipeline->workers && pipeline->rollup.flows ? 0 : -ENOMEM;
        if (r == 0 && pipeline->rollup.filled_fd < 0)
                r = -errno;
        for (unsigned w = 0; r == 0 && w < options->n_sources; w++)
                r = new_worker(pipeline, w, options);
        if (r < 0) {
                pipeline_free(pipeline);
                return error_set(error, r, "cannot set up %u flows per worker: %s", options->max_flows, strerror(-r));
        }
        pipeline->sources_taken = true;
        *ret = pipeline;
        return 0;
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *context, const char *name) {
        int r = pthread_create(thread, NULL, run, context);
        if (r == 0)
                (void)pthread_setname_np(*thread, name);
        return -r;
}

int pipeline_start(struct pipeline *pipeline, struct error *error) {
        int r = start_thread(&pipeline->rollup.thread, rollup_run, &pipeline->rollup, "rollup");
        pipeline->rollup.is_running = r == 0;
        for (unsigned w = 0; r == 0 && w < pipeline->n_workers; w++) {
                struct worker *worker = &pipeline->workers[w];
                char name[16];
                (void)snprintf(name, sizeof(name), "capture-%u", w % 1000);
                r = start_thread(&worker->thread, worker_run, worker, name);
                worker->is_running = r == 0;
        }
        if (r < 0) {
                pipeline_stop(pipeline);
                return error_set(error, r, "cannot start a thread: %s", strerror(-r));
        }
        return 0;
}

void pipeline_stop(struct pipeline *pipeline) {
        if (!pipeline)
                return;
        for (unsigned w = 0; w < pipeline->n_workers; w++) {
                struct worker *worker = &pipeline->workers[w];
                if (!worker->is_running) {
                        /* one that never ran has nothing more to send */
                        atomic_store_explicit(&worker->mailbox.finished, true, memory_order_release);
                        continue;
                }
                atomic_store_explicit(&worker->stop, true, memory_order_relaxed);
                capture_wake(worker->capture);
        }
        for (unsigned w = 0; w < pipeline->n_workers; w++)
                if (pipeline->workers[w].is_running) {
                        pthread_join(pipeline->workers[w].thread, NULL);
                        pipeline->workers[w].is_running = false;
                }
        if (pipeline->rollup.is_running) {
                (void)eventfd_write(pipeline->rollup.filled_fd, 1);
                pthread_join(pipeline->rollup.thread, NULL);
                pipeline->rollup.is_running = false;
        }
}

static void *close_source(void *context) {
        capture_close(((struct worker *)context)->capture);
        return NULL;
}

/* All at once: the kernel takes some 30 ms to let go of a ring, which adds up to seconds where there are many. */
static void close_sources(struct pipeline *pipeline) {
        for (unsigned w = 0; w < pipeline->n_workers; w++) {
                struct worker *worker = &pipeline->workers[w];
                worker->is_running = start_thread(&worker->thread, close_source, worker, "close") == 0;
                if (!worker->is_running)
                        (void)close_source(worker);
        }
        for (unsigned w = 0; w < pipeline->n_workers; w++)
                if (pipeline->workers[w].is_running)
                        pthread_join(pipeline->workers[w].thread, NULL);
}

static void free_worker(struct pipeline *pipeline, unsigned w) {
        struct worker *worker = &pipeline->workers[w];
        flow_table_free(worker->table);
        for (unsigned i = 0; i < MAILS; i++)
                flow_batch_free(worker->mailbox.mails[i].batch);
        if (worker->mailbox.emptied_fd > 0)
                close(worker->mailbox.emptied_fd);
        if (pipeline->rollup.flows)
                memory_unmap(pipeline->rollup.flows[w], slot_map_bytes(pipeline->max_flows));
}

void pipeline_free(struct pipeline *pipeline) {
        if (!pipeline)
                return;
        pipeline_stop(pipeline);
        if (pipeline->sources_taken)
                close_sources(pipeline);
        for (unsigned w = 0; w < pipeline->n_workers; w++)
                free_worker(pipeline, w);
        if (pipeline->rollup.filled_fd >= 0)
                close(pipeline->rollup.filled_fd);
        free(pipeline->rollup.flows);
        free(pipeline->workers);
        timeline_fini(&pipeline->timeline);
        free(pipeline);
}

int64_t pipeline_now_ns(struct pipeline *pipeline, int64_t *ret_wall_ns) {
        int64_t line_ns;
        (void)timeline_look(&pipeline->view, &line_ns);
        *ret_wall_ns = line_ns + pipeline->view.era.ahead_s * NS_PER_S;
        return line_ns;
}

int pipeline_failed(const struct pipeline *pipeline) {
        for (unsigned w = 0; w < pipeline->n_workers; w++)
                if (pipeline->workers[w].failed)
                        return pipeline->workers[w].failed;
        return 0;
}
