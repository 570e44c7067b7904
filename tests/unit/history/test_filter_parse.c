/* What is no filter: where it goes wrong, what is said, and that hostile texts end at once. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history/filter.h"
#include "history/filter_program.h"

static const char *const ifaces[] = {"eth0"};
static const struct filter_names names = {.n_ifaces = 1, .ifaces = ifaces};

static struct filter_error error_of(const char *text) {
        struct filter *filter = NULL;
        struct filter_error error = {.pos = SIZE_MAX};
        if (filter_parse(text, &names, &filter, &error) != -EINVAL)
                fail_msg("'%.80s' is a filter", text);
        assert_null(filter);
        assert_in_range(error.pos, 0, strlen(text));
        for (const char *c = error.text; *c; c++)
                assert_in_range(*c, ' ', '~');
        return error;
}

static const struct {
        const char *text;
        size_t pos;
        const char *says; /* some of it */
} mistakes[] = {
        {"hots 10.0.0.1", 0, "expected a condition such as 'host 10.0.0.1' or 'tcp port 443', found 'hots'"},
        {"and tcp", 0, "expected a condition such as 'host 10.0.0.1' or 'tcp port 443', found 'and'"},
        {"tcp and and udp", 8, "found 'and'"},
        {"tcp and", 7, "found the end"},
        {"tcp or  ", 8, "found the end"},
        {"not", 3, "expected a condition"},
        {"()", 1, "found ')'"},
        {"tcp udp", 4, "expected 'and' or 'or', found 'udp'"},
        {"(tcp", 4, "expected 'and', 'or' or ')', found the end"},
        {"(tcp udp", 5, "expected 'and', 'or' or ')', found 'udp'"},
        {"tcp)", 3, "no parenthesis is open"},
        {"tcp & udp", 4, "found '&'"},
        {"tcp \x01", 4, "found something else"},
        {"h\xc3\xb6st 10.0.0.1", 0, "found something else"},

        {"host", 4, "expected an IPv4 or IPv6 address (names are not looked up), found the end"},
        {"host example.com", 5, "names are not looked up), found 'example.com'"},
        {"host 10.0.0.256", 5, "expected an IPv4 or IPv6 address"},
        {"host 10.0.0.1.2", 5, "expected an IPv4 or IPv6 address"},
        {"host 10.0.0.01", 5, "expected an IPv4 or IPv6 address"},
        {"host 10.0.0.", 5, "expected an IPv4 or IPv6 address"},
        {"host 10.0", 5, "expected a whole address"},
        {"src 10.0", 4, "expected a whole address"},
        {"host 10.0.0.0/8", 5, "a network is a 'net'"},
        {"host 1::2::3", 5, "expected an IPv4 or IPv6 address"},
        {"host fe80::1%eth0", 5, "expected an IPv4 or IPv6 address"},
        {"net 10.0.0.1/8", 4, "bits set beyond its first 8"},
        {"net 2001:db8::1/32", 4, "bits set beyond its first 32"},
        {"net 10.0.0.0/33", 4, "expected a network such as"},
        {"net 10.0.0.0/", 4, "expected a network such as"},
        {"net ::/129", 4, "expected a network such as"},
        {"net 0", 4, "expected '0.0.0.0/0' for all"},
        {"net 256", 4, "expected a network such as"},
        {"net 10.0.0.0 mask 255.0.255.0", 18, "ones are all to the left"},
        {"net 10.0.0.0 mask", 17, "expected a mask"},
        {"net 10.0.0.1 mask 255.0.0.0", 4, "bits set beyond its first 8"},
        {"ip host ::1", 8, "expected an IPv4 address after 'ip'"},
        {"ip6 host 10.0.0.1", 9, "expected an IPv6 address after 'ip6'"},
        {"tcp host 10.0.0.1", 4, "expected 'port' or 'portrange'"},
        {"tcp src 10.0.0.1", 8, "expected 'port' or 'portrange'"},
        {"icmp src 10.0.0.1", 5, "expected 'and' or 'or'"},
        {"ip port 80", 3, "expected 'host', 'net' or an address"},
        {"src or src 10.0.0.1", 7, "expected 'dst'"},
        {"dst and", 7, "expected 'src'"},
        {"src proto 6", 4, "has no direction"},

        {"80", 0, "expected a word that says what the number is"},
        {"tcp or 80", 7, "expected a word that says what the number is"},
        {"(port 80) or 443", 13, "expected a word that says what the number is"},
        {"port 80 or tcp or 443", 18, "expected a word that says what the number is"},
        {"port 80 or hots", 11, "expected a condition or a port, 0 to 65535 or a well-known name, found 'hots'"},
        {"port 65536", 5, "expected a port"},
        {"port 080", 5, "expected a port"},
        {"port 0x", 5, "expected a port"},
        {"port 0x10000", 5, "expected a port"},
        {"port tcp", 5, "expected a port"},
        {"port (80 or tcp)", 12, "expected a port"},
        {"udp port http", 9, "expected a number"},
        {"portrange 80-", 10, "expected a range of ports"},
        {"portrange 80-90-100", 10, "expected a range of ports"},
        {"proto 256", 6, "expected an IP protocol"},
        {"proto ipip", 6, "expected an IP protocol"},

        {"vlan 4096", 5, "expected a VLAN id"},
        {"vlan x", 5, "expected 'and' or 'or'"},
        {"iface wlan0", 6, "expected the name of a captured interface"},
        {"iface ETH0", 6, "expected the name of a captured interface"},
        {"state over", 6, "expected 'active' or 'ended'"},
        {"flags syn,ack", 6, "expected syn, ack"},
        {"bytes", 5, "expected one of > >="},
        {"bytes 5", 6, "expected one of > >="},
        {"bytes >", 7, "expected a size"},
        {"bytes > 1X", 8, "expected a size"},
        {"bytes > -1", 8, "expected a size"},
        {"bytes > 1.M", 8, "expected a size"},
        {"bytes > 1.0000000001G", 8, "expected a size"},
        {"bytes > 18446744073709551616", 8, "expected a size"},
        {"bytes > 17179869184G", 8, "expected a size"},
        {"packets > 5s", 10, "expected a number"},
        {"rate > fast", 7, "expected bits per second"},
        {"age > 5d", 6, "expected a duration"},
        {"duration > 1M1", 11, "expected a duration"},

        {"arp", 0, "belong to no flow"},
        {"ether host 00:11:22:33:44:55", 0, "only 'vlan' is kept"},
        {"greater 100", 0, "single packets"},
        {"ip multicast", 3, "'dst net 224.0.0.0/4'"},
        {"tcp[13] = 2", 3, "bytes of packets are not kept"},
};

