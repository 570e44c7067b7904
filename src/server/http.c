/* libmicrohttpd at work: connections in, answers out.
 *
 * One thread runs its epoll loop (http_loop.h). A request whose answer takes a query is suspended, its
 * job queued, and resumed by the query thread when the reply is there. An upgraded socket
 * goes to the WebSocket loop for good.
 *
 * What it does not do by itself is held here: a deadline for each phase (connections.h), 503 below
 * its own connection limit (where the next client would hang), problem+json. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/request.h"
#include "server/stream.h"
#include "server/ws.h"

#define SPARE_CONNECTIONS 64u
#define CONNECTION_MEMORY ((size_t)80 * 1024) /* a request line that is far too long is still told why */
#define IDLE_S 15u
#define QUERY_IDLE_S (IDLE_S + 1)

#define HEADER_PHASE_NS (10 * NS_PER_S)
#define BODY_PHASE_NS (15 * NS_PER_S)
#define SEND_PHASE_NS (60 * NS_PER_S)

static void set_phase(struct request *request, int64_t phase_ns) {
        if (request->connection)
                connections_set_phase(&request->server->connections, request->connection, phase_ns);
}

/* ---- answers ---------------------------------------------------------------------- */

static void add_headers(struct MHD_Response *response, const char *cache_control) {
        static const char *const headers[][2] = {
                {"Content-Security-Policy",
                 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                 "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
                {"X-Content-Type-Options", "nosniff"},
                {"Referrer-Policy", "no-referrer"},
                {"Cross-Origin-Opener-Policy", "same-origin"},
                {"Cross-Origin-Embedder-Policy", "require-corp"},
                {"Cross-Origin-Resource-Policy", "same-origin"},
        };
        for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
                MHD_add_response_header(response, headers[i][0], headers[i][1]);
        MHD_add_response_header(response, "Cache-Control", cache_control);
}

/* Queues and lets go of the response. */
static enum MHD_Result queue(struct request *request, unsigned status, struct MHD_Response *response) {
        set_phase(request, SEND_PHASE_NS);
        enum MHD_Result r = MHD_queue_response(request->http, status, response);
        MHD_destroy_response(response);
        return r;
}

static void leave_shared(void *answer) {
        sharing_leave(answer);
}

/* A body that others share is held until the last of them has it. */
static struct MHD_Response *shared_response(struct request *request) {
        const struct reply *reply = sharing_reply(request);
        struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
                reply->body.length, reply->body.at, leave_shared, request->answer);
        if (response)
                request->answer = NULL;
        return response;
}

static struct MHD_Response *own_response(struct request *request) {
        struct reply *reply = &request->reply;
        struct MHD_Response *response;
        if (reply->source)
                response = stream_response(request);
        else
                response = MHD_create_response_from_buffer(reply->body.length, reply->body.at, MHD_RESPMEM_MUST_FREE);
        if (response) {
                reply->body = (struct text){0};
                reply->source = NULL;
        }
        return response;
}

static void add_reply_headers(struct MHD_Response *response, const struct reply *reply) {
        add_headers(response, reply->etag[0] ? "private, no-cache" : "no-store");
        if (reply->etag[0])
                MHD_add_response_header(response, "ETag", reply->etag);
        if (reply->type)
                MHD_add_response_header(response, "Content-Type", reply->type);
        if (reply->set_cookie[0])
                MHD_add_response_header(response, "Set-Cookie", reply->set_cookie);
        if (reply->disposition[0])
                MHD_add_response_header(response, "Content-Disposition", reply->disposition);
        if (reply->header)
                MHD_add_response_header(response, reply->header, reply->value);
        if (reply->status == 426) {
                MHD_add_response_header(response, "Upgrade", "websocket");
                MHD_add_response_header(response, "Sec-WebSocket-Version", "13");
        }
}

static enum MHD_Result send_reply(struct request *request) {
        const struct reply *shared = sharing_reply(request), *reply = shared ? shared : &request->reply;
        struct MHD_Response *response = shared ? shared_response(request) : own_response(request);
        if (!response)
                return MHD_NO;
        add_reply_headers(response, reply);
        return queue(request, reply->status, response);
}

static enum MHD_Result send_asset(struct request *request) {
        const struct asset *asset = assets_find(&request->server->assets, request->path);
        bool gzip = assets_takes_gzip(request->headers.accept_encoding);
        const struct asset_body *body = gzip ? &asset->gzip : &asset->plain;
        bool fresh = etag_is_named(request->headers.if_none_match, body->etag);

        /* PERSISTENT: libmicrohttpd reads it only, whatever its prototype says */
        void *at = (void *)(uintptr_t)body->at;
        struct MHD_Response *response =
                MHD_create_response_from_buffer(fresh ? 0 : body->length, at, MHD_RESPMEM_PERSISTENT);
        if (!response)
                return MHD_NO;
        add_headers(response, "no-cache");
        MHD_add_response_header(response, "Content-Type", asset->type);
        MHD_add_response_header(response, "ETag", body->etag);
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
        if (gzip && !fresh)
                MHD_add_response_header(response, "Content-Encoding", "gzip");
        return queue(request, fresh ? 304 : 200, response);
}

