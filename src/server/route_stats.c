/* GET /api/stats: how the watcher itself is doing. */
#include "base/clock.h"
#include "capture/capture.h"
#include "server/figures.h"
#include "server/internal.h"
#include "server/login.h"
#include "server/routes.h"

/* The interface's own counters since the start, of the same moment as the frames; a file (NULL) has none. */
static json_t *since_start(const struct figures_iface *figures, const struct iface_info *info) {
        const struct link_counters *counters = &figures->link;
        return json_pack("{sI sI sI sI sI sI sI}", "rx_packets", (json_int_t)counters->rx_packets, "rx_bytes",
                         (json_int_t)counters->rx_bytes, "tx_packets", (json_int_t)counters->tx_packets, "tx_bytes",
                         (json_int_t)counters->tx_bytes, "rx_dropped", (json_int_t)counters->rx_dropped, "rx_missed",
                         (json_int_t)counters->rx_missed, "unseen_packets",
                         info ? (json_int_t)figures_unseen(figures, info) : 0);
}

/* The names of those that are on; null where the interface does not tell. */
static json_t *offloads_json(const char *iface) {
        unsigned on;
        if (iface_offloads(iface, &on) < 0)
                return json_null();
        json_t *names = json_array();
        for (unsigned i = 0; i < IFACE_OFFLOADS; i++)
                if (on & 1u << i)
                        json_array_append_new(names, json_string(iface_offload_name(i)));
        return names;
}

static const char *state_name(enum history_iface_state state) {
        switch (state) {
        case HISTORY_IFACE_UP: return "up";
        case HISTORY_IFACE_DOWN: return "down";
        case HISTORY_IFACE_NO_CARRIER: return "no_carrier";
        case HISTORY_IFACE_GONE: return "gone";
        case HISTORY_IFACE_REFUSED: break;
        }
        return "refused";
}

static json_t *iface_json(struct server *server, unsigned iface, const struct history_iface *now) {
        struct figures_iface figures = figures_iface_of(server, iface);
        const char *name = now->name;
        const struct server_file *file = server->facts->file;
        struct iface_info info = {.speed_bps = -1};
        bool known = !file && iface_read(name, &info) == 0;
        return json_pack("{ss ss? sb ss so so sb so sI sI sI sI s{sI sI sI sI sI} so so sI}", "name", name, "link",
                         file    ? file->link
                         : known ? info.link
                                 : NULL,
                         "up", now->state == HISTORY_IFACE_UP, "state", state_name(now->state), "speed_bps",
                         info.speed_bps > 0 ? json_integer(info.speed_bps) : json_null(), "offloads",
                         file ? json_null() : offloads_json(name), "segments_known", !figures.segments_unknown,
                         "rx_queues", known ? json_integer(info.rx_queues) : json_null(), "frames_received",
                         (json_int_t)figures.received, "frames_counted", (json_int_t)figures.counted, "frames_dropped",
                         (json_int_t)figures.dropped, "frames_queued", (json_int_t)figures.queued, "kernel",
                         "rx_packets", (json_int_t)info.rx_packets, "rx_bytes", (json_int_t)info.rx_bytes, "tx_packets",
                         (json_int_t)info.tx_packets, "tx_bytes", (json_int_t)info.tx_bytes, "rx_dropped",
                         (json_int_t)info.rx_dropped, "seen", render_volume(figures.seen), "since_start",
                         since_start(&figures, file ? NULL : &info), "backlog_drops",
                         (json_int_t)figures_backlog_drops(server));
}

static json_t *ifaces_json(struct server *server) {
        struct history_iface ifaces[FLOW_IFACES];
        unsigned n = history_read_ifaces(server->history, ifaces, FLOW_IFACES);
        json_t *list = json_array();
        for (unsigned i = 0; i < n; i++)
                json_array_append_new(list, iface_json(server, i, &ifaces[i]));
        return list;
}

static json_t *worker_json(const struct render_names *names, const struct history_worker *w) {
        const char *iface = w->iface < names->n_ifaces ? names->ifaces[w->iface] : "";
        return json_pack("{ss so sI sI sI sI sI si si}", "iface", iface, "cpu",
                         w->cpu >= 0 ? json_integer(w->cpu) : json_null(), "ring_bytes", (json_int_t)w->ring_bytes,
                         "frames", (json_int_t)w->frames, "freezes", (json_int_t)w->freezes, "late",
                         (json_int_t)w->late, "longest_pause_us", (json_int_t)w->longest_pause_us, "active", w->active,
                         "capacity", w->capacity);
}

static json_t *workers_json(struct server *server, unsigned n) {
        struct render_names names;
        server_names(server, &names);
        json_t *list = json_array();
        for (unsigned i = 0; i < n; i++) {
                struct history_worker worker = history_read_worker(server->history, i);
                json_array_append_new(list, worker_json(&names, &worker));
        }
        return list;
}

static json_t *history_json(struct server *server, const struct history_figures *figures) {
        int64_t from, to;
        bool any = history_span(server->history, &from, &to);
        return json_pack("{so so sI sI so}", "from", any ? json_integer(from * MS_PER_S) : json_null(), "to",
                         any ? json_integer(to * MS_PER_S) : json_null(), "bytes", (json_int_t)figures->bytes, "budget",
                         (json_int_t)figures->budget, "thinned_before",
                         figures->is_thinned ? json_integer(figures->thinned_before_s * MS_PER_S) : json_null());
}

static json_t *file_json(const struct server_file *file) {
        if (!file)
                return json_null();
        return json_pack("{ss so sb}", "name", file->name, "speed",
                         file->speed > 0 ? json_real(file->speed) : json_null(), "ended",
                         atomic_load(&file->has_ended));
}

static json_t *clients_json(struct server *server) {
        struct figures_clients clients = figures_clients(server);
        return json_pack("{sI sI sI}", "http", (json_int_t)clients.http, "ws", (json_int_t)clients.websocket, "skipped",
                         (json_int_t)clients.skipped);
}

bool route_stats(const struct route_call *call, struct reply *reply, struct problem *problem) {
        (void)problem;
        struct server *server = call->server;
        const struct server_facts *facts = server->facts;
        struct history_figures figures;
        struct history_totals totals;
        struct session session;
        history_read_figures(server->history, &figures);
        history_read_totals(server->history, &totals);

        text_json(&reply->body,
                  json_pack("{ss sI ss sI so so so so s{sI sI sI sI sI sI} so so sf sI sb}", "version", facts->version,
                            "uptime_s", (json_int_t)((clock_boot_ns() - facts->started_boot_ns) / NS_PER_S), "bpf",
                            facts->bpf, "snaplen", (json_int_t)facts->snaplen, "file", file_json(facts->file), "ifaces",
                            ifaces_json(server), "workers", workers_json(server, figures.workers), "undecoded",
                            render_undecoded(totals.totals.verdicts), "flows", "active",
                            (json_int_t)figures.flows_active, "ended", (json_int_t)figures.flows_ended, "capacity",
                            (json_int_t)figures.flows_capacity, "evicted", (json_int_t)figures_evicted(server),
                            "forgotten", (json_int_t)figures.flows_forgotten, "untracked",
                            (json_int_t)totals.totals.untracked.packets, "history", history_json(server, &figures),
                            "clients", clients_json(server), "cpu_s", (double)clock_cpu_ns() / NS_PER_S, "rss_bytes",
                            (json_int_t)figures_rss_bytes(), "session",
                            login_find_session(server, call->cookies, &session)));
        return true;
}
