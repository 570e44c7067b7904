/* A network namespace of the test's own, in which only lo is, and up. */
#ifndef NETWATCH_TESTS_NAMESPACE_H
#define NETWATCH_TESTS_NAMESPACE_H

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Moves this process there for good; false without the privilege. */
static inline bool namespace_enter(void) {
        if (unshare(CLONE_NEWNET) != 0)
                return false;
        struct ifreq request = {.ifr_name = "lo"};
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        bool ok = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
        request.ifr_flags |= IFF_UP;
        ok = ok && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
        close(fd);
        return ok;
}

#endif
