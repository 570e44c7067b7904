/* The command line, the environment and --env-file: values, precedence, refusals, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "options_table.h"

#define ARGS_MAX 16

static struct options options;
static struct error error;
static char arguments[ARGS_MAX][128];

/* Parses a NULL-ended list of arguments, writable as the kernel gives them. */
static int parse_list(const char *const *list) {
        static char program[] = "netwatchd";
        char *argv[ARGS_MAX + 2] = {program};
        int argc = 1;

        for (; list[argc - 1]; argc++) {
                (void)snprintf(arguments[argc - 1], sizeof(arguments[0]), "%s", list[argc - 1]);
                argv[argc] = arguments[argc - 1];
        }
        memset(&error, 0, sizeof(error));
        return options_parse(argc, argv, &options, &error);
}

#define parse(...) parse_list((const char *const[]){__VA_ARGS__, NULL})
#define parse_nothing() parse_list((const char *const[]){NULL})

static void assert_says(const char *part) {
        if (!strstr(error.text, part))
                fail_msg("'%s' does not say '%s'", error.text, part);
        assert_null(strchr(error.text, '\n'));
}

#define assert_refused(part, ...)                              \
        do {                                                   \
                assert_int_equal(parse(__VA_ARGS__), -EINVAL); \
                assert_says(part);                             \
        } while (0)

static int clear_environment(void **state) {
        (void)state;
        char variable[OPTION_VARIABLE_BYTES];
        for (size_t i = 0; i < option_specs_count; i++)
                unsetenv(option_spec_variable(&option_specs[i], variable));
        return 0;
}

/* A file with that text; its path is valid until the next call. */
static const char *write_file(const char *text) {
        static char path[64];
        (void)snprintf(path, sizeof(path), "/tmp/netwatch-test-XXXXXX");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        return path;
}

static void test_defaults(void **state) {
        (void)state;
        assert_int_equal(parse_nothing(), 0);
        assert_int_equal(options.action, OPTIONS_RUN);
        assert_int_equal(options.n_ifaces, 0);
        assert_false(options.all_ifaces);
        assert_string_equal(options.bpf, "ip or ip6 and not port 22");
        assert_int_equal(options.snaplen, 160);
        assert_int_equal(options.retention_s, 3600);
        assert_int_equal(options.memory_bytes, 512 << 20);
        assert_int_equal(options.ring_bytes, 64 << 20);
        assert_int_equal(options.max_flows, 0);
        assert_string_equal(options.bind, "127.0.0.1:8080");
        assert_null(options.auth_token);
        assert_int_equal(options.n_allow_hosts, 0);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_TCP], 120000);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_UDP], 30000);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_ICMP], 10000);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_OTHER], 30000);
        assert_int_equal(options.local_nets.count, 0);
        assert_true(options.promiscuous);
        assert_null(options.read_path);
        assert_null(options.user);
        assert_int_equal(options.max_websockets, 1024);
        assert_int_equal(options.log_level, LOG_LEVEL_INFO);
}

static void test_flags(void **state) {
        (void)state;
        assert_int_equal(parse("-i", "eth0", "--bpf=", "--snaplen", "96", "--retention=2h", "--memory=1G", "--ring=8M",
                               "--tcp-ttl=1m", "--udp-ttl=5s", "--icmp-ttl=1500ms", "--no-promisc", "--max-ws=7",
                               "--log-level=debug", "--max-flows=4096", "--user=daemon"),
                         0);
        assert_string_equal(options.ifaces[0], "eth0");
        assert_string_equal(options.bpf, "");
        assert_int_equal(options.snaplen, 96);
        assert_int_equal(options.retention_s, 7200);
        assert_int_equal(options.memory_bytes, 1 << 30);
        assert_int_equal(options.ring_bytes, 8 << 20);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_TCP], 60000);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_OTHER], 5000);
        assert_int_equal(options.ttl_ms[PACKET_CLASS_ICMP], 1500);
        assert_false(options.promiscuous);
        assert_int_equal(options.max_websockets, 7);
        assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
        assert_int_equal(options.max_flows, 4096);
        assert_string_equal(options.user, "daemon");
}

