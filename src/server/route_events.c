/* GET /api/events: what happened, oldest first. */
#include <stdlib.h>

#include "base/clock.h"
#include "server/internal.h"
#include "server/routes.h"
#include "server/times.h"

#define EVENTS_MAX 4096

bool route_events(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct times_range range;
        if (!times_range(call->params, route_now_ms(call), &range, problem))
                return false;
        int64_t from_ms = range.has_from ? range.from * MS_PER_S : 0;
        int64_t to_ms = range.has_to ? range.to * MS_PER_S : INT64_MAX;

        struct history_event *events = malloc(EVENTS_MAX * sizeof(*events));
        if (!events)
                return problem_set(problem, 503, NULL, "out of memory");
        size_t n = history_read_events(call->server->history, 0, from_ms, to_ms, events, EVENTS_MAX);
        text_printf(&reply->body, "{\"rows\":[");
        for (size_t i = 0; i < n; i++) {
                if (i)
                        text_add(&reply->body, ",", 1);
                text_json(&reply->body,
                          json_pack("{sI sI ss ss}", "id", (json_int_t)events[i].id, "ts", (json_int_t)events[i].ts_ms,
                                    "event", events[i].event, "detail", events[i].detail));
        }
        text_printf(&reply->body, "]}");
        free(events);
        return true;
}
