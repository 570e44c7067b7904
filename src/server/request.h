/* One HTTP request, from its request line to the last byte of the answer. */
#ifndef NETWATCH_SERVER_REQUEST_H
#define NETWATCH_SERVER_REQUEST_H

#include <microhttpd.h>

#include "server/handshake.h"
#include "server/internal.h"
#include "server/routes.h"
#include "server/sharing.h"

#define REQUEST_CONNECTIONS_MAX 1024u /* beside the WebSockets */
#define REQUEST_LINE_MAX (8u * 1024)
#define REQUEST_HEADERS_MAX (16u * 1024)
#define REQUEST_BODY_MAX (64u * 1024)
#define REQUEST_KEPT_MAX (4u * 1024) /* of a body, where the path takes one: a token is short */

enum request_phase {
        REQUEST_HEADERS,
        REQUEST_BODY,
        REQUEST_QUERY, /* suspended: its job is queued or running */
};

/* The headers that are looked at; NULL where absent. They live as long as the request. */
struct request_headers {
        const char *host, *origin, *authorization, *content_length, *transfer_encoding;
        const char *accept_encoding, *if_none_match, *cookie, *content_type;
        struct handshake handshake;
        unsigned hosts, content_lengths; /* how often they came */
        size_t bytes;
};

struct request {
        struct pool_job job; /* first */
        struct server *server;
        struct MHD_Connection *http;
        struct connection *connection; /* may be NULL */
        enum request_phase phase;
        const char *method;
        char *path;  /* NULL: the request line was too long */
        char *query; /* "" where there is none */
        size_t uri_bytes;
        bool is_filter_long; /* it is what does not fit the request line, */
        size_t filter_fits;  /* from this byte of it on */
        uint64_t body_bytes;
        struct text body; /* its first REQUEST_KEPT_MAX bytes, where the path takes one */
        struct request_headers headers;

        const struct route *route;
        struct params params;
        struct reply reply;
        struct watch watch;  /* of its query */
        uint64_t held_bytes; /* of server->reply_bytes */
        int64_t now_ms;      /* Unix time at which it came */

        struct answer *answer;        /* see sharing.h; a reference, or NULL */
        struct request *next_waiting; /* for the same */
        int64_t waits_since_ns;       /* CLOCK_BOOTTIME; 0: it did not have to */
        bool websocket;               /* holds a place among the WebSocket clients */
        bool has_session;             /* came in by one */
        struct session session;
};

/* NULL without memory. */
struct request *request_new(struct server *server, struct MHD_Connection *http, const char *uri);
void request_free(struct request *request);

/* Called once the headers are there: reads them. False: the reply is a problem, to be sent without
 * waiting for the body. */
bool request_read_headers(struct request *request, const char *method, const char *version);

/* A piece of the body. False: it is too long. */
bool request_read_body(struct request *request, const char *piece, size_t bytes);

/* What to do with a whole request. */
enum request_verdict {
        REQUEST_REPLY,   /* the reply is ready */
        REQUEST_ASSET,   /* one of the page's files */
        REQUEST_UPGRADE, /* a WebSocket */
        REQUEST_RUN,     /* request_run on a query thread will make the reply */
};
enum request_verdict request_judge(struct request *request, char ret_accept[29]);

/* Makes the reply. Any thread. */
void request_run(struct request *request);

/* Puts a problem in the place of the reply. */
void request_fail(struct request *request, unsigned status, const char *detail);

#endif