static void test_the_last_of_a_repeated_flag_counts(void **state) {
        (void)state;
        assert_int_equal(parse("--snaplen=64", "--snaplen=128"), 0);
        assert_int_equal(options.snaplen, 128);
}

static void test_lists(void **state) {
        (void)state;
        assert_int_equal(parse("--local-net=10.1.2.3/8", "--local-net=2001:db8::/32", "--allow-host=a.example",
                               "--allow-host=b_2"),
                         0);
        assert_int_equal(options.local_nets.count, 2);
        assert_int_equal(options.local_nets.nets[0].family, 4);
        assert_int_equal(options.local_nets.nets[0].bits, 104);
        assert_int_equal(options.local_nets.nets[0].address[13], 0);
        assert_int_equal(options.local_nets.nets[1].family, 6);
        assert_int_equal(options.n_allow_hosts, 2);
        assert_string_equal(options.allow_hosts[1], "b_2");

        setenv("NETWATCH_LOCAL_NET", "192.168.0.0/16,172.16.0.0/12,fd00::/8", 1);
        assert_int_equal(parse_nothing(), 0);
        assert_int_equal(options.local_nets.count, 3);
        assert_int_equal(parse_nothing(), 0); /* the environment is as it was */
        assert_int_equal(options.local_nets.count, 3);
        assert_int_equal(parse("--local-net=10.0.0.0/8"), 0); /* replaced, not mixed */
        assert_int_equal(options.local_nets.count, 1);
}

static void test_reading_a_file(void **state) {
        (void)state;
        assert_int_equal(parse("--read", "-", "--report", "json"), 0);
        assert_int_equal(options.action, OPTIONS_REPORT);
        assert_int_equal(options.report, REPORT_JSON);
        assert_string_equal(options.read_path, "-");
        assert_string_equal(options.bpf, "");
        assert_int_equal(options.snaplen, 0);

        assert_int_equal(parse("-r", "x.pcap", "--report=text"), 0);
        assert_int_equal(options.report, REPORT_TEXT);

        assert_int_equal(parse("-r", "x.pcap"), 0);
        assert_int_equal(options.action, OPTIONS_READ);
        assert_int_equal(options.report, REPORT_NONE);
        assert_true(options.speed == 0);
        assert_refused("--read", "--report=json");
        assert_refused("--read", "--report=text");
        assert_refused("json or text", "--read=x.pcap", "--report=xml");
        assert_refused("exclude", "--read=x.pcap", "--report=json", "--iface=lo");
}

static void test_speed(void **state) {
        (void)state;
        assert_int_equal(parse("-r", "x.pcap", "--speed=1"), 0);
        assert_true(options.speed == 1);
        assert_int_equal(parse("-r", "x.pcap", "--speed=0.5"), 0);
        assert_true(options.speed == 0.5);
        assert_int_equal(parse("-r", "x.pcap", "--speed=0.01"), 0);
        assert_int_equal(parse("-r", "x.pcap", "--speed=1000"), 0);
        assert_int_equal(parse("-r", "x.pcap", "--speed=max"), 0);
        assert_true(options.speed == 0);

        static const char *const bad[] = {"",    "0",     "-1",     "1x",  ".5",  "1.",
                                          "1e3", "0.009", "1000.1", "nan", "inf", "1.5.5"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char flag[32];
                (void)snprintf(flag, sizeof(flag), "--speed=%s", bad[i]);
                assert_refused("max, or a number from 0.01 to 1000", "-r", "x.pcap", flag);
        }
        assert_refused("--speed needs --read", "--speed=1");
        assert_refused("exclude", "-r", "x.pcap", "--report=json", "--speed=1");
}

