#include "server/figures.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/ws.h"

struct figures_iface figures_iface_of(struct server *server, unsigned iface) {
        struct history_figures figures;
        struct figures_iface sum = {0};
        history_read_figures(server->history, &figures);
        for (unsigned i = 0; i < figures.workers; i++) {
                struct history_worker worker = history_read_worker(server->history, i);
                if (worker.iface != iface)
                        continue;
                sum.received += worker.received;
                sum.counted += worker.frames;
                sum.dropped += worker.dropped;
                volume_add(&sum.seen, worker.seen.packets, worker.seen.bytes);
                sum.link = worker.link; /* they all ask the same interface */
                sum.segments_unknown |= worker.segments_unknown;
        }
        /* each worker's three were taken in one moment, the kernel's after the frames were read: see pipeline/worker.c
         */
        sum.queued = sum.received - sum.dropped - sum.counted;
        return sum;
}

int64_t figures_unseen(const struct figures_iface *figures, const struct iface_info *info) {
        bool once = !strcmp(info->link, "loopback");
        uint64_t on_wire = figures->link.rx_packets + (once ? 0 : figures->link.tx_packets);
        bool in_frames = info->software || on_wire < figures->seen.packets + figures->dropped;
        uint64_t seen = in_frames ? figures->counted : figures->seen.packets;
        return (int64_t)(on_wire - seen - figures->dropped - figures->queued);
}

uint64_t figures_backlog_drops(const struct server *server) {
        return server->facts->file ? 0 : iface_backlog_drops() - server->facts->backlog_drops_before;
}

uint64_t figures_rss_bytes(void) {
        FILE *file = fopen("/proc/self/statm", "re");
        unsigned long long size = 0, resident = 0;
        if (!file)
                return 0;
        int n = fscanf(file, "%llu %llu", &size, &resident);
        (void)fclose(file);
        return n == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

struct figures_clients figures_clients(struct server *server) {
        return (struct figures_clients){
                .http = connections_count(&server->connections),
                .websocket = ws_count(server->ws),
                .skipped = ws_skipped(server->ws),
        };
}

uint64_t figures_evicted(struct server *server) {
        struct history_figures figures;
        history_read_figures(server->history, &figures);
        uint64_t evicted = 0;
        for (unsigned i = 0; i < figures.workers; i++)
                evicted += history_read_worker(server->history, i).evicted;
        return evicted;
}
