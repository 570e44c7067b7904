/* What people type: the whole text counts, and a bad one leaves the value alone. */
#include "lib/check.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_numbers(void **state) {
        (void)state;
        uint64_t v;
        assert_true(parse_u64("0", 0, UINT64_MAX, &v));
        assert_int_equal(v, 0);
        assert_true(parse_u64("007", 0, 10, &v));
        assert_int_equal(v, 7);
        assert_true(parse_u64("18446744073709551615", 0, UINT64_MAX, &v));
        assert_true(v == UINT64_MAX);
        assert_true(parse_u64("1", 1, 1000, &v));
        assert_true(parse_u64("1000", 1, 1000, &v));
}

static void test_bad_numbers(void **state) {
        (void)state;
        static const char *const bad[] = {
                "",
                " 1",
                "1 ",
                "+1",
                "-1",
                "1.0",
                "0x10",
                "1e3",
                "ten",
                "1\n",
                "18446744073709551616",
                "99999999999999999999999999",
                "1,000",
                "\xd9\xa1",
        };
        for (unsigned i = 0; i < COUNT(bad); i++) {
                uint64_t v = 42;
                if (parse_u64(bad[i], 0, UINT64_MAX, &v) || v != 42)
                        fail_msg("'%s' gave %llu", bad[i], (unsigned long long)v);
        }
        uint64_t v = 42;
        assert_false(parse_u64("0", 1, 1000, &v));
        assert_false(parse_u64("1001", 1, 1000, &v));
        assert_int_equal(v, 42);
}

static void test_sizes(void **state) {
        (void)state;
        static const struct {
                const char *text;
                uint64_t bytes;
        } good[] = {
                {"0", 0},           {"160", 160},
                {"1K", 1024},       {"64M", 64ull << 20},
                {"2g", 2ull << 30}, {"17179869183G", 17179869183ull << 30},
        };
        static const char *const bad[] = {"", "M", "1MB", "1 M", "1T", "-1M", "1.5G", "17179869184G", "1KK", "M1"};
        uint64_t v;
        for (unsigned i = 0; i < COUNT(good); i++) {
                assert_true(parse_size(good[i].text, &v));
                assert_true(v == good[i].bytes);
        }
        for (unsigned i = 0; i < COUNT(bad); i++) {
                v = 42;
                if (parse_size(bad[i], &v) || v != 42)
                        fail_msg("'%s' gave %llu", bad[i], (unsigned long long)v);
        }
}

static void test_durations(void **state) {
        (void)state;
        static const struct {
                const char *text;
                int64_t ms;
        } good[] = {{"0s", 0}, {"250ms", 250}, {"30", 30000}, {"30s", 30000}, {"60m", 3600000}, {"2h", 7200000}};
        static const char *const bad[] = {
                "", "s", "1d", "1 s", "-1s", "1sec", "1m30s", "9223372036854775807h", "9223372036854775808ms", "1S",
        };
        int64_t v;
        for (unsigned i = 0; i < COUNT(good); i++) {
                assert_true(parse_duration(good[i].text, &v));
                assert_int_equal(v, good[i].ms);
        }
        assert_true(parse_duration("9223372036854775807ms", &v));
        assert_true(v == INT64_MAX);
        for (unsigned i = 0; i < COUNT(bad); i++) {
                v = 42;
                if (parse_duration(bad[i], &v) || v != 42)
                        fail_msg("'%s' gave %lld", bad[i], (long long)v);
        }
}

/* As text again, so that a case is one line: the network, bits of 128, family. */
static void check_cidr(const char *text, const char *network, unsigned bits, unsigned family) {
        uint8_t address[16], got_bits, got_family;
        char back[INET6_ADDRSTRLEN];
        if (!parse_cidr(text, address, &got_bits, &got_family))
                fail_msg("'%s' was refused", text);
        if (family == 4) {
                static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
                assert_memory_equal(address, mapped, sizeof(mapped));
                inet_ntop(AF_INET, address + 12, back, sizeof(back));
        } else {
                inet_ntop(AF_INET6, address, back, sizeof(back));
        }
        assert_string_equal(back, network);
        assert_int_equal(got_bits, bits);
        assert_int_equal(got_family, family);
}

static void test_networks(void **state) {
        (void)state;
        check_cidr("10.1.2.3", "10.1.2.3", 128, 4);
        check_cidr("10.1.2.3/32", "10.1.2.3", 128, 4);
        check_cidr("10.1.2.3/8", "10.0.0.0", 104, 4);
        check_cidr("10.255.2.3/9", "10.128.0.0", 105, 4);
        check_cidr("192.0.2.255/31", "192.0.2.254", 127, 4);
        check_cidr("255.255.255.255/0", "0.0.0.0", 96, 4);
        check_cidr("2001:db8::1", "2001:db8::1", 128, 6);
        check_cidr("2001:db8:ffff::1/33", "2001:db8:8000::", 33, 6);
        check_cidr("ffff::/0", "::", 0, 6);
        check_cidr("::ffff:10.0.0.1", "::ffff:10.0.0.1", 128, 6); /* an IPv6 address, whatever it looks like */
        check_cidr("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128,
                   6);
}

static void test_bad_networks(void **state) {
        (void)state;
        static const char *const bad[] = {
                "",
                "/",
                "/8",
                "10.0.0.0/",
                "10.0.0.0/33",
                "10.0.0.0/-1",
                "10.0.0.0/8/8",
                "10.0.0/8",
                "10.0.0.256",
                "10.0.0.1 ",
                " 10.0.0.1",
                "::1/129",
                "fe80::1%lo",
                "1:2:3",
                "host",
                "[::1]",
                "10.0.0.0/8x",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "10.0.0.0/18446744073709551624",
        };
        for (unsigned i = 0; i < COUNT(bad); i++) {
                uint8_t address[16] = {42}, bits = 42, family = 42;
                if (parse_cidr(bad[i], address, &bits, &family) || address[0] != 42 || bits != 42 || family != 42)
                        fail_msg("'%s' was taken", bad[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers),  cmocka_unit_test(test_bad_numbers),
                cmocka_unit_test(test_sizes),    cmocka_unit_test(test_durations),
                cmocka_unit_test(test_networks), cmocka_unit_test(test_bad_networks),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
