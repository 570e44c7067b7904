/* The inside of the server, shared by its files. */
#ifndef NETWATCH_SERVER_INTERNAL_H
#define NETWATCH_SERVER_INTERNAL_H

#include <stdatomic.h>

#include "render/render.h"
#include "server/access.h"
#include "server/assets.h"
#include "server/connections.h"
#include "server/etag.h"
#include "server/guesses.h"
#include "server/http_loop.h"
#include "server/pins.h"
#include "server/pool.h"
#include "server/server.h"
#include "server/sessions.h"
#include "server/sharing.h"

struct MHD_Daemon;
struct ws;

struct server {
        struct history *history;
        const struct server_facts *facts;
        struct access_rules access;
        char hostname[256];
        char url[80];
        char cookie_name[24]; /* "netwatch_8080": cookies do not tell ports apart */
        unsigned max_websockets;

        int listen_fd; /* -1 once libmicrohttpd has it */
        int tick_fd;
        struct MHD_Daemon *http;
        struct http_loop http_loop;
        struct ws *ws;
        struct pool *pool;
        struct pins *pins;
        struct sharing *sharing;
        struct assets assets;
        struct connections connections;
        struct sessions *sessions;
        struct guesses guesses;

        uint8_t epoch[ETAG_EPOCH_BYTES]; /* of this run; random */

        _Atomic bool stopping;
        size_t export_rows_max;          /* rows that all exports at work may hold */
        _Atomic size_t export_rows_free; /* of those, not held */
        uint64_t reply_bytes_max;        /* with more of them waiting no query is begun */
        _Atomic uint64_t reply_bytes;    /* answers that are not yet sent */
        _Atomic uint64_t queries;        /* run since the start */
        bool stopped;
};

/* Starts libmicrohttpd on the listening socket. */
int http_start(struct server *server, struct error *error);

/* After pool and WebSocket loop have stopped: nothing may be suspended or upgraded any more. */
void http_stop(struct server *server);

/* What the captured interfaces are called now: their names may change. Any thread. */
void server_names(struct server *server, struct render_names *ret);

/* One more query over the history is run, for /metrics. */
void server_count_query(struct server *server);

/* Now: Unix ms. Of a file that is served, the end of what has been read of it. */
int64_t server_now_ms(const struct server *server);

/* The second in which the capture began, by today's wall clock, or the file. */
int64_t server_started_second(const struct server *server);

#endif
