#include "server/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

void connections_init(struct connections *connections) {
        *connections = (struct connections){0};
        pthread_mutex_init(&connections->lock, NULL);
}

void connections_fini(struct connections *connections) {
        pthread_mutex_destroy(&connections->lock);
}

static int64_t deadline_after(int64_t phase_ns) {
        return phase_ns == INT64_MAX ? INT64_MAX : clock_boot_ns() + phase_ns;
}

/* Out of the list; a detached one points to itself. */
static void unlink_locked(struct connections *connections, struct connection *c) {
        if (c->previous == c)
                return;
        if (c->previous)
                c->previous->next = c->next;
        else
                connections->head = c->next;
        if (c->next)
                c->next->previous = c->previous;
        c->previous = c;
        connections->count--;
}

struct connection *connections_add(struct connections *connections, int fd, int64_t phase_ns) {
        struct connection *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        c->fd = fd;
        c->deadline_ns = deadline_after(phase_ns);
        pthread_mutex_lock(&connections->lock);
        c->next = connections->head;
        if (c->next)
                c->next->previous = c;
        connections->head = c;
        connections->count++;
        pthread_mutex_unlock(&connections->lock);
        return c;
}

void connections_detach(struct connections *connections, struct connection *connection) {
        pthread_mutex_lock(&connections->lock);
        unlink_locked(connections, connection);
        pthread_mutex_unlock(&connections->lock);
}

void connections_remove(struct connections *connections, struct connection *connection) {
        connections_detach(connections, connection);
        free(connection);
}

void connections_set_phase(struct connections *connections, struct connection *connection, int64_t phase_ns) {
        int64_t deadline_ns = deadline_after(phase_ns);
        pthread_mutex_lock(&connections->lock);
        connection->deadline_ns = deadline_ns;
        pthread_mutex_unlock(&connections->lock);
}

unsigned connections_count(struct connections *connections) {
        pthread_mutex_lock(&connections->lock);
        unsigned count = connections->count;
        pthread_mutex_unlock(&connections->lock);
        return count;
}

void connections_expire(struct connections *connections) {
        int64_t now_ns = clock_boot_ns();
        pthread_mutex_lock(&connections->lock);
        for (struct connection *c = connections->head; c; c = c->next)
                if (c->deadline_ns < now_ns) {
                        shutdown(c->fd, SHUT_RDWR);
                        c->deadline_ns = INT64_MAX;
                }
        pthread_mutex_unlock(&connections->lock);
}
