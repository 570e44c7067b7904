/* server: HTTP and WebSocket over the history. It reads, it never writes what was measured.
 *
 * Threads of its own: the HTTP loop (libmicrohttpd), the WebSocket loop, a few query
 * threads. Sockets are opened by server_open, before privileges are dropped. */
#ifndef NETWATCH_SERVER_SERVER_H
#define NETWATCH_SERVER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "history/history.h"

struct server;

/* A capture file that is served: all times are the file's then, and `now` is the end of what has been read of it. */
struct server_file {
        const char *name;       /* UTF-8 */
        const char *link;       /* its kind of link; NULL: unknown */
        double speed;           /* of its clock; 0: as fast as it can be read */
        int64_t started_ns;     /* its first packet, Unix time; 0 where there is none */
        _Atomic bool has_ended; /* there is no more to come; set by whoever reads */
};

/* What the server tells of the capture but does not know itself. Lives as long as the server. */
struct server_facts {
        const char *version;
        const char *bpf;
        uint32_t snaplen;
        int64_t started_boot_ns;
        uint64_t backlog_drops_before; /* iface_backlog_drops() when the capture began */
        uint32_t retention_s;
        const struct server_file *file; /* NULL: live */
};

struct server_options {
        const char *bind;       /* "127.0.0.1:8080", "[::1]:8080"; port 0 = any free one */
        const char *auth_token; /* NULL: none; copied */
        const char *const *allow_hosts;
        unsigned n_allow_hosts;
        unsigned max_websockets;
        uint64_t cursor_bytes; /* memory for pinned results */
        uint64_t export_bytes; /* memory for results that are being sent as a whole */
        uint64_t answer_bytes; /* memory for answers that wait to be read; some MiB at least */
        struct history *history;
        const struct server_facts *facts;
};

/* Parses the address, checks that off-loopback comes with a token, binds and listens.
 * Returns 0 or -errno: -EINVAL not an address, -EADDRINUSE taken, -EPERM off-loopback without a token. */
int server_open(const struct server_options *options, struct server **ret, struct error *error);

/* The URL to open, with the real port: "http://127.0.0.1:8080/". Valid as long as the server. */
const char *server_url(const struct server *server);

/* An eventfd that the server waits on for new ticks and events: give it to history_notify. */
int server_event_fd(const struct server *server);

int server_start(struct server *server, struct error *error);

/* Cancels queries, says goodbye to WebSocket clients, joins all threads. Within a second. Idempotent. */
void server_stop(struct server *server);
void server_close(struct server *server);

#endif
