/* Numbers as people read them: at the edges where digits, prefixes and units change. */
#include "lib/check.h"

#include <string.h>

#include "render/render.h"

static void test_quantities(void **state) {
        (void)state;
        static const struct {
                double value;
                const char *text;
        } cases[] = {
                {0, "0 B"},
                {0.001, "<0.01 B"},
                {0.005, "0.01 B"},
                {0.25, "0.25 B"},
                {1, "1 B"},
                {1.5, "1.50 B"},
                {9.994, "9.99 B"},
                {9.996, "10.0 B"},
                {99.94, "99.9 B"},
                {99.96, "100 B"},
                {999, "999 B"},
                {999.4, "999 B"},
                {999.6, "1.00 kB"},
                {1000, "1.00 kB"},
                {1005, "1.00 kB"},
                {12345, "12.3 kB"},
                {999499, "999 kB"},
                {999500, "1.00 MB"},
                {412612345, "413 MB"},
                {1.5e9, "1.50 GB"},
                {2e12, "2.00 TB"},
                {3e15, "3.00 PB"},
                {1.8446744e19, "18.4 EB"},
                {1e22, "10000 EB"},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[RENDER_QUANTITY_BYTES];
                assert_string_equal(render_quantity(cases[i].value, "B", text), cases[i].text);
        }
}

static void test_counts(void **state) {
        (void)state;
        static const struct {
                uint64_t value;
                const char *text;
        } cases[] = {
                {0, "0"},
                {7, "7"},
                {999, "999"},
                {1000, "1,000"},
                {123456, "123,456"},
                {UINT64_MAX, "18,446,744,073,709,551,615"},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[RENDER_COUNT_BYTES];
                assert_string_equal(render_count(cases[i].value, text), cases[i].text);
        }
}

static void test_durations(void **state) {
        (void)state;
        static const struct {
                int64_t ms;
                const char *text;
        } cases[] = {
                {0, "0 s"},
                {1, "1 ms"},
                {999, "999 ms"},
                {1000, "1.00 s"},
                {59949, "59.9 s"},
                {59950, "1 min 0 s"},
                {252000, "4 min 12 s"},
                {3599499, "59 min 59 s"},
                {3599500, "1 h 0 min"},
                {12000000, "3 h 20 min"},
                {86400000, "1 d 0 h"},
                {INT64_MAX / 1000000, "106751 d 23 h"},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[RENDER_DURATION_BYTES];
                assert_string_equal(render_duration(cases[i].ms, text), cases[i].text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quantities),
                cmocka_unit_test(test_counts),
                cmocka_unit_test(test_durations),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
