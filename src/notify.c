/* One datagram per message; the socket is opened for each, since there are a few a minute
 * and nothing is then left to close. */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/parse.h"

int notify_send(const char *state) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (!path || !*path)
                return 0;
        size_t length = strlen(path);
        if ((*path != '/' && *path != '@') || length >= sizeof(address.sun_path))
                return -EINVAL;
        memcpy(address.sun_path, path, length);
        if (*path == '@')
                address.sun_path[0] = '\0';

        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        socklen_t address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
        ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
                              address_bytes);
        int r = sent < 0 ? -errno : 1;
        close(fd);
        return r;
}

int notify_status(const char *format, ...) {
        char state[512] = "STATUS=";
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(state + 7, sizeof(state) - 7, format, ap);
        va_end(ap);
        return notify_send(state);
}

int64_t notify_watchdog_interval_ns(void) {
        const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
        uint64_t us, id;

        if (!usec || !parse_u64(usec, 1, INT64_MAX / 1000, &us))
                return 0;
        if (pid && (!parse_u64(pid, 1, INT32_MAX, &id) || (pid_t)id != getpid()))
                return 0;
        return (int64_t)us * 1000 / 2;
}
