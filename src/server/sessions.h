/* Sessions of browsers: what a token is traded for, so that the token itself stays out of the cookie.
 *
 * A session is a signed text: id, end and generation, with an HMAC-SHA-256 (RFC 2104) under a key
 * that is random per start. Nothing is stored for one that lives; only those that were ended early
 * are remembered, until their time would have been up. */
#ifndef NETWATCH_SERVER_SESSIONS_H
#define NETWATCH_SERVER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#define SESSION_LIFE_S 43200
#define SESSION_TEXT_BYTES 72 /* with its NUL */
#define SESSIONS_REVOKED_MAX 1024u

struct sessions;

/* One session, judged good. */
struct session {
        uint64_t id;
        int64_t ends_ns; /* CLOCK_BOOTTIME */
        uint32_t generation;
};

/* NULL without memory or random bytes. Any thread may call what follows; `now_ns` is CLOCK_BOOTTIME. */
struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);

/* A new session as text: base64url, fit for a cookie. False where the kernel has no random bytes. */
bool sessions_begin(struct sessions *sessions, int64_t now_ns, char ret_text[SESSION_TEXT_BYTES]);

/* The session that a stranger's text names; false where it is forged, over, or ended. The first is told in
 * constant time. `length` bytes, no NUL needed. */
bool sessions_find(struct sessions *sessions, const char *text, uint64_t length, int64_t now_ns, struct session *ret);

/* Whether a session that was found earlier still stands. */
bool sessions_is_live(struct sessions *sessions, const struct session *session, int64_t now_ns);

/* Ends one. Where more than SESSIONS_REVOKED_MAX were ended within one lifetime, all end: the key is
 * made anew. So memory is bounded, and none that was ended ever comes back. */
void sessions_end(struct sessions *sessions, const struct session *session, int64_t now_ns);

#endif
