/* The listening socket: "127.0.0.1:8080" → a socket and the URL under which it is reached. */
#ifndef NETWATCH_SERVER_LISTEN_H
#define NETWATCH_SERVER_LISTEN_H

#include <stdbool.h>

#include "base/error.h"

/* Parses, binds, listens. Returns 0 or -errno: -EINVAL not an address with a port, -EPERM beyond
 * loopback without a token, else what bind says. `ret_url` gets the real port. */
int listen_open(const char *bind_to, bool has_token, int *ret_fd, char ret_url[80], struct error *error);

/* The port that a listening socket has. */
unsigned listen_port(int fd);

#endif
