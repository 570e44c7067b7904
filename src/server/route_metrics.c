/* GET /metrics: the same figures for Prometheus, text format 0.0.4. */
#include <string.h>

#include "base/clock.h"
#include "capture/capture.h"
#include "server/figures.h"
#include "server/internal.h"
#include "server/routes.h"

static void write_head(struct text *body, const char *name, const char *type, const char *help) {
        text_printf(body, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_plain(struct text *body, const char *name, const char *type, const char *help, uint64_t value) {
        write_head(body, name, type, help);
        text_printf(body, "%s %llu\n", name, (unsigned long long)value);
}

static void write_seconds(struct text *body, const char *name, const char *type, const char *help, int64_t ns) {
        write_head(body, name, type, help);
        text_printf(body, "%s %.3f\n", name, (double)ns / NS_PER_S);
}

/* A label's value, with what the format wants escaped. */
static void write_label(struct text *body, const char *name, const char *value) {
        text_printf(body, "{%s=\"", name);
        for (; *value; value++) {
                if (*value == '\\' || *value == '"')
                        text_add(body, "\\", 1);
                text_add(body, *value == '\n' ? " " : value, 1);
        }
        text_add(body, "\"}", 2);
}

static void write_build(struct text *body, const char *version) {
        write_head(body, "netwatch_build_info", "gauge", "The running version; always 1.");
        text_printf(body, "netwatch_build_info");
        write_label(body, "version", version);
        text_printf(body, " 1\n");
}

/* One family of samples, by interface: a 64-bit figure of struct figures_iface at an offset. */
struct family {
        const char *name, *type, *help;
        size_t offset;
};

/* A name stands once: one that is gone and another that was given its name since are one series. */
static bool is_first_of_its_name(const struct render_names *names, unsigned iface) {
        unsigned i = 0;
        while (strcmp(names->ifaces[i], names->ifaces[iface]) != 0)
                i++;
        return i == iface;
}

static uint64_t sum_of_name(const struct family *family, const struct figures_iface *figures,
                            const struct render_names *names, unsigned iface) {
        uint64_t sum = 0;
        for (unsigned i = iface; i < names->n_ifaces; i++) {
                uint64_t value;
                memcpy(&value, (const char *)&figures[i] + family->offset, sizeof(value));
                if (!strcmp(names->ifaces[i], names->ifaces[iface]))
                        sum += value;
        }
        return sum;
}

static void write_family(const struct family *family, const struct figures_iface *figures,
                         const struct render_names *names, struct text *body) {
        write_head(body, family->name, family->type, family->help);
        for (unsigned i = 0; i < names->n_ifaces; i++) {
                if (!is_first_of_its_name(names, i))
                        continue;
                text_printf(body, "%s", family->name);
                write_label(body, "iface", names->ifaces[i]);
                text_printf(body, " %llu\n", (unsigned long long)sum_of_name(family, figures, names, i));
        }
}

static void write_ifaces(struct server *server, struct text *body) {
        static const struct family families[] = {
                {"netwatch_frames_received_total", "counter", "Frames that passed the filter, by interface.",
                 offsetof(struct figures_iface, received)},
                {"netwatch_frames_counted_total", "counter", "Frames that were counted, by interface.",
                 offsetof(struct figures_iface, counted)},
                {"netwatch_frames_dropped_total", "counter", "Frames lost for want of ring space, by interface.",
                 offsetof(struct figures_iface, dropped)},
                {"netwatch_frames_queued", "gauge", "Frames that wait in the ring, by interface.",
                 offsetof(struct figures_iface, queued)},
                {"netwatch_seen_packets_total", "counter", "Packets on the wire in the frames counted, by interface.",
                 offsetof(struct figures_iface, seen.packets)},
                {"netwatch_seen_bytes_total", "counter", "Their bytes.", offsetof(struct figures_iface, seen.bytes)},
                {"netwatch_iface_receive_packets_total", "counter", "What the interface itself says it received.",
                 offsetof(struct figures_iface, link.rx_packets)},
                {"netwatch_iface_receive_bytes_total", "counter", "Its bytes.",
                 offsetof(struct figures_iface, link.rx_bytes)},
                {"netwatch_iface_transmit_packets_total", "counter", "What the interface itself says it sent.",
                 offsetof(struct figures_iface, link.tx_packets)},
                {"netwatch_iface_transmit_bytes_total", "counter", "Its bytes.",
                 offsetof(struct figures_iface, link.tx_bytes)},
                {"netwatch_iface_receive_dropped_total", "counter", "Received by the interface, dropped by the kernel.",
                 offsetof(struct figures_iface, link.rx_dropped)},
                {"netwatch_iface_receive_missed_total", "counter", "Lost by the interface for want of room.",
                 offsetof(struct figures_iface, link.rx_missed)},
        };
        struct render_names names;
        struct figures_iface figures[FLOW_IFACES];
        server_names(server, &names);
        for (unsigned i = 0; i < names.n_ifaces; i++)
                figures[i] = figures_iface_of(server, i);
        for (unsigned f = 0; f < sizeof(families) / sizeof(families[0]); f++)
                write_family(&families[f], figures, &names, body);
        write_plain(body, "netwatch_backlog_drops_total", "counter",
                    "Packets that the CPUs' backlogs lost before any capture, over all interfaces.",
                    figures_backlog_drops(server));
}

static void write_traffic(const struct tick_totals *totals, struct text *body) {
        write_head(body, "netwatch_packets_total", "counter", "Packets on the wire, by protocol.");
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                text_printf(body, "netwatch_packets_total{proto=\"%s\"} %llu\n", packet_class_name(i),
                            (unsigned long long)totals->by_class[i].packets);
        write_head(body, "netwatch_bytes_total", "counter", "Bytes on the wire, by protocol.");
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                text_printf(body, "netwatch_bytes_total{proto=\"%s\"} %llu\n", packet_class_name(i),
                            (unsigned long long)totals->by_class[i].bytes);
        write_plain(body, "netwatch_untracked_packets_total", "counter", "Packets for which no flow slot was free.",
                    totals->untracked.packets);
        write_plain(body, "netwatch_nonflow_packets_total", "counter", "Packets without a valid IP header.",
                    totals->nonflow.packets);
        write_plain(body, "netwatch_late_packets_total", "counter", "Packets counted after their second was closed.",
                    totals->late);
        write_head(body, "netwatch_undecoded_frames_total", "counter", "Frames that could not be decoded whole.");
        for (unsigned i = PACKET_OK + 1; i < PACKET_VERDICTS; i++)
                text_printf(body, "netwatch_undecoded_frames_total{reason=\"%s\"} %llu\n", packet_verdict_name(i),
                            (unsigned long long)totals->verdicts[i]);
}

static void write_flows(struct server *server, struct text *body) {
        struct history_figures figures;
        history_read_figures(server->history, &figures);
        write_plain(body, "netwatch_flows_active", "gauge", "Flows alive now.", figures.flows_active);
        write_plain(body, "netwatch_flows_ended", "gauge", "Ended flows that are still listed.", figures.flows_ended);
        write_plain(body, "netwatch_flows_capacity", "gauge", "Flows that the directory has room for.",
                    figures.flows_capacity);
        write_plain(body, "netwatch_flows_evicted_total", "counter", "Flows that lost their slot to another.",
                    figures_evicted(server));
        write_plain(body, "netwatch_flows_forgotten_total", "counter",
                    "Ended flows that left the list for want of room.", figures.flows_forgotten);
        write_plain(body, "netwatch_history_bytes", "gauge", "Memory that the history uses.", figures.bytes);
        write_plain(body, "netwatch_history_budget_bytes", "gauge", "Memory that the history may use.", figures.budget);
}

static void write_process(struct server *server, struct text *body) {
        struct figures_clients clients = figures_clients(server);
        write_plain(body, "netwatch_queries_total", "counter", "Queries over flows, groups and counters that were run.",
                    atomic_load(&server->queries));
        write_plain(body, "netwatch_queries_shared_total", "counter",
                    "Answers that were had from a query that somebody else had asked within the same tick.",
                    sharing_count(server->sharing));
        write_plain(body, "netwatch_http_connections", "gauge", "Open HTTP connections.", clients.http);
        write_plain(body, "netwatch_websocket_clients", "gauge", "Open WebSocket connections.", clients.websocket);
        write_plain(body, "netwatch_websocket_frames_skipped_total", "counter",
                    "Frames that lagging WebSocket clients missed.", clients.skipped);
        write_seconds(body, "netwatch_uptime_seconds", "gauge", "Time since the start.",
                      clock_boot_ns() - server->facts->started_boot_ns);
        write_seconds(body, "process_cpu_seconds_total", "counter", "CPU time of the process.", clock_cpu_ns());
        write_plain(body, "process_resident_memory_bytes", "gauge", "Resident memory of the process.",
                    figures_rss_bytes());
}

bool route_metrics(const struct route_call *call, struct reply *reply, struct problem *problem) {
        (void)problem;
        struct server *server = call->server;
        struct history_totals totals;
        history_read_totals(server->history, &totals);

        reply->type = "text/plain; version=0.0.4; charset=utf-8";
        write_build(&reply->body, server->facts->version);
        write_ifaces(server, &reply->body);
        write_traffic(&totals.totals, &reply->body);
        write_flows(server, &reply->body);
        write_process(server, &reply->body);
        return true;
}
