/* Judging a request: first whether it may come in, then what it asks for.
 *
 * Order: sizes, Host, the page's own files (which need no token), token, path, method, Origin,
 * parameters. So nobody learns without a token which paths there are. */
#include "server/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/parse.h"
#include "server/login.h"
#include "server/ws.h"

static void look_what_is_long(struct request *request, const char *uri) {
        const size_t room = REQUEST_LINE_MAX - sizeof("GET  HTTP/1.1"), path = strcspn(uri, "?");
        if (request->uri_bytes > room && path < room)
                request->is_filter_long =
                        params_lies_in(uri + path + 1, room - path - 1, "filter", &request->filter_fits);
}

struct request *request_new(struct server *server, struct MHD_Connection *http, const char *uri) {
        struct request *request = calloc(1, sizeof(*request));
        if (!request)
                return NULL;
        request->server = server;
        request->http = http;
        request->now_ms = clock_wall_ns() / NS_PER_MS;
        request->uri_bytes = strlen(uri);
        look_what_is_long(request, uri);
        if (request->uri_bytes < REQUEST_LINE_MAX) {
                request->path = strdup(uri);
                if (!request->path) {
                        free(request);
                        return NULL;
                }
                request->query = request->path + strcspn(request->path, "?");
                if (*request->query)
                        *request->query++ = '\0';
        }
        return request;
}

void request_free(struct request *request) {
        if (!request)
                return;
        atomic_fetch_sub(&request->server->reply_bytes, request->held_bytes);
        if (request->websocket)
                ws_release(request->server->ws);
        if (request->answer)
                sharing_leave(request->answer);
        reply_fini(&request->reply);
        if (request->body.at)
                explicit_bzero(request->body.at, request->body.length);
        text_fini(&request->body);
        free(request->path);
        free(request);
}

static void fail_with(struct request *request, const struct problem *problem) {
        reply_from_problem(&request->reply, problem);
}

void request_fail(struct request *request, unsigned status, const char *detail) {
        struct problem problem;
        problem_set(&problem, status, NULL, "%s", detail);
        fail_with(request, &problem);
}

static enum MHD_Result read_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
        (void)kind;
        struct request_headers *h = context;
        const struct {
                const char *name;
                const char **value;
        } wanted[] = {
                {"Host", &h->host},
                {"Origin", &h->origin},
                {"Authorization", &h->authorization},
                {"Content-Length", &h->content_length},
                {"Transfer-Encoding", &h->transfer_encoding},
                {"Accept-Encoding", &h->accept_encoding},
                {"If-None-Match", &h->if_none_match},
                {"Cookie", &h->cookie},
                {"Content-Type", &h->content_type},
                {"Upgrade", &h->handshake.upgrade},
                {"Connection", &h->handshake.connection},
                {"Sec-WebSocket-Version", &h->handshake.version},
                {"Sec-WebSocket-Key", &h->handshake.key},
        };
        h->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
        h->hosts += !strcasecmp(name, "Host");
        h->content_lengths += !strcasecmp(name, "Content-Length");
        for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                if (!strcasecmp(name, wanted[i].name) && !*wanted[i].value)
                        *wanted[i].value = value ? value : "";
        return MHD_YES;
}

bool request_read_headers(struct request *request, const char *method, const char *version) {
        struct request_headers *h = &request->headers;
        uint64_t length;
        request->method = method;
        h->handshake.http_version = version;
        request->route = request->path ? route_find(request->path) : NULL;
        MHD_get_connection_values(request->http, MHD_HEADER_KIND, read_header, h);
        if (h->transfer_encoding) {
                request_fail(request, 411, "a body must come with a Content-Length");
                return false;
        }
        if (h->content_lengths > 1) {
                /* libmicrohttpd takes one of them; a proxy before us may take the other (RFC 9112, 6.3) */
                request_fail(request, 400, "the request has more than one Content-Length header");
                return false;
        }
        if (h->content_length && !parse_u64(h->content_length, 0, REQUEST_BODY_MAX, &length)) {
                request_fail(request, 413, "the body is longer than 64 KiB");
                return false;
        }
        return true;
}

bool request_read_body(struct request *request, const char *piece, size_t bytes) {
        request->body_bytes += bytes;
        size_t room = REQUEST_KEPT_MAX - request->body.length;
        if (request->route && request->route->post)
                text_add(&request->body, piece, bytes < room ? bytes : room);
        return request->body_bytes <= REQUEST_BODY_MAX;
}

static bool too_long(const struct request *request, struct problem *problem) {
        if (!request->is_filter_long)
                return problem_set(problem, 414, NULL, "the request line is longer than 8 KiB");
        (void)problem_set(problem, 400, "filter", "does not fit the request line of 8 KiB");
        problem->has_pos = true;
        problem->pos = request->filter_fits;
        return false;
}

static bool check_sizes(const struct request *request, struct problem *problem) {
        if (!request->path || strlen(request->method) + request->uri_bytes + sizeof("  HTTP/1.1") > REQUEST_LINE_MAX)
                return too_long(request, problem);
        if (request->headers.bytes > REQUEST_HEADERS_MAX)
                return problem_set(problem, 431, NULL, "the headers are longer than 16 KiB");
        return true;
}

static bool check_load(struct server *server, struct problem *problem) {
        if (atomic_load(&server->stopping))
                return problem_set(problem, 503, NULL, "the server is stopping");
        if (connections_count(&server->connections) > REQUEST_CONNECTIONS_MAX)
                return problem_set(problem, 503, NULL, "too many connections");
        return true;
}