static void test_actions(void **state) {
        (void)state;
        setenv("NETWATCH_SNAPLEN", "nonsense", 1); /* help can be had whatever else is wrong */
        assert_int_equal(parse("--help"), 0);
        assert_int_equal(options.action, OPTIONS_HELP);
        assert_int_equal(parse("-h"), 0);
        assert_int_equal(options.action, OPTIONS_HELP);
        assert_int_equal(parse("-V"), 0);
        assert_int_equal(options.action, OPTIONS_VERSION);
        assert_int_equal(parse("--snaplen=1", "--list-ifaces"), 0);
        assert_int_equal(options.action, OPTIONS_LIST_IFACES);
}

static void test_precedence(void **state) {
        (void)state;
        const char *path = write_file("NETWATCH_SNAPLEN=100\n"
                                      "NETWATCH_MAX_WS=11\n"
                                      "NETWATCH_RETENTION=5m\n");
        setenv("NETWATCH_ENV_FILE", path, 1);
        setenv("NETWATCH_SNAPLEN", "200", 1);
        setenv("NETWATCH_MAX_WS", "22", 1);
        assert_int_equal(parse("--snaplen=300"), 0);
        assert_int_equal(options.snaplen, 300);
        assert_int_equal(options.max_websockets, 22);
        assert_int_equal(options.retention_s, 300);
        unlink(path);
}

static void test_env_file_forms(void **state) {
        (void)state;
        const char *path = write_file("# a comment\n"
                                      "\n"
                                      "  NETWATCH_BPF = \"port 53 # not a comment\"  \r\n"
                                      "NETWATCH_IFACE='eth1'\n"
                                      "NETWATCH_NO_PROMISC=yes\n"
                                      "NETWATCH_ALLOW_HOST=a,b\n"
                                      "NETWATCH_ALLOW_HOST=c");
        assert_int_equal(parse("--env-file", path), 0);
        assert_string_equal(options.bpf, "port 53 # not a comment");
        assert_string_equal(options.ifaces[0], "eth1");
        assert_false(options.promiscuous);
        assert_int_equal(options.n_allow_hosts, 3);
        unlink(path);
}

static void refuse_env_file(const char *text, const char *part) {
        const char *path = write_file(text);
        assert_refused(part, "--env-file", path);
        assert_says(path);
        unlink(path);
}

static void test_env_file_refusals(void **state) {
        (void)state;
        refuse_env_file("\nNETWATCH_SNAPLENGTH=1\n", ":2: NETWATCH_SNAPLENGTH is not an option");
        refuse_env_file("HOME=/root\n", ":1: HOME is not an option");
        refuse_env_file("NETWATCH_HELP=yes\n", ":1: NETWATCH_HELP is not an option");
        refuse_env_file("NETWATCH_ENV_FILE=/x\n", ":1: NETWATCH_ENV_FILE cannot be set");
        assert_refused("accepted: the path of a file", "--env-file", "");
        refuse_env_file("#\n#\nsnaplen\n", ":3: not a");
        refuse_env_file("NETWATCH_BPF=\"port 53\n", ":1: the quote");
        refuse_env_file("NETWATCH_BPF='\n", ":1: the quote");
        refuse_env_file("NETWATCH_SNAPLEN=1\n", ":1): '1'; accepted: a number");
        assert_refused("/nonexistent/env", "--env-file=/nonexistent/env");
        assert_refused("/: ", "--env-file=/");
}

static void test_switch_in_the_environment(void **state) {
        (void)state;
        setenv("NETWATCH_NO_PROMISC", "no", 1);
        assert_int_equal(parse_nothing(), 0);
        assert_true(options.promiscuous);
        setenv("NETWATCH_NO_PROMISC", "maybe", 1);
        assert_int_equal(parse_nothing(), -EINVAL);
        assert_says("--no-promisc (NETWATCH_NO_PROMISC): 'maybe'; accepted: yes or no");
}

