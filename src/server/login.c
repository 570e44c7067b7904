/* POST /login, POST /logout.
 *
 * A page of another origin cannot log its reader in or out: its Origin was refused before, and SameSite
 * keeps the cookie from its requests. The cookie is not marked Secure: this server speaks plain HTTP,
 * over which a browser would not send it back, and a header that claims TLS in front of it is anybody's
 * to write. Whoever puts a TLS proxy there has it add the mark. */
#include "server/login.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "server/internal.h"
#include "server/request.h"
#include "server/routes.h"

/* ---- the cookie --------------------------------------------------------------------- */

bool login_find_session(struct server *server, const char *cookies, struct session *ret) {
        size_t name_length = strlen(server->cookie_name);
        for (const char *at = cookies; at && *at; at += strcspn(at, ";")) {
                at += strspn(at, "; \t");
                size_t length = strcspn(at, ";");
                while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
                        length--;
                if (length > name_length && at[name_length] == '=' && !strncmp(at, server->cookie_name, name_length) &&
                    sessions_find(server->sessions, at + name_length + 1, length - name_length - 1, clock_boot_ns(),
                                  ret))
                        return true;
        }
        return false;
}

static void set_cookie(const struct server *server, struct reply *reply, const char *value, unsigned max_age_s) {
        (void)snprintf(reply->set_cookie, sizeof(reply->set_cookie),
                       "%s=%s; Path=/; Max-Age=%u; HttpOnly; SameSite=Strict", server->cookie_name, value, max_age_s);
        reply->status = 204;
        reply->type = NULL;
}

/* ---- the body ----------------------------------------------------------------------- */

static bool is_type(const char *content_type, const char *type) {
        size_t n = strlen(type);
        return content_type && !strncasecmp(content_type, type, n) && strchr("; \t", content_type[n]);
}

/* {"token":"…"}; the text is the root's. */
static const char *token_of_json(const char *body, size_t length, json_t **ret_root, struct problem *problem) {
        json_t *root = *ret_root = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(root)) {
                problem_set(problem, 400, NULL, "the body is no JSON object");
                return NULL;
        }
        const char *name;
        json_t *value;
        json_object_foreach(root, name, value) {
                if (strcmp(name, "token") != 0) {
                        problem_set(problem, 400, strlen(name) < 64 ? name : NULL, "unknown member; there is token");
                        return NULL;
                }
        }
        const char *token = json_string_value(json_object_get(root, "token"));
        if (!token)
                problem_set(problem, 400, "token", "must be given, as a string");
        return token;
}

/* token=…; the text is the body's. */
static const char *token_of_form(char *body, size_t length, struct problem *problem) {
        static const char *const names[] = {"token", NULL};
        struct params params;
        if (strlen(body) != length) {
                problem_set(problem, 400, NULL, "the body holds a NUL");
                return NULL;
        }
        if (!params_parse(body, names, &params, problem))
                return NULL;
        const char *token = params_get(&params, "token");
        if (!token)
                problem_set(problem, 400, "token", "must be given");
        return token;
}

static const char *token_of(const struct route_call *call, json_t **ret_root, struct problem *problem) {
        if (call->body_bytes > REQUEST_KEPT_MAX) {
                problem_set(problem, 413, NULL, "the body is longer than 4 KiB");
                return NULL;
        }
        if (is_type(call->content_type, "application/json"))
                return token_of_json(call->body, call->body_bytes, ret_root, problem);
        if (is_type(call->content_type, "application/x-www-form-urlencoded"))
                return token_of_form(call->body, call->body_bytes, problem);
        problem_set(problem, 415, NULL, "the body must be application/json or application/x-www-form-urlencoded");
        return NULL;
}

/* ---- the routes --------------------------------------------------------------------- */

static bool check_token(const struct route_call *call, struct problem *problem) {
        struct guesses *guesses = &call->server->guesses;
        int64_t now_ns = clock_boot_ns();
        json_t *root = NULL;
        const char *token = token_of(call, &root, problem);
        bool good = false;
        if (token && !guesses_allowed(guesses, call->address, now_ns)) {
                problem_set(problem, 429, NULL, GUESSES_REFUSED);
        } else if (token) {
                good = access_is_token(&call->server->access, token);
                if (!good) {
                        guesses_wrong(guesses, call->address, now_ns);
                        problem_set(problem, 401, NULL, "the token is not the right one");
                }
        }
        json_decref(root);
        return good;
}

bool route_login(const struct route_call *call, struct reply *reply, struct problem *problem) {
        char text[SESSION_TEXT_BYTES];
        if (!call->server->access.token)
                return problem_set(problem, 409, NULL, "no token is set here: there is nothing to log in to");
        if (!check_token(call, problem))
                return false;
        if (!sessions_begin(call->server->sessions, clock_boot_ns(), text))
                return problem_set(problem, 503, NULL, "no random bytes");
        set_cookie(call->server, reply, text, SESSION_LIFE_S);
        return true;
}

/* Good for whoever asks: without a session there is none to end, and the cookie goes all the same. */
bool route_logout(const struct route_call *call, struct reply *reply, struct problem *problem) {
        (void)problem;
        struct session session;
        if (login_find_session(call->server, call->cookies, &session))
                sessions_end(call->server->sessions, &session, clock_boot_ns());
        set_cookie(call->server, reply, "", 0);
        return true;
}
