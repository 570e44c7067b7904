/* The parameters of /api/flows, and the filter that /api/top shares with it. */
#ifndef NETWATCH_SERVER_FLOW_REQUEST_H
#define NETWATCH_SERVER_FLOW_REQUEST_H

#include <stdbool.h>

#include "history/history.h"
#include "render/render.h"
#include "server/params.h"

/* The names that flow_filter_parse understands, for lists of known parameters. */
#define FLOW_FILTER_PARAMS "proto", "ip", "port", "vlan", "iface", "flow", "state", "filter"

/* The interfaces' names as a filter wants them; they point into `names` and `ret`. */
struct flow_iface_names {
        const char *list[FLOW_IFACES];
};
struct filter_names flow_iface_names(const struct render_names *names, struct flow_iface_names *ret);

/* Adds the conditions that are given to `filter`; what its expression takes is freed by flow_filter_fini. False: a
 * problem that names the parameter, and nothing to be freed. */
bool flow_filter_parse(const struct params *params, const struct render_names *names, struct flow_filter *filter,
                       struct problem *problem);

void flow_filter_fini(struct flow_filter *filter);

enum flow_format {
        FLOW_FORMAT_PAGE, /* JSON with a cursor */
        FLOW_FORMAT_CSV,  /* all rows at once, to be saved */
        FLOW_FORMAT_JSON,
};

/* What one page of flows is asked for, or all of them. */
struct flow_request {
        bool has_range; /* see past.h; else the flows of now */
        struct history_range range;
        struct flow_filter filter;
        uint64_t expression_hash; /* of the text of its expression; 0: none */
        enum flow_sort sort;
        bool ascending;
        enum flow_format format;
        unsigned spark; /* seconds of each row's line; 0: none */
        unsigned limit; /* with a format to be saved: 0 = all */
};

/* 200 flows alive now, by bytes, the largest first. */
struct flow_request flow_request_default(void);

/* Puts the parameters that are given over `request`. */
bool flow_request_parse(const struct params *params, const struct render_names *names, struct flow_request *request,
                        struct problem *problem);

bool flow_request_equal(const struct flow_request *x, const struct flow_request *y);

#endif
