/* All rows of a flow table at once, to be saved: /api/flows with a format. */
#ifndef NETWATCH_SERVER_EXPORT_H
#define NETWATCH_SERVER_EXPORT_H

#include "server/routes.h"

/* How many rows fit into so much memory. */
size_t export_rows_within(uint64_t bytes);

/* A route's work, for a query thread: a reply whose body is a source. */
bool export_open(const struct route_call *call, struct reply *reply, struct problem *problem);

#endif
