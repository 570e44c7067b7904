/* A WebSocket text frame, encoded once and shared by all clients that get it. WebSocket loop only. */
#ifndef NETWATCH_SERVER_WS_FRAME_H
#define NETWATCH_SERVER_WS_FRAME_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct ws_frame {
        unsigned refs;
        size_t head_bytes; /* of the frame's header, RFC 6455 section 5.2 */
        size_t length;     /* all of it */
        uint8_t bytes[];
};

/* Takes an object (NULL counts as out of memory) → a frame with one reference, or NULL. */
struct ws_frame *ws_frame_new(json_t *take);

/* The same frame for a client that missed `skipped` of its kind before it. */
struct ws_frame *ws_frame_with_skipped(const struct ws_frame *frame, uint64_t skipped);

struct ws_frame *ws_frame_ref(struct ws_frame *frame);
void ws_frame_unref(struct ws_frame *frame); /* NULL is fine */

#endif
