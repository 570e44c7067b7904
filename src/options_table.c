/* Every option in one table: its name, its kind, and the function that checks and stores
 * one value. A setter knows its own value only; what two options owe each other (the ring
 * its quarter of the memory, a report its file) is checked in options.c afterwards. */
#include "options_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"

#define MIB ((uint64_t)1 << 20)

static const char *set_iface(struct options_draft *draft, const char *value) {
        static const char *const name = "the name of an interface, as --list-ifaces prints it";
        struct options *options = &draft->options;
        size_t length = strlen(value);

        if (options->all_ifaces || (options->n_ifaces && !strcmp(value, "any")))
                return "names of interfaces, or any alone";
        options->all_ifaces = !strcmp(value, "any");
        if (options->all_ifaces)
                return NULL;
        if (!length || length > 15 || !strcmp(value, ".") || !strcmp(value, ".."))
                return name;
        for (const char *p = value; *p; p++)
                if (*p == '/' || isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
                        return name;
        for (unsigned i = 0; i < options->n_ifaces; i++)
                if (!strcmp(options->ifaces[i], value))
                        return "each interface once";
        if (options->n_ifaces == OPTIONS_IFACES_MAX)
                return "64 interfaces at most";
        options->ifaces[options->n_ifaces++] = value;
        return NULL;
}

static const char *set_bpf(struct options_draft *draft, const char *value) {
        draft->options.bpf = value;
        return NULL;
}

static const char *set_snaplen(struct options_draft *draft, const char *value) {
        uint64_t bytes;
        if (!parse_u64(value, 14, 65535, &bytes))
                return "a number of bytes from 64 (14 with --read) to 65535";
        draft->options.snaplen = (uint32_t)bytes;
        return NULL;
}

static const char *set_retention(struct options_draft *draft, const char *value) {
        int64_t ms;
        if (!parse_duration(value, &ms) || ms < 60000 || ms > 24 * 3600000 || ms % 1000)
                return "whole seconds from 1m to 24h, such as 60m";
        draft->options.retention_s = (uint32_t)(ms / 1000);
        return NULL;
}

static uint64_t machine_memory(void) {
        long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
        return pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
}

static const char *set_memory(struct options_draft *draft, const char *value) {
        uint64_t bytes;
        if (!parse_size(value, &bytes) || bytes < 64 * MIB || bytes > machine_memory())
                return "a size from 64M to what this machine has, such as 512M";
        draft->options.memory_bytes = bytes;
        return NULL;
}

static const char *set_ring(struct options_draft *draft, const char *value) {
        uint64_t bytes;
        if (!parse_size(value, &bytes) || bytes < MIB)
                return "a size from 1M to a quarter of --memory, such as 64M";
        draft->options.ring_bytes = bytes;
        return NULL;
}

static const char *set_max_flows(struct options_draft *draft, const char *value) {
        uint64_t flows;
        if (!parse_u64(value, 16, (uint64_t)1 << 26, &flows))
                return "a number from 16 to 67108864";
        draft->options.max_flows = (uint32_t)flows;
        return NULL;
}

static const char *set_bind(struct options_draft *draft, const char *value) {
        if (!strchr(value, ':'))
                return "ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080";
        draft->options.bind = value;
        return NULL;
}

bool option_token_is_valid(const char *token) {
        size_t length = 0;
        for (; token[length]; length++)
                if (!isgraph((unsigned char)token[length]) || !isascii((unsigned char)token[length]))
                        return false;
        return length >= 1 && length <= OPTION_TOKEN_BYTES;
}

static const char *set_auth_token(struct options_draft *draft, const char *value) {
        if (!option_token_is_valid(value))
                return "1 to 256 printable characters without blanks";
        draft->token = value;
        return NULL;
}

static const char *set_auth_token_file(struct options_draft *draft, const char *value) {
        if (!*value)
                return "the path of a file that holds the token";
        draft->token_file = value;
        return NULL;
}

static const char *set_allow_host(struct options_draft *draft, const char *value) {
        struct options *options = &draft->options;
        size_t length = strlen(value);

        if (!length || length > 253)
                return "a host name without port";
        for (const char *p = value; *p; p++)
                if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && !strchr("-._", *p)))
                        return "a host name without port";
        if (options->n_allow_hosts == OPTIONS_HOSTS_MAX)
                return "32 host names at most";
        options->allow_hosts[options->n_allow_hosts++] = value;
        return NULL;
}

static const char *set_ttl(int64_t *ret_ms, const char *value) {
        int64_t ms;
        if (!parse_duration(value, &ms) || ms < 1000 || ms > 24 * 3600000)
                return "a duration from 1s to 24h, such as 120s";
        *ret_ms = ms;
        return NULL;
}

static const char *set_tcp_ttl(struct options_draft *draft, const char *value) {
        return set_ttl(&draft->options.ttl_ms[PACKET_CLASS_TCP], value);
}

