/* The open HTTP connections and their deadlines.
 *
 * libmicrohttpd ends what is idle, but a client that drips a byte every two seconds would stay
 * for ever. So every phase of a connection has an end of its own, held here; whoever
 * passes it has its socket shut down, and libmicrohttpd does the rest. Any thread. */
#ifndef NETWATCH_SERVER_CONNECTIONS_H
#define NETWATCH_SERVER_CONNECTIONS_H

#include <pthread.h>
#include <stdint.h>

struct connection {
        struct connection *next, *previous;
        int fd;
        int64_t deadline_ns; /* of CLOCK_BOOTTIME; INT64_MAX = none */
};

struct connections {
        pthread_mutex_t lock;
        struct connection *head;
        unsigned count; /* upgraded ones left out */
};

void connections_init(struct connections *connections);
void connections_fini(struct connections *connections);

/* A new connection whose first phase may take so long; NULL without memory. */
struct connection *connections_add(struct connections *connections, int fd, int64_t phase_ns);

/* Forgets a connection, before its descriptor is closed. It may have been detached. */
void connections_remove(struct connections *connections, struct connection *connection);

/* The next phase may take so long; INT64_MAX: as long as it likes. */
void connections_set_phase(struct connections *connections, struct connection *connection, int64_t phase_ns);

/* Takes an upgraded connection off the count and its deadline away. */
void connections_detach(struct connections *connections, struct connection *connection);

unsigned connections_count(struct connections *connections);

/* Shuts down those whose time is up. */
void connections_expire(struct connections *connections);

#endif
