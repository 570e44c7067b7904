/* libmicrohttpd's event loop, on a thread of ours. */
#ifndef NETWATCH_SERVER_HTTP_LOOP_H
#define NETWATCH_SERVER_HTTP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct MHD_Connection;
struct MHD_Daemon;

struct http_loop {
        struct MHD_Daemon *http;
        int epoll_fd; /* libmicrohttpd's */
        int wake_fd;
        _Atomic bool ending;
        pthread_t thread;
};

/* Starts the thread. `http` runs with MHD_USE_EPOLL, without a thread of its own, and outlives the loop.
 * Returns 0 or -errno; then there is nothing to stop. */
int http_loop_start(struct http_loop *loop, struct MHD_Daemon *http);

/* Lets libmicrohttpd take what it was told before, and joins the thread. */
void http_loop_stop(struct http_loop *loop);

/* Resumes a suspended connection; it may be gone when this returns. Any thread, until the loop is stopped. */
void http_loop_resume(struct http_loop *loop, struct MHD_Connection *connection);

/* Has it look at what another thread told libmicrohttpd by other calls. Any thread, until the loop is stopped. */
void http_loop_wake(struct http_loop *loop);

#endif
