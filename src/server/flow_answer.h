/* What a page of flows and the whole of them have in common: the query, and what stands around the rows. */
#ifndef NETWATCH_SERVER_FLOW_ANSWER_H
#define NETWATCH_SERVER_FLOW_ANSWER_H

#include "server/pins.h"
#include "server/routes.h"

/* Puts the parameters that are given over `request`; its range stays with keep_range. */
bool flow_answer_parse(const struct route_call *call, bool keep_range, struct flow_request *request,
                       struct problem *problem);

/* Asks for at most `rows_max` rows, and frees the request's filter expression. A result with one reference, to be given
 * back by pins_unref; NULL: a problem. For a query thread. */
struct pin *flow_answer_ask(const struct route_call *call, const struct flow_request *request, size_t rows_max,
                            struct problem *problem);

/* The object up to and with `"rows":[`. */
void flow_answer_begin(struct server *server, const struct pin *pin, struct text *body);

/* From the end of the rows up to the summary; `,"next":…}` is left to the caller. */
void flow_answer_sum_up(const struct pin *pin, struct text *body);

#endif
