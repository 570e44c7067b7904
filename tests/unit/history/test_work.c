/* What queries may take of memory: each kind of query, with less and less of it, gives the same answer as with plenty
 * or none, and gives back all that it took. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history/store.h"
#include "lib/ticks.h"

#define START 1700000000
#define SECONDS 100
#define FLOWS 20000u
#define PLENTY ((size_t)1 << 30)

static struct history *history;

/* Flow n is heavier the lower n is; all of them in the first second and in the last one, a few in between. */
static int fill(void **state) {
        (void)state;
        uint64_t seed = 3;
        struct history_options options = history_options_with(FLOWS);
        options.retention_s = 300;
        options.segment_bytes = PLENTY;
        history = history_new(&options);
        for (int64_t s = 0; s < SECONDS; s++) {
                struct history_tick tick = ticks_begin(history, START + s);
                for (uint32_t number = 0; number < FLOWS; number++) {
                        if (s % (SECONDS - 1) && !random_one_in(&seed, 50))
                                continue;
                        const struct flow_key key = key_of(number, PROTO_TCP);
                        ticks_add_key(history, &key, delta_of(0, FLOWS - number), &tick);
                }
                history_tick_end(history, &tick);
        }
        return 0;
}

static int empty(void **state) {
        (void)state;
        history_free(history);
        return 0;
}

static void allow(size_t bytes) {
        work_memory_init(&history->work_memory, bytes);
}

static void assert_all_given_back(void) {
        assert_int_equal(history->work_memory.left, history->work_memory.max);
}

static const struct history_range all = {START, START + SECONDS};

/* ---- answers as text, to be compared -------------------------------------------------------------- */

#define ANSWER_BYTES 60000u

struct answer {
        int status;
        size_t n;
        uint64_t numbers[ANSWER_BYTES / sizeof(uint64_t)];
};

static void note(struct answer *answer, uint64_t number) {
        assert_true(answer->n < sizeof(answer->numbers) / sizeof(answer->numbers[0]));
        answer->numbers[answer->n++] = number;
}

static void note_row(struct answer *answer, const struct top_row *row) {
        uint64_t words[sizeof(row->key) / sizeof(uint64_t)];
        memcpy(words, &row->key, sizeof(words));
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                note(answer, words[i]);
        note(answer, row->volume.packets);
        note(answer, row->volume.bytes);
}

static void ask_flows(bool has_range, struct answer *answer) {
        const struct flow_query query = {.has_range = has_range, .range = all, .max_rows = 300};
        struct flow_result result;
        answer->status = history_query_flows(history, &query, NULL, NULL, &result);
        if (answer->status < 0)
                return;
        note(answer, result.matched);
        note(answer, result.matched_volume.bytes);
        for (size_t i = 0; i < result.n_rows; i++) {
                note(answer, result.rows[i].id);
                note(answer, result.rows[i].ab.bytes);
        }
        flow_result_fini(&result);
}

static void ask_top(bool has_range, enum top_by by, struct answer *answer) {
        const struct top_query query = {.has_range = has_range, .range = all, .by = by, .limit = 300};
        struct top_result result;
        answer->status = history_query_top(history, &query, NULL, NULL, &result);
        if (answer->status < 0)
                return;
        note(answer, result.matched.bytes);
        for (size_t i = 0; i < result.n_rows; i++)
                note_row(answer, &result.rows[i]);
        top_result_fini(&result);
}

static void ask_series(enum top_by by, struct answer *answer) {
        const struct series_query query = {.range = all, .step_s = 5, .by = by, .limit = 100};
        struct series_result result;
        answer->status = history_query_series(history, &query, NULL, NULL, &result);
        if (answer->status < 0)
                return;
        for (size_t i = 0; i < result.n_rows; i++)
                note_row(answer, &result.rows[i]);
        for (size_t i = 0; i < (result.n_rows + 1) * result.n_steps; i++)
                note(answer, result.values[i]);
        series_result_fini(&result);
}

static void ask_spark(struct answer *answer) {
        const struct flow_query query = {.max_rows = 50};
        struct flow_result flows;
        struct spark_result result;
        answer->status = history_query_flows(history, &query, NULL, NULL, &flows);
        if (answer->status < 0)
                return;
        answer->status = history_query_spark(history, flows.rows, flows.n_rows, all.to, 50, NULL, NULL, &result);
        for (size_t i = 0; answer->status == 0 && i < flows.n_rows * 50; i++)
                note(answer, result.bytes[i]);
        if (answer->status == 0)
                spark_result_fini(&result);
        flow_result_fini(&flows);
}

#define QUESTIONS (3 + 3 * TOP_BYS)

static void ask(unsigned question, struct answer *answer) {
        answer->n = 0;
        if (question < 2)
                ask_flows(question == 1, answer);
        else if (question == 2)
                ask_spark(answer);
        else if (question < 3 + 2 * TOP_BYS)
                ask_top((question - 3) % 2, (question - 3) / 2, answer);
        else
                ask_series(question - 3 - 2 * TOP_BYS, answer);
        assert_all_given_back();
}

/* ---- less and less ---------------------------------------------------------------------------------- */

static void test_the_same_answer_or_none(void **state) {
        (void)state;
        static struct answer plenty, little;
        for (unsigned question = 0; question < QUESTIONS; question++) {
                allow(PLENTY);
                ask(question, &plenty);
                assert_int_equal(plenty.status, 0);
                assert_true(plenty.n > 1);
                size_t bytes = 4 << 20;
                for (bool goes = true; goes; bytes = bytes / 4 * 3) {
                        allow(bytes);
                        ask(question, &little);
                        goes = little.status == 0;
                        if (!goes)
                                break;
                        assert_int_equal(little.n, plenty.n);
                        assert_memory_equal(little.numbers, plenty.numbers, plenty.n * sizeof(plenty.numbers[0]));
                        assert_true(bytes > 1);
                }
                assert_int_equal(little.status, -E2BIG);
                assert_true(bytes < 2 << 20);
        }
}

/* 20,001 hosts need 2 MiB at once: here they are summed in parts. */
static void test_more_groups_than_fit(void **state) {
        (void)state;
        static struct answer plenty, little;
        allow(PLENTY);
        ask_top(true, TOP_BY_HOST, &plenty);
        allow(800 << 10);
        ask_top(true, TOP_BY_HOST, &little);
        assert_int_equal(little.status, 0);
        assert_memory_equal(little.numbers, plenty.numbers, plenty.n * sizeof(plenty.numbers[0]));
}

static void test_what_others_have_taken(void **state) {
        (void)state;
        static struct answer answer;
        allow(4 << 20);
        struct work other = work_begin(history, NULL, NULL);
        assert_int_equal(work_take(&other, 4 << 20), 0);
        assert_int_equal(work_take(&other, 1), -E2BIG);
        for (unsigned question = 0; question < 2; question++) {
                ask_flows(question == 1, &answer);
                assert_int_equal(answer.status, -EBUSY);
                ask_top(question == 1, TOP_BY_HOST, &answer);
                assert_int_equal(answer.status, -EBUSY);
        }
        work_end(&other);
        for (unsigned question = 0; question < QUESTIONS; question++) {
                ask(question, &answer);
                assert_int_equal(answer.status, 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_same_answer_or_none),
                cmocka_unit_test(test_more_groups_than_fit),
                cmocka_unit_test(test_what_others_have_taken),
        };
        return cmocka_run_group_tests(tests, fill, empty);
}
