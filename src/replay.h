/* --read FILE: a capture file served like an interface, in its own time. */
#ifndef NETWATCH_REPLAY_H
#define NETWATCH_REPLAY_H

#include "base/error.h"
#include "options.h"

/* Stays up when the file has been read. Returns 0 after SIGINT or SIGTERM, else -errno with the line for the user. */
int replay_run(const struct options *options, struct error *error);

#endif
