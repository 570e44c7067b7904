/* Judging a request: first whether it may come in, then what it asks for.
 *
 * Order: sizes, Host, the page's own files (which need no token), token, path, method, Origin,
 * parameters. So nobody learns without a token which paths there are. */
#include "server/request.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "server/ws.h"

#define REPLY_BYTES_MAX (64u << 20)

struct request *request_new(struct server *server, struct MHD_Connection *http, const char *uri) {
        struct request *request = calloc(1, sizeof(*request));
        if (!request)
                return NULL;
        request->server = server;
        request->http = http;
        request->uri_bytes = strlen(uri);
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
        text_fini(&request->reply.body);
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
                {"Upgrade", &h->handshake.upgrade},
                {"Connection", &h->handshake.connection},
                {"Sec-WebSocket-Version", &h->handshake.version},
                {"Sec-WebSocket-Key", &h->handshake.key},
        };
        h->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
        h->hosts += !strcasecmp(name, "Host");
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
        MHD_get_connection_values(request->http, MHD_HEADER_KIND, read_header, h);
        if (h->transfer_encoding) {
                request_fail(request, 411, "a body must come with a Content-Length");
                return false;
        }
        if (h->content_length && !parse_u64(h->content_length, 0, REQUEST_BODY_MAX, &length)) {
                request_fail(request, 413, "the body is longer than 64 KiB");
                return false;
        }
        return true;
}

static bool check_sizes(const struct request *request, struct problem *problem) {
        if (!request->path || strlen(request->method) + request->uri_bytes + sizeof("  HTTP/1.1") > REQUEST_LINE_MAX)
                return problem_set(problem, 414, NULL, "the request line is longer than 8 KiB");
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

static bool is_websocket_path(const struct request *request) {
        return !strcmp(request->path, "/ws");
}

static bool check_method(struct request *request, struct problem *problem) {
        bool get = !strcmp(request->method, "GET");
        if (is_websocket_path(request) ? get : get || !strcmp(request->method, "HEAD"))
                return true;
        return problem_set(problem, 405, NULL, "this path takes %s only",
                           is_websocket_path(request) ? "GET" : "GET and HEAD");
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
        if (!params_parse(request->query, route->params, &request->params, problem))
                return false;
        if (!route->quick && atomic_load(&request->server->reply_bytes) > REPLY_BYTES_MAX)
                return problem_set(problem, 503, NULL, "too many answers are waiting to be read");
        return true;
}

static bool judge(struct request *request, char ret_accept[29], enum request_verdict *verdict,
                  struct problem *problem) {
        struct server *server = request->server;
        if (!check_sizes(request, problem) || !check_load(server, problem) || !check_host(request, problem))
                return false;

        bool asset = assets_find(&server->assets, request->path) != NULL;
        request->route = route_find(request->path);
        if (!asset && !(request->route && request->route->open) &&
            !access_token(&server->access, request->headers.authorization, problem))
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
                        request->reply.value = is_websocket_path(request) ? "GET" : "GET, HEAD";
                }
                return REQUEST_REPLY;
        }
        if (verdict == REQUEST_REPLY)
                request_run(request);
        return verdict;
}

/* A suspended connection does not see its client leave: look at the socket. */
static bool is_cancelled(void *context) {
        struct request *request = context;
        if (atomic_load(&request->server->stopping))
                return true;
        if (!request->connection)
                return false;
        struct pollfd poll_fd = {.fd = request->connection->fd, .events = POLLRDHUP};
        return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

void request_run(struct request *request) {
        struct problem problem;
        struct route_call call = {
                .server = request->server,
                .params = &request->params,
                .cancelled = is_cancelled,
                .context = request,
        };
        request->reply = (struct reply){.status = 200, .type = "application/json"};
        if (!request->route->answer(&call, &request->reply, &problem))
                fail_with(request, &problem);
        else if (request->reply.body.failed)
                request_fail(request, 503, "out of memory");
        request->held_bytes = request->reply.body.length;
        atomic_fetch_add(&request->server->reply_bytes, request->held_bytes);
}
