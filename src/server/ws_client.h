/* One WebSocket client: what it subscribed to, and the little that waits for it. WebSocket loop only.
 *
 * Tick topics have one slot each: the newest frame replaces the unsent one, and the next that is sent
 * says how many were skipped. Events have a short queue. So a client that does not read costs a
 * fixed amount of memory, here and in the kernel. */
#ifndef NETWATCH_SERVER_WS_CLIENT_H
#define NETWATCH_SERVER_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ws_feed.h"

#define WS_MESSAGE_MAX (64u * 1024)
#define WS_CLOSE_GOING_AWAY 1001
#define WS_CLOSE_SESSION_OVER 4401 /* logged out, or at its end; 4000 to 4999 are free for applications */

struct ws_client;

struct ws_client_options {
        int fd;            /* non-blocking; stays the caller's */
        void *handle;      /* what the caller wants to find again */
        const char *extra; /* bytes that were read before; copied */
        size_t extra_bytes;
        struct ws_feed *feed;
};

/* NULL without memory. */
struct ws_client *ws_client_new(const struct ws_client_options *options);
void ws_client_free(struct ws_client *client);

int ws_client_fd(const struct ws_client *client);
void *ws_client_handle(const struct ws_client *client);

/* Reads and handles what has come. */
void ws_client_receive(struct ws_client *client);

/* Sends what waits, as far as the kernel takes it. */
void ws_client_flush(struct ws_client *client);

bool ws_client_subscribed(const struct ws_client *client, enum ws_topic topic);

/* Puts a frame up for sending (a reference is taken); returns how many frames that made the client miss. */
uint64_t ws_client_offer(struct ws_client *client, enum ws_topic topic, struct ws_frame *frame, uint64_t missed);

/* Pings a silent client, gives up one that does not answer. */
void ws_client_check(struct ws_client *client, int64_t now_ns);

/* Starts the closing handshake. */
void ws_client_close(struct ws_client *client, uint16_t code);

/* EPOLLIN, EPOLLOUT: what the client waits for. */
uint32_t ws_client_interest(const struct ws_client *client);

/* Nothing more will come of it: free it. */
bool ws_client_is_done(const struct ws_client *client);

#endif
