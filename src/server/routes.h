/* The paths of the API. A new one is a file with its function, and one line in routes.c. */
#ifndef NETWATCH_SERVER_ROUTES_H
#define NETWATCH_SERVER_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "server/params.h"
#include "server/reply.h"
#include "server/watch.h"

struct server;
struct sockaddr;

/* What a route is given. */
struct route_call {
        struct server *server;
        const struct params *params;
        const char *path;
        int64_t asked_ms;          /* Unix time; see route_now_ms */
        const char *if_none_match; /* the header, or NULL */
        struct watch *watch;       /* to be polled by watch_has_ended */

        /* of a POST */
        const char *content_type;       /* NULL where there is none */
        char *body;                     /* ended by NUL, may be taken apart */
        size_t body_bytes;              /* may be longer than what was kept, REQUEST_KEPT_MAX */
        const char *cookies;            /* the Cookie header, or NULL */
        const struct sockaddr *address; /* of the client; may be NULL */
};

struct route {
        const char *path;
        const char *const *params; /* the names it takes, ended by NULL */
        bool open;                 /* needs no token */
        bool post;                 /* takes POST, and nothing else; the others take GET and HEAD */
        bool quick;                /* answered on the HTTP loop; the others on a query thread */
        bool shared;               /* the same for whoever asks within a tick: see sharing.h */

        /* Fills `reply` (status 200 and JSON unless it says otherwise), or returns false with a problem. */
        bool (*answer)(const struct route_call *call, struct reply *reply, struct problem *problem);
};

/* What times count from: when it was asked, or the end of what has been read of the file that is served. */
int64_t route_now_ms(const struct route_call *call);

/* NULL where there is no such path. */
const struct route *route_find(const char *path);

bool route_counters(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_events(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_filter_check(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_flows(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_health(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_login(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_logout(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_metrics(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_series(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_stats(const struct route_call *call, struct reply *reply, struct problem *problem);
bool route_top(const struct route_call *call, struct reply *reply, struct problem *problem);

#endif
