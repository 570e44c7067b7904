/* The WebSocket handshake, with the example of RFC 6455, section 1.3. */
#include "server/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct handshake example = {
        .http_version = "HTTP/1.1",
        .upgrade = "websocket",
        .connection = "Upgrade",
        .version = "13",
        .key = "dGhlIHNhbXBsZSBub25jZQ==",
};

static unsigned status_of(struct handshake handshake) {
        char accept[29];
        struct problem problem;
        return handshake_accept(&handshake, accept, &problem) ? 101 : problem.status;
}

static void test_example(void **state) {
        (void)state;
        char accept[29];
        struct problem problem;
        assert_true(handshake_accept(&example, accept, &problem));
        assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void test_variants(void **state) {
        (void)state;
        struct handshake h = example;
        h.upgrade = "h2c, WebSocket";
        h.connection = "keep-alive,  upgrade";
        assert_int_equal(status_of(h), 101);
}

static void test_refusals(void **state) {
        (void)state;
        struct handshake h = example;
        h.http_version = "HTTP/1.0";
        assert_int_equal(status_of(h), 426);
        h = example, h.upgrade = NULL;
        assert_int_equal(status_of(h), 426);
        h = example, h.upgrade = "websockets";
        assert_int_equal(status_of(h), 426);
        h = example, h.connection = "close";
        assert_int_equal(status_of(h), 426);
        h = example, h.version = "8";
        assert_int_equal(status_of(h), 426);
        h = example, h.key = NULL;
        assert_int_equal(status_of(h), 400);
        h = example, h.key = "dGhlIHNhbXBsZSBub25jZQ=";
        assert_int_equal(status_of(h), 400);
        h = example, h.key = "dGhlIHNhbXBsZSBub25jZQ!=";
        assert_int_equal(status_of(h), 400);
        h = example, h.key = "dGhlIHNhbXBsZSBub25jZQ==\t";
        assert_int_equal(status_of(h), 400);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_example),
                cmocka_unit_test(test_variants),
                cmocka_unit_test(test_refusals),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
