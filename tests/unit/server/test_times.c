/* Times as people write them. */
#include "server/times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS 1767225600000LL /* 2026-01-01T00:00:00Z */

static void test_good(void **state) {
        (void)state;
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = {
                {"0", 0},
                {"1700000000123", 1700000000123},
                {"253402300799999", 253402300799999},
                {"2026-01-01T00:00:00Z", NOW_MS},
                {"2026-01-01t00:00:00z", NOW_MS},
                {"2026-01-01 00:00:00Z", NOW_MS},
                {"2026-01-01T01:30:00+01:30", NOW_MS},
                {"2026-01-01T01:30:00 01:30", NOW_MS},
                {"2025-12-31T22:00:00-02:00", NOW_MS},
                {"2026-01-01T00:00:00.5Z", NOW_MS + 500},
                {"2026-01-01T00:00:00.123456789Z", NOW_MS + 123},
                {"2025-12-31T23:59:60Z", NOW_MS},
                {"2024-02-29T00:00:00Z", 1709164800000},
                {"1970-01-01T00:00:00Z", 0},
                {"-0s", NOW_MS},
                {"-90s", NOW_MS - 90000},
                {"-90", NOW_MS - 90000},
                {"-250ms", NOW_MS - 250},
                {"-5m", NOW_MS - 300000},
                {"-1h", NOW_MS - 3600000},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int64_t ms = -1;
                assert_true(times_parse(cases[i].text, NOW_MS, &ms));
                assert_int_equal(ms, cases[i].ms);
        }
}

/* A file without timestamps, or of a machine whose clock was not set. */
static void test_back_beyond_1970(void **state) {
        (void)state;
        int64_t ms = -1;
        assert_true(times_parse("-90s", 5000, &ms));
        assert_int_equal(ms, 0);
        assert_true(times_parse("-24h", 0, &ms));
        assert_int_equal(ms, 0);
        assert_true(times_parse("-2s", 5000, &ms));
        assert_int_equal(ms, 3000);
        assert_false(times_parse("-25h", 5000, &ms));
}

static void test_bad(void **state) {
        (void)state;
        static const char *const cases[] = {
                "",
                " ",
                "-",
                "--1s",
                "-1d",
                "-s",
                "now",
                "1.5",
                "253402300800000",
                "18446744073709551616",
                "-99999999h",
                "-9223372036854775807ms",

                "2026-01",
                "2026-01-01",
                "2026-01-01T00:00:00",
                "2026-01-01T00:00:00.Z",
                "2026-01-01T00:00Z",
                "2026-1-1T00:00:00Z",
                "2026-00-01T00:00:00Z",
                "2026-13-01T00:00:00Z",
                "2026-01-00T00:00:00Z",
                "2026-01-32T00:00:00Z",
                "2026-02-29T00:00:00Z",
                "2026-04-31T00:00:30Z",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:60:00Z",
                "2026-01-01T00:00:61Z",
                "2026-01-01T00:00:00+24:00",
                "2026-01-01T00:00:00+01:60",
                "2026-01-01T00:00:00+0100",
                "2026-01-01T00:00:00Zx",
                "2026-01-01T00:00:00+01:00 ",
                "1969-12-31T23:59:59Z",
                "1970-01-01T00:00:00+00:01",
                "99999-01-01T00:00:00Z",
                "2026-01-01T00:00:00",
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int64_t ms = -1;
                assert_false(times_parse(cases[i], NOW_MS, &ms));
                assert_int_equal(ms, -1);
        }
}

static bool range_of(const char *query, struct times_range *ret, struct problem *problem) {
        static const char *const known[] = {"from", "to", NULL};
        struct params params;
        char *copy = strdup(query);
        bool good = params_parse(copy, known, &params, problem) && times_range(&params, NOW_MS, ret, problem);
        free(copy);
        return good;
}

static void test_ranges(void **state) {
        (void)state;
        struct times_range range = {0};
        struct problem problem;
        assert_true(range_of("", &range, &problem));
        assert_false(range.has_from || range.has_to || range.widened);

        assert_true(range_of("from=1000&to=2000", &range, &problem));
        assert_true(range.has_from && range.has_to && !range.widened);
        assert_int_equal(range.from, 1);
        assert_int_equal(range.to, 2);

        assert_true(range_of("from=1999&to=2001", &range, &problem));
        assert_int_equal(range.from, 1);
        assert_int_equal(range.to, 3);
        assert_true(range.widened);

        assert_false(range_of("from=2000&to=2000", &range, &problem));
        assert_string_equal(problem.param, "from");
        assert_false(range_of("to=x", &range, &problem));
        assert_string_equal(problem.param, "to");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_back_beyond_1970),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_ranges),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
