/* Who may come in: the Host, Origin and Authorization headers, judged. Pure; any thread. */
#ifndef NETWATCH_SERVER_ACCESS_H
#define NETWATCH_SERVER_ACCESS_H

#include <stdbool.h>

#include "server/reply.h"

struct access_rules {
        const char *token; /* NULL: none asked for */
        const char *hostname;
        const char *const *allow_hosts;
        unsigned n_allow_hosts;
};

/* `host` is the value of the Host header, NULL where there is none. It must be an IP literal,
 * localhost, this host's name (whole or up to the first dot) or an allowed one, with any port:
 * so a name that an attacker has pointed at us is turned away (DNS rebinding). */
bool access_host(const struct access_rules *rules, const char *host, struct problem *problem);

/* `origin` (may be NULL: a script) must be that of `host` itself, or an allowed name. */
bool access_origin(const struct access_rules *rules, const char *origin, const char *host, struct problem *problem);

/* Whether a text is the token that is set, in constant time; false where none is. */
bool access_is_token(const struct access_rules *rules, const char *text);

/* Whether a header (may be NULL) bears a token, right or wrong: a guess. */
bool access_is_bearer(const char *authorization);

/* `authorization` (may be NULL) must be "Bearer TOKEN" where a token is set. */
bool access_token(const struct access_rules *rules, const char *authorization, struct problem *problem);

#endif