static void test_bad_values(void **state) {
        (void)state;
        assert_refused("bad value for --snaplen: '13'; accepted: a number of bytes from 64", "--snaplen=13");
        assert_refused("'65536'", "--snaplen=65536");
        assert_refused("'160b'", "--snaplen=160b");
        assert_refused("'-1'", "--snaplen=-1");
        assert_refused("''", "--snaplen=");
        assert_refused("--retention", "--retention=59s");
        assert_refused("--retention", "--retention=25h");
        assert_refused("--retention", "--retention=99999999999999999999h");
        assert_refused("--memory", "--memory=63M");
        assert_refused("--memory", "--memory=8388608G");
        assert_refused("--ring", "--ring=10");
        assert_refused("--max-flows", "--max-flows=0");
        assert_refused("--tcp-ttl", "--tcp-ttl=999ms");
        assert_refused("--local-net", "--local-net=10.0.0.0/33");
        assert_refused("--bind", "--bind=8080");
        assert_refused("--allow-host", "--allow-host=a:80");
        assert_refused("--user", "--user=");
        assert_refused("--max-ws", "--max-ws=0");
        assert_refused("error, warn, info or debug", "--log-level=loud");
        assert_refused("'a?b/'", "--iface=a\nb/");
        assert_refused("--iface", "--iface=abcdefghijklmnop");
        assert_refused("--iface", "--iface=a b");
        assert_int_equal(parse("--iface=\u00e9\u20ac<&\xff"), 0);
}

static void test_values_that_contradict_each_other(void **state) {
        (void)state;
        assert_int_equal(parse("--memory=64M"), 0);
        assert_int_equal(options.ring_bytes, 16 << 20);
        assert_int_equal(parse("--memory=64M", "--ring=16M"), 0);
        assert_refused("--ring", "--memory=64M", "--ring=17M");
        assert_refused("--snaplen: 63", "--snaplen=63");
        assert_int_equal(parse("--snaplen=34", "-r", "x", "--report=json"), 0);
        assert_refused("--max-flows", "--memory=64M", "--max-flows=1000000");
}

static void test_several_interfaces(void **state) {
        (void)state;
        assert_int_equal(parse("-i", "a", "--iface=b"), 0);
        assert_int_equal(options.n_ifaces, 2);
        assert_string_equal(options.ifaces[1], "b");
        assert_false(options.all_ifaces);
        assert_refused("each interface once", "-i", "a", "-i", "a");

        assert_int_equal(parse("--iface=any"), 0);
        assert_int_equal(options.n_ifaces, 0);
        assert_true(options.all_ifaces);
        assert_refused("any alone", "-i", "a", "-i", "any");
        assert_refused("any alone", "-i", "any", "-i", "a");

        setenv("NETWATCH_IFACE", "a,b", 1);
        assert_int_equal(parse_nothing(), 0);
        assert_int_equal(options.n_ifaces, 2);
        assert_int_equal(parse("--iface=c"), 0);
        assert_int_equal(options.n_ifaces, 1);
        assert_string_equal(options.ifaces[0], "c");
}

static void test_bad_usage(void **state) {
        (void)state;
        assert_refused("unknown option --nonsense;", "--nonsense=1");
        assert_refused("unknown option -x", "-x");
        assert_refused("unknown option --work", "--workers=2");
        assert_refused("--snaplen needs a value", "--snaplen");
        assert_refused("--iface needs a value", "-i");
        assert_refused("--no-promisc takes no value", "--no-promisc=yes");
        assert_refused("unexpected argument 'eth0'", "eth0");
        assert_refused("unexpected argument 'eth0'", "--", "eth0");
        assert_refused("unknown option --snap;", "--snap=100"); /* no abbreviations */
        assert_refused("unknown option --auth-tok;", "--auth-tok=geheim");
        assert_null(strstr(error.text, "geheim"));
}

