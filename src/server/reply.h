/* What goes back to a client: a reply, or the problem (RFC 9457) that took its place. */
#ifndef NETWATCH_SERVER_REPLY_H
#define NETWATCH_SERVER_REPLY_H

#include <stdbool.h>

#include "server/text.h"

struct reply {
        unsigned status;
        const char *type; /* Content-Type; static; NULL where there is no body */
        struct text body;
        const char *header; /* one more header, or NULL; static, like its value */
        const char *value;
        char set_cookie[192]; /* "" = none */
};

struct problem {
        unsigned status;
        char param[64]; /* the parameter that is to blame; "" = none */
        char detail[320];
};

/* Writes the problem, printf-like; returns false, so that a check can say `return problem_set(…)`.
 * `param` may be NULL. */
bool problem_set(struct problem *problem, unsigned status, const char *param, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Turns a problem into an application/problem+json reply; what the reply held before is freed. */
void reply_from_problem(struct reply *reply, const struct problem *problem);

/* The reason phrase of a status code; static. */
const char *reply_title(unsigned status);

#endif