static void on_upgrade(void *cls, struct MHD_Connection *http, void *request_context, const char *extra,
                       size_t extra_bytes, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle) {
        (void)cls;
        (void)http;
        struct request *request = request_context;
        struct server *server = request->server;
        if (request->connection)
                connections_detach(&server->connections, request->connection);
        if (ws_adopt(server->ws, &(struct ws_newcomer){.fd = fd,
                                                       .handle = handle,
                                                       .extra = extra,
                                                       .extra_bytes = extra_bytes,
                                                       .has_session = request->has_session,
                                                       .session = request->session}))
                request->websocket = false;
        else
                MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

static enum MHD_Result send_upgrade(struct request *request, const char *accept) {
        struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, NULL);
        if (!response)
                return MHD_NO;
        add_headers(response, "no-store");
        MHD_add_response_header(response, "Upgrade", "websocket");
        MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
        return queue(request, MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

/* ---- queries ---------------------------------------------------------------------- */

/* While it is suspended a connection gets a time-out that is not the default. libmicrohttpd looks at such
 * connections before it reads from any, so that the answer is queued first; else it would find the end
 * that a client has sent behind its request (HTTP/1.0, nc -N), and close without an answer. */
static void set_timeout(struct request *request, unsigned timeout_s) {
        (void)MHD_set_connection_option(request->http, MHD_CONNECTION_OPTION_TIMEOUT, timeout_s);
}

static void suspend(struct request *request) {
        request->phase = REQUEST_QUERY;
        set_phase(request, INT64_MAX);
        set_timeout(request, QUERY_IDLE_S);
        MHD_suspend_connection(request->http);
}

static void suspend_job(struct pool_job *job) {
        suspend((struct request *)job);
}

static void run_job(struct pool_job *job) {
        struct request *request = (struct request *)job;
        request_run(request);
        sharing_finish(request->server, request);
}

/* Has its reply made, unless somebody else's is or will be the same. */
static enum MHD_Result run(struct request *request) {
        struct server *server = request->server;
        request->job.run = run_job;
        switch (sharing_join(server, request, suspend)) {
        case SHARING_WAITS: return MHD_YES;
        case SHARING_THERE: return send_reply(request);
        case SHARING_ALONE:
        case SHARING_FIRST: break;
        }
        if (pool_submit(server->pool, &request->job, suspend_job))
                return MHD_YES;
        sharing_withdraw(server, request);
        request_fail(request, 503, "too many queries are waiting");
        return send_reply(request);
}

static enum MHD_Result answer(struct request *request) {
        char accept[29];
        switch (request_judge(request, accept)) {
        case REQUEST_ASSET: return send_asset(request);
        case REQUEST_UPGRADE: return send_upgrade(request, accept);
        case REQUEST_RUN: return run(request);
        case REQUEST_REPLY: break;
        }
        return send_reply(request);
}

/* ---- callbacks -------------------------------------------------------------------- */

/* The query is ours to parse. libmicrohttpd would make a list entry of each parameter, run out of the
 * connection's memory where there are hundreds, and then hang: so it gets to see none. The
 * bytes are the connection's read buffer, which it writes to itself. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *http) {
        struct request *request = request_new(cls, http, uri);
        char *query = (char *)(uintptr_t)uri + strcspn(uri, "?");
        memset(query, '_', strlen(query));
        return request;
}

/* Called with the headers, with each piece of the body, at its end, and after a resume. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_bytes, void **context) {
        (void)cls;
        (void)url;
        struct request *request = *context;
        if (!request)
                return MHD_NO;
        switch (request->phase) {
        case REQUEST_HEADERS: {
                const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
                request->connection = info ? info->socket_context : NULL;
                request->phase = REQUEST_BODY;
                set_phase(request, BODY_PHASE_NS);
                return request_read_headers(request, method, version) ? MHD_YES : send_reply(request);
        }
        case REQUEST_BODY:
                if (*body_bytes) {
                        bool good = request_read_body(request, body, *body_bytes);
                        *body_bytes = 0;
                        return good ? MHD_YES : MHD_NO;
                }
                return answer(request);
        case REQUEST_QUERY: set_timeout(request, IDLE_S); break;
        }
        return send_reply(request);
}

static void on_completed(void *cls, struct MHD_Connection *http, void **context, enum MHD_RequestTerminationCode code) {
        (void)cls;
        (void)http;
        (void)code;
        struct request *request = *context;
        if (request)
                set_phase(request, IDLE_S * NS_PER_S + HEADER_PHASE_NS);
        request_free(request);
        *context = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *http, void **context,
                          enum MHD_ConnectionNotificationCode code) {
        struct server *server = cls;
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                const union MHD_ConnectionInfo *info = MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);
                *context = info ? connections_add(&server->connections, info->connect_fd, HEADER_PHASE_NS) : NULL;
        } else if (*context) {
                connections_remove(&server->connections, *context);
                *context = NULL;
        }
}

int http_start(struct server *server, struct error *error) {
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE;
        unsigned limit = REQUEST_CONNECTIONS_MAX + server->max_websockets + SPARE_CONNECTIONS;
        server->http =
                MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
                                 MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_URI_LOG_CALLBACK,
                                 on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
        if (!server->http)
                return error_set(error, -EIO, "cannot start the HTTP server");
        server->listen_fd = -1;
        int r = http_loop_start(&server->http_loop, server->http);
        if (r < 0) {
                MHD_stop_daemon(server->http);
                server->http = NULL;
                return error_set(error, r, "cannot start the HTTP server");
        }
        return 0;
}

void http_stop(struct server *server) {
        if (!server->http)
                return;
        http_loop_stop(&server->http_loop);
        MHD_stop_daemon(server->http);
        server->http = NULL;
}
