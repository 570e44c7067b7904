/* GET /healthz: is there anything amiss? Open to all, so it names neither interfaces nor addresses. */
#include "base/clock.h"
#include "server/internal.h"
#include "server/routes.h"

#define LATE_MS 5000

/* No second was closed for a while: the capture hangs. A file has its own time. */
static bool is_late(struct server *server) {
        struct history_counters latest;
        if (server->facts->file)
                return false;
        if (clock_boot_ns() - server->facts->started_boot_ns < LATE_MS * NS_PER_MS)
                return false;
        if (!history_latest(server->history, &latest))
                return true;
        return clock_wall_ns() / NS_PER_MS - (latest.second + 1) * MS_PER_S > LATE_MS;
}

/* With several interfaces the others go on. */
static bool is_down(struct server *server) {
        struct history_iface list[FLOW_IFACES];
        unsigned n = history_read_ifaces(server->history, list, FLOW_IFACES);
        for (unsigned i = 0; i < n; i++)
                if (list[i].state != HISTORY_IFACE_UP)
                        return true;
        return false;
}

static bool has_drops(struct server *server) {
        struct history_counters latest;
        return history_latest(server->history, &latest) && latest.drops;
}

bool route_health(const struct route_call *call, struct reply *reply, struct problem *problem) {
        (void)problem;
        json_t *reasons = json_array();
        if (is_late(call->server))
                json_array_append_new(reasons, json_string("no second was captured for five seconds"));
        if (is_down(call->server))
                json_array_append_new(reasons, json_string("an interface is down or gone"));
        if (has_drops(call->server))
                json_array_append_new(reasons, json_string("the kernel drops packets"));
        if (json_array_size(reasons)) {
                text_json(&reply->body, json_pack("{ss so}", "status", "degraded", "reasons", reasons));
        } else {
                json_decref(reasons);
                text_json(&reply->body, json_pack("{ss}", "status", "ok"));
        }
        return true;
}
