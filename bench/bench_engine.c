/* What a packet costs: traces replayed from memory, CPU time per packet.
 *
 *   engine    decode, flow table, deltas, one thread, as a worker does it; the deltas go nowhere
 *   pipeline  the real worker and rollup threads into a history; CPU time of both
 *
 * Each figure is the median of five runs after one to warm up. Every run begins with an empty
 * table, so the page faults of its growth are in the figure. The sums of a run are checked:
 * a fast engine that loses packets is no engine.
 *
 *   bench_engine [--packets=N] [--trace=NAME] [--write-pcap=FILE] */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "flow/flow.h"
#include "history/history.h"
#include "memory_source.h"
#include "pipeline/pipeline.h"
#include "trace.h"

#define RUNS 5
#define BATCHES 3u
#define MIN_FLOWS 65536u
#define CLOSE_BUDGET 512u
#define SWEEP_BUDGET 8u
#define SEED 0x6e65747761746368

/* What one run found. */
struct outcome {
        double ns_per_packet;
        uint64_t packets;
        uint64_t untracked;
};

static void die(const char *what) {
        (void)fprintf(stderr, "bench_engine: %s\n", what);
        exit(1);
}

/* Room for every flow of the trace, the table half full at most. */
static uint32_t max_flows_for(const struct trace *trace) {
        uint32_t flows = MIN_FLOWS;
        while (flows < trace->flows)
                flows *= 2;
        return flows;
}

static void set_ttls(int64_t ttl_ms[PACKET_CLASSES]) {
        ttl_ms[PACKET_CLASS_TCP] = 120 * MS_PER_S;
        ttl_ms[PACKET_CLASS_UDP] = ttl_ms[PACKET_CLASS_OTHER] = 30 * MS_PER_S;
        ttl_ms[PACKET_CLASS_ICMP] = 10 * MS_PER_S;
}

/* ---- the engine alone ---------------------------------------------------------------- */

/* One worker's state, with its batches in a circle. */
struct engine {
        struct flow_table *table;
        struct flow_batch *batches[BATCHES];
        unsigned next_batch;
        int64_t second;
        struct outcome sums;
};

static void take_totals(struct engine *engine, struct flow_batch *batch) {
        engine->sums.packets += batch->totals.all.packets;
        engine->sums.untracked += batch->totals.untracked.packets;
        batch->totals = (struct tick_totals){0};
        batch->n_deltas = batch->n_keys = batch->reserved = 0;
}

static void begin_second(struct engine *engine, int64_t second) {
        while (!flow_table_close(engine->table, UINT32_MAX))
                ;
        struct flow_batch *batch = engine->batches[engine->next_batch++ % BATCHES];
        take_totals(engine, batch);
        batch->second = batch->last_second = second;
        batch->start_ns = second * NS_PER_S;
        batch->end_ns = batch->start_ns + NS_PER_S;
        flow_table_open(engine->table, batch);
        engine->second = second;
}

static void add_burst(struct engine *engine, const struct packet *packets, unsigned n) {
        flow_table_add(engine->table, FLOW_SECOND_OPEN, packets, n);
        (void)flow_table_close(engine->table, CLOSE_BUDGET);
        flow_table_sweep(engine->table, packets[n - 1].time_ns, SWEEP_BUDGET);
}

static void replay(struct engine *engine, const struct trace *trace) {
        struct trace_position position = {0};
        struct frame frames[FLOW_TABLE_BURST];
        struct packet packets[FLOW_TABLE_BURST];
        unsigned n_frames;
        while ((n_frames = trace_read(trace, &position, frames, FLOW_TABLE_BURST))) {
                unsigned n = 0;
                for (unsigned i = 0; i < n_frames; i++) {
                        int64_t second = frames[i].time_ns / NS_PER_S;
                        if (second != engine->second) {
                                if (n)
                                        add_burst(engine, packets, n);
                                n = 0;
                                begin_second(engine, second);
                        }
                        packet_decode(&frames[i], &packets[n++]);
                }
                add_burst(engine, packets, n);
        }
        while (!flow_table_close(engine->table, UINT32_MAX))
                ;
        flow_table_finish(engine->table);
        while (!flow_table_close(engine->table, UINT32_MAX))
                ;
}

static struct outcome run_engine(const struct trace *trace) {
        struct flow_table_options options = {.max_flows = max_flows_for(trace), .seed = SEED};
        set_ttls(options.ttl_ms);
        struct engine engine = {.table = flow_table_new(&options), .second = INT64_MIN};
        for (unsigned i = 0; i < BATCHES; i++)
                engine.batches[i] = flow_batch_new(options.max_flows);
        if (!engine.table || !engine.batches[0] || !engine.batches[1] || !engine.batches[2])
                die("out of memory");

        int64_t begun_ns = clock_cpu_ns();
        replay(&engine, trace);
        int64_t spent_ns = clock_cpu_ns() - begun_ns;

        for (unsigned i = 0; i < BATCHES; i++) {
                take_totals(&engine, engine.batches[i]);
                flow_batch_free(engine.batches[i]);
        }
        flow_table_free(engine.table);
        engine.sums.ns_per_packet = (double)spent_ns / (double)trace->packets;
        return engine.sums;
}

/* ---- the whole pipeline -------------------------------------------------------------- */

static struct history *open_history(uint32_t max_flows) {
        struct history_options options = {
                .retention_s = 3600, .gaps_are_zero = true, .max_flows = max_flows, .seed = SEED, .workers = 1};
        set_ttls(options.ttl_ms);
        return history_new(&options);
}

