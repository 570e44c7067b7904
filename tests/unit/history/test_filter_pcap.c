/* The filter held against libpcap: for whatever both understand, a direction of a flow is selected if and only if
 * libpcap selects its frames. Frames are untagged, whole, and without IPv6 extension headers. */
#include "lib/check.h"

#include <netdb.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "history/filter.h"
#include "history/filter_words.h"
#include "lib/frames.h"

#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))

/* ---- frames -------------------------------------------------------------------------- */

#define N_FRAMES 600

static const char *const addresses4[] = {"10.0.0.1", "10.0.0.2", "10.1.2.3", "192.168.1.1", "224.0.0.5", "0.0.0.0"};
static const char *const addresses6[] = {"2001:db8::1", "2001:db8::2", "2001:db8:1::1",
                                         "fe80::1",     "ff02::1",     "::ffff:10.0.0.1"};
static const unsigned ports[] = {22, 53, 80, 443, 1024, 8080, 65535, 40000};
static const unsigned protocols[] = {6, 6, 6, 17, 17, 17, 132, 1, 58, 2, 9, 33, 47, 50, 89, 103, 112, 136};

struct sample {
        struct bytes bytes;
        struct flow_key key;
        unsigned direction; /* FILTER_AB or FILTER_BA */
};

static struct sample samples[N_FRAMES];

static const char *pick(uint64_t *seed, const char *const *list, unsigned n) {
        return list[random_below(seed, n)];
}

static unsigned payload_of(unsigned proto) {
        return proto == 17 ? 8 : 20;
}

static void put_transport(struct bytes *b, unsigned proto, unsigned src, unsigned dst) {
        if (proto == 6)
                put_tcp(b, src, dst, 0x10);
        else if (proto == 17)
                put_udp(b, src, dst);
        else {
                put_u16(b, src);
                put_u16(b, dst);
                put_zeros(b, 16);
        }
}

static struct sample sample_of(const struct bytes *b) {
        struct sample sample = {.bytes = *b};
        struct packet packet;
        const struct frame frame = frame_of(b, FRAME_LINK_ETHERNET);
        packet_decode(&frame, &packet);
        assert_int_equal(packet.verdict, PACKET_OK);
        sample.direction = flow_key_from_packet(&packet, 0, &sample.key) ? FILTER_AB : FILTER_BA;
        return sample;
}

static struct sample random_sample(uint64_t *seed) {
        struct bytes frame = {.n = 0}, *b = &frame;
        unsigned proto = protocols[random_below(seed, ARRAY_SIZE(protocols))];
        bool is_ip6 = random_one_in(seed, 2);
        put_ethernet(b, is_ip6 ? 0x86dd : 0x0800);
        if (is_ip6)
                put_ip6(b, proto, pick(seed, addresses6, ARRAY_SIZE(addresses6)),
                        pick(seed, addresses6, ARRAY_SIZE(addresses6)), payload_of(proto));
        else
                put_ip4(b, proto, pick(seed, addresses4, ARRAY_SIZE(addresses4)),
                        pick(seed, addresses4, ARRAY_SIZE(addresses4)), payload_of(proto));
        unsigned src = ports[random_below(seed, ARRAY_SIZE(ports))];
        put_transport(b, proto, src, ports[random_below(seed, ARRAY_SIZE(ports))]);
        return sample_of(b);
}

static struct sample sample_from_port(unsigned proto, unsigned port) {
        struct bytes b = {.n = 0};
        put_ethernet(&b, 0x0800);
        put_ip4(&b, proto, "10.0.0.1", "10.0.0.2", payload_of(proto));
        put_transport(&b, proto, port, 40000);
        return sample_of(&b);
}

static int make_samples(void **state) {
        (void)state;
        uint64_t seed = 5;
        for (unsigned i = 0; i < N_FRAMES; i++)
                samples[i] = random_sample(&seed);
        return 0;
}

/* ---- comparing ----------------------------------------------------------------------- */

static pcap_t *ethernet(void) {
        static pcap_t *handle;
        if (!handle)
                handle = pcap_open_dead(DLT_EN10MB, 65535);
        return handle;
}

