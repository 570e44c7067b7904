/* The WebSocket handshake, RFC 6455 section 4.2. Pure; any thread. */
#ifndef NETWATCH_SERVER_HANDSHAKE_H
#define NETWATCH_SERVER_HANDSHAKE_H

#include <stdbool.h>

#include "server/reply.h"

/* The request headers that matter, NULL where absent. */
struct handshake {
        const char *http_version; /* "HTTP/1.1" */
        const char *upgrade;
        const char *connection;
        const char *version;
        const char *key;
};

/* Checks them and writes the value of Sec-WebSocket-Accept. */
bool handshake_accept(const struct handshake *handshake, char ret_accept[29], struct problem *problem);

#endif
