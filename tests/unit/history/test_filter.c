/* What a filter selects: for each text the directions of known flows, worked out by hand. What tcpdump
 * understands as well is held against libpcap in test_filter_pcap.c. */
#include "lib/check.h"

#include <string.h>

#include "base/parse.h"
#include "history/filter.h"

#define NONE 0u
#define AB FILTER_AB
#define BA FILTER_BA
#define BOTH FILTER_BOTH

static const char *const ifaces[] = {"eth0", "wlan0", "and"};
static const struct filter_names names = {.n_ifaces = 3, .ifaces = ifaces};

static struct flow_key key_of(const char *a, unsigned a_port, const char *b, unsigned b_port, uint8_t proto) {
        struct flow_key key = {.a_port = (uint16_t)a_port, .b_port = (uint16_t)b_port, .proto = proto};
        uint8_t bits, family;
        assert_true(parse_cidr(a, key.a_address, &bits, &family));
        assert_true(parse_cidr(b, key.b_address, &bits, &family));
        key.vlan_family = family == 6 ? FLOW_FAMILY_IP6 : 0;
        return key;
}

static unsigned selected(const char *text, const struct filter_flow *flow) {
        struct filter *filter;
        struct filter_error error;
        if (filter_parse(text, &names, &filter, &error))
                fail_msg("'%s': at %zu %s", text, error.pos, error.text);
        unsigned mask = filter_select(filter, flow);
        filter_free(filter);
        return mask;
}

struct expectation {
        const char *text;
        unsigned mask;
};

static void expect(const struct filter_flow *flow, const struct expectation *list, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                if (selected(list[i].text, flow) != list[i].mask)
                        fail_msg("'%s': %u, not %u", list[i].text, selected(list[i].text, flow), list[i].mask);
}

#define EXPECT(flow, ...)                                               \
        do {                                                            \
                static const struct expectation list[] = {__VA_ARGS__}; \
                expect(flow, list, sizeof(list) / sizeof(list[0]));     \
        } while (0)

/* ---- by the key ------------------------------------------------------------------------ */

static void test_ends(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        const struct filter_flow flow = {.key = &key};
        EXPECT(&flow, {"", BOTH}, {" \t\n", BOTH}, {"host 10.0.0.1", BOTH}, {"src host 10.0.0.1", AB},
               {"dst host 10.0.0.1", BA}, {"not src host 10.0.0.1", BA}, {"src or dst host 10.0.0.1", BOTH},
               {"src and dst host 10.0.0.1", NONE}, {"src and dst net 0.0.0.0/0", BOTH}, {"src net 192", BA},
               {"src port 443", BA}, {"dst port 443", AB}, {"tcp dst portrange 400-500", AB},
               {"src host 10.0.0.1 and dst port 443", AB}, {"src host 10.0.0.1 and src port 443", NONE},
               {"src host 10.0.0.1 or src port 443", BOTH}, {"not (src host 10.0.0.1 or dst port 22)", BA},
               {"udp", NONE}, {"not udp", BOTH}, {"udp or dst 192.0.2.1", AB}, {"dst 192.0.2.1 or udp", AB});
}

static void test_values_take_over_the_words_before(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        const struct filter_flow flow = {.key = &key};
        EXPECT(&flow, {"dst port 80 or 443", AB}, {"udp port 80 or 443", NONE}, {"port (80 or 443)", BOTH},
               {"src (10.0.0.2 or 10.0.0.1)", AB}, {"not port (80 or 443)", NONE}, {"port not (80 or 443)", NONE},
               {"not port not (80 or 443)", BOTH}, {"host 10.0.0.2 or (dst port 443) or 192.0.2.1", BOTH},
               {"src 10.0.0.2 or (dst port 80) or 192.0.2.1", BA});
}

static void test_equal_precedence_from_left_to_right(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        const struct filter_flow flow = {.key = &key};
        EXPECT(&flow, {"tcp or tcp and udp", NONE}, {"tcp or (tcp and udp)", BOTH}, {"udp and tcp or tcp", BOTH},
               {"udp and (tcp or tcp)", NONE}, {"not udp or udp and udp", NONE}, {"not tcp or tcp", BOTH},
               {"not (tcp or tcp)", NONE}, {"TCP AND NOT Udp", BOTH}, {"!udp&&!(icmp)", BOTH});
}