static void test_mistakes(void **state) {
        (void)state;
        for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
                const struct filter_error error = error_of(mistakes[i].text);
                if (error.pos != mistakes[i].pos || !strstr(error.text, mistakes[i].says))
                        fail_msg("'%s': at %zu, not %zu: %s", mistakes[i].text, error.pos, mistakes[i].pos, error.text);
        }
}

static void test_a_file_has_no_interfaces(void **state) {
        (void)state;
        struct filter *filter;
        struct filter_error error;
        assert_int_equal(filter_parse("iface eth0", NULL, &filter, &error), -EINVAL);
        assert_non_null(strstr(error.text, "no interface is captured"));
}

/* ---- hostile texts ------------------------------------------------------------------------ */

/* `head`, then `n` times `again`, then `tail`. The caller frees it. */
static char *repeated(const char *head, const char *again, unsigned n, const char *tail) {
        size_t step = strlen(again);
        char *text = malloc(strlen(head) + n * step + strlen(tail) + 1);
        char *at = stpcpy(text, head);
        for (unsigned i = 0; i < n; i++, at += step)
                memcpy(at, again, step);
        strcpy(at, tail);
        return text;
}

static void expect_refused(char *text, size_t pos, const char *says) {
        const struct filter_error error = error_of(text);
        assert_int_equal(error.pos, pos);
        assert_non_null(strstr(error.text, says));
        free(text);
}

static struct filter *parsed(char *text) {
        struct filter *filter;
        struct filter_error error;
        assert_int_equal(filter_parse(text, &names, &filter, &error), 0);
        free(text);
        return filter;
}

static void test_nesting_has_an_end(void **state) {
        (void)state;
        expect_refused(repeated("", "(", 10000, "tcp"), 200, "at most 200 parentheses");
        expect_refused(repeated("", "not (", 10000, "tcp"), 5 * 200 + 4, "at most 200 parentheses");
        expect_refused(repeated("port ", "(", 10000, "80"), 205, "at most 200 parentheses");
        expect_refused(repeated("", "(", 200, "tcp"), 203, "found the end");
        expect_refused(repeated("tcp", ")", 10000, ""), 3, "no parenthesis is open");
}

static void test_conditions_have_an_end(void **state) {
        (void)state;
        expect_refused(repeated("", "tcp or ", 10000, "tcp"), 7 * 500, "at most 500 conditions");
        expect_refused(repeated("port 1", " or 2", 10000, ""), 6 + 5 * 499 + 4, "at most 500 conditions");
}

/* The longest program that there can be. */
static void test_the_program_is_bounded(void **state) {
        (void)state;
        struct filter *filter = parsed(repeated("", "not (not (not tcp)) or ", 499, "not tcp"));
        assert_int_equal(filter->n_conditions, FILTER_CONDITIONS_MAX);
        assert_in_range(filter->n_nodes, 1, 5 * FILTER_CONDITIONS_MAX);
        filter_free(filter);
}

static void test_negations_cancel_out(void **state) {
        (void)state;
        struct filter *filter = parsed(repeated("", "! ", 30000, "tcp"));
        assert_int_equal(filter->n_nodes, 1);
        filter_free(filter);
        filter = parsed(repeated("", "not ", 30001, "tcp"));
        assert_int_equal(filter->n_nodes, 2);
        filter_free(filter);
}

static void test_long_words_are_not_quoted(void **state) {
        (void)state;
        expect_refused(repeated("", "a", 60000, ""), 0, "found something else");
        expect_refused(repeated("host ", "1", 60000, ""), 5, "found something else");
        expect_refused(repeated("bytes > ", "9", 60000, ""), 8, "found something else");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mistakes),
                cmocka_unit_test(test_a_file_has_no_interfaces),
                cmocka_unit_test(test_nesting_has_an_end),
                cmocka_unit_test(test_conditions_have_an_end),
                cmocka_unit_test(test_the_program_is_bounded),
                cmocka_unit_test(test_negations_cancel_out),
                cmocka_unit_test(test_long_words_are_not_quoted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
