/* The daemon proper: capture an interface, serve the page, until told to stop. */
#ifndef NETWATCH_LIVE_H
#define NETWATCH_LIVE_H

#include "base/error.h"
#include "options.h"

/* Returns 0 after SIGINT or SIGTERM, else -errno with the line for the user. */
int live_run(const struct options *options, struct error *error);

#endif
