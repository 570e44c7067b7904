/* An interface's own counters, since a capture began. Internal to capture/.
 *
 * They are the only figures that Netwatch did not count itself: what the driver and the kernel say went over the
 * interface, whether a tap saw it or not. Source: RTM_GETSTATS, IFLA_STATS_LINK_64 (rtnetlink(7)). */
#ifndef NETWATCH_CAPTURE_LINK_METER_H
#define NETWATCH_CAPTURE_LINK_METER_H

#include <pthread.h>
#include <stdbool.h>

#include "capture/capture.h"

struct link_meter {
        int fd;
        pthread_mutex_t lock;      /* of what follows */
        unsigned index;            /* the interface that was read last; 0: none */
        struct link_counters last; /* as the kernel had them */
        struct link_counters sum;
};

/* 0 or -errno. Needs no privilege. */
int link_meter_open(struct link_meter *meter);
void link_meter_close(struct link_meter *meter);

/* Begins at what an interface has now. */
void link_meter_begin(struct link_meter *meter, unsigned index);

/* Adds what has come since; an interface that was not the last one was created since, and has all of its counts
 * added. One that is gone adds nothing. Returns the sum. */
struct link_counters link_meter_read(struct link_meter *meter, unsigned index);

/* Adds what an interface that is gone counted in the end; what is less than it was is not believed. Another thread than
 * that of link_meter_read may call it. */
void link_meter_end(struct link_meter *meter, unsigned index, const struct link_counters *end);

/* From the bytes of a struct rtnl_link_stats64, of which a kernel may have fewer. */
struct link_counters link_counters_of(const void *stats, size_t bytes);

/* What a counter has grown by. One that fell has wrapped at 32 bits, as those of some drivers do, if it
 * was in the upper half of them; else it was reset. */
uint64_t link_meter_growth(uint64_t before, uint64_t now);

#endif
