/* One producer, one consumer: in order, nothing lost, nothing twice; what the producer wrote
 * into an item is seen by the consumer (which is what the thread sanitizer looks at). */
#include "lib/check.h"

#include <pthread.h>
#include <sched.h>

#include "base/queue.h"

#define ROUNDS 200000u

static void test_full_and_empty(void **state) {
        (void)state;
        struct queue q = {0};
        int items[QUEUE_SLOTS + 1];
        assert_null(queue_pop(&q));
        assert_null(queue_peek(&q));

        for (unsigned lap = 0; lap < 3; lap++) {
                for (unsigned i = 0; i < QUEUE_SLOTS; i++)
                        assert_true(queue_push(&q, &items[i]));
                assert_false(queue_push(&q, &items[QUEUE_SLOTS]));
                for (unsigned i = 0; i < QUEUE_SLOTS; i++) {
                        assert_ptr_equal(queue_peek(&q), &items[i]);
                        assert_ptr_equal(queue_pop(&q), &items[i]);
                }
                assert_null(queue_pop(&q));
        }
}

static void test_counters_wrap(void **state) {
        (void)state;
        struct queue q = {.pushed = UINT32_MAX - 2, .popped = UINT32_MAX - 2};
        int items[QUEUE_SLOTS];
        for (unsigned i = 0; i < QUEUE_SLOTS; i++)
                assert_true(queue_push(&q, &items[i]));
        assert_false(queue_push(&q, &items[0]));
        for (unsigned i = 0; i < QUEUE_SLOTS; i++)
                assert_ptr_equal(queue_pop(&q), &items[i]);
        assert_null(queue_pop(&q));
}

/* A cell goes round: filled by the producer, emptied by the consumer, as batches do. */
struct cell {
        uint64_t number;
};

struct pair {
        struct queue full;
        struct queue empty;
        struct cell cells[QUEUE_SLOTS];
};

static void *produce(void *context) {
        struct pair *pair = context;
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                struct cell *cell;
                while (!(cell = queue_pop(&pair->empty)))
                        sched_yield();
                cell->number = i;
                while (!queue_push(&pair->full, cell))
                        sched_yield();
        }
        return NULL;
}

static void test_two_threads(void **state) {
        (void)state;
        static struct pair pair;
        for (unsigned i = 0; i < QUEUE_SLOTS; i++)
                assert_true(queue_push(&pair.empty, &pair.cells[i]));

        pthread_t producer;
        assert_int_equal(pthread_create(&producer, NULL, produce, &pair), 0);
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                struct cell *cell;
                while (!(cell = queue_pop(&pair.full)))
                        sched_yield();
                assert_int_equal(cell->number, i);
                cell->number = 0;
                assert_true(queue_push(&pair.empty, cell));
        }
        pthread_join(producer, NULL);
        assert_null(queue_pop(&pair.full));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_full_and_empty),
                cmocka_unit_test(test_counters_wrap),
                cmocka_unit_test(test_two_threads),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
