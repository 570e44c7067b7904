/* What a browser logs in with and is known by: one cookie. */
#ifndef NETWATCH_SERVER_LOGIN_H
#define NETWATCH_SERVER_LOGIN_H

#include <stdbool.h>

#include "server/sessions.h"

struct server;

/* The live session among the cookies of a request (a Cookie header, RFC 6265; may be NULL). */
bool login_find_session(struct server *server, const char *cookies, struct session *ret);

#endif
