/* A suspended connection does not see its client leave: look at the socket. One whose sending side is
 * shut may have left, or have said all it had to say (HTTP/1.0, nc -N): it gets a moment's work. */
#include "server/watch.h"

#include <poll.h>

#include "base/clock.h"

#define HALF_CLOSED_NS NS_PER_S

struct watch watch_begin(const _Atomic bool *stopping, int fd) {
        return (struct watch){
                .stopping = stopping,
                .fd = fd,
                .begun_ns = clock_boot_ns(),
                .limit_ns = WATCH_LIMIT_S * NS_PER_S,
        };
}

static bool has_left(int fd, bool patient) {
        struct pollfd poll_fd = {.fd = fd, .events = patient ? 0 : POLLRDHUP};
        return fd >= 0 && poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

bool watch_has_ended(void *context) {
        struct watch *watch = context;
        int64_t age_ns = clock_boot_ns() - watch->begun_ns;
        if (watch->end != WATCH_GOES_ON)
                return true;
        if (atomic_load(watch->stopping))
                watch->end = WATCH_SERVER_STOPS;
        else if (has_left(watch->fd, age_ns < HALF_CLOSED_NS))
                watch->end = WATCH_CLIENT_LEFT;
        else if (age_ns >= watch->limit_ns)
                watch->end = WATCH_TIME_IS_UP;
        return watch->end != WATCH_GOES_ON;
}

void watch_problem(const struct watch *watch, struct problem *problem) {
        switch (watch->end) {
        case WATCH_TIME_IS_UP:
                problem_set(problem, 503, NULL,
                            "the query took longer than its limit of %lld s; ask for a shorter range, or with a "
                            "simpler filter",
                            (long long)(watch->limit_ns / NS_PER_S));
                return;
        case WATCH_SERVER_STOPS: problem_set(problem, 503, NULL, "the server is stopping"); return;
        case WATCH_CLIENT_LEFT:
        case WATCH_GOES_ON: break;
        }
        problem_set(problem, 503, NULL, "the client has gone");
}
