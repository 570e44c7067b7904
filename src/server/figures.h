/* The figures that /api/stats and /metrics share, read at the moment of asking. */
#ifndef NETWATCH_SERVER_FIGURES_H
#define NETWATCH_SERVER_FIGURES_H

#include <stdint.h>

#include "history/history.h"
#include "server/internal.h"

/* Frames of one interface over all its workers: received = counted + dropped + queued. */
struct figures_frames {
        uint64_t received, counted, dropped, queued;
};

struct figures_frames figures_frames_of(struct server *server, unsigned iface);

/* Resident memory of this process. Source: /proc/self/statm. */
uint64_t figures_rss_bytes(void);

struct figures_clients {
        unsigned http, websocket;
        uint64_t skipped; /* frames that lagging WebSocket clients missed */
};

struct figures_clients figures_clients(struct server *server);

/* Flows that lost their slot in a worker's table to another. */
uint64_t figures_evicted(struct server *server);

#endif
