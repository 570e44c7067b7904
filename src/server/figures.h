/* The figures that /api/stats and /metrics share, read at the moment of asking. */
#ifndef NETWATCH_SERVER_FIGURES_H
#define NETWATCH_SERVER_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/capture.h"
#include "history/history.h"
#include "server/internal.h"

/* What is known of one interface over all its workers, each as of its last tick. */
struct figures_iface {
        uint64_t received, counted, dropped, queued; /* frames; received = counted + dropped + queued */
        struct volume seen;                          /* packets on the wire, in the frames counted */
        struct link_counters link;                   /* what the interface itself says went over it since the start */
        bool segments_unknown;                       /* as in struct history_worker, of any of them */
};

struct figures_iface figures_iface_of(struct server *server, unsigned iface);

/* What the interface's own counters have more than was counted, is queued, or was dropped by the ring: filtered out, or
 * not visible to the tap. A software interface counts a super-packet once, so there frames are compared; so they are
 * where a device has fewer than the packets seen. Each packet of the loopback goes over it twice and is looked at once.
 * Below 0 where the tap saw what the interface does not count. */
int64_t figures_unseen(const struct figures_iface *figures, const struct iface_info *info);

/* Resident memory of this process. Source: /proc/self/statm. */
uint64_t figures_rss_bytes(void);

struct figures_clients {
        unsigned http, websocket;
        uint64_t skipped; /* frames that lagging WebSocket clients missed */
};

struct figures_clients figures_clients(struct server *server);

/* Flows that lost their slot in a worker's table to another. */
uint64_t figures_evicted(struct server *server);

/* Packets that each CPU's backlog lost since the start; 0 with a file. */
uint64_t figures_backlog_drops(const struct server *server);

#endif