static bool check_host(const struct request *request, struct problem *problem) {
        if (request->headers.hosts > 1)
                return problem_set(problem, 400, NULL, "the request has more than one Host header");
        return access_host(&request->server->access, request->headers.host, problem);
}

static const struct sockaddr *client_address(const struct request *request) {
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(request->http, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        return info ? info->client_addr : NULL;
}

/* A token in the header is a guess until it is found right; a session is not guessed at. */
static bool check_entry(struct request *request, struct problem *problem) {
        struct server *server = request->server;
        const char *authorization = request->headers.authorization;
        int64_t now_ns = clock_boot_ns();
        if (!server->access.token)
                return true;
        if (!access_is_bearer(authorization)) {
                request->has_session = login_find_session(server, request->headers.cookie, &request->session);
                return request->has_session || access_token(&server->access, authorization, problem);
        }
        if (!guesses_allowed(&server->guesses, client_address(request), now_ns))
                return problem_set(problem, 429, NULL, GUESSES_REFUSED);
        if (access_token(&server->access, authorization, problem))
                return true;
        guesses_wrong(&server->guesses, client_address(request), now_ns);
        return false;
}

static bool is_websocket_path(const struct request *request) {
        return !strcmp(request->path, "/ws");
}

/* As the Allow header says it. */
static const char *methods_of(const struct request *request) {
        if (is_websocket_path(request))
                return "GET";
        return request->route && request->route->post ? "POST" : "GET, HEAD";
}

static bool takes_method(const struct request *request) {
        if (request->route && request->route->post)
                return !strcmp(request->method, "POST");
        return !strcmp(request->method, "GET") || (!is_websocket_path(request) && !strcmp(request->method, "HEAD"));
}

static bool check_method(struct request *request, struct problem *problem) {
        return takes_method(request) || problem_set(problem, 405, NULL, "this path takes %s only", methods_of(request));
}

static bool check_websocket(struct request *request, char ret_accept[29], struct problem *problem) {
        static const char *const no_params[] = {NULL};
        struct server *server = request->server;
        if (!access_origin(&server->access, request->headers.origin, request->headers.host, problem) ||
            !params_parse(request->query, no_params, &request->params, problem) ||
            !handshake_accept(&request->headers.handshake, ret_accept, problem))
                return false;
        request->websocket = ws_reserve(server->ws);
        if (!request->websocket)
                return problem_set(problem, 503, NULL, "too many WebSocket clients");
        return true;
}

static bool check_route(struct request *request, struct problem *problem) {
        const struct route *route = request->route;
        const struct request_headers *h = &request->headers;
        if (route->post && !access_origin(&request->server->access, h->origin, h->host, problem))
                return false;
        if (!params_parse(request->query, route->params, &request->params, problem))
                return false;
        if (!route->quick && atomic_load(&request->server->reply_bytes) > request->server->reply_bytes_max)
                return problem_set(problem, 503, NULL, "too many answers are waiting to be read");
        return true;
}

static bool judge(struct request *request, char ret_accept[29], enum request_verdict *verdict,
                  struct problem *problem) {
        struct server *server = request->server;
        if (!check_sizes(request, problem) || !check_load(server, problem) || !check_host(request, problem))
                return false;

        bool asset = assets_find(&server->assets, request->path) != NULL;
        if (!asset && !(request->route && request->route->open) && !check_entry(request, problem))
                return false;
        if (!asset && !request->route && !is_websocket_path(request))
                return problem_set(problem, 404, NULL, "there is no such path");
        if (!check_method(request, problem))
                return false;

        if (asset) {
                *verdict = REQUEST_ASSET;
                return true;
        }
        if (!request->route) {
                *verdict = REQUEST_UPGRADE;
                return check_websocket(request, ret_accept, problem);
        }
        *verdict = request->route->quick ? REQUEST_REPLY : REQUEST_RUN;
        return check_route(request, problem);
}

enum request_verdict request_judge(struct request *request, char ret_accept[29]) {
        struct problem problem;
        enum request_verdict verdict = REQUEST_REPLY;
        if (!judge(request, ret_accept, &verdict, &problem)) {
                fail_with(request, &problem);
                if (problem.status == 405) {
                        request->reply.header = "Allow";
                        request->reply.value = methods_of(request);
                }
                return REQUEST_REPLY;
        }
        if (verdict == REQUEST_REPLY)
                request_run(request);
        return verdict;
}

void request_run(struct request *request) {
        request->watch = watch_begin(&request->server->stopping, request->connection ? request->connection->fd : -1);
        struct problem problem;
        if (request->waits_since_ns)
                request->watch.begun_ns = request->waits_since_ns;
        if (request->route->post)
                text_add(&request->body, "", 1);
        struct route_call call = {
                .server = request->server,
                .params = &request->params,
                .path = request->path,
                .asked_ms = request->now_ms,
                .if_none_match = request->headers.if_none_match,
                .watch = &request->watch,
                .content_type = request->headers.content_type,
                .body = request->body.at,
                .body_bytes = request->body_bytes,
                .cookies = request->headers.cookie,
                .address = client_address(request),
        };
        request->reply = (struct reply){.status = 200, .type = "application/json"};
        if (!request->body.failed && !request->route->answer(&call, &request->reply, &problem))
                fail_with(request, &problem);
        else if (request->body.failed || request->reply.body.failed)
                request_fail(request, 503, "out of memory");
        request->held_bytes = request->reply.body.length;
        atomic_fetch_add(&request->server->reply_bytes, request->held_bytes);
}
