/* A question is its path, its parameters in the order of their names, If-None-Match, and the tick in which it is asked;
 * a time that counts from now is what it comes to. Only good answers are given away: a problem may be the asker's own.
 *
 * Whoever waits has its own time and client to look to, which its query would: so it is not run before it is its
 * turn, and then ends at once if it is wanted no more. */
#include "server/sharing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/request.h"
#include "server/times.h"

#define ANSWERS_MAX 64u

struct answer {
        struct answer *next; /* in the list */
        struct sharing *sharing;
        char *question;
        size_t question_length;
        uint64_t tick;
        unsigned refs; /* the list's, and one for each request and each response */
        bool is_listed, is_made;
        int64_t made_ns;         /* CLOCK_BOOTTIME */
        struct request *waiting; /* for it, in the order in which they came */
        struct request **waiting_end;
        struct reply reply; /* once it is made */
        struct server *server;
        uint64_t held_bytes; /* of server->reply_bytes */
};

struct sharing {
        pthread_mutex_t lock;   /* of all answers */
        struct answer *answers; /* newest first */
        uint64_t max_bytes, count;
};

struct sharing *sharing_new(uint64_t max_bytes) {
        struct sharing *sharing = calloc(1, sizeof(*sharing));
        if (!sharing)
                return NULL;
        pthread_mutex_init(&sharing->lock, NULL);
        sharing->max_bytes = max_bytes;
        return sharing;
}

/* ---- answers, with the lock ----------------------------------------------------------- */

static void unref(struct answer *answer) {
        if (--answer->refs)
                return;
        atomic_fetch_sub(&answer->server->reply_bytes, answer->held_bytes);
        reply_fini(&answer->reply);
        free(answer->question);
        free(answer);
}

static void unlist(struct answer **at) {
        struct answer *answer = *at;
        *at = answer->next;
        answer->is_listed = false;
        unref(answer);
}

static void unlist_one(struct sharing *sharing, const struct answer *answer) {
        struct answer **at = &sharing->answers;
        while (*at != answer)
                at = &(*at)->next;
        unlist(at);
}

/* Lets go of what nobody will ask for any more, and of the oldest where it is too much. */
static void tidy(struct sharing *sharing, uint64_t tick) {
        int64_t since_ns = clock_boot_ns() - SHARING_LIFE_MS * NS_PER_MS;
        uint64_t bytes = 0;
        unsigned n = 0;
        for (struct answer **at = &sharing->answers; *at;) {
                const struct answer *answer = *at;
                n += answer->is_made;
                bytes += answer->held_bytes;
                bool stays = answer->tick == tick && answer->made_ns > since_ns && bytes <= sharing->max_bytes &&
                             n <= ANSWERS_MAX;
                if (answer->is_made && !stays)
                        unlist(at);
                else
                        at = &(*at)->next;
        }
}

static struct answer *find(struct sharing *sharing, const struct text *question) {
        struct answer *answer = sharing->answers;
        while (answer && (answer->question_length != question->length ||
                          memcmp(answer->question, question->at, question->length) != 0))
                answer = answer->next;
        return answer;
}

void sharing_free(struct sharing *sharing) {
        if (!sharing)
                return;
        while (sharing->answers)
                unlist(&sharing->answers);
        pthread_mutex_destroy(&sharing->lock);
        free(sharing);
}

/* ---- questions ------------------------------------------------------------------------ */

static bool is_time(const char *name) {
        return !strcmp(name, "at") || !strcmp(name, "from") || !strcmp(name, "to");
}

/* Of a time that counts from now the second and whether it is within it: times are widened to whole seconds. It bears
 * a mark, so that what somebody else writes is never taken for it. */
static void add_value(const struct request *request, const char *name, const char *value, struct text *question) {
        int64_t ms;
        if (!request->server->facts->file && is_time(name) && *value == '-' &&
            times_parse(value, request->now_ms, &ms)) {
                text_printf(question, "t%lld%c", (long long)floor_div(ms, MS_PER_S), ms % MS_PER_S ? '+' : '=');
        } else {
                text_add(question, "=", 1);
                text_add(question, value, strlen(value));
        }
        text_add(question, "", 1);
}

/* The next name after `last`; a name comes once. */
static unsigned next_param(const struct params *params, const char *last) {
        unsigned next = params->count;
        for (unsigned i = 0; i < params->count; i++) {
                const char *name = params->list[i].name;
                if ((!last || strcmp(name, last) > 0) &&
                    (next == params->count || strcmp(name, params->list[next].name) < 0))
                        next = i;
        }
        return next;
}

/* One of the two may count from now: the other decides by the millisecond whether they are a range at all. */
static bool is_range(const struct request *request) {
        const char *from = params_get(&request->params, "from"), *to = params_get(&request->params, "to");
        int64_t from_ms, to_ms;
        if (!from || !to)
                return true;
        return times_parse(from, request->now_ms, &from_ms) && times_parse(to, request->now_ms, &to_ms) &&
               from_ms < to_ms;
}

static bool is_shareable(const struct request *request) {
        const struct params *params = &request->params;
        return request->route->shared && !strcmp(request->method, "GET") && !params_get(params, "format") &&
               !params_get(params, "cursor") && is_range(request);
}

static void write_question(const struct request *request, uint64_t tick, struct text *question) {
        const struct params *params = &request->params;
        const char *tag = request->headers.if_none_match;
        text_printf(question, "%llu%c%s%c", (unsigned long long)tick, '\0', request->path, '\0');
        unsigned i = next_param(params, NULL);
        for (; i < params->count; i = next_param(params, params->list[i].name)) {
                text_add(question, params->list[i].name, strlen(params->list[i].name) + 1);
                add_value(request, params->list[i].name, params->list[i].value, question);
        }
        if (tag)
                text_add(question, tag, strlen(tag));
}