static const char *set_udp_ttl(struct options_draft *draft, const char *value) {
        return set_ttl(&draft->options.ttl_ms[PACKET_CLASS_UDP], value);
}

static const char *set_icmp_ttl(struct options_draft *draft, const char *value) {
        return set_ttl(&draft->options.ttl_ms[PACKET_CLASS_ICMP], value);
}

static const char *set_local_net(struct options_draft *draft, const char *value) {
        struct local_nets *nets = &draft->options.local_nets;
        uint8_t address[16], bits, family;

        if (!parse_cidr(value, address, &bits, &family))
                return "a network such as 10.0.0.0/8 or 2001:db8::/32";
        if (nets->count == LOCAL_NETS_MAX)
                return "64 networks at most";
        memcpy(nets->nets[nets->count].address, address, sizeof(address));
        nets->nets[nets->count].bits = bits;
        nets->nets[nets->count].family = family;
        nets->count++;
        return NULL;
}

static const char *set_no_promisc(struct options_draft *draft, const char *value) {
        if (strcmp(value, "yes") && strcmp(value, "no"))
                return "yes or no";
        draft->options.promiscuous = !strcmp(value, "no");
        return NULL;
}

static const char *set_read(struct options_draft *draft, const char *value) {
        if (!*value)
                return "the path of a capture file, or - for standard input";
        draft->options.read_path = value;
        return NULL;
}

static const char *set_speed(struct options_draft *draft, const char *value) {
        double speed = 0;
        if (strcmp(value, "max") != 0 && !parse_decimal(value, 0.01, 1000, &speed))
                return "max, or a number from 0.01 to 1000";
        draft->options.speed = speed;
        return NULL;
}

static const char *set_report(struct options_draft *draft, const char *value) {
        if (!strcmp(value, "json"))
                draft->options.report = REPORT_JSON;
        else if (!strcmp(value, "text"))
                draft->options.report = REPORT_TEXT;
        else
                return "json or text";
        return NULL;
}

static const char *set_user(struct options_draft *draft, const char *value) {
        if (!*value)
                return "the name of a user";
        draft->options.user = value;
        return NULL;
}

static const char *set_max_ws(struct options_draft *draft, const char *value) {
        uint64_t clients;
        if (!parse_u64(value, 1, 65536, &clients))
                return "a number from 1 to 65536";
        draft->options.max_websockets = (unsigned)clients;
        return NULL;
}

static const char *set_log_level(struct options_draft *draft, const char *value) {
        return log_parse_level(value, &draft->options.log_level) ? NULL : "error, warn, info or debug";
}

const struct option_spec option_specs[] = {
        {.name = "iface", .letter = 'i', .set = set_iface, .repeatable = true},
        {.name = "bpf", .set = set_bpf},
        {.name = "snaplen", .set = set_snaplen},
        {.name = "retention", .set = set_retention},
        {.name = "memory", .set = set_memory},
        {.name = "bind", .set = set_bind},
        {.name = "auth-token", .set = set_auth_token, .secret = true},
        {.name = "auth-token-file", .set = set_auth_token_file},
        {.name = "allow-host", .set = set_allow_host, .repeatable = true},
        {.name = "ring", .set = set_ring},
        {.name = "max-flows", .set = set_max_flows},
        {.name = "tcp-ttl", .set = set_tcp_ttl},
        {.name = "udp-ttl", .set = set_udp_ttl},
        {.name = "icmp-ttl", .set = set_icmp_ttl},
        {.name = "local-net", .set = set_local_net, .repeatable = true},
        {.name = "no-promisc", .set = set_no_promisc, .is_switch = true},
        {.name = "read", .letter = 'r', .set = set_read},
        {.name = "speed", .set = set_speed},
        {.name = "report", .set = set_report},
        {.name = "user", .set = set_user},
        {.name = "max-ws", .set = set_max_ws},
        {.name = "log-level", .set = set_log_level},
        /* acted on while they are collected, in options.c */
        {.name = "env-file"},
        {.name = "list-ifaces", .is_switch = true, .flag_only = true},
        {.name = "help", .letter = 'h', .is_switch = true, .flag_only = true},
        {.name = "version", .letter = 'V', .is_switch = true, .flag_only = true},
};
const size_t option_specs_count = sizeof(option_specs) / sizeof(option_specs[0]);

const struct option_spec *option_spec_find(const char *name) {
        for (size_t i = 0; i < option_specs_count; i++)
                if (!strcmp(option_specs[i].name, name))
                        return &option_specs[i];
        return NULL;
}

const char *option_spec_variable(const struct option_spec *spec, char ret[OPTION_VARIABLE_BYTES]) {
        (void)snprintf(ret, OPTION_VARIABLE_BYTES, "NETWATCH_%s", spec->name);
        for (char *p = ret; *p; p++)
                *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        return ret;
}
