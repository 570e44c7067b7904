/* Completion: what may come at a place, and what has been typed of it. That whatever is offered is understood, is
 * the fuzz target's business. */
#include "lib/check.h"

#include <string.h>

#include "history/filter.h"

static const char *const ifaces[] = {"eth0", "eth1", "wlan0"};
static const struct filter_names names = {.n_ifaces = 3, .ifaces = ifaces};

static struct filter_completion complete(const char *text) {
        struct filter_completion completion;
        filter_complete(text, strlen(text), &names, &completion);
        return completion;
}

/* All words in their order, with a blank between them. */
static const char *words_at(const char *text) {
        static char joined[8192];
        const struct filter_completion completion = complete(text);
        char *at = joined;
        *at = '\0';
        for (unsigned i = 0; i < completion.n_words; i++)
                at = stpcpy(stpcpy(at, i ? " " : ""), completion.words[i]);
        return joined;
}

static const char *const conditions =
        "host net port portrange src dst tcp udp icmp icmp6 sctp ip ip6 proto igmp igrp pim vrrp carp ah esp vlan "
        "iface in out inbound outbound bytes packets rate age duration flags state not";

static void test_where_a_condition_begins(void **state) {
        (void)state;
        static const char *const texts[] = {"", " ", "tcp and ", "not ", "!", "(", "tcp or not (", "tcp&&"};
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_string_equal(words_at(texts[i]), conditions);
}

static void test_what_goes_on(void **state) {
        (void)state;
        assert_string_equal(words_at("icmp "), "and or");
        assert_string_equal(words_at("(port 80) "), "and or");
        assert_string_equal(words_at("tcp "), "port portrange src dst and or");
        assert_string_equal(words_at("ip "), "host net src dst proto and or");
        assert_string_equal(words_at("src "), "host net port portrange and or");
        assert_string_equal(words_at("src or "), "dst");
        assert_string_equal(words_at("tcp dst "), "port portrange and or");
        assert_string_equal(words_at("bytes "), "> >= < <= = !=");
        assert_string_equal(words_at("bytes >"), "");
        assert_string_equal(words_at("state "), "not active ended");
        assert_string_equal(words_at("flags syn or "), "host net port portrange src dst tcp udp icmp icmp6 sctp ip ip6 "
                                                       "proto igmp igrp pim vrrp carp ah esp vlan iface in out inbound "
                                                       "outbound bytes packets rate age duration flags state not syn "
                                                       "ack fin rst psh urg ece cwr");
        assert_string_equal(words_at("iface "), "not eth0 eth1 wlan0");
}

static void test_what_has_been_typed(void **state) {
        (void)state;
        assert_string_equal(words_at("po"), "port portrange");
        assert_string_equal(words_at("tcp and D"), "dst duration");
        assert_string_equal(words_at("iface e"), "eth0 eth1");
        assert_string_equal(words_at("port htt"), "http https http-alt");
        assert_string_equal(words_at("udp port boot"), "bootps bootpc");
        assert_string_equal(words_at("tcp port boot"), "");
        assert_string_equal(words_at("port 80 or ht"), "http https http-alt");
        assert_string_equal(words_at("proto i"), "icmp igmp igp ipv6 icmp6");
        assert_string_equal(words_at("xyz"), "");
        assert_int_equal(complete("tcp and D").start, 8);
        assert_int_equal(complete("(po").start, 1);
        assert_int_equal(complete("tcp ").start, 4);
}

/* What stands behind the place does not matter; what is wrong before it leaves nothing to offer. */
static void test_in_the_middle(void **state) {
        (void)state;
        struct filter_completion completion;
        filter_complete("tcp an port )", 6, &names, &completion);
        assert_int_equal(completion.n_words, 1);
        assert_string_equal(completion.words[0], "and");
        assert_string_equal(words_at("tcp udp "), "");
        assert_string_equal(words_at("port 99999 o"), "");
        assert_string_equal(words_at("tcp) "), "");
}

static void test_values(void **state) {
        (void)state;
        assert_int_equal(complete("host ").value, FILTER_VALUE_ADDRESS);
        assert_int_equal(complete("src 10.").value, FILTER_VALUE_ADDRESS);
        assert_int_equal(complete("src 10.").start, 4);
        assert_int_equal(complete("tcp src ").value, FILTER_VALUE_NONE);
        assert_int_equal(complete("net ").value, FILTER_VALUE_NET);
        assert_int_equal(complete("dst port ").value, FILTER_VALUE_PORT);
        assert_int_equal(complete("port 80 or ").value, FILTER_VALUE_PORT);
        assert_int_equal(complete("port (").value, FILTER_VALUE_PORT);
        assert_int_equal(complete("portrange ").value, FILTER_VALUE_PORTRANGE);
        assert_int_equal(complete("ip proto ").value, FILTER_VALUE_PROTO);
        assert_int_equal(complete("vlan ").value, FILTER_VALUE_VLAN);
        assert_int_equal(complete("iface ").value, FILTER_VALUE_IFACE);
        assert_int_equal(complete("rate > ").value, FILTER_VALUE_QUANTITY);
        assert_int_equal(complete("").value, FILTER_VALUE_NONE);
        assert_int_equal(complete("tcp ").value, FILTER_VALUE_NONE);
}

/* An address of the other family would not be understood. */
static void test_families(void **state) {
        (void)state;
        assert_int_equal(complete("host ").family, 0);
        assert_int_equal(complete("ip host ").family, 4);
        assert_int_equal(complete("ip6 src net 2001:").family, 6);
        assert_int_equal(complete("ip6 dst ").family, 6);
        assert_int_equal(complete("ip host (10.0.0.1 or ").family, 4);
        assert_int_equal(complete("ip host 10.0.0.1 or ").family, 4);
        assert_int_equal(complete("ip host 10.0.0.1 or src ").family, 0);
        assert_int_equal(complete("ip6 or host ").family, 0);
}

/* More than there is room for: the rest is left out. */
static void test_many_interfaces(void **state) {
        (void)state;
        static const char *many[FLOW_IFACES];
        for (unsigned i = 0; i < FLOW_IFACES; i++)
                many[i] = "veth";
        const struct filter_names crowd = {.n_ifaces = FLOW_IFACES, .ifaces = many};
        struct filter_completion completion;
        filter_complete("iface ", 6, &crowd, &completion);
        assert_int_equal(completion.n_words, FLOW_IFACES + 1);
        filter_complete("port 80 or iface ", 17, NULL, &completion);
        assert_int_equal(completion.n_words, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_where_a_condition_begins),
                cmocka_unit_test(test_what_goes_on),
                cmocka_unit_test(test_what_has_been_typed),
                cmocka_unit_test(test_in_the_middle),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_families),
                cmocka_unit_test(test_many_interfaces),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
