/* The loop that libmicrohttpd has itself waits wrongly: where epoll_wait() has told of as many events as it takes
 * at a time, 128, it asks for more before it looks at them, and waits for those as long as for the first
 * (MHD_epoll() of 0.9.75). When 128 clients ask in one moment and then nobody does, none is heard until
 * somebody's time is up. So we wait, and let it run when there is something to do: run from outside it never waits. */
#include "server/http_loop.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int time_out_ms(struct MHD_Daemon *http) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (MHD_get_timeout(http, &ms) != MHD_YES)
                return -1;
        return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void *run(void *context) {
        struct http_loop *loop = context;
        pthread_setname_np(pthread_self(), "http");
        struct pollfd fds[] = {{.fd = loop->epoll_fd, .events = POLLIN}, {.fd = loop->wake_fd, .events = POLLIN}};
        for (bool ending = false; !ending;) {
                (void)poll(fds, 2, time_out_ms(loop->http));
                eventfd_t times;
                (void)eventfd_read(loop->wake_fd, &times);
                ending = atomic_load(&loop->ending);
                (void)MHD_run(loop->http);
        }
        return NULL;
}

int http_loop_start(struct http_loop *loop, struct MHD_Daemon *http) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(http, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return -EINVAL;
        loop->http = http;
        loop->epoll_fd = info->epoll_fd;
        atomic_store(&loop->ending, false);
        loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (loop->wake_fd < 0)
                return -errno;
        int r = pthread_create(&loop->thread, NULL, run, loop);
        if (r)
                close(loop->wake_fd);
        return -r;
}

void http_loop_stop(struct http_loop *loop) {
        atomic_store(&loop->ending, true);
        http_loop_wake(loop);
        pthread_join(loop->thread, NULL);
        close(loop->wake_fd);
}

void http_loop_resume(struct http_loop *loop, struct MHD_Connection *connection) {
        MHD_resume_connection(connection);
        http_loop_wake(loop);
}

void http_loop_wake(struct http_loop *loop) {
        (void)eventfd_write(loop->wake_fd, 1);
}
