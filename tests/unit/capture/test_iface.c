/* What is read of interfaces, in a namespace where only lo is, and names that are none. */
#include "lib/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/capture.h"
#include "lib/namespace.h"

static bool in_namespace;

static int enter(void **state) {
        (void)state;
        in_namespace = namespace_enter();
        return 0;
}

static void test_lo(void **state) {
        (void)state;
        struct iface_info info;
        assert_int_equal(iface_read("lo", &info), 0);
        assert_string_equal(info.name, "lo");
        assert_string_equal(info.link, "loopback");
        assert_true(info.up);
        assert_int_equal(info.speed_bps, -1);
        assert_int_equal(info.rx_packets, info.tx_packets);
}

static void test_no_such_interface(void **state) {
        (void)state;
        static const char *const names[] = {
                "", ".", "..", "../lo", "lo/", "/", "nonsense0", "lo\n", "a-name-much-longer-than-any", "%s%n", "lo ",
        };
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct iface_info info = {.speed_bps = 42};
                assert_int_equal(iface_read(names[i], &info), -ENODEV);
                assert_int_equal(info.speed_bps, 42);
        }
}

static void count(const struct iface_info *info, void *context) {
        unsigned *n = context;
        if (strcmp(info->name, "lo") == 0)
                ++*n;
}

static void test_list(void **state) {
        (void)state;
        unsigned n = 0;
        assert_int_equal(iface_list(count, &n), 0);
        assert_int_equal(n, 1);
}

/* An "unreachable" route names no interface that could be captured. */
static void test_default_route(void **state) {
        (void)state;
        if (!in_namespace)
                skip();
        char name[16] = "untouched";
        assert_int_equal(iface_default(name), -ENOENT);
        if (system("ip route add unreachable default metric 10") != 0)
                skip();
        assert_int_equal(iface_default(name), -ENOENT);
        assert_string_equal(name, "untouched");

        assert_int_equal(system("ip link add nw0 type veth peer name nw1 &&"
                                "ip addr add 192.0.2.1/24 dev nw0 && ip addr add 198.51.100.1/24 dev nw1 &&"
                                "ip link set nw0 up && ip link set nw1 up &&"
                                "ip route add default dev nw0 metric 200 &&"
                                "ip route add default dev nw1 metric 100"),
                         0);
        assert_int_equal(iface_default(name), 0);
        assert_string_equal(name, "nw1");
}

static void test_backlog_drops_can_be_read(void **state) {
        (void)state;
        uint64_t before = iface_backlog_drops();
        assert_true(iface_backlog_drops() >= before);
}

static void test_offloads(void **state) {
        (void)state;
        static const char *const names[IFACE_OFFLOADS] = {"tso", "gso", "gro", "lro"};
        unsigned on = 1u << 31;
        assert_int_equal(iface_offloads("nonsense0", &on), -ENODEV);
        assert_int_equal(on, 1u << 31);
        assert_int_equal(iface_offloads("lo", &on), 0);
        assert_int_equal(on & (IFACE_TSO | IFACE_GSO | IFACE_LRO), IFACE_TSO | IFACE_GSO);
        for (unsigned i = 0; i < IFACE_OFFLOADS; i++)
                assert_string_equal(iface_offload_name(i), names[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lo),
                cmocka_unit_test(test_no_such_interface),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_default_route),
                cmocka_unit_test(test_backlog_drops_can_be_read),
                cmocka_unit_test(test_offloads),
        };
        return cmocka_run_group_tests(tests, enter, NULL);
}