static void test_the_token_is_wiped(void **state) {
        (void)state;
        assert_int_equal(parse("--auth-token=geheim", "--auth-token", "geheim2"), 0);
        assert_string_equal(options.auth_token, "geheim2");
        for (int i = 0; i < 3; i++)
                for (size_t at = 0; at < sizeof(arguments[i]) - 6; at++)
                        assert_memory_not_equal(arguments[i] + at, "geheim", 6);

        setenv("NETWATCH_AUTH_TOKEN", "geheim3", 1);
        const char *seen = getenv("NETWATCH_AUTH_TOKEN");
        assert_int_equal(parse_nothing(), 0);
        assert_string_equal(options.auth_token, "geheim3");
        assert_string_equal(seen, "");
        assert_null(getenv("NETWATCH_AUTH_TOKEN"));
}

static void test_bad_tokens(void **state) {
        (void)state;
        assert_refused("accepted: 1 to 256", "--auth-token=");
        assert_refused("(not shown)", "--auth-token=two words");
        assert_null(strstr(error.text, "words"));
        setenv("NETWATCH_AUTH_TOKEN", "", 1);
        assert_int_equal(parse_nothing(), -EINVAL);
}

static void test_token_file(void **state) {
        (void)state;
        const char *path = write_file("s3cret\r\nsecond line\n");
        assert_int_equal(parse("--auth-token-file", path), 0);
        assert_string_equal(options.auth_token, "s3cret");

        assert_refused("exclude", "--auth-token=x", "--auth-token-file", path);
        setenv("NETWATCH_AUTH_TOKEN_FILE", path, 1);
        assert_int_equal(parse("--auth-token=flag"), 0);
        assert_string_equal(options.auth_token, "flag");
        unlink(path);

        assert_refused("/nonexistent/token", "--auth-token-file=/nonexistent/token");
        assert_refused("cannot read /", "--auth-token-file=/");
        path = write_file("\nsecret in the second line\n");
        assert_refused("is no token", "--auth-token-file", path);
        unlink(path);
}

static void test_help_names_every_option(void **state) {
        (void)state;
        const char *help = options_help();
        for (size_t i = 0; i < option_specs_count; i++) {
                char flag[64];
                (void)snprintf(flag, sizeof(flag), " --%s%s", option_specs[i].name,
                               option_specs[i].is_switch ? " " : "=");
                if (!strstr(help, flag))
                        fail_msg("--help does not know%s", flag);
        }
        for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
                assert_in_range(strcspn(line, "\n"), 0, 80);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_defaults, clear_environment),
                cmocka_unit_test_setup(test_flags, clear_environment),
                cmocka_unit_test_setup(test_the_last_of_a_repeated_flag_counts, clear_environment),
                cmocka_unit_test_setup(test_lists, clear_environment),
                cmocka_unit_test_setup(test_reading_a_file, clear_environment),
                cmocka_unit_test_setup(test_speed, clear_environment),
                cmocka_unit_test_setup(test_actions, clear_environment),
                cmocka_unit_test_setup(test_precedence, clear_environment),
                cmocka_unit_test_setup(test_env_file_forms, clear_environment),
                cmocka_unit_test_setup(test_env_file_refusals, clear_environment),
                cmocka_unit_test_setup(test_switch_in_the_environment, clear_environment),
                cmocka_unit_test_setup(test_bad_values, clear_environment),
                cmocka_unit_test_setup(test_values_that_contradict_each_other, clear_environment),
                cmocka_unit_test_setup(test_several_interfaces, clear_environment),
                cmocka_unit_test_setup(test_bad_usage, clear_environment),
                cmocka_unit_test_setup(test_the_token_is_wiped, clear_environment),
                cmocka_unit_test_setup(test_bad_tokens, clear_environment),
                cmocka_unit_test_setup(test_token_file, clear_environment),
                cmocka_unit_test_setup(test_help_names_every_option, clear_environment),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
