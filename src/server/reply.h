/* What goes back to a client: a reply, or the problem (RFC 9457) that took its place. */
#ifndef NETWATCH_SERVER_REPLY_H
#define NETWATCH_SERVER_REPLY_H

#include <stdbool.h>

#include "server/text.h"

/* A body that is made piece by piece, since the whole of it would not fit. */
struct reply_source {
        /* Appends the next piece. Returns whether there are more. On a query thread. */
        bool (*next)(struct reply_source *source, struct text *piece);
        void (*free)(struct reply_source *source);
};

#define ETAG_BYTES 20 /* quotes and the end included */

struct reply {
        unsigned status;
        const char *type; /* Content-Type; static; NULL where there is no body */
        struct text body;
        struct reply_source *source; /* in the place of `body`; NULL = none */
        const char *header;          /* one more header, or NULL; static, like its value */
        const char *value;
        char etag[ETAG_BYTES]; /* "" = none: the answer is of its moment only */
        char set_cookie[192];  /* "" = none */
        char disposition[80];  /* Content-Disposition; "" = none */
};

struct problem {
        unsigned status;
        char param[64]; /* the parameter that is to blame; "" = none */
        bool has_pos;   /* and the byte of its value */
        size_t pos;
        char detail[320];
};

/* Writes the problem, printf-like; returns false, so that a check can say `return problem_set(…)`.
 * `param` may be NULL. */
bool problem_set(struct problem *problem, unsigned status, const char *param, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Frees what the reply holds. */
void reply_fini(struct reply *reply);

/* Turns a problem into an application/problem+json reply; what the reply held before is freed. */
void reply_from_problem(struct reply *reply, const struct problem *problem);

/* The reason phrase of a status code; static. */
const char *reply_title(unsigned status);

#endif
