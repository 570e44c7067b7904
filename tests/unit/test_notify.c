/* Messages to a service manager played by a real datagram socket, by path and by abstract name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

static char received[600];

/* A socket bound to that name, which becomes NOTIFY_SOCKET. */
static int listen_at(const char *name) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        memcpy(address.sun_path, name, strlen(name));
        if (*name == '@')
                address.sun_path[0] = '\0';

        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        assert_true(fd >= 0);
        socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
        assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

static const char *receive(int fd) {
        ssize_t n = recv(fd, received, sizeof(received) - 1, MSG_DONTWAIT);
        assert_true(n >= 0);
        received[n] = '\0';
        return received;
}

static void test_path_and_abstract_name(void **state) {
        (void)state;
        char path[64], name[64];
        (void)snprintf(path, sizeof(path), "/tmp/netwatch-notify-%d", (int)getpid());
        (void)snprintf(name, sizeof(name), "@netwatch-notify-%d", (int)getpid());

        int fd = listen_at(path);
        assert_int_equal(notify_send(NOTIFY_READY), 1);
        assert_string_equal(receive(fd), "READY=1");
        close(fd);
        unlink(path);
        assert_int_equal(notify_send(NOTIFY_READY), -ENOENT);

        fd = listen_at(name);
        assert_int_equal(notify_send(NOTIFY_STOPPING), 1);
        assert_string_equal(receive(fd), "STOPPING=1");
        assert_int_equal(notify_status("%d flows", 7), 1);
        assert_string_equal(receive(fd), "STATUS=7 flows");
        close(fd);
}

static void test_nobody_listens(void **state) {
        (void)state;
        char name[200];
        unsetenv("NOTIFY_SOCKET");
        assert_int_equal(notify_send(NOTIFY_READY), 0);
        setenv("NOTIFY_SOCKET", "relative", 1);
        assert_int_equal(notify_send(NOTIFY_READY), -EINVAL);
        memset(name, '/', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        setenv("NOTIFY_SOCKET", name, 1);
        assert_int_equal(notify_send(NOTIFY_READY), -EINVAL);
}

static void test_long_status_is_cut(void **state) {
        (void)state;
        char name[64], text[1000];
        (void)snprintf(name, sizeof(name), "@netwatch-notify-%d", (int)getpid());
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        int fd = listen_at(name);
        assert_int_equal(notify_status("%s", text), 1);
        assert_int_equal(strlen(receive(fd)), 511);
        close(fd);
}

static void test_watchdog_interval(void **state) {
        (void)state;
        char pid[16];
        unsetenv("WATCHDOG_PID");
        unsetenv("WATCHDOG_USEC");
        assert_int_equal(notify_watchdog_interval_ns(), 0);
        setenv("WATCHDOG_USEC", "10000000", 1);
        assert_int_equal(notify_watchdog_interval_ns(), 5000000000LL);
        setenv("WATCHDOG_PID", "1", 1);
        assert_int_equal(notify_watchdog_interval_ns(), 0);
        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("WATCHDOG_PID", pid, 1);
        assert_int_equal(notify_watchdog_interval_ns(), 5000000000LL);
        setenv("WATCHDOG_USEC", "soon", 1);
        assert_int_equal(notify_watchdog_interval_ns(), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_path_and_abstract_name),
                cmocka_unit_test(test_nobody_listens),
                cmocka_unit_test(test_long_status_is_cut),
                cmocka_unit_test(test_watchdog_interval),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
