/* Ten wrong tokens a second, by address. */
#include "server/guesses.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/check.h"

#define NOW (1000 * NS_PER_S)

static struct guesses guesses;

static int setup(void **state) {
        (void)state;
        memset(&guesses, 0, sizeof(guesses));
        guesses.seed = 7;
        return 0;
}

/* Allowed, and wrong. */
static bool guess(const struct sockaddr *address, int64_t now_ns) {
        bool allowed = guesses_allowed(&guesses, address, now_ns);
        if (allowed)
                guesses_wrong(&guesses, address, now_ns);
        return allowed;
}

static struct sockaddr_storage address_of(const char *text) {
        struct sockaddr_storage storage = {0};
        struct sockaddr_in ip4 = {.sin_family = AF_INET};
        struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6};
        if (inet_pton(AF_INET, text, &ip4.sin_addr) == 1)
                memcpy(&storage, &ip4, sizeof(ip4));
        else if (inet_pton(AF_INET6, text, &ip6.sin6_addr) == 1)
                memcpy(&storage, &ip6, sizeof(ip6));
        return storage;
}

static void exhaust(const struct sockaddr *address) {
        for (unsigned i = 0; i < GUESSES_MAX; i++)
                assert_true(guess(address, NOW));
        assert_false(guesses_allowed(&guesses, address, NOW));
}

static bool is_kept_out(const char *text) {
        const struct sockaddr_storage storage = address_of(text);
        return !guesses_allowed(&guesses, (const struct sockaddr *)&storage, NOW);
}

static void test_ten_within_a_second(void **state) {
        (void)state;
        for (unsigned i = 0; i < GUESSES_MAX; i++)
                assert_true(guess(NULL, NOW + i * 50 * NS_PER_MS));
        assert_false(guess(NULL, NOW + NS_PER_S - 1));
        assert_true(guess(NULL, NOW + NS_PER_S));
        assert_false(guess(NULL, NOW + NS_PER_S));
        assert_true(guess(NULL, NOW + NS_PER_S + 50 * NS_PER_MS));
}

/* However they are spread, never more than ten in any second. */
static void test_any_second(void **state) {
        (void)state;
        int64_t done[2000];
        unsigned n = 0;
        uint64_t seed = 3;
        for (int64_t now = NOW; n < 500; now += random_below(&seed, 60) * NS_PER_MS)
                if (guess(NULL, now))
                        done[n++] = now;
        for (unsigned i = GUESSES_MAX; i < n; i++)
                assert_true(done[i] - done[i - GUESSES_MAX] >= NS_PER_S);
}

static void test_by_address(void **state) {
        (void)state;
        const struct sockaddr_storage one = address_of("192.0.2.1");
        exhaust((const struct sockaddr *)&one);
        assert_true(is_kept_out("192.0.2.1"));
        unsigned kept_out = 0;
        for (unsigned i = 2; i < 250; i++) {
                char text[32];
                (void)snprintf(text, sizeof(text), "192.0.2.%u", i);
                kept_out += is_kept_out(text);
        }
        assert_true(kept_out < 8); /* one in 256 shares its slot */
}

static void test_ip6_by_network(void **state) {
        (void)state;
        const struct sockaddr_storage one = address_of("2001:db8:1:2::1");
        exhaust((const struct sockaddr *)&one);
        assert_true(is_kept_out("2001:db8:1:2:ffff::9"));
        assert_false(is_kept_out("2001:db8:1:3::1") && is_kept_out("2001:db8:1:4::1") && is_kept_out("2001:db8:2::1"));
}

static void test_mapped_by_address(void **state) {
        (void)state;
        const struct sockaddr_storage one = address_of("::ffff:192.0.2.1");
        exhaust((const struct sockaddr *)&one);
        assert_true(is_kept_out("::ffff:192.0.2.1"));
        assert_false(is_kept_out("::ffff:192.0.2.2") && is_kept_out("::ffff:192.0.2.3"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_ten_within_a_second, setup),
                cmocka_unit_test_setup(test_any_second, setup),
                cmocka_unit_test_setup(test_by_address, setup),
                cmocka_unit_test_setup(test_ip6_by_network, setup),
                cmocka_unit_test_setup(test_mapped_by_address, setup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
