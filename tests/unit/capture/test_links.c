/* The watch over interfaces, in a network namespace of the test's own; passed over for who may not make one. */
#include "lib/check.h"

#include <errno.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "lib/namespace.h"

static bool in_namespace;
static struct link_watch *watch;
static struct error error;
static char story[65536];

static int enter(void **state) {
        (void)state;
        in_namespace = namespace_enter();
        return 0;
}

static int set_up(void **state) {
        (void)state;
        story[0] = '\0';
        return in_namespace ? link_watch_open(&watch, &error) : 0;
}

static int tear_down(void **state) {
        (void)state;
        link_watch_close(watch);
        watch = NULL;
        (void)!system("ip link del v0 2>/dev/null; ip link del v1 2>/dev/null; ip link del bridge0 2>/dev/null");
        return 0;
}

static void run(const char *command) {
        assert_int_equal(system(command), 0);
}

static void tell(const struct link_info *before, const struct link_info *now, void *context) {
        (void)context;
        char line[128] = "";
        if (!before)
                (void)snprintf(line, sizeof(line), "+%s ", now->name);
        else if (!now)
                (void)snprintf(line, sizeof(line), "-%s ", before->name);
        else if (strcmp(before->name, now->name) != 0)
                (void)snprintf(line, sizeof(line), "%s=%s ", before->name, now->name);
        else if (before->mtu != now->mtu)
                (void)snprintf(line, sizeof(line), "%s:%u ", now->name, now->mtu);
        else if (before->up != now->up || before->carrier != now->carrier)
                (void)snprintf(line, sizeof(line), "%s%s%s ", now->name, now->up ? "^" : "v", now->carrier ? "!" : "?");
        else if (before->master != now->master)
                (void)snprintf(line, sizeof(line), "%s%s ", now->name, now->master ? "<" : ">");
        strncat(story, line, sizeof(story) - strlen(story) - 1);
}

/* Reads until a change has been told: that of a carrier comes from later work of the kernel. */
static void await_change(const char *what) {
        while (!strstr(story, what)) {
                struct pollfd fd = {.fd = link_watch_fd(watch), .events = POLLIN};
                assert_int_equal(poll(&fd, 1, 30000), 1);
                assert_true(link_watch_read(watch, tell, NULL) >= 0);
        }
}

/* What commands do has been told when they have ended. */
static int read_changes(void) {
        int sum = 0;
        for (struct pollfd fd = {.fd = link_watch_fd(watch), .events = POLLIN}; poll(&fd, 1, 0) > 0;) {
                int r = link_watch_read(watch, tell, NULL);
                assert_true(r >= 0);
                sum |= r;
        }
        return sum;
}

static void need_namespace(void) {
        if (!in_namespace)
                skip();
}

static void test_what_is_there(void **state) {
        (void)state;
        need_namespace();
        link_watch_list(watch, tell, NULL);
        assert_string_equal(story, "+lo ");
        struct link_info lo;
        assert_int_equal(link_read("lo", &lo), 0);
        assert_int_equal(lo.hardware, ARPHRD_LOOPBACK);
        assert_int_equal(lo.index, 1);
        assert_true(lo.loopback && lo.up && lo.carrier);
        assert_int_equal(link_read("none", &lo), -ENODEV);
        assert_int_equal(link_read("a-name-that-is-too-long", &lo), -ENODEV);
}

static void test_each_change_is_told(void **state) {
        (void)state;
        need_namespace();
        run("ip link add v0 type veth peer name v1");
        (void)read_changes();
        assert_non_null(strstr(story, "+v0 "));
        assert_non_null(strstr(story, "+v1 "));

        story[0] = '\0';
        run("ip link set v0 mtu 1400 && ip link set v0 name w0 && ip link set w0 name v0");
        assert_int_equal(read_changes(), 0);
        assert_string_equal(story, "v0:1400 v0=w0 w0=v0 ");

        story[0] = '\0';
        run("ip link set v0 up && ip link set v1 up");
        await_change("v0^! ");
        story[0] = '\0';
        run("ip link set v1 down");
        await_change("v0^? ");

        story[0] = '\0';
        run("ip link del v0");
        (void)read_changes();
        assert_non_null(strstr(story, "-v0 "));
        assert_non_null(strstr(story, "-v1 "));
}

/* The bridge's own messages about its ports look like deletions. */
static void test_a_port_that_leaves_its_bridge_is_not_gone(void **state) {
        (void)state;
        need_namespace();
        run("ip link add v0 type veth peer name v1 && ip link add bridge0 type bridge && ip link set v0 master "
            "bridge0");
        run("ip link set v0 nomaster");
        (void)read_changes();
        assert_non_null(strstr(story, "v0< "));
        assert_non_null(strstr(story, "v0> "));
        assert_null(strstr(story, "-"));
}

/* More messages than the socket holds: afterwards the table is right all the same. */
static void test_lost_messages(void **state) {
        (void)state;
        need_namespace();
        run("ip link add v0 type veth peer name v1");
        (void)read_changes();
        story[0] = '\0';
        run("for i in $(seq 1000 2400); do echo link set v0 mtu $i; done | ip -batch -");
        run("ip link del v0 && ip link add v0 type veth peer name v1");
        assert_int_equal(read_changes(), 1);
        assert_non_null(strstr(story, "-v0 "));
        assert_non_null(strstr(story, "+v0 "));

        story[0] = '\0';
        link_watch_list(watch, tell, NULL);
        assert_non_null(strstr(story, "+lo "));
        assert_int_equal(strlen(story), strlen("+lo +v1 +v0 "));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_there, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_each_change_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_port_that_leaves_its_bridge_is_not_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lost_messages, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, enter, NULL);
}
