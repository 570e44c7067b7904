/* The command line and the environment → one constant struct. See netwatchd(8). */
#ifndef NETWATCH_OPTIONS_H
#define NETWATCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "flow/flow.h"

#define OPTIONS_HOSTS_MAX 32
#define OPTIONS_IFACES_MAX 64

enum options_action {
        OPTIONS_RUN,
        OPTIONS_READ,   /* --read FILE */
        OPTIONS_REPORT, /* --read FILE --report=… */
        OPTIONS_HELP,
        OPTIONS_VERSION,
        OPTIONS_LIST_IFACES,
};

enum report_format {
        REPORT_NONE,
        REPORT_JSON,
        REPORT_TEXT,
};

struct options {
        enum options_action action;
        const char *ifaces[OPTIONS_IFACES_MAX];
        unsigned n_ifaces; /* 0: the interface of the default route, or all */
        bool all_ifaces;   /* --iface=any */
        const char *bpf;   /* never NULL; defaults depend on --read */
        uint32_t snaplen;  /* 0 = whole frames (--read only) */
        uint32_t retention_s;
        uint64_t memory_bytes;
        uint64_t ring_bytes;
        uint32_t max_flows; /* 0: what the budget allows */
        const char *bind;
        char *auth_token; /* NULL: none; wiped from the arguments */
        const char *allow_hosts[OPTIONS_HOSTS_MAX];
        unsigned n_allow_hosts;
        int64_t ttl_ms[PACKET_CLASSES]; /* other protocols: as UDP */
        struct local_nets local_nets;
        bool promiscuous;
        const char *read_path; /* NULL: live */
        double speed;          /* of that file's clock; 0: as fast as it can be read */
        enum report_format report;
        const char *user; /* NULL: the default rule */
        unsigned max_websockets;
        enum log_level log_level;
};

/* Fills `ret` from the arguments and NETWATCH_* variables; a flag wins over the environment,
 * the environment over --env-file. Strings point into argv, the environment or memory that
 * lives as long as the process.
 *
 * Returns 0, or -EINVAL with one line that names option, value and what is accepted. */
int options_parse(int argc, char **argv, struct options *ret, struct error *error);

/* The text of --help; static. */
const char *options_help(void);

#endif