static void test_families(void **state) {
        (void)state;
        const struct flow_key key = key_of("::ffff:10.0.0.1", 53, "2001:db8::1", 53, 17);
        struct flow_key six = key;
        six.vlan_family = FLOW_FAMILY_IP6;
        const struct filter_flow flow = {.key = &six};
        EXPECT(&flow, {"ip6", BOTH}, {"ip", NONE}, {"host 10.0.0.1", NONE}, {"src host ::ffff:10.0.0.1", AB},
               {"net 0.0.0.0/0", NONE}, {"net ::/0", BOTH}, {"ip6 proto 17", BOTH}, {"ip proto 17", NONE},
               {"proto udp", BOTH}, {"icmp6", NONE}, {"src 2001:db8::/32", BA});
}

/* Whose ports are both zero has none: a fragment, ICMP. UDP-Lite and DCCP have some that tcpdump does not look at. */
static void test_ports(void **state) {
        (void)state;
        struct flow_key key = key_of("10.0.0.1", 0, "192.0.2.1", 0, 17);
        const struct filter_flow flow = {.key = &key};
        EXPECT(&flow, {"port 0", NONE}, {"portrange 0-65535", NONE}, {"not port 53", BOTH});
        key.b_port = 53;
        EXPECT(&flow, {"port 0", BOTH}, {"src port 0", AB}, {"port domain", BOTH}, {"port http", NONE},
               {"tcp port domain", NONE}, {"portrange 60-50", BOTH});
        key.proto = 136;
        EXPECT(&flow, {"port 53", NONE}, {"proto udplite", BOTH});
        key.proto = 6;
        key.b_port = 80;
        EXPECT(&flow, {"port http", BOTH}, {"dst port www", AB});
        key.proto = 17;
        EXPECT(&flow, {"port http", NONE}, {"port 80", BOTH});
}

static void test_vlan_and_iface(void **state) {
        (void)state;
        struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        const struct filter_flow flow = {.key = &key};
        EXPECT(&flow, {"vlan", NONE}, {"vlan 0", BOTH}, {"iface eth0", BOTH}, {"iface wlan0", NONE});
        key.vlan_family = 5;
        key.iface = 2;
        EXPECT(&flow, {"vlan", BOTH}, {"vlan 5", BOTH}, {"vlan 6 or 5", BOTH}, {"vlan 5 and tcp", BOTH},
               {"vlan and port 443", BOTH}, {"vlan (6 or 7)", NONE}, {"iface and and tcp", BOTH},
               {"iface eth0 or \\and", BOTH}, {"not iface (eth0 or wlan0)", BOTH});
}

/* ---- by what only a flow has ------------------------------------------------------------ */

static void test_direction(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        struct filter_flow flow = {.key = &key, .ab_direction = DIRECTION_OUT};
        EXPECT(&flow, {"out", AB}, {"in", BA}, {"inbound", BA}, {"outbound", AB}, {"in and src host 10.0.0.1", NONE},
               {"out and dst port 443", AB}, {"in or out", BOTH});
        flow.ab_direction = DIRECTION_IN;
        EXPECT(&flow, {"out", BA}, {"in", AB});
        flow.ab_direction = DIRECTION_UNKNOWN;
        EXPECT(&flow, {"out", NONE}, {"in", NONE}, {"not in", BOTH});
}

static void test_quantities(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        const struct filter_flow flow = {
                .key = &key,
                .ab = {1500, 1 << 20},
                .ba = {500, 1},
                .rate_bytes = (1 << 20) + 1,
                .rate_span_ms = 2000,
        };
        EXPECT(&flow, {"bytes > 1M", BOTH}, {"bytes > 1048577", NONE}, {"bytes = 1048577", BOTH},
               {"bytes == 1048577", BOTH}, {"bytes != 1048577", NONE}, {"bytes >= 1048577", BOTH},
               {"bytes <= 1M", NONE}, {"bytes < 1g", BOTH}, {"bytes>1024K", BOTH}, {"packets = 2K", BOTH},
               {"packets < 2001", BOTH}, {"packets > 2k", NONE}, {"rate = 4194308", BOTH}, {"rate > 4.194307M", BOTH},
               {"rate > 4.2M", NONE}, {"bytes > 0.5M and src host 10.0.0.1", AB}, {"not bytes > 1M", NONE});
}

