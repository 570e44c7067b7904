#include "server/routes.h"

#include <string.h>

#include "server/flow_request.h"
#include "server/internal.h"
#include "server/past.h"

static const char *const no_params[] = {NULL};
static const char *const flows_params[] = {
        "limit", "sort", "dir", "cursor", "format", "spark", PAST_PARAMS, FLOW_FILTER_PARAMS, NULL};
static const char *const counters_params[] = {"from", "to", "step", NULL};
static const char *const top_params[] = {"by", "metric", "limit", PAST_PARAMS, FLOW_FILTER_PARAMS, NULL};
static const char *const filter_params[] = {"filter", "pos", NULL};
static const char *const series_params[] = {"by", "metric", "step", "limit", PAST_PARAMS, FLOW_FILTER_PARAMS, NULL};
static const char *const events_params[] = {"from", "to", NULL};

static const struct route routes[] = {
        {.path = "/api/counters", .params = counters_params, .answer = route_counters, .shared = true},
        {.path = "/api/events", .params = events_params, .answer = route_events},
        {.path = "/api/filter/check", .params = filter_params, .answer = route_filter_check},
        {.path = "/api/flows", .params = flows_params, .answer = route_flows, .shared = true},
        {.path = "/api/series", .params = series_params, .answer = route_series, .shared = true},
        {.path = "/api/stats", .params = no_params, .answer = route_stats},
        {.path = "/api/top", .params = top_params, .answer = route_top, .shared = true},
        {.path = "/healthz", .params = no_params, .answer = route_health, .open = true, .quick = true},
        {.path = "/login", .params = no_params, .answer = route_login, .open = true, .quick = true, .post = true},
        {.path = "/logout", .params = no_params, .answer = route_logout, .open = true, .quick = true, .post = true},
        {.path = "/metrics", .params = no_params, .answer = route_metrics},
};

int64_t route_now_ms(const struct route_call *call) {
        return call->server->facts->file ? server_now_ms(call->server) : call->asked_ms;
}

const struct route *route_find(const char *path) {
        for (unsigned i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
                if (!strcmp(path, routes[i].path))
                        return &routes[i];
        return NULL;
}
