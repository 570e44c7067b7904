/* The WebSocket loop: one thread that owns every upgraded socket and watches the history's eventfd. */
#ifndef NETWATCH_SERVER_WS_H
#define NETWATCH_SERVER_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "server/sessions.h"

struct MHD_UpgradeResponseHandle;
struct server;
struct ws;

/* Starts the thread. 0 or -errno. */
int ws_start(struct server *server, struct ws **ret, struct error *error);

/* Says goodbye to all clients (1001), waits for them for a moment, joins. NULL is fine; ws_free
 * comes later, when nobody can call the functions below any more. */
void ws_stop(struct ws *ws);
void ws_free(struct ws *ws);

/* Takes one of the max_websockets places; false where there is none. Any thread, like all below. */
bool ws_reserve(struct ws *ws);
void ws_release(struct ws *ws);

/* An upgraded socket, with bytes that came along with its request. */
struct ws_newcomer {
        int fd;
        struct MHD_UpgradeResponseHandle *handle;
        const char *extra; /* copied */
        size_t extra_bytes;
        bool has_session; /* the connection ends with it */
        struct session session;
};

/* Hands one over, with the place that was reserved for it. False after ws_stop or without memory: then all
 * stays the caller's. */
bool ws_adopt(struct ws *ws, const struct ws_newcomer *newcomer);

unsigned ws_count(struct ws *ws);

/* Frames that lagging clients have missed. */
uint64_t ws_skipped(struct ws *ws);

#endif
