/* Flows grouped by host, port, …: what /api/top and /api/series ask and answer alike. */
#ifndef NETWATCH_SERVER_GROUPING_H
#define NETWATCH_SERVER_GROUPING_H

#include <jansson.h>

#include "history/history.h"
#include "render/render.h"
#include "server/params.h"

/* The parameters `by` and `metric`. Leaves what is not given as it is; false: a problem. */
bool grouping_parse(const struct params *params, enum top_by *by, bool *by_packets, struct problem *problem);

/* The words of both. */
const char *grouping_name(enum top_by by);
const char *grouping_metric(bool by_packets);

/* An object of the key and the parts of it that the grouping keeps. `key` is what the filter of the same name takes, so
 * that a row can be asked about further; a pair is two addresses with a blank between them, a port stands with its
 * protocol ("443/tcp"). */
json_t *grouping_render_key(const struct top_row *row, enum top_by by, const struct render_names *names);

#endif
