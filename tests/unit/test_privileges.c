/* Giving up root, in a child process per case, since it cannot be undone. The cases that
 * begin as root are passed over for who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privileges.h"

static struct error error;

/* Runs a case in a child: true where it held. */
static bool holds(bool (*body)(void)) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
                bool held = body();
                if (!held)
                        (void)fprintf(stderr, "uid %d: %s\n", (int)getuid(), error.text);
                _exit(held ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void needs_root(void) {
        if (geteuid())
                skip();
}

/* A line of /proc/self/status. Opened before the drop: afterwards the file is root's. */
static bool status_says(int fd, const char *line) {
        static char text[16384];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        if (n < 0)
                return false;
        text[n] = '\0';
        return strstr(text, line) != NULL;
}

static bool nothing_is_left(int status_fd) {
        return getuid() && geteuid() && getgid() && getegid() && seteuid(0) < 0 &&
               status_says(status_fd, "CapPrm:\t0000000000000000") &&
               status_says(status_fd, "CapEff:\t0000000000000000") &&
               status_says(status_fd, "CapInh:\t0000000000000000") &&
               status_says(status_fd, "CapAmb:\t0000000000000000") && status_says(status_fd, "NoNewPrivs:\t1") &&
               prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static bool drops_to(const char *asked, const char *expected) {
        const struct passwd *user = getpwnam(expected);
        uid_t uid = user ? user->pw_uid : 0;
        int fd = open("/proc/self/status", O_RDONLY);
        return !privileges_drop(asked, &error) && getuid() == uid && getgroups(0, NULL) == 0 && nothing_is_left(fd) &&
               status_says(fd, "CapBnd:\t0000000000000000");
}

static bool named_user(void) {
        return drops_to("nobody", "nobody");
}

static bool who_called_sudo(void) {
        setenv("SUDO_UID", "1", 1); /* daemon */
        return drops_to(NULL, getpwnam("netwatch") ? "netwatch" : "daemon");
}

static bool sudo_by_root(void) {
        setenv("SUDO_UID", "0", 1);
        return drops_to(NULL, getpwnam("netwatch") ? "netwatch" : "nobody");
}

static bool strange_sudo_uid(void) {
        setenv("SUDO_UID", "-1", 1);
        return drops_to(NULL, getpwnam("netwatch") ? "netwatch" : "nobody");
}

static bool unknown_user(void) {
        return privileges_drop("no-such-user", &error) == -ENOENT && strstr(error.text, "no-such-user");
}

static bool root_by_name(void) {
        return privileges_drop("root", &error) == -EINVAL && strstr(error.text, "root");
}

/* Leaves root (if there) behind without the function under test. */
static bool become_nobody(void) {
        const struct passwd *nobody = getpwnam("nobody");
        return nobody && (getuid() || (!setgid(nobody->pw_gid) && !setuid(nobody->pw_uid)));
}

static bool unprivileged_stays(void) {
        int fd = open("/proc/self/status", O_RDONLY);
        if (!become_nobody())
                return false;
        uid_t before = getuid();
        return !privileges_drop(NULL, &error) && getuid() == before && nothing_is_left(fd);
}

static bool unprivileged_cannot_change(void) {
        return become_nobody() && privileges_drop("daemon", &error) == -EPERM && strstr(error.text, "only root");
}

static bool explanation(void) {
        if (!become_nobody())
                return false;
        return privileges_explain_capture(&error) == -EPERM && strstr(error.text, "setcap cap_net_raw+ep") &&
               strstr(error.text, "netwatchd.service") && strstr(error.text, "sudo") && !strchr(error.text, '\n');
}

static void test_root_becomes_somebody_else(void **state) {
        (void)state;
        needs_root();
        assert_true(holds(named_user));
        assert_true(holds(who_called_sudo));
        assert_true(holds(sudo_by_root));
        assert_true(holds(strange_sudo_uid));
}

static void test_refusals(void **state) {
        (void)state;
        needs_root();
        assert_true(holds(unknown_user));
        assert_true(holds(root_by_name));
}

static void test_without_privileges(void **state) {
        (void)state;
        assert_true(holds(unprivileged_stays));
        assert_true(holds(unprivileged_cannot_change));
        assert_true(holds(explanation));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_root_becomes_somebody_else),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_without_privileges),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