static void await_end(int done_fd) {
        struct pollfd done = {.fd = done_fd, .events = POLLIN};
        while (poll(&done, 1, -1) != 1)
                ;
}

static struct outcome run_pipeline(const struct trace *trace) {
        uint32_t max_flows = max_flows_for(trace);
        struct history *history = open_history(max_flows);
        struct pipeline_source source = {.capture = memory_source_new(trace)};
        struct pipeline_options options = {
                .sources = &source,
                .n_sources = 1,
                .history = history,
                .local_nets = &(struct local_nets){0},
                .max_flows = max_flows,
                .seed = SEED,
                .done_fd = eventfd(0, EFD_CLOEXEC),
        };
        set_ttls(options.ttl_ms);
        struct pipeline *pipeline;
        struct error error;
        if (!history || !source.capture || options.done_fd < 0)
                die("out of memory");
        if (pipeline_new(&options, &pipeline, &error) < 0)
                die(error.text);

        int64_t begun_ns = clock_cpu_ns();
        if (pipeline_start(pipeline, &error) < 0)
                die(error.text);
        await_end(options.done_fd);
        pipeline_stop(pipeline);
        int64_t spent_ns = clock_cpu_ns() - begun_ns;

        struct history_totals totals;
        history_read_totals(history, &totals);
        pipeline_free(pipeline);
        history_free(history);
        (void)close(options.done_fd);
        return (struct outcome){
                .ns_per_packet = (double)spent_ns / (double)trace->packets,
                .packets = totals.totals.all.packets,
                .untracked = totals.totals.untracked.packets,
        };
}

/* ---- runs ---------------------------------------------------------------------------- */

static int by_cost(const void *x, const void *y) {
        const struct outcome *a = x, *b = y;
        return (a->ns_per_packet > b->ns_per_packet) - (a->ns_per_packet < b->ns_per_packet);
}

static void measure(const char *what, enum trace_kind kind, const struct trace *trace,
                    struct outcome (*run)(const struct trace *trace)) {
        struct outcome outcomes[RUNS];
        (void)run(trace);
        for (unsigned i = 0; i < RUNS; i++)
                outcomes[i] = run(trace);
        qsort(outcomes, RUNS, sizeof(outcomes[0]), by_cost);

        const struct outcome *median = &outcomes[RUNS / 2];
        (void)printf("%-9s %-9s %9" PRIu64 " packets %9" PRIu64
                     " flows  %7.1f ns/packet  (%.1f to %.1f)  untracked %" PRIu64 "\n",
                     trace_kind_name(kind), what, trace->packets, trace->flows, median->ns_per_packet,
                     outcomes[0].ns_per_packet, outcomes[RUNS - 1].ns_per_packet, median->untracked);
        (void)fflush(stdout);
        if (median->packets != trace->packets)
                die("packets were lost");
}

/* "model name" of the first processor in /proc/cpuinfo, and how many there are. */
static void print_machine(void) {
        char line[256], model[256] = "unknown processor";
        FILE *file = fopen("/proc/cpuinfo", "re");
        while (file && fgets(line, sizeof(line), file)) {
                if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
                        (void)snprintf(model, sizeof(model), "%s", strchr(line, ':') + 2);
                        model[strcspn(model, "\n")] = '\0';
                        break;
                }
        }
        if (file)
                (void)fclose(file);
        (void)printf("%s, %ld processors\n", model, sysconf(_SC_NPROCESSORS_ONLN));
}

struct arguments {
        uint64_t packets; /* 0: as many as the kind of trace is meant to have */
        const char *trace;
        const char *pcap_path;
};

static void parse_arguments(int argc, char **argv, struct arguments *ret) {
        static const struct option options[] = {
                {"packets", required_argument, NULL, 'n'},
                {"trace", required_argument, NULL, 't'},
                {"write-pcap", required_argument, NULL, 'w'},
                {0},
        };
        int option;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (option == 'n' && parse_u64(optarg, 1, 100000000, &ret->packets))
                        continue;
                if (option == 't')
                        ret->trace = optarg;
                else if (option == 'w')
                        ret->pcap_path = optarg;
                else
                        die("usage: bench_engine [--packets=N] [--trace=elephant|mix|many|syn] [--write-pcap=FILE]");
        }
}

static void write_pcap(const struct trace *trace, const char *path) {
        FILE *file = fopen(path, "wbe");
        bool ok = file && trace_write_pcap(trace, file);
        if (file && fclose(file) != 0)
                ok = false;
        if (!ok)
                die("cannot write the capture file");
}

static void run_trace(enum trace_kind kind, const struct arguments *arguments) {
        struct trace trace;
        if (!trace_init(&trace, kind, arguments->packets ? arguments->packets : trace_kind_packets(kind)))
                die("out of memory");
        if (arguments->pcap_path) {
                write_pcap(&trace, arguments->pcap_path);
        } else {
                measure("engine", kind, &trace, run_engine);
                measure("pipeline", kind, &trace, run_pipeline);
        }
        trace_fini(&trace);
}

int main(int argc, char **argv) {
        struct arguments arguments = {0};
        parse_arguments(argc, argv, &arguments);
        if (arguments.pcap_path && !arguments.trace)
                die("--write-pcap needs --trace");
        if (!arguments.pcap_path)
                print_machine();

        bool found = false;
        for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
                if (arguments.trace && strcmp(arguments.trace, trace_kind_name(kind)) != 0)
                        continue;
                found = true;
                run_trace(kind, &arguments);
        }
        if (!found)
                die("no such trace");
        return 0;
}
