/* Identical questions of one tick are answered once.
 *
 * Who asks first makes the answer; who asks the same meanwhile is suspended until it is there, and who asks within the
 * same tick later gets it at once. All get the same bytes, which are held once. Waiting costs a connection, and no
 * thread. */
#ifndef NETWATCH_SERVER_SHARING_H
#define NETWATCH_SERVER_SHARING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer;
struct request;
struct reply;
struct server;
struct sharing;

/* An answer is given away for so long, where no tick ends it before (a file that has ended); a cursor in it must be
 * good for as long again as it promises. */
#define SHARING_LIFE_MS 10000

/* NULL without memory. Of the answers that are there, `max_bytes` are kept for who may still ask. */
struct sharing *sharing_new(uint64_t max_bytes);
void sharing_free(struct sharing *sharing);

enum sharing_role {
        SHARING_ALONE, /* nobody asks the same, or cannot: to be run */
        SHARING_FIRST, /* to be run, then sharing_finish */
        SHARING_WAITS, /* has been suspended; will be resumed */
        SHARING_THERE, /* sharing_reply has the answer */
};

/* What becomes of a request that was judged. `suspend` is called with a request that waits, before anybody can resume
 * it. HTTP loop only. */
enum sharing_role sharing_join(struct server *server, struct request *request, void (*suspend)(struct request *));

/* The first could not be queued: it stands alone again. HTTP loop only. */
void sharing_withdraw(struct server *server, struct request *request);

/* After request_run of the first: gives its reply to all who wait, and resumes them and it. Where it has none to give
 * (its client left, it failed), the next one runs its own. Query threads. */
void sharing_finish(struct server *server, struct request *request);

/* The answer that a request shares; NULL: its own. Valid until its reference, request->answer, is given back by
 * sharing_leave: any thread. */
const struct reply *sharing_reply(const struct request *request);
void sharing_leave(struct answer *answer);

/* How many answers were had without a query. */
uint64_t sharing_count(struct sharing *sharing);

#endif
