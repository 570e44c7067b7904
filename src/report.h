/* --read FILE --report=…: a capture file summed up on standard output, no server. */
#ifndef NETWATCH_REPORT_H
#define NETWATCH_REPORT_H

#include "base/error.h"
#include "options.h"

/* Reads the file, shows progress on standard error where that is a terminal, and prints the
 * report. A file that breaks off is reported as far as it goes, with a warning.
 * Returns 0; -EINTR where SIGINT or SIGTERM ended it (what was read is reported); else -errno. */
int report_run(const struct options *options, struct error *error);

#endif
