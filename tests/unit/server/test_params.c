/* Query strings, good and hostile. */
#include "server/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const known[] = {"a", "bb", "limit", NULL};

/* Parses a copy that is exactly as long as it must be, so that a sanitizer sees every byte too many. */
static bool parse(const char *query, char **ret_copy, struct params *params, struct problem *problem) {
        *ret_copy = strdup(query);
        *problem = (struct problem){0};
        return params_parse(*ret_copy, known, params, problem);
}

static void check_value(const char *query, const char *name, const char *value) {
        struct params params;
        struct problem problem;
        char *copy;
        assert_true(parse(query, &copy, &params, &problem));
        const char *got = params_get(&params, name);
        if (value)
                assert_string_equal(got, value);
        else
                assert_null(got);
        free(copy);
}

static void check_problem(const char *query, const char *param) {
        struct params params;
        struct problem problem;
        char *copy;
        assert_false(parse(query, &copy, &params, &problem));
        assert_int_equal(problem.status, 400);
        assert_string_equal(problem.param, param);
        free(copy);
}

static void test_values(void **state) {
        (void)state;
        check_value("", "a", NULL);
        check_value("&&", "a", NULL);
        check_value("a=1", "a", "1");
        check_value("a=1", "bb", NULL);
        check_value("a=&bb=2", "a", "");
        check_value("a&bb=2", "a", "");
        check_value("a=1=2", "a", "1=2");
        check_value("a=x+y%2Bz%20", "a", "x y+z ");
        check_value("%61=1", "a", "1");
        check_value("a=%C3%A9", "a", "\xc3\xa9");
        check_value("limit=1&bb=%26%3d", "bb", "&=");
}

static void test_problems(void **state) {
        (void)state;
        check_problem("c=1", "c");
        check_problem("A=1", "A");
        check_problem("a=1&a=1", "a");
        check_problem("a&a", "a");
        check_problem("a=1&%61=2", "a");
        check_problem("a=%", "a");
        check_problem("a=%1", "a");
        check_problem("a=%1g", "a");
        check_problem("a=%00", "a");
        check_problem("a=%ff", "a");
        check_problem("%=1", "");
        check_problem("%ff=1", "");
        check_problem("=1", "");

        char name[100];
        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        check_problem(name, "");
}

static void test_numbers(void **state) {
        (void)state;
        struct params params;
        struct problem problem;
        char *copy;
        uint64_t value = 7;
        assert_true(parse("limit=1000&a=1001&bb=", &copy, &params, &problem));
        assert_true(params_u64(&params, "none", 1, 1000, &value, &problem));
        assert_int_equal(value, 7);
        assert_true(params_u64(&params, "limit", 1, 1000, &value, &problem));
        assert_int_equal(value, 1000);
        assert_false(params_u64(&params, "a", 1, 1000, &value, &problem));
        assert_false(params_u64(&params, "bb", 1, 1000, &value, &problem));
        assert_int_equal(value, 1000);
        assert_string_equal(problem.param, "bb");
        free(copy);
}

static void test_words(void **state) {
        (void)state;
        static const char *const words[] = {"up", "down", NULL};
        struct params params;
        struct problem problem;
        char *copy;
        unsigned value = 9;
        assert_true(parse("a=down&bb=Down", &copy, &params, &problem));
        assert_true(params_word(&params, "a", words, &value, &problem));
        assert_int_equal(value, 1);
        assert_false(params_word(&params, "bb", words, &value, &problem));
        assert_non_null(strstr(problem.detail, "up, down"));
        free(copy);
}

static void check_lies(const char *query, size_t at, const char *name, int want) {
        size_t pos = 77;
        assert_int_equal(params_lies_in(query, at, name, &pos) ? (int)pos : -1, want);
}

static void test_what_lies_where(void **state) {
        (void)state;
        check_lies("filter=abc", 7, "filter", 0);
        check_lies("filter=abc", 9, "filter", 2);
        check_lies("filter=abc", 6, "filter", -1);
        check_lies("a=1&filter=%28%28x&b=2", 17, "filter", 2);
        check_lies("a=1&filter=%28%28x&b=2", 20, "filter", -1);
        check_lies("a=1&filter=%28%28x&b=2", 2, "filter", -1);
        check_lies("filters=abc", 9, "filter", -1);
        check_lies("filter", 5, "filter", -1);
        check_lies("fil", 2, "filter", -1);
        check_lies("filter=%%%%", 10, "filter", 0);
}

/* Noise never does more than fail. */
static void test_noise(void **state) {
        (void)state;
        srandom(1);
        for (unsigned round = 0; round < 20000; round++) {
                static const char alphabet[] = "ab=&%+0f\xc3\xff";
                char query[40];
                unsigned n = (unsigned)random() % (sizeof(query) - 1);
                for (unsigned i = 0; i < n; i++)
                        query[i] = alphabet[(unsigned)random() % (sizeof(alphabet) - 1)];
                query[n] = '\0';
                struct params params;
                struct problem problem;
                char *copy;
                if (!parse(query, &copy, &params, &problem))
                        assert_int_equal(problem.status, 400);
                free(copy);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values), cmocka_unit_test(test_problems),        cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_words),  cmocka_unit_test(test_what_lies_where), cmocka_unit_test(test_noise),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
