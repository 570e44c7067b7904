/* What serving an interface and serving a file have in common: history, server, pipeline, and the wait for the end.
 * live.c and replay.c bring the source. Main thread. */
#ifndef NETWATCH_SERVICE_H
#define NETWATCH_SERVICE_H

#include "base/error.h"
#include "budget.h"
#include "history/history.h"
#include "options.h"
#include "pipeline/pipeline.h"
#include "server/server.h"

/* Everything that lives as long as the daemon; zero or NULL where it is not there (yet). */
struct service {
        const struct options *options;
        struct budget budget;
        struct server_facts facts;
        uint64_t seed;
        unsigned rings;
        struct history *history;
        struct server *server;
        struct pipeline *pipeline;
        int done_fd;

        /* for the watchdog */
        uint64_t last_ticks;
        int64_t last_tick_boot_ns;
};

/* Divides the memory among `rings` interfaces (0: a file); opens nothing yet. 0 or -errno with the line for the user;
 * service_fini is due either way. */
int service_init(struct service *service, const struct options *options, unsigned rings, struct error *error);

/* The sources being open: makes the history for so many, opens the port, and gives up what privileges there are. */
int service_open(struct service *service, unsigned n_sources, struct error *error);

/* Makes the pipeline. On failure the sources stay the caller's. */
int service_connect(struct service *service, const struct pipeline_source *sources, unsigned n, struct error *error);

/* Starts the threads, and says so. */
int service_start(struct service *service, struct error *error);

enum service_event {
        SERVICE_STOP,  /* SIGINT or SIGTERM */
        SERVICE_ENDED, /* the sources have no more; told once */
        SERVICE_READY, /* the descriptor is readable */
};

/* Waits for one of these; `fd` may be -1. 0 and up, or -errno with the line. */
int service_wait(struct service *service, int fd, struct error *error);

/* Stops the threads, and says what there was. */
void service_stop(struct service *service);
void service_fini(struct service *service);

#endif
