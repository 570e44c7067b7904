/* SIGINT and SIGTERM as something that can be polled. */
#ifndef NETWATCH_STOP_H
#define NETWATCH_STOP_H

#include "base/error.h"

/* Blocks the two signals for this thread and all to come, and makes the descriptor. Main
 * thread, before any other exists. SIGPIPE is ignored from then on. 0 or -errno. */
int stop_init(struct error *error);

/* A signalfd, readable once one of them has come. */
int stop_fd(void);

#endif
