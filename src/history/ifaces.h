/* The captured interfaces and when none of them was up. Internal to history/; the caller holds the lock. */
#ifndef NETWATCH_HISTORY_IFACES_H
#define NETWATCH_HISTORY_IFACES_H

#include "history/history.h"

/* Outages are asked for until their seconds are closed, a second later: so many need not be kept for long. */
#define OUTAGES_KEPT 64u

struct outage {
        int64_t from_ns;
        int64_t to_ns; /* INT64_MAX: it goes on */
        enum history_gap reason;
};

struct ifaces_state {
        struct history_iface list[FLOW_IFACES];
        unsigned n;
        uint64_t namings;                    /* how often one was named or got another name */
        struct outage outages[OUTAGES_KEPT]; /* the n-th at n modulo OUTAGES_KEPT; in order of time */
        uint64_t n_outages;
};

void ifaces_set(struct ifaces_state *ifaces, unsigned iface, const struct history_iface *now, int64_t at_ns);

/* How much of [from_ns, to_ns) was captured, ns. Where a part is missing *ret_reason says why, else it is left alone.
 */
int64_t ifaces_captured_ns(const struct ifaces_state *ifaces, int64_t from_ns, int64_t to_ns,
                           enum history_gap *ret_reason);

#endif
