#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse.h"

#define LISTEN_BACKLOG 512

union address {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
};

/* "127.0.0.1:8080", "[::1]:8080" */
static bool parse_address(const char *text, union address *ret) {
        char host[INET6_ADDRSTRLEN + 2];
        const char *colon = strrchr(text, ':');
        uint64_t port;
        if (!colon || (size_t)(colon - text) >= sizeof(host) || !parse_u64(colon + 1, 0, 65535, &port))
                return false;
        size_t n = (size_t)(colon - text);
        memcpy(host, text, n);
        host[n] = '\0';

        union address address = {0};
        if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = '\0';
                address.ip6.sin6_family = AF_INET6;
                address.ip6.sin6_port = htons((uint16_t)port);
                if (inet_pton(AF_INET6, host + 1, &address.ip6.sin6_addr) != 1)
                        return false;
        } else {
                address.ip4.sin_family = AF_INET;
                address.ip4.sin_port = htons((uint16_t)port);
                if (inet_pton(AF_INET, host, &address.ip4.sin_addr) != 1)
                        return false;
        }
        *ret = address;
        return true;
}

static bool is_loopback(const union address *a) {
        if (a->any.sa_family == AF_INET)
                return ntohl(a->ip4.sin_addr.s_addr) >> 24 == 127;
        const struct in6_addr *ip6 = &a->ip6.sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(ip6) || (IN6_IS_ADDR_V4MAPPED(ip6) && ip6->s6_addr[12] == 127);
}

static socklen_t address_length(const union address *a) {
        return a->any.sa_family == AF_INET ? sizeof(a->ip4) : sizeof(a->ip6);
}

/* A wildcard address is reached under loopback. */
static void write_url(const union address *a, char ret[80]) {
        char host[INET6_ADDRSTRLEN];
        if (a->any.sa_family == AF_INET) {
                bool any = a->ip4.sin_addr.s_addr == htonl(INADDR_ANY);
                inet_ntop(AF_INET, &a->ip4.sin_addr, host, sizeof(host));
                (void)snprintf(ret, 80, "http://%s:%u/", any ? "127.0.0.1" : host, ntohs(a->ip4.sin_port));
        } else {
                bool any = IN6_IS_ADDR_UNSPECIFIED(&a->ip6.sin6_addr);
                inet_ntop(AF_INET6, &a->ip6.sin6_addr, host, sizeof(host));
                (void)snprintf(ret, 80, "http://[%s]:%u/", any ? "::1" : host, ntohs(a->ip6.sin6_port));
        }
}

/* With a port of our choice, a socket of the last run in TIME_WAIT must not stand in the way. */
static int bind_and_listen(int fd, const union address *address) {
        int on = 1;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, &address->any, address_length(address)) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
                return -errno;
        return 0;
}

int listen_open(const char *bind_to, bool has_token, int *ret_fd, char ret_url[80], struct error *error) {
        union address address;
        if (!parse_address(bind_to, &address))
                return error_set(
                        error, -EINVAL,
                        "cannot listen on %s: not an address with a port, such as 127.0.0.1:8080 or [::1]:8080",
                        bind_to);
        if (!is_loopback(&address) && !has_token)
                return error_set(error, -EPERM,
                                 "will not listen on %s without a token, since others can reach it: "
                                 "set --auth-token-file, or bind to 127.0.0.1",
                                 bind_to);

        int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = fd < 0 ? -errno : bind_and_listen(fd, &address);
        if (r < 0) {
                if (fd >= 0)
                        close(fd);
                return error_set(error, r, "cannot listen on %s: %s", bind_to, strerror(-r));
        }

        socklen_t length = sizeof(address);
        (void)getsockname(fd, &address.any, &length);
        write_url(&address, ret_url);
        *ret_fd = fd;
        return 0;
}

unsigned listen_port(int fd) {
        union address address = {0};
        socklen_t length = sizeof(address);
        if (getsockname(fd, &address.any, &length) < 0)
                return 0;
        return ntohs(address.any.sa_family == AF_INET6 ? address.ip6.sin6_port : address.ip4.sin_port);
}