static bool pcap_accepts(const char *text, struct bpf_program *ret) {
        return pcap_compile(ethernet(), ret, text, 0, PCAP_NETMASK_UNKNOWN) == 0;
}

/* Returns how many frames both select. */
static unsigned compare(const char *text, const struct filter *filter, const struct bpf_program *program) {
        unsigned selected = 0;
        for (unsigned i = 0; i < N_FRAMES; i++) {
                const struct sample *sample = &samples[i];
                const struct filter_flow flow = {.key = &sample->key};
                const struct pcap_pkthdr header = {.caplen = sample->bytes.n, .len = sample->bytes.n};
                bool theirs = pcap_offline_filter(program, &header, sample->bytes.data);
                bool ours = filter_select(filter, &flow) & sample->direction;
                if (ours != theirs)
                        fail_msg("'%s': frame %u is %s by libpcap only", text, i, theirs ? "selected" : "refused");
                selected += ours;
        }
        return selected;
}

/* Both have to understand it. */
static unsigned must_agree(const char *text) {
        struct bpf_program program;
        struct filter *filter;
        struct filter_error error;
        if (!pcap_accepts(text, &program))
                fail_msg("'%s': libpcap says %s", text, pcap_geterr(ethernet()));
        if (filter_parse(text, NULL, &filter, &error))
                fail_msg("'%s': at %zu %s", text, error.pos, error.text);
        unsigned selected = compare(text, filter, &program);
        pcap_freecode(&program);
        filter_free(filter);
        return selected;
}

/* ---- a list -------------------------------------------------------------------------- */

