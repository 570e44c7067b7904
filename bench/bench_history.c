/* What the past costs: an hour at 5,000 active flows a second, generated at full speed straight into a history that
 * has the budgets of a daemon with default options, and the same hour with a flood of ten million flows in its middle.
 *
 * Times are CPU time, the kernel's for this thread included. Every answer is checked against the generator's account:
 * sums of a range to the byte, the heavy flows to the byte, before, in and after the flood. What does not agree ends
 * the run with status 1.
 *
 *   bench_history [--seconds=N] [--flood=FLOWS] */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "budget.h"
#include "hour.h"

#define MIB (1ull << 20)
#define FLOOD_A_SECOND 200000u
#define ASKED_SECONDS 500u
#define REPEATS 11u
#define TOP 200u
#define SERIES_POINTS 300
#define SEED 0x6e65747761746368

static void die(const char *what) {
        (void)fprintf(stderr, "bench_history: %s\n", what);
        exit(1);
}

static void check(bool agrees, const char *what) {
        if (!agrees)
                die(what);
}

/* ---- times ------------------------------------------------------------------------------------------ */

static int ascending(const void *x, const void *y) {
        const int64_t *a = x, *b = y;
        return (*a > *b) - (*a < *b);
}

static void print_times(const char *what, int64_t *ns, size_t n) {
        qsort(ns, n, sizeof(*ns), ascending);
        int64_t median = ns[n / 2], most = ns[n * 99 / 100];
        (void)printf("  %-36s median %9.3f ms   99 %% %9.3f ms   max %9.3f ms\n", what, (double)median / 1e6,
                     (double)most / 1e6, (double)ns[n - 1] / 1e6);
        (void)fflush(stdout);
}

/* ---- the history ---------------------------------------------------------------------------------------- */

static struct history *open_history(void) {
        const struct options options = {.memory_bytes = 512 * MIB, .ring_bytes = 64 * MIB, .retention_s = 3600};
        struct budget budget;
        struct error error;
        if (budget_divide(&options, 1, &budget, &error) < 0)
                die(error.text);
        struct history_options asked = {
                .retention_s = options.retention_s,
                .max_flows = budget.directory_flows,
                .segment_bytes = budget.segment_bytes,
                .query_bytes = budget.query_bytes,
                .ttl_ms = {120 * MS_PER_S, 30 * MS_PER_S, 10 * MS_PER_S, 30 * MS_PER_S},
                .seed = SEED,
                .workers = 1,
        };
        struct history *history = history_new(&asked);
        if (!history)
                die("out of memory");
        return history;
}

static uint64_t resident_bytes(void) {
        char line[128];
        uint64_t kib = 0;
        FILE *file = fopen("/proc/self/status", "re");
        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, "RssAnon:", 8) == 0)
                        kib = strtoull(line + 8, NULL, 10);
        if (file)
                (void)fclose(file);
        return kib << 10;
}

