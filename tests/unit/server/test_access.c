/* Host, Origin, token. */
#include "server/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *const allowed[] = {"watch.example"};
static const struct access_rules rules = {
        .token = "secret",
        .hostname = "probe.lan.example",
        .allow_hosts = allowed,
        .n_allow_hosts = 1,
};

static unsigned host_status(const char *host) {
        struct problem problem;
        return access_host(&rules, host, &problem) ? 200 : problem.status;
}

static void test_hosts(void **state) {
        (void)state;
        static const char *const good[] = {
                "127.0.0.1", "192.0.2.7:80",      "[::1]",           "[2001:db8::1]:8080", "localhost:8080", "probe",
                "PROBE:80",  "probe.lan.example", "Watch.Example:1", "127.0.0.1:",
        };
        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_int_equal(host_status(good[i]), 200);

        static const char *const foreign[] = {
                "evil.example",   "pro",   "probe.lan", "probe.lan.example.evil", "localhost.", "watch.example.",
                "127.0.0.1.evil", "1.2.3", "0x7f.1",    "127.0.0.1@evil",         "a b",
        };
        for (unsigned i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
                assert_int_equal(host_status(foreign[i]), 421);

        static const char *const none[] = {
                NULL,
                "",
                ":80",
                "[::1",
                "[]",
                "[127.0.0.1]",
                "[::1]x",
                "localhost:0",
                "localhost:65536",
                "localhost:http",
                "localhost:80:80",
                "::1",
        };
        for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                assert_int_equal(host_status(none[i]), 400);
}

/* Without a name of our own, no name is ours. */
static void test_no_hostname(void **state) {
        (void)state;
        struct access_rules nameless = {.hostname = ""};
        struct problem problem;
        assert_false(access_host(&nameless, "x", &problem));
        assert_true(access_host(&nameless, "localhost", &problem));
}

static bool origin_is_good(const char *origin, const char *host) {
        struct problem problem;
        bool good = access_origin(&rules, origin, host, &problem);
        if (!good)
                assert_int_equal(problem.status, 403);
        return good;
}

static void test_origins(void **state) {
        (void)state;
        assert_true(origin_is_good(NULL, "localhost:8080"));
        assert_true(origin_is_good("http://localhost:8080", "localhost:8080"));
        assert_true(origin_is_good("HTTP://LOCALHOST:8080", "localhost:8080"));
        assert_true(origin_is_good("http://[::1]:8080", "[::1]:8080"));
        assert_true(origin_is_good("http://localhost", "localhost"));
        assert_true(origin_is_good("https://localhost", "localhost"));
        assert_true(origin_is_good("http://localhost", "localhost:80"));
        assert_true(origin_is_good("https://watch.example:444", "127.0.0.1:8080"));

        assert_false(origin_is_good("null", "localhost:8080"));
        assert_false(origin_is_good("", "localhost:8080"));
        assert_false(origin_is_good("http://", "localhost:8080"));
        assert_false(origin_is_good("http://localhost", "localhost:8080"));
        assert_false(origin_is_good("http://localhost:3000", "localhost:8080"));
        assert_false(origin_is_good("http://127.0.0.1:8080", "localhost:8080"));
        assert_false(origin_is_good("http://evil.example", "localhost:8080"));
        assert_false(origin_is_good("ftp://localhost:8080", "localhost:8080"));
        assert_false(origin_is_good("http://localhost:8080/x", "localhost:8080"));
}

static bool token_is_good(const char *authorization) {
        struct problem problem;
        bool good = access_token(&rules, authorization, &problem);
        if (!good)
                assert_int_equal(problem.status, 401);
        return good;
}

static void test_tokens(void **state) {
        (void)state;
        assert_true(token_is_good("Bearer secret"));
        assert_true(token_is_good("bearer secret"));
        assert_true(token_is_good("Bearer  secret"));

        static const char *const bad[] = {
                NULL,
                "",
                "Bearer",
                "Bearer ",
                "Bearer secre",
                "Bearer secrets",
                "Bearer secretsecret",
                "Bearer Secret",
                "Bearer secret ",
                "Basic secret",
                "secret",
                "Bearersecret",
        };
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(token_is_good(bad[i]));

        struct access_rules open = {0};
        struct problem problem;
        assert_true(access_token(&open, NULL, &problem));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_no_hostname),
                cmocka_unit_test(test_origins),
                cmocka_unit_test(test_tokens),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