/* ---- asking --------------------------------------------------------------------------- */

static void wait_for(struct answer *answer, struct request *request) {
        request->next_waiting = NULL;
        *answer->waiting_end = request;
        answer->waiting_end = &request->next_waiting;
}

/* Takes what `question` holds. NULL without memory. */
static struct answer *begin(struct server *server, uint64_t tick, struct text *question) {
        struct answer *answer = calloc(1, sizeof(*answer));
        if (!answer)
                return NULL;
        *answer = (struct answer){
                .next = server->sharing->answers,
                .sharing = server->sharing,
                .server = server,
                .question = question->at,
                .question_length = question->length,
                .tick = tick,
                .refs = 1,
                .is_listed = true,
        };
        answer->waiting_end = &answer->waiting;
        *question = (struct text){0};
        server->sharing->answers = answer;
        return answer;
}

static enum sharing_role join(struct server *server, struct request *request, uint64_t tick, struct text *question,
                              void (*suspend)(struct request *)) {
        struct sharing *sharing = server->sharing;
        tidy(sharing, tick);
        struct answer *answer = find(sharing, question);
        enum sharing_role role = !answer ? SHARING_FIRST : answer->is_made ? SHARING_THERE : SHARING_WAITS;
        if (role == SHARING_FIRST)
                answer = begin(server, tick, question);
        if (!answer)
                return SHARING_ALONE;
        answer->refs++;
        request->answer = answer;
        sharing->count += role == SHARING_THERE;
        if (role == SHARING_WAITS) {
                request->waits_since_ns = clock_boot_ns();
                wait_for(answer, request);
                suspend(request);
        }
        return role;
}

enum sharing_role sharing_join(struct server *server, struct request *request, void (*suspend)(struct request *)) {
        struct text question = {0};
        enum sharing_role role = SHARING_ALONE;
        uint64_t tick = history_ticks(server->history);
        if (!is_shareable(request))
                return role;
        write_question(request, tick, &question);
        if (!question.failed) {
                pthread_mutex_lock(&server->sharing->lock);
                role = join(server, request, tick, &question, suspend);
                pthread_mutex_unlock(&server->sharing->lock);
        }
        text_fini(&question);
        return role;
}

void sharing_withdraw(struct server *server, struct request *request) {
        struct answer *answer = request->answer;
        if (!answer)
                return;
        pthread_mutex_lock(&server->sharing->lock);
        unlist_one(server->sharing, answer);
        request->answer = NULL;
        unref(answer);
        pthread_mutex_unlock(&server->sharing->lock);
}

/* ---- answering ------------------------------------------------------------------------ */

/* Makes the reply of the first that of all. Those who wait. */
static struct request *publish(struct server *server, struct request *request) {
        struct answer *answer = request->answer;
        struct request *waiting = answer->waiting;
        answer->reply = request->reply;
        answer->held_bytes = request->held_bytes;
        request->reply = (struct reply){0};
        request->held_bytes = 0;
        answer->is_made = true;
        answer->made_ns = clock_boot_ns();
        answer->waiting = NULL;
        for (const struct request *each = waiting; each; each = each->next_waiting)
                server->sharing->count++;
        tidy(server->sharing, answer->tick);
        return waiting;
}

/* Leaves the making to the next of those who wait; NULL where there is none, and the question is forgotten. */
static struct request *pass_on(struct server *server, struct request *request) {
        struct answer *answer = request->answer;
        struct request *heir = answer->waiting;
        request->answer = NULL;
        if (!heir) {
                unlist_one(server->sharing, answer);
        } else {
                answer->waiting = heir->next_waiting;
                if (!answer->waiting)
                        answer->waiting_end = &answer->waiting;
        }
        unref(answer);
        return heir;
}

static void resume_all(struct server *server, struct request *request) {
        while (request) {
                struct request *next = request->next_waiting; /* a resumed one may be gone at once */
                http_loop_resume(&server->http_loop, request->http);
                request = next;
        }
}

/* Deals with the reply of a first one. The request that is the first from now on, or NULL. */
static struct request *hand_on(struct server *server, struct request *request) {
        bool is_good = request->reply.status == 200 || request->reply.status == 304;
        struct request *heir = NULL, *waiting = NULL;
        pthread_mutex_lock(&server->sharing->lock);
        if (is_good)
                waiting = publish(server, request);
        else
                heir = pass_on(server, request);
        pthread_mutex_unlock(&server->sharing->lock);
        resume_all(server, waiting);
        return heir;
}

static void is_suspended_already(struct pool_job *job) {
        (void)job;
}

void sharing_finish(struct server *server, struct request *request) {
        while (request) {
                struct request *heir = request->answer ? hand_on(server, request) : NULL;
                http_loop_resume(&server->http_loop, request->http);
                request = heir;
                if (!heir || pool_go_on(server->pool, &heir->job, is_suspended_already))
                        return;
                request_fail(heir, 503, "the server is stopping");
        }
}

/* ---- who has it -------------------------------------------------------------------------- */

const struct reply *sharing_reply(const struct request *request) {
        return request->answer ? &request->answer->reply : NULL;
}

void sharing_leave(struct answer *answer) {
        struct sharing *sharing = answer->sharing;
        pthread_mutex_lock(&sharing->lock);
        unref(answer);
        pthread_mutex_unlock(&sharing->lock);
}

uint64_t sharing_count(struct sharing *sharing) {
        pthread_mutex_lock(&sharing->lock);
        uint64_t count = sharing->count;
        pthread_mutex_unlock(&sharing->lock);
        return count;
}
