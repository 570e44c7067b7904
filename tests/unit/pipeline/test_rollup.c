/* Mails of workers that were held up, put into the mailboxes by hand: what becomes of them in the history. */
#include "lib/check.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/ticks.h"
#include "pipeline/rollup.h"

#define START 1700000000
#define WORKERS 2u

static struct history *history;
static struct worker workers[WORKERS];
static struct history_flow flows[WORKERS][4];

static int set_up(void **state) {
        (void)state;
        struct history_options options = history_options_with(100);
        options.workers = WORKERS;
        history = history_new(&options);
        memset(workers, 0, sizeof(workers));
        memset(flows, 0, sizeof(flows));
        for (unsigned w = 0; w < WORKERS; w++) {
                workers[w].mailbox.emptied_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                workers[w].mailbox.finished = true;
                for (unsigned i = 0; i < MAILS; i++)
                        workers[w].mailbox.mails[i].batch = flow_batch_new(4);
        }
        return history ? 0 : -1;
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        for (unsigned w = 0; w < WORKERS; w++) {
                close(workers[w].mailbox.emptied_fd);
                for (unsigned i = 0; i < MAILS; i++)
                        flow_batch_free(workers[w].mailbox.mails[i].batch);
        }
        return 0;
}

/* The i-th mail of a worker: seconds [from, to] after START, and one packet of the flow of its number, 500 ms after
 * their start. */
static void post(unsigned w, unsigned i, int64_t from, int64_t to) {
        struct mail *mail = &workers[w].mailbox.mails[i];
        struct flow_batch *batch = mail->batch;
        batch->second = START + from;
        batch->last_second = START + to;
        batch->start_ns = batch->second * NS_PER_S;
        batch->end_ns = (batch->last_second + 1) * NS_PER_S;
        batch->totals.frames = 1;
        batch->totals.first_ns = batch->totals.last_ns = batch->start_ns + 500 * NS_PER_MS;
        volume_add(&batch->totals.all, 1, 100);
        batch->keys[batch->n_keys++] = key_of(w + 1, PROTO_UDP);
        batch->deltas[batch->n_deltas] = delta_of(500, 100);
        batch->deltas[batch->n_deltas].has_key = true;
        batch->deltas[batch->n_deltas++].slot = 0;
        assert_true(queue_push(&workers[w].mailbox.full, mail));
}

static void run(void) {
        struct history_flow *maps[WORKERS] = {flows[0], flows[1]};
        struct rollup rollup = {
                .history = history,
                .workers = workers,
                .n_workers = WORKERS,
                .flows = maps,
                .filled_fd = -1,
                .done_fd = -1,
        };
        (void)rollup_run(&rollup);
}

static void check_row(const struct history_counters *row, int64_t second, uint32_t span_ms, uint64_t packets) {
        assert_int_equal(row->second, START + second);
        assert_int_equal(row->span_ms, span_ms);
        assert_int_equal(row->all.packets, packets);
}

/* One worker makes one mail of three seconds, the other has them in others: all that have a second in common have one
 * row. */
static void test_one_of_several_seconds(void **state) {
        (void)state;
        struct history_counters rows[10];
        post(0, 0, 0, 2);
        post(0, 1, 3, 3);
        post(1, 0, 0, 0);
        post(1, 1, 1, 1);
        post(1, 2, 2, 3);
        run();
        assert_int_equal(history_read_counters(history, INT64_MIN, INT64_MAX, rows, 10), 1);
        check_row(&rows[0], 0, 4000, 5);
        assert_true(rows[0].merged);

        struct flow_result result = ticks_rows(history);
        assert_int_equal(result.n_rows, 2);
        assert_int_equal(result.rows[0].last_seen_ms, (START + 3) * MS_PER_S + 500);
        assert_int_equal(result.rows[1].last_seen_ms, (START + 2) * MS_PER_S + 500);
        flow_result_fini(&result);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_one_of_several_seconds, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