static void test_units(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        struct filter_flow flow = {.key = &key, .rate_span_ms = 8000};
        flow.ab = (struct volume){1000, 1 << 10};
        flow.rate_bytes = flow.ab.bytes;
        EXPECT(&flow, {"bytes = 1K", BOTH}, {"packets = 1K", BOTH}, {"rate = 1.024K", BOTH});
        flow.ab = (struct volume){1000000, 1 << 20};
        flow.rate_bytes = flow.ab.bytes;
        EXPECT(&flow, {"bytes = 1M", BOTH}, {"packets = 1M", BOTH}, {"rate = 1.048576m", BOTH});
        flow.ab = (struct volume){1000000000, 1 << 30};
        flow.rate_bytes = flow.ab.bytes;
        EXPECT(&flow, {"bytes = 1G", BOTH}, {"packets = 1G", BOTH}, {"rate = 1.073741824G", BOTH});
        flow.ab = (struct volume){1, 1};
        flow.rate_bytes = flow.ab.bytes;
        EXPECT(&flow, {"bytes = 1.9", BOTH}, {"packets = 0.0019K", BOTH});
}

/* A rate is the one that is shown: to the nearest bit; without a span there is none; it cannot overflow. */
static void test_rates_at_the_edges(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        struct filter_flow flow = {.key = &key, .rate_bytes = 1, .rate_span_ms = 16000};
        EXPECT(&flow, {"rate = 1", BOTH});
        flow.rate_span_ms = 16001;
        EXPECT(&flow, {"rate = 0", BOTH});
        flow.rate_span_ms = 0;
        EXPECT(&flow, {"rate = 0", BOTH});
        flow.rate_bytes = UINT64_MAX;
        flow.rate_span_ms = 1;
        EXPECT(&flow, {"rate = 18446744073709551615", BOTH});
}

static void test_times(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        struct filter_flow flow = {.key = &key, .first_seen_ms = 1000, .last_seen_ms = 2500, .now_ms = 301000};
        EXPECT(&flow, {"duration = 1.5s", BOTH}, {"duration = 1500ms", BOTH}, {"duration > 1", BOTH},
               {"duration < 1", NONE}, {"age = 5m", BOTH}, {"age = 300", BOTH}, {"age > 0.1h", NONE});
        flow.now_ms = 0;
        EXPECT(&flow, {"age = 0", BOTH});
}

static void test_flags_and_state(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        struct filter_flow flow = {.key = &key, .tcp_flags = PACKET_TCP_SYN | PACKET_TCP_ACK};
        EXPECT(&flow, {"flags syn", BOTH}, {"flags fin", NONE}, {"flags fin or syn", BOTH}, {"flags syn and ack", BOTH},
               {"flags syn and not ack", NONE}, {"flags (rst or ack)", BOTH}, {"state active", BOTH},
               {"state ended", NONE}, {"state active or ended", BOTH});
        flow.ended = true;
        EXPECT(&flow, {"state active", NONE}, {"state ended", BOTH}, {"state not active", BOTH});
}

/* The deepest text that is allowed fills the stack of masks to the end. */
static void test_the_deepest_nesting(void **state) {
        (void)state;
        const struct flow_key key = key_of("10.0.0.1", 40000, "192.0.2.1", 443, 6);
        const struct filter_flow flow = {.key = &key};
        char text[8192] = "";
        for (unsigned i = 0; i < 200; i++)
                strcat(text, i % 2 ? "udp or (" : "tcp and (");
        strcat(text, "udp or dst port 443");
        for (unsigned i = 0; i < 200; i++)
                strcat(text, ")");
        assert_int_equal(selected(text, &flow), AB);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ends),
                cmocka_unit_test(test_values_take_over_the_words_before),
                cmocka_unit_test(test_equal_precedence_from_left_to_right),
                cmocka_unit_test(test_families),
                cmocka_unit_test(test_ports),
                cmocka_unit_test(test_vlan_and_iface),
                cmocka_unit_test(test_direction),
                cmocka_unit_test(test_quantities),
                cmocka_unit_test(test_units),
                cmocka_unit_test(test_rates_at_the_edges),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_flags_and_state),
                cmocka_unit_test(test_the_deepest_nesting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
