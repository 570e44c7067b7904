/* The cursor never reads beyond its span: the spans here are heap blocks of exactly their
 * size, so that the address sanitizer sees a byte too far. */
#include "lib/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

static __attribute__((noinline)) uint8_t *counting_bytes(size_t n) {
        uint8_t *data = malloc(n);
        assert_non_null(data);
        for (size_t i = 0; i < n; i++)
                data[i] = (uint8_t)(i + 1);
        return data;
}

static void test_reads_in_network_order(void **state) {
        (void)state;
        uint8_t *data = counting_bytes(7);
        struct cursor c = cursor_over(data, 7);
        assert_int_equal(cursor_u8(&c), 0x01);
        assert_int_equal(cursor_u16_be(&c), 0x0203);
        assert_int_equal(cursor_u32_be(&c), 0x04050607);
        assert_int_equal(cursor_left(&c), 0);
        assert_false(c.failed);
        free(data);
}

static void test_high_bytes_keep_their_value(void **state) {
        (void)state;
        const uint8_t data[] = {0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa};
        struct cursor c = cursor_over(data, sizeof(data));
        assert_int_equal(cursor_u32_be(&c), 0xfffefdfcu);
        assert_int_equal(cursor_u16_be(&c), 0xfbfa);
}

static void test_failure_sticks(void **state) {
        (void)state;
        uint8_t *data = counting_bytes(3);
        struct cursor c = cursor_over(data, 3);
        assert_int_equal(cursor_u32_be(&c), 0);
        assert_true(c.failed);

        /* three bytes were there, but nothing may be read after a failure */
        assert_int_equal(cursor_left(&c), 0);
        assert_int_equal(cursor_u8(&c), 0);
        assert_int_equal(cursor_u16_be(&c), 0);
        assert_null(cursor_take(&c, 1));
        assert_false(cursor_skip(&c, 1));
        assert_true(c.failed);
        free(data);
}

static void test_each_length_and_each_step(void **state) {
        (void)state;
        for (size_t length = 0; length <= 12; length++)
                for (size_t step = 1; step <= 13; step++) {
                        uint8_t *data = counting_bytes(length);
                        struct cursor c = cursor_over(data, length);
                        size_t taken = 0;
                        for (const uint8_t *at; (at = cursor_take(&c, step)); taken += step)
                                assert_int_equal(at[step - 1], taken + step);
                        assert_int_equal(taken, length / step * step);
                        free(data);
                }
}

static void test_limit_only_ever_narrows(void **state) {
        (void)state;
        uint8_t *data = counting_bytes(8);
        struct cursor c = cursor_over(data, 8);
        cursor_limit(&c, 100);
        assert_int_equal(cursor_left(&c), 8);
        cursor_limit(&c, 2);
        assert_int_equal(cursor_left(&c), 2);
        cursor_limit(&c, 5);
        assert_int_equal(cursor_left(&c), 2);
        assert_false(cursor_skip(&c, 3));
        free(data);
}

static void test_huge_demands(void **state) {
        (void)state;
        uint8_t *data = counting_bytes(4);
        struct cursor c = cursor_over(data, 4);
        assert_null(cursor_take(&c, SIZE_MAX));
        assert_true(c.failed);
        free(data);
}

static void test_nothing_at_all(void **state) {
        (void)state;
        struct cursor c = cursor_over(NULL, 0);
        assert_int_equal(cursor_left(&c), 0);
        assert_int_equal(cursor_u8(&c), 0);
        assert_true(c.failed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads_in_network_order),  cmocka_unit_test(test_high_bytes_keep_their_value),
                cmocka_unit_test(test_failure_sticks),          cmocka_unit_test(test_each_length_and_each_step),
                cmocka_unit_test(test_limit_only_ever_narrows), cmocka_unit_test(test_huge_demands),
                cmocka_unit_test(test_nothing_at_all),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
