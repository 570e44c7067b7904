/* Parameters of /api/flows → a query. */
#include "server/flow_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct render_names names = {.n_ifaces = 2, .ifaces = {"eth0", "eth1"}};

static bool parse(const char *query, struct flow_request *request, struct problem *problem) {
        static const char *const known[] = {"limit", "sort", "dir", FLOW_FILTER_PARAMS, NULL};
        struct params params;
        char *copy = strdup(query);
        bool good =
                params_parse(copy, known, &params, problem) && flow_request_parse(&params, &names, request, problem);
        free(copy);
        return good;
}

static struct flow_request good(const char *query) {
        struct flow_request request = flow_request_default();
        struct problem problem;
        assert_true(parse(query, &request, &problem));
        return request;
}

static void test_default(void **state) {
        (void)state;
        struct flow_request r = good("");
        assert_true(r.filter.has_state && r.filter.state == FLOW_STATE_ACTIVE);
        assert_int_equal(r.sort, FLOW_SORT_BYTES);
        assert_false(r.ascending);
        assert_int_equal(r.limit, 200);
}

static void test_everything(void **state) {
        (void)state;
        struct flow_request r = good("limit=5&sort=tcp_flags&dir=asc&proto=gre&ip=10.0.0.0/8&port=53&vlan=7&state=ended"
                                     "&iface=eth1&flow=99");
        assert_int_equal(r.limit, 5);
        assert_int_equal(r.sort, FLOW_SORT_TCP_FLAGS);
        assert_true(r.ascending);
        assert_true(r.filter.protos.n == 1 && r.filter.protos.list[0] == 47 && !r.filter.protos.none_of);
        assert_true(r.filter.nets.n == 1 && r.filter.nets.list[0].bits == 104 && r.filter.nets.list[0].family == 4);
        assert_true(r.filter.ports.n == 1 && r.filter.ports.list[0] == 53);
        assert_true(r.filter.vlans.n == 1 && r.filter.vlans.list[0] == 7);
        assert_true(r.filter.has_state && r.filter.state == FLOW_STATE_ENDED);
        assert_true(r.filter.ifaces == 2);
        assert_true(r.filter.has_id && r.filter.id == 99);
}

static void test_protocols(void **state) {
        (void)state;
        struct flow_request r = good("proto=icmp");
        assert_int_equal(r.filter.protos.list[0], FLOW_FILTER_CLASS + PACKET_CLASS_ICMP);
        r = good("proto=6");
        assert_int_equal(r.filter.protos.list[0], 6);
}

static void test_lists(void **state) {
        (void)state;
        struct flow_request r = good("port=80,443,8080&proto=!udp,!gre,!6&vlan=!0&ip=10.0.0.0/8,2001:db8::1");
        static const uint16_t ports[] = {80, 443, 8080}, protos[] = {FLOW_FILTER_CLASS + PACKET_CLASS_UDP, 47, 6};
        assert_true(r.filter.ports.n == 3 && !r.filter.ports.none_of);
        assert_memory_equal(r.filter.ports.list, ports, sizeof(ports));
        assert_true(r.filter.protos.n == 3 && r.filter.protos.none_of);
        assert_memory_equal(r.filter.protos.list, protos, sizeof(protos));
        assert_true(r.filter.vlans.n == 1 && r.filter.vlans.none_of);
        assert_true(r.filter.nets.n == 2 && !r.filter.nets.none_of);
        assert_int_equal(r.filter.nets.list[1].family, 6);
        assert_int_equal(good("port=1,2,3,4,5,6,7,8").filter.ports.n, FLOW_FILTER_VALUES);
}

static void test_bad_lists(void **state) {
        (void)state;
        static const char *const bad[][2] = {
                {"port=1,2,3,4,5,6,7,8,9", "port"},
                {"port=80,!443", "port"},
                {"port=!80,443", "port"},
                {"port=80,", "port"},
                {"port=,80", "port"},
                {"port=!", "port"},
                {"port=!!80", "port"},
                {"port=! 80", "port"},
                {"port=80, 443", "port"},
                {"vlan=!4096", "vlan"},
                {"proto=tcp,x", "proto"},
                {"ip=!10.0.0.0/33", "ip"},
                {"iface=eth0,eth1", "iface"},
                {"flow=1,2", "flow"},
                {"state=!ended", "state"},
        };
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct flow_request request = flow_request_default();
                struct problem problem;
                assert_false(parse(bad[i][0], &request, &problem));
                assert_string_equal(problem.param, bad[i][1]);
        }
}

static void test_all_states(void **state) {
        (void)state;
        assert_false(good("state=all").filter.has_state);
}

/* What a cursor compares: parameters over those of its first page. */
static void test_equality(void **state) {
        (void)state;
        static const char *const first = "limit=5&sort=packets&proto=tcp&ip=10.0.0.0/8&state=all";
        static const char *const same[] = {"",          "limit=5",       "sort=packets&state=all",
                                           "proto=tcp", "ip=10.0.0.0/8", "ip=10.9.9.9/8"};
        static const char *const other[] = {"limit=6",       "sort=bytes", "dir=asc",      "proto=6",    "proto=udp",
                                            "ip=10.0.0.0/9", "port=1",     "vlan=0",       "iface=eth0", "flow=0",
                                            "state=active",  "proto=!tcp", "proto=tcp,udp"};
        struct problem problem;
        struct flow_request pinned = good(first);
        for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
                struct flow_request request = pinned;
                assert_true(parse(same[i], &request, &problem));
                assert_true(flow_request_equal(&request, &pinned));
        }
        for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
                struct flow_request request = pinned;
                assert_true(parse(other[i], &request, &problem));
                assert_false(flow_request_equal(&request, &pinned));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_default),  cmocka_unit_test(test_everything), cmocka_unit_test(test_protocols),
                cmocka_unit_test(test_lists),    cmocka_unit_test(test_bad_lists),  cmocka_unit_test(test_all_states),
                cmocka_unit_test(test_equality),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
