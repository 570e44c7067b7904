/* Pinned results: held, counted, pushed out in the right order. */
#include "server/pins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 100
#define PIN_BYTES (sizeof(struct pin) + ROWS * sizeof(struct flow_row))

/* A listed pin of ROWS rows; its token. */
static void add(struct pins *pins, char ret_token[PIN_TOKEN_BYTES]) {
        struct pin *pin = pins_make();
        pin->result.rows = calloc(ROWS, sizeof(*pin->result.rows));
        pin->result.n_rows = ROWS;
        assert_true(pins_add(pins, pin));
        memcpy(ret_token, pin->token, PIN_TOKEN_BYTES);
        pins_unref(pins, pin);
}

static bool is_held(struct pins *pins, const char *token) {
        struct pin *pin = pins_get(pins, token);
        pins_unref(pins, pin);
        return pin != NULL;
}

static void test_held(void **state) {
        (void)state;
        struct pins *pins = pins_new(10 * PIN_BYTES);
        char token[PIN_TOKEN_BYTES];
        add(pins, token);
        assert_int_equal(strlen(token), 32);
        assert_true(is_held(pins, token));
        assert_true(is_held(pins, token));
        assert_false(is_held(pins, "00000000000000000000000000000000"));
        assert_false(is_held(pins, ""));
        pins_free(pins);
}

static void test_the_cap(void **state) {
        (void)state;
        struct pins *pins = pins_new(3 * PIN_BYTES);
        char tokens[4][PIN_TOKEN_BYTES];
        for (unsigned i = 0; i < 4; i++)
                add(pins, tokens[i]);
        assert_false(is_held(pins, tokens[0]));
        assert_true(is_held(pins, tokens[1]) && is_held(pins, tokens[2]) && is_held(pins, tokens[3]));
        pins_free(pins);
}

static void test_those_that_are_paged_through_stay(void **state) {
        (void)state;
        struct pins *pins = pins_new(3 * PIN_BYTES);
        char used[PIN_TOKEN_BYTES], others[20][PIN_TOKEN_BYTES];
        add(pins, used);
        assert_true(is_held(pins, used));
        for (unsigned i = 0; i < 20; i++)
                add(pins, others[i]);
        assert_true(is_held(pins, used));
        assert_false(is_held(pins, others[0]));
        assert_true(is_held(pins, others[19]));
        pins_free(pins);
}

/* A page that is being written keeps its rows although they were pushed out. */
static void test_a_reference_outlives_the_list(void **state) {
        (void)state;
        struct pins *pins = pins_new(PIN_BYTES);
        char first[PIN_TOKEN_BYTES], second[PIN_TOKEN_BYTES];
        add(pins, first);
        struct pin *pin = pins_get(pins, first);
        add(pins, second);
        assert_false(is_held(pins, first));
        assert_int_equal(pin->result.rows[ROWS - 1].id, 0);
        pins_unref(pins, pin);
        pins_free(pins);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_held),
                cmocka_unit_test(test_the_cap),
                cmocka_unit_test(test_those_that_are_paged_through_stay),
                cmocka_unit_test(test_a_reference_outlives_the_list),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
