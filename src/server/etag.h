/* Entity tags: of the page's files, and of answers that are wholly past and cannot change any more.
 *
 * The tag of an answer is known before its query is run, so that a client which has it already costs no query: it is
 * made of what was asked, of this run of the daemon, and of history_basis.changes. That the answer deserves it, only
 * the query can tell. */
#ifndef NETWATCH_SERVER_ETAG_H
#define NETWATCH_SERVER_ETAG_H

#include "history/history.h"
#include "server/reply.h"

struct route_call;

#define ETAG_EPOCH_BYTES 16

/* Whether an If-None-Match header (may be NULL) names a tag: a list of them, weak or not, or "*" (RFC 9110, 13.1.2). */
bool etag_is_named(const char *if_none_match, const char *tag);

/* A tag, with quotes, from a hash of some bytes. */
void etag_of(char ret[ETAG_BYTES], const void *bytes, size_t length);

/* An answer over a range. Zeroed it gets no tag. */
struct etag {
        bool is_past;
        struct history_range looked_at;
        uint64_t changes;
        char text[ETAG_BYTES];
};

/* Before the query. `range` is what was made of the times that were asked for; the answer looks `back_s` seconds before
 * its end, at least. True where the client has it: then the reply says so, and no query is to be run. */
bool etag_begin(const struct route_call *call, struct history_range range, int64_t back_s, struct etag *ret,
                struct reply *reply);

/* After the query: whether its answer, which was found to be final or not, can bear the tag, since nothing has changed
 * meanwhile. To be asked before it is written, and by etag_end after it is. */
bool etag_holds(const struct route_call *call, const struct etag *etag, bool is_final);
void etag_end(const struct route_call *call, const struct etag *etag, bool is_final, struct reply *reply);

#endif