static const char *const expressions[] = {
        "",
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "sctp",
        "ip",
        "ip6",
        "igmp",
        "igrp",
        "pim",
        "vrrp",
        "carp",
        "ah",
        "esp",
        "not tcp",
        "! udp",
        "not not tcp",
        "!(!(tcp))",
        "tcp or udp",
        "tcp || udp",
        "ip and udp",
        "ip6 && tcp",
        "host 10.0.0.1",
        "src host 10.0.0.1",
        "dst host 10.0.0.1",
        "src 10.0.0.1",
        "dst 10.0.0.1",
        "src or dst host 10.0.0.1",
        "dst or src 10.0.0.1",
        "src and dst host 10.0.0.1",
        "dst and src 10.0.0.1",
        "not src host 10.0.0.1",
        "not host 10.0.0.1",
        "ip host 10.0.0.1",
        "ip src 10.0.0.2",
        "ip dst host 10.0.0.2",
        "ip src or dst 10.0.0.2",
        "host 2001:db8::1",
        "ip6 host 2001:db8::1",
        "ip6 src 2001:db8::2",
        "dst host fe80::1",
        "host ::ffff:10.0.0.1",
        "src host ff02::1 or dst host ff02::1",
        "host 0.0.0.0",
        "net 10",
        "net 10.1",
        "net 10.1.2",
        "net 10.1.2.3",
        "net 10.0.0.0",
        "net 10.0",
        "net 192.168",
        "src net 10",
        "dst net 10.0.0",
        "src and dst net 10",
        "src or dst net 192.168.1",
        "net 10.0.0.0/8",
        "net 10.0.0.0/30",
        "net 10.0.0.1/32",
        "net 0.0.0.0/0",
        "net 0.0.0.0/1",
        "net 10.0/16",
        "net 10.1.2/24",
        "src net 224.0.0.0/4",
        "net 10.0.0.0 mask 255.0.0.0",
        "net 10.0.0.0 mask 255.255.255.254",
        "dst net 192.168 mask 255.255.0.0",
        "net 10 or net 192.168.1.0 mask 255.255.255.0 or 224.0.0.0/4",
        "net 2001:db8::/32",
        "net 2001:db8::/48",
        "src net 2001:db8:1::/48",
        "dst net ff00::/8",
        "net ::/0",
        "net fe80::1",
        "ip6 net fe80::/10",
        "ip net 10.0.0.0/8",
        "net ::ffff:0:0/96",
        "port 80",
        "src port 80",
        "dst port 80",
        "src or dst port 80",
        "src and dst port 80",
        "tcp port 80",
        "udp port 53",
        "sctp port 443",
        "tcp src port 443",
        "udp dst port 53",
        "udp src and dst port 53",
        "tcp src or dst port 22",
        "not port 22",
        "port not 22",
        "port not not 22",
        "port 0x50",
        "port 65535",
        "port (80)",
        "port (80 or 443)",
        "port (80 or 443) or 53",
        "not port (80 or 443)",
        "port (80 or (443 or 53))",
        "tcp port (80 or not 443)",
        "port 80 or 443",
        "port 80 or 443 or 53",
        "port 80 and 443",
        "port 80 and not 443",
        "tcp port 80 or 443",
        "src port 80 or 443",
        "tcp dst port 80 or 443 or 22",
        "portrange 1-1024",
        "portrange 1024-1",
        "portrange 80-80",
        "portrange 80",
        "portrange 0-65535",
        "tcp portrange 80-443",
        "src portrange 20-100",
        "udp dst portrange 50-60",
        "sctp src and dst portrange 1-60000",
        "portrange 22-53 or 443-8080",
        "proto 6",
        "proto 17 or 132",
        "ip proto 1",
        "ip6 proto 58",
        "ip proto 58",
        "ip6 proto 1",
        "proto 47 or 50 or 89",
        "ip proto \\tcp",
        "ip6 proto \\udp",
        "proto \\sctp",
        "proto \\icmp",
        "proto gre",
        "proto ospf",
        "not proto 6",
        "proto (6 or 17)",
        "host 10.0.0.1 or 10.0.0.2",
        "host 10.0.0.1 and 10.0.0.2",
        "host 10.0.0.1 and not 10.0.0.2",
        "src host 10.0.0.1 or 10.1.2.3",
        "host 10.0.0.1 or 2001:db8::1",
        "host (10.0.0.1 or 10.0.0.2)",
        "src (10.0.0.1 or 10.0.0.2)",
        "host 10.0.0.1 and port 80",
        "host 10.0.0.1 and port 80 or 443",
        "host 10.0.0.1 and (port 80 or 443)",
        "host 10.0.0.1 and (port 80 or 443) or 10.0.0.2",
        "host 10.0.0.1 or (tcp and port 80) or 10.0.0.2",
        "host 10.0.0.1 or not (port 80) or 10.0.0.2",
        "host 10.0.0.1 and not tcp",
        "tcp and port 80 or port 443",
        "tcp or udp and port 80",
        "port 80 or tcp and udp",
        "tcp and (port 80 or port 443)",
        "not tcp or udp",
        "not (tcp or udp)",
        "not tcp and not udp",
        "not (not tcp and not udp)",
        "tcp and src host 10.0.0.1 and dst port 80",
        "src host 10.0.0.1 and dst host 10.0.0.2",
        "src host 10.0.0.1 or dst host 10.0.0.2",
        "src host 10.0.0.1 and not dst port 80",
        "(src host 10.0.0.1 and src port 80) or (dst host 10.0.0.1 and dst port 80)",
        "src net 10 and dst net 192.168",
        "ip and not (net 10 or net 192.168)",
        "((((tcp))))",
        "(tcp) and (port 80)",
        "!tcp&&!udp",
        "tcp&&(port 80||port 443)",
        "\ttcp\n and\r\n udp ",
        "tcp and not tcp",
        "src port 80 and dst port 443 or src port 443 and dst port 80",
        "net 10 and not src net 10.1 and not dst host 10.0.0.2",
        "icmp or icmp6",
        "ip or ip6",
        "not ip and not ip6",
        "udp and not port 53 and not net 224.0.0.0/4",
};

static void test_a_list_of_expressions(void **state) {
        (void)state;
        for (unsigned i = 0; i < ARRAY_SIZE(expressions); i++)
                must_agree(expressions[i]);
        assert_int_equal(must_agree(""), N_FRAMES);
        assert_int_equal(must_agree("tcp and not tcp"), 0);
}

