/* SHA-1 (RFC 3174), for the WebSocket handshake, which asks for it. Nothing here rests on its strength. */
#ifndef NETWATCH_SERVER_SHA1_H
#define NETWATCH_SERVER_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES 20

void sha1(const void *data, size_t length, uint8_t ret[SHA1_BYTES]);

#endif
