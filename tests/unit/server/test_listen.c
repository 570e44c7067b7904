/* Addresses to listen on: what is taken, what is refused and why. */
#include "server/listen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int try_open(const char *address, bool has_token, char url[80]) {
        struct error error = {.text = ""};
        int fd = -1;
        int r = listen_open(address, has_token, &fd, url, &error);
        if (r == 0)
                close(fd);
        else
                assert_non_null(strstr(error.text, address));
        return r;
}

static void test_good(void **state) {
        (void)state;
        char url[80];
        unsigned port;
        assert_int_equal(try_open("127.0.0.1:0", false, url), 0);
        assert_int_equal(sscanf(url, "http://127.0.0.1:%u/", &port), 1);
        assert_true(port > 0);
        assert_int_equal(try_open("127.9.9.9:0", false, url), 0);
        assert_int_equal(try_open("0.0.0.0:0", true, url), 0);
        assert_int_equal(sscanf(url, "http://127.0.0.1:%u/", &port), 1);
}

static void test_no_address(void **state) {
        (void)state;
        static const char *const bad[] = {"",
                                          ":",
                                          "8080",
                                          ":8080",
                                          "localhost:8080",
                                          "127.0.0.1",
                                          "127.0.0.1:",
                                          "127.0.0.1:65536",
                                          "127.0.0.1:x",
                                          "127.0.0.1:-1",
                                          "::1:8080",
                                          "[::1]",
                                          "[::1:8080",
                                          "[127.0.0.1]:1",
                                          "[]:1",
                                          "1.2.3:80",
                                          "127.0.0.1:80 "};
        char url[80];
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(try_open(bad[i], true, url), -EINVAL);
}

static void test_off_loopback_needs_a_token(void **state) {
        (void)state;
        char url[80];
        static const char *const open[] = {"0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[2001:db8::1]:0",
                                           "[::ffff:10.0.0.1]:0"};
        for (unsigned i = 0; i < sizeof(open) / sizeof(open[0]); i++)
                assert_int_equal(try_open(open[i], false, url), -EPERM);
}

static void test_taken(void **state) {
        (void)state;
        struct error error;
        char url[80], address[40], other[80];
        int fd;
        unsigned port;
        assert_int_equal(listen_open("127.0.0.1:0", false, &fd, url, &error), 0);
        assert_int_equal(sscanf(url, "http://127.0.0.1:%u/", &port), 1);
        (void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
        assert_int_equal(try_open(address, false, other), -EADDRINUSE);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_no_address),
                cmocka_unit_test(test_off_loopback_needs_a_token),
                cmocka_unit_test(test_taken),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