/* ---- names of ports ------------------------------------------------------------------ */

static void test_names_of_ports(void **state) {
        (void)state;
        const struct filter_service *service;
        if (!getservbyname("ssh", "tcp"))
                skip(); /* no /etc/services here, which is what libpcap asks */
        for (unsigned i = 0; (service = filter_service(i)); i++) {
                const struct servent *entry = getservbyname(service->name, NULL);
                char text[64];
                if (!entry || ntohs((uint16_t)entry->s_port) != service->port)
                        fail_msg("%s is not %u", service->name, service->port);
                (void)snprintf(text, sizeof(text), "src port %s", service->name);
                samples[0] = sample_from_port(6, service->port);
                samples[1] = sample_from_port(17, service->port);
                samples[2] = sample_from_port(132, service->port);
                assert_true(must_agree(text) > 0);
        }
}

/* ---- random expressions that both understand ------------------------------------------ */

struct writer {
        char text[4096];
        size_t n;
        uint64_t seed;
        bool numbers_only; /* no "1-1023": at another place libpcap would look that up as the name of a host */
};

static void say(struct writer *w, const char *word) {
        w->n += (size_t)snprintf(w->text + w->n, sizeof(w->text) - w->n, "%s%s", w->n ? " " : "", word);
        assert_true(w->n < sizeof(w->text));
}

static bool one_in(struct writer *w, uint32_t n) {
        return random_one_in(&w->seed, n);
}

#define SAY_ONE_OF(w, ...)                                                \
        do {                                                              \
                static const char *const list[] = {__VA_ARGS__};          \
                say(w, list[random_below(&(w)->seed, ARRAY_SIZE(list))]); \
        } while (0)

static void say_end(struct writer *w) {
        SAY_ONE_OF(w, "src", "dst", "src or dst", "dst and src");
}

static void say_value(struct writer *w, const char *target) {
        if (!strcmp(target, "host"))
                SAY_ONE_OF(w, "10.0.0.1", "10.0.0.2", "192.168.1.1", "2001:db8::1", "fe80::1", "::ffff:10.0.0.1");
        else if (!strcmp(target, "net"))
                SAY_ONE_OF(w, "10", "10.1", "10.0.0.0/30", "192.168.0.0/16", "2001:db8::/32", "2001:db8::/126",
                           "128.0.0.0/1");
        else if (!strcmp(target, "port"))
                SAY_ONE_OF(w, "22", "53", "80", "443", "0x1f90", "65535");
        else if (!strcmp(target, "portrange") && !w->numbers_only)
                SAY_ONE_OF(w, "1-1023", "53-443", "8080-80");
        else
                SAY_ONE_OF(w, "6", "17", "58", "132", "47");
}

static const char *say_head(struct writer *w) {
        static const char *const targets[] = {"host", "net", "port", "portrange", "proto"};
        const char *target = pick(&w->seed, targets, ARRAY_SIZE(targets));
        bool has_ports = !strncmp(target, "port", 4);
        if (has_ports && one_in(w, 3))
                SAY_ONE_OF(w, "tcp", "udp", "sctp");
        if (!strcmp(target, "proto")) {
                if (one_in(w, 2))
                        SAY_ONE_OF(w, "ip", "ip6");
        } else if (one_in(w, 2)) {
                say_end(w);
        }
        say(w, target);
        return target;
}

/* A condition, with values that take over its words. */
static void say_condition(struct writer *w) {
        if (one_in(w, 3)) {
                SAY_ONE_OF(w, "tcp", "udp", "icmp", "icmp6", "sctp", "ip", "ip6", "igmp", "pim", "esp");
                return;
        }
        const char *target = say_head(w);
        if (one_in(w, 4)) {
                SAY_ONE_OF(w, "(", "not (");
                say_value(w, target);
                SAY_ONE_OF(w, "or", "and not");
                say_value(w, target);
                say(w, ")");
                return;
        }
        if (one_in(w, 6))
                say(w, "not");
        say_value(w, target);
        while (one_in(w, 3)) {
                SAY_ONE_OF(w, "or", "and", "or not", "and not");
                say_value(w, target);
        }
}

