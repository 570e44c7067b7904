/* The report in its two shapes, both of the same facts. */
#ifndef NETWATCH_REPORT_PRINT_H
#define NETWATCH_REPORT_PRINT_H

#include "history/history.h"

struct report {
        struct history *history; /* no longer written to */
        const char *path;        /* as the user named it */
        const char *broken_off;  /* where and why the reading ended before the file did, or NULL */
};

/* One JSON object on standard output: totals and every flow. 0 or -errno. */
int report_print_json(const struct report *report);

/* The same totals for a person, with the largest flows, in `width` columns (a narrow terminal
 * gets the endpoints one below the other, then fewer columns). Local time. ASCII. 0 or -errno. */
int report_print_text(const struct report *report, unsigned width);

#endif
