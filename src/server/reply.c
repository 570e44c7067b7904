#include "server/reply.h"

#include <stdarg.h>
#include <stdio.h>

bool problem_set(struct problem *problem, unsigned status, const char *param, const char *format, ...) {
        problem->status = status;
        problem->has_pos = false;
        (void)snprintf(problem->param, sizeof(problem->param), "%s", param ? param : "");
        int n = param ? snprintf(problem->detail, sizeof(problem->detail), "%s: ", param) : 0;
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(problem->detail + n, sizeof(problem->detail) - (size_t)n, format, ap);
        va_end(ap);
        return false;
}

const char *reply_title(unsigned status) {
        static const struct {
                unsigned status;
                const char *title;
        } titles[] = {
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {409, "Conflict"},
                {410, "Gone"},
                {411, "Length Required"},
                {413, "Content Too Large"},
                {414, "URI Too Long"},
                {415, "Unsupported Media Type"},
                {421, "Misdirected Request"},
                {426, "Upgrade Required"},
                {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {503, "Service Unavailable"},
        };
        for (unsigned i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
                if (titles[i].status == status)
                        return titles[i].title;
        return "Error";
}

void reply_fini(struct reply *reply) {
        text_fini(&reply->body);
        if (reply->source)
                reply->source->free(reply->source);
        reply->source = NULL;
}

void reply_from_problem(struct reply *reply, const struct problem *problem) {
        reply_fini(reply);
        *reply = (struct reply){.status = problem->status, .type = "application/problem+json"};

        json_t *body = json_pack("{ss si ss}", "title", reply_title(problem->status), "status", (int)problem->status,
                                 "detail", problem->detail);
        if (problem->param[0])
                json_object_set_new(body, "param", json_string(problem->param));
        if (problem->has_pos)
                json_object_set_new(body, "pos", json_integer((json_int_t)problem->pos));
        text_json(&reply->body, body);

        if (problem->status == 401) {
                reply->header = "WWW-Authenticate";
                reply->value = "Bearer realm=\"netwatch\"";
        } else if (problem->status == 503 || problem->status == 429) {
                reply->header = "Retry-After";
                reply->value = "1";
        }
}
