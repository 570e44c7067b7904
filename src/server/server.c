/* Wiring: what server_open makes is there before privileges go, what server_start makes is threads.
 *
 * The order of the end matters. libmicrohttpd aborts where a connection is still suspended or
 * upgraded: so queries are cancelled and all connections resumed (the pool ends), upgraded
 * sockets closed (the WebSocket loop ends), and only then the HTTP loop stops. */
#include "server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/export.h"
#include "server/internal.h"
#include "server/listen.h"
#include "server/request.h"
#include "server/ws.h"

#define QUERY_THREADS 2
#define QUERY_QUEUE 64
#define SPARE_FILES 256
#define ANSWER_BYTES_MIN (4u << 20) /* the longest answers, such as 3,600 points, have this */

/* Room for all connections; as far as the hard limit lets us. */
static void raise_file_limit(const struct server *server) {
        rlim_t want = REQUEST_CONNECTIONS_MAX + (rlim_t)server->max_websockets + SPARE_FILES;
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
                return;
        limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int copy_rules(struct server *server, const struct server_options *options) {
        (void)gethostname(server->hostname, sizeof(server->hostname) - 1);
        server->access = (struct access_rules){
                .hostname = server->hostname,
                .allow_hosts = options->allow_hosts,
                .n_allow_hosts = options->n_allow_hosts,
        };
        if (options->auth_token) {
                server->access.token = strdup(options->auth_token);
                if (!server->access.token)
                        return -ENOMEM;
        }
        return 0;
}

int server_open(const struct server_options *options, struct server **ret, struct error *error) {
        struct server *server = calloc(1, sizeof(*server));
        if (!server)
                return error_set(error, -ENOMEM, "cannot open the server: out of memory");
        server->history = options->history;
        server->facts = options->facts;
        server->max_websockets = options->max_websockets;
        server->listen_fd = server->tick_fd = -1;
        server->export_rows_max = export_rows_within(options->export_bytes);
        atomic_store(&server->export_rows_free, server->export_rows_max);
        server->reply_bytes_max = options->answer_bytes < ANSWER_BYTES_MIN ? ANSWER_BYTES_MIN : options->answer_bytes;
        connections_init(&server->connections);
        assets_init(&server->assets);

        int r = copy_rules(server, options);
        server->pins = pins_new(options->cursor_bytes);
        server->sharing = sharing_new(server->reply_bytes_max / 4);
        server->sessions = sessions_new();
        server->tick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (r < 0 || !server->pins || !server->sharing || !server->sessions || server->tick_fd < 0 ||
            getrandom(server->epoch, sizeof(server->epoch), 0) != sizeof(server->epoch) ||
            getrandom(&server->guesses.seed, sizeof(server->guesses.seed), 0) != sizeof(server->guesses.seed)) {
                r = error_set(error, -ENOMEM, "cannot open the server: out of memory");
                goto fail;
        }
        r = listen_open(options->bind, server->access.token != NULL, &server->listen_fd, server->url, error);
        if (r < 0)
                goto fail;
        (void)snprintf(server->cookie_name, sizeof(server->cookie_name), "netwatch_%u", listen_port(server->listen_fd));
        raise_file_limit(server);
        *ret = server;
        return 0;

fail:
        server_close(server);
        return r;
}

const char *server_url(const struct server *server) {
        return server->url;
}

int server_event_fd(const struct server *server) {
        return server->tick_fd;
}

void server_names(struct server *server, struct render_names *ret) {
        struct history_iface list[FLOW_IFACES];
        ret->n_ifaces = history_read_ifaces(server->history, list, FLOW_IFACES);
        for (unsigned i = 0; i < ret->n_ifaces; i++)
                memcpy(ret->ifaces[i], list[i].name, sizeof(ret->ifaces[i]));
}

void server_count_query(struct server *server) {
        atomic_fetch_add(&server->queries, 1);
}

int64_t server_now_ms(const struct server *server) {
        const struct server_file *file = server->facts->file;
        int64_t from, to;
        if (!file)
                return clock_wall_ns() / NS_PER_MS;
        bool any = history_span(server->history, &from, &to);
        return any ? to * MS_PER_S : floor_div(file->started_ns, NS_PER_MS);
}

int64_t server_started_second(const struct server *server) {
        if (server->facts->file)
                return floor_div(server->facts->file->started_ns, NS_PER_S);
        int64_t age_ns = clock_boot_ns() - server->facts->started_boot_ns;
        return floor_div(clock_wall_ns() - age_ns, NS_PER_S);
}

int server_start(struct server *server, struct error *error) {
        server->pool = pool_start(QUERY_THREADS, QUERY_QUEUE);
        if (!server->pool)
                return error_set(error, -EAGAIN, "cannot start the query threads");
        int r = ws_start(server, &server->ws, error);
        if (r == 0)
                r = http_start(server, error);
        if (r < 0)
                server_stop(server);
        return r;
}

void server_stop(struct server *server) {
        if (server->stopped)
                return;
        server->stopped = true;
        atomic_store(&server->stopping, true);
        pool_stop(server->pool);
        ws_stop(server->ws);
        http_stop(server);
}

static void free_token(char *token) {
        if (token)
                explicit_bzero(token, strlen(token));
        free(token);
}

void server_close(struct server *server) {
        if (!server)
                return;
        server_stop(server);
        ws_free(server->ws);
        pool_free(server->pool);
        pins_free(server->pins);
        sharing_free(server->sharing);
        sessions_free(server->sessions);
        free_token((char *)(uintptr_t)server->access.token);
        connections_fini(&server->connections);
        if (server->listen_fd >= 0)
                close(server->listen_fd);
        if (server->tick_fd >= 0)
                close(server->tick_fd);
        free(server);
}