static void say_expression(struct writer *w, unsigned depth) {
        unsigned terms = 1 + random_below(&w->seed, 3);
        for (unsigned i = 0; i < terms; i++) {
                if (i)
                        SAY_ONE_OF(w, "and", "or", "and", "or", "&&", "||");
                if (one_in(w, 4))
                        SAY_ONE_OF(w, "not", "!");
                if (depth && one_in(w, 3)) {
                        say(w, "(");
                        say_expression(w, depth - 1);
                        say(w, ")");
                } else {
                        say_condition(w);
                }
        }
}

static void test_random_expressions(void **state) {
        (void)state;
        unsigned telling = 0;
        const unsigned n = 2000;
        for (unsigned i = 0; i < n; i++) {
                struct writer w = {.seed = i};
                say_expression(&w, 3);
                unsigned selected = must_agree(w.text);
                telling += selected && selected < N_FRAMES;
        }
        assert_true(telling > n / 2);
}

/* ---- random mistakes ------------------------------------------------------------------ */

/* Of a text that libpcap takes and we refuse, the reason has to be one that the manual gives. */
static bool is_refused_on_purpose(const struct filter_error *error) {
        static const char *const reasons[] = {
                "an IPv4 or IPv6 address",              /* `host 80` is 0.0.0.80 to libpcap */
                "a whole address", "a network such as", /* `net 443` is 1.187.0.0/16 */
                "an IP protocol",                       /* `proto 443` is none at all */
        };
        for (unsigned i = 0; i < ARRAY_SIZE(reasons); i++)
                if (strstr(error->text, reasons[i]))
                        return true;
        return false;
}

static bool is_agreed(const char *text) {
        struct bpf_program program;
        struct filter *filter = NULL;
        struct filter_error error;
        bool theirs = pcap_accepts(text, &program), ours = filter_parse(text, NULL, &filter, &error) == 0;
        if (theirs && ours)
                compare(text, filter, &program);
        if (theirs && !ours && !is_refused_on_purpose(&error))
                fail_msg("'%s': only libpcap takes it; at %zu %s", text, error.pos, error.text);
        if (theirs)
                pcap_freecode(&program);
        filter_free(filter);
        return theirs && ours;
}

/* One word of the text goes, comes twice, or changes places with the next. */
static void disturb(struct writer *w) {
        char *words[512], copy[sizeof(w->text)], *rest = copy;
        unsigned n = 0;
        memcpy(copy, w->text, sizeof(copy));
        for (char *word; n < ARRAY_SIZE(words) - 1 && (word = strsep(&rest, " "));)
                words[n++] = word;

        unsigned at = random_below(&w->seed, n), what = random_below(&w->seed, 3);
        w->n = 0;
        w->text[0] = '\0';
        for (unsigned i = 0; i < n; i++) {
                if (i == at && what == 0)
                        continue;
                unsigned other = i == at && at + 1 < n ? i + 1 : i == at + 1 ? at : i;
                say(w, words[what == 1 ? other : i]);
                if (i == at && what == 2)
                        say(w, words[i]);
        }
}

/* Words in an order that nobody meant: where both make sense of them, it is the same sense. */
static void test_disturbed_expressions(void **state) {
        (void)state;
        unsigned agreed = 0;
        for (unsigned i = 0; i < 30000; i++) {
                struct writer w = {.seed = 1000000 + i, .numbers_only = true};
                say_expression(&w, 2);
                disturb(&w);
                if (one_in(&w, 2))
                        disturb(&w);
                agreed += is_agreed(w.text);
        }
        print_message("%u of them make sense\n", agreed);
        assert_true(agreed > 2000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_list_of_expressions),
                cmocka_unit_test(test_names_of_ports),
                cmocka_unit_test(test_random_expressions),
                cmocka_unit_test(test_disturbed_expressions),
        };
        return cmocka_run_group_tests(tests, make_samples, NULL);
}