static void print_memory(const char *when, struct history *history) {
        struct history_figures figures;
        history_read_figures(history, &figures);
        (void)printf("  memory %s: %.1f MiB of %.1f MiB, flows %" PRIu64 " live, %" PRIu64 " ended, %" PRIu64
                     " of places; resident %.1f MiB; seconds before +%" PRId64 " s thinned\n",
                     when, (double)figures.bytes / MIB, (double)figures.budget / MIB, figures.flows_active,
                     figures.flows_ended, figures.flows_capacity, (double)resident_bytes() / MIB,
                     figures.is_thinned ? figures.thinned_before_s - HOUR_START : 0);
        check(figures.bytes <= figures.budget, "the budget is exceeded");
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

static void write_seconds(struct hour *hour, const char *what, uint32_t seconds, uint64_t flood) {
        int64_t *ticks = calloc(seconds, sizeof(*ticks)), *ends = calloc(seconds, sizeof(*ends));
        if (!ticks || !ends || hour->seconds + seconds > HOUR_SECONDS_MAX)
                die("out of memory");
        uint64_t deltas = hour->deltas;
        for (uint32_t i = 0; i < seconds; i++)
                ticks[i] = hour_second(hour, (uint32_t)(flood / seconds), &ends[i]);
        (void)printf("%s: %u s, %" PRIu64 " deltas, %" PRIu64 " packets untracked\n", what, seconds,
                     hour->deltas - deltas, hour->untracked);
        print_times("tick, whole", ticks, seconds);
        print_times("of it, history_tick_end", ends, seconds);
        free(ticks);
        free(ends);
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static bool same(struct volume x, struct volume y) {
        return x.packets == y.packets && x.bytes == y.bytes;
}

static void check_sum(const struct hour *hour, const struct history_seen *seen, struct volume matched,
                      struct volume unmatched) {
        struct volume sum = matched;
        volume_add(&sum, unmatched.packets, unmatched.bytes);
        volume_add(&sum, seen->thinned.packets, seen->thinned.bytes);
        volume_add(&sum, seen->untracked.packets, seen->untracked.bytes);
        volume_add(&sum, seen->nonflow.packets, seen->nonflow.bytes);
        check(same(sum, hour_all(hour, seen->range.from, seen->range.to)), "the sums of a range are not exact");
        check(same(sum, seen->all), "the parts of a range are not its counters");
}

/* How many of the heavy flows are among the rows, with just what they sent. */
static unsigned heavy_right(const struct hour *hour, const struct flow_result *result) {
        unsigned right = 0;
        for (unsigned heavy = 0; heavy < HOUR_HEAVY; heavy++) {
                struct flow_key key = hour_heavy_key(heavy);
                struct volume wanted = hour_heavy(hour, heavy, result->seen.range.from, result->seen.range.to);
                for (size_t i = 0; i < result->n_rows; i++)
                        if (flow_key_equal(&result->rows[i].key, &key)) {
                                struct volume sum = result->rows[i].ab;
                                volume_add(&sum, result->rows[i].ba.packets, result->rows[i].ba.bytes);
                                right += same(sum, wanted);
                        }
        }
        return right;
}

static struct flow_result ask_flows(const struct hour *hour, struct history_range range, int64_t *ret_ns) {
        const struct flow_query query = {.has_range = true, .range = range, .max_rows = TOP};
        struct flow_result result;
        int64_t begun_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
        check(history_query_flows(hour->history, &query, NULL, NULL, &result) == 0, "a query failed");
        *ret_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begun_ns;
        check_sum(hour, &result.seen, result.matched_volume, result.unmatched_volume);
        return result;
}

static void ask_seconds(const struct hour *hour) {
        int64_t ns[ASKED_SECONDS], from, to;
        check(history_span(hour->history, &from, &to), "nothing is held");
        for (unsigned i = 0; i < ASKED_SECONDS; i++) {
                int64_t at = from + (int64_t)i * 7919 % (to - from);
                struct flow_result result = ask_flows(hour, (struct history_range){at, at + 1}, &ns[i]);
                flow_result_fini(&result);
        }
        print_times("flows of any second, top 200", ns, ASKED_SECONDS);
}

static void ask_range(const struct hour *hour, const char *what, struct history_range range) {
        int64_t ns[REPEATS];
        struct flow_result result = {0};
        for (unsigned i = 0; i < REPEATS; i++) {
                flow_result_fini(&result);
                result = ask_flows(hour, range, &ns[i]);
        }
        print_times(what, ns, REPEATS);
        (void)printf("    +%" PRId64 " to +%" PRId64 " s at %u ms: %" PRIu64 " flows, %.2f %% of the bytes thinned, "
                     "%u of %u heavy flows right\n",
                     result.seen.range.from - HOUR_START, result.seen.range.to - HOUR_START, result.seen.resolution_ms,
                     result.matched, 100.0 * (double)result.seen.thinned.bytes / (double)result.seen.all.bytes,
                     heavy_right(hour, &result), HOUR_HEAVY);
        check(heavy_right(hour, &result) == HOUR_HEAVY, "a heavy flow is not right");
        flow_result_fini(&result);
}

static void ask_top(const struct hour *hour, const char *what, enum top_by by, struct history_range range) {
        int64_t ns[REPEATS];
        const struct top_query query = {.has_range = true, .range = range, .by = by, .limit = TOP};
        for (unsigned i = 0; i < REPEATS; i++) {
                struct top_result result;
                int64_t begun_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
                check(history_query_top(hour->history, &query, NULL, NULL, &result) == 0, "a query failed");
                ns[i] = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begun_ns;
                check_sum(hour, &result.seen, result.matched, result.unmatched);
                top_result_fini(&result);
        }
        print_times(what, ns, REPEATS);
}

/* As the page's chart would ask for it: 300 points. */
static void ask_series(const struct hour *hour, const char *what, enum top_by by, struct history_range range) {
        int64_t ns[REPEATS], step_s = (range.to - range.from + SERIES_POINTS - 1) / SERIES_POINTS;
        const struct series_query query = {.range = range, .step_s = step_s, .by = by, .limit = 10};
        for (unsigned i = 0; i < REPEATS; i++) {
                struct series_result result;
                int64_t begun_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
                check(history_query_series(hour->history, &query, NULL, NULL, &result) == 0, "a query failed");
                ns[i] = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begun_ns;
                check_sum(hour, &result.seen, result.matched, result.unmatched);
                series_result_fini(&result);
        }
        print_times(what, ns, REPEATS);
}

static void ask_everything(const struct hour *hour) {
        struct history_range all;
        check(history_span(hour->history, &all.from, &all.to), "nothing is held");
        ask_seconds(hour);
        ask_range(hour, "flows of all, top 200", all);
        ask_range(hour, "the same by seconds at both ends", (struct history_range){all.from + 61, all.to - 61});
        ask_top(hour, "top talkers of all, by flow", TOP_BY_FLOW, all);
        ask_top(hour, "top talkers of all, by host", TOP_BY_HOST, all);
        ask_top(hour, "top talkers of all, by port", TOP_BY_PORT, all);
        ask_series(hour, "series of all, by flow", TOP_BY_FLOW, all);
        ask_series(hour, "series of all, by host", TOP_BY_HOST, all);
        ask_series(hour, "series of 5 minutes, by flow", TOP_BY_FLOW, (struct history_range){all.to - 300, all.to});
}

/* ---- the two hours ------------------------------------------------------------------------------------------- */

static void run_hour(uint32_t seconds) {
        struct history *history = open_history();
        struct hour *hour = hour_new(history);
        if (!hour)
                die("out of memory");
        struct history_figures before, after;
        history_read_figures(history, &before);
        write_seconds(hour, "an hour", seconds, 0);
        history_read_figures(history, &after);
        double segments = (double)(after.bytes - before.bytes) - (double)(after.flows_active + after.flows_ended) * 128;
        (void)printf("  %.2f bytes per delta, minutes included; %" PRIu64 " flows\n", segments / (double)hour->deltas,
                     hour->flows);
        print_memory("after it", history);
        ask_everything(hour);
        free(hour);
        history_free(history);
}

static void run_flood(uint32_t seconds, uint64_t flood) {
        struct history *history = open_history();
        struct hour *hour = hour_new(history);
        uint32_t flood_s = (uint32_t)(flood / FLOOD_A_SECOND);
        uint32_t before_s = (seconds - flood_s) / 2;
        if (!hour)
                die("out of memory");
        write_seconds(hour, "half an hour", before_s, 0);
        print_memory("before the flood", history);
        write_seconds(hour, "the flood", flood_s, flood);
        print_memory("after the flood", history);
        struct history_range before = {HOUR_START, HOUR_START + before_s};
        ask_range(hour, "flows of the time before it", before);
        ask_range(hour, "flows of the flood", (struct history_range){before.to, before.to + flood_s});
        write_seconds(hour, "half an hour more", seconds - flood_s - before_s, 0);
        print_memory("at the end", history);
        ask_range(hour, "flows of the time before it", before);
        ask_everything(hour);
        free(hour);
        history_free(history);
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                {"seconds", required_argument, NULL, 's'}, {"flood", required_argument, NULL, 'f'}, {0}};
        uint64_t seconds = 3600, flood = 10000000;
        for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
                if (!(option == 's' && parse_u64(optarg, 300, 3600, &seconds)) &&
                    !(option == 'f' && parse_u64(optarg, 0, 30000000, &flood)))
                        die("usage: bench_history [--seconds=300..3600] [--flood=FLOWS]");
        run_hour((uint32_t)seconds);
        if (flood >= FLOOD_A_SECOND)
                run_flood((uint32_t)seconds, flood);
        return 0;
}
