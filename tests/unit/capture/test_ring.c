/* The ring on lo, in a network namespace of the test's own; passed over for who may not make one. */
#include "lib/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "capture/capture.h"
#include "lib/namespace.h"
#include "packet/packet.h"

#define PORT 40000
#define PAYLOAD 100
#define LONG_MS 30000 /* for a machine that is busy with other things */

static bool in_namespace;
static struct capture *capture;
static struct capture_filter *filter;
static struct error error;
static uint64_t n_read; /* frames, since the ring was opened */

static int enter(void **state) {
        (void)state;
        in_namespace = namespace_enter();
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        capture_close(capture);
        capture = NULL;
        capture_filter_free(filter);
        filter = NULL;
        return 0;
}

static int open_ring(const char *iface, const char *bpf) {
        if (!in_namespace)
                skip();
        capture_filter_free(filter);
        filter = capture_filter_new(bpf, 96);
        n_read = 0;
        const struct capture_ring_options options = {
                .iface = iface,
                .filter = filter,
                .ring_bytes = 1 << 20,
                .promiscuous = true,
        };
        return capture_open_ring(&options, &capture, &error);
}

static void send_datagrams(unsigned n, uint16_t port) {
        char payload[PAYLOAD] = {0};
        const struct sockaddr_in to = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr = {htonl(INADDR_LOOPBACK)},
        };
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        for (unsigned i = 0; i < n; i++)
                (void)!sendto(fd, payload, sizeof(payload), 0, (const struct sockaddr *)&to, sizeof(to));
        close(fd);
}

static int64_t soon(int64_t ms) {
        return clock_boot_ns() + ms * NS_PER_MS;
}

/* Reads up to 32 of the frames that the kernel says are in the ring, whenever it hands them over; 0: it was all. */
static unsigned read_some(struct frame *frames) {
        for (int64_t deadline = soon(LONG_MS); clock_boot_ns() < deadline;) {
                int got = capture_read(capture, frames, 32, soon(20));
                assert_in_range(got, 0, 32);
                n_read += (unsigned)got;
                const struct capture_counts counts = capture_counts(capture);
                if (got || counts.received - counts.dropped == n_read)
                        return (unsigned)got;
        }
        fail_msg("frames stay in the ring");
        return 0;
}

/* Reads all there are; counts the datagrams to `port` and looks at each. They were sent after a wall time. */
static unsigned read_datagrams(uint16_t port, int64_t since_ns, unsigned *ret_frames) {
        struct frame frames[32];
        unsigned n = 0;
        *ret_frames = 0;
        for (unsigned got; (got = read_some(frames)) != 0;) {
                *ret_frames += got;
                for (unsigned i = 0; i < got; i++) {
                        struct packet packet;
                        packet_decode(&frames[i], &packet);
                        assert_int_equal(packet.verdict, PACKET_OK);
                        if (packet.proto != 17 || packet.dst_port != port)
                                continue;
                        n++;
                        assert_int_equal(frames[i].length, 14 + 20 + 8 + PAYLOAD);
                        assert_int_equal(frames[i].captured, 96);
                        assert_int_equal(packet.direction, DIRECTION_IN);
                        assert_in_range(packet.time_ns, since_ns, clock_wall_ns());
                }
        }
        return n;
}

static void test_each_packet_once(void **state) {
        (void)state;
        assert_int_equal(open_ring("lo", ""), 0);
        assert_false(capture_is_file(capture));
        unsigned frames;
        int64_t before_ns = clock_wall_ns();
        send_datagrams(1000, PORT);
        assert_int_equal(read_datagrams(PORT, before_ns, &frames), 1000);

        const struct capture_counts counts = capture_counts(capture);
        assert_int_equal(counts.received, frames);
        assert_int_equal(counts.dropped, 0);
        assert_null(capture_truncated(capture));
}

static void test_filter(void **state) {
        (void)state;
        unsigned frames;
        assert_int_equal(open_ring("lo", "udp dst port 40001"), 0);
        int64_t before_ns = clock_wall_ns();
        send_datagrams(10, PORT);
        send_datagrams(20, PORT + 1);
        assert_int_equal(read_datagrams(PORT + 1, before_ns, &frames), 20);
        assert_int_equal(frames, 20);
        assert_int_equal(capture_counts(capture).received, 20);
}

/* A ring of 1 MiB cannot hold so many: what is lost is counted, and nothing else is missing. */
static void test_drops_are_counted(void **state) {
        (void)state;
        unsigned frames, datagrams;
        assert_int_equal(open_ring("lo", "udp dst port 40000"), 0);
        int64_t before_ns = clock_wall_ns();
        send_datagrams(20000, PORT);
        datagrams = read_datagrams(PORT, before_ns, &frames);
        assert_int_equal(datagrams, frames);
        const struct capture_counts counts = capture_counts(capture);
        assert_int_equal(counts.received, 20000);
        assert_true(counts.dropped > 0);
        assert_int_equal(counts.received - counts.dropped, frames);
        assert_true(counts.freezes > 0);
}

static void test_errors(void **state) {
        (void)state;
        assert_int_equal(open_ring("nonsense0", ""), -ENODEV);
        assert_non_null(strstr(error.text, "nonsense0"));
        assert_int_equal(open_ring("lo", "udp portt 1"), -EINVAL);
        assert_non_null(strstr(error.text, "syntax error"));
        assert_int_equal(open_ring("lo", "port nonsense"), -EINVAL);
        assert_non_null(strstr(error.text, "unknown port"));
}

static void test_deadline(void **state) {
        (void)state;
        struct frame frame;
        assert_int_equal(open_ring("lo", ""), 0);
        int64_t deadline = soon(120);
        assert_int_equal(capture_read(capture, &frame, 1, deadline), 0);
        assert_in_range(clock_boot_ns(), deadline, deadline + LONG_MS * NS_PER_MS);

        int64_t before = clock_boot_ns();
        assert_int_equal(capture_read(capture, &frame, 1, before - NS_PER_S), 0); /* passed already */
        assert_true(clock_boot_ns() - before < LONG_MS * NS_PER_MS);
}

static void *wake_soon(void *context) {
        usleep(100000);
        capture_wake(context);
        return NULL;
}

static void test_wake(void **state) {
        (void)state;
        struct frame frame;
        pthread_t thread;
        assert_int_equal(open_ring("lo", ""), 0);
        int64_t deadline = soon(2 * LONG_MS);
        assert_int_equal(pthread_create(&thread, NULL, wake_soon, capture), 0);
        assert_int_equal(capture_read(capture, &frame, 1, deadline), 0);
        assert_true(clock_boot_ns() < deadline);
        pthread_join(thread, NULL);

        /* a wake that comes before the wait ends that one, and only that one */
        capture_wake(capture);
        deadline = soon(2 * LONG_MS);
        assert_int_equal(capture_read(capture, &frame, 1, deadline), 0);
        assert_true(clock_boot_ns() < deadline);
        deadline = soon(80);
        assert_int_equal(capture_read(capture, &frame, 1, deadline), 0);
        assert_true(clock_boot_ns() >= deadline);
}

/* ---- an interface that goes and comes back ------------------------------------------------- */

/* The carrier is there at once, but the kernel gives an end its queue in later work, and loses what is sent before
 * without a word. The operational state is set in the same step. */
static void await_cable(const char *iface) {
        char command[64];
        (void)snprintf(command, sizeof(command), "ip link show %s | grep -q ' state UP '", iface);
        for (int64_t deadline = soon(LONG_MS); system(command) != 0; usleep(10000))
                assert_true(clock_boot_ns() < deadline);
}

/* Frames of a protocol that nobody speaks, out of one end of the cable. */
static void send_frames(const char *iface, unsigned n) {
        await_cable(iface);
        uint8_t frame[60] = {0x02, 0, 0, 0, 0, 9, 0x02, 0, 0, 0, 0, 8, 0x88, 0xb5};
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface)};
        int fd = socket(AF_PACKET, SOCK_RAW, 0);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
                                 sizeof(frame));
        close(fd);
}

static unsigned read_frames(enum frame_link link) {
        struct frame frames[32];
        unsigned n = 0;
        for (unsigned got; (got = read_some(frames)) != 0; n += got)
                for (unsigned i = 0; i < got; i++)
                        assert_int_equal(frames[i].link, link);
        return n;
}

static void run(const char *command) {
        assert_int_equal(system(command), 0);
}

static bool is_promiscuous(void) {
        return system("ip -d link show v0 | grep -q 'promiscuity 1 '") == 0;
}

static void rebind(const char *iface) {
        struct link_info link;
        assert_int_equal(link_read(iface, &link), 0);
        assert_int_equal(capture_rebind(capture, &link, &error), 0);
}

#define CABLE                                                                                  \
        "ip link add v0 type veth peer name v1 && sysctl -qw net.ipv6.conf.v0.disable_ipv6=1 " \
        "net.ipv6.conf.v1.disable_ipv6=1"
#define UP " && ip link set v0 up && ip link set v1 up"

static void test_down_at_the_start(void **state) {
        (void)state;
        if (!in_namespace)
                skip();
        run(CABLE);
        assert_int_equal(open_ring("v0", "ether proto 0x88b5"), 0);
        assert_int_equal(read_frames(FRAME_LINK_ETHERNET), 0);
        run("true" UP);
        send_frames("v1", 7);
        assert_int_equal(read_frames(FRAME_LINK_ETHERNET), 7);
        run("ip link set v0 down && ip link set v0 up");
        send_frames("v1", 8);
        assert_int_equal(read_frames(FRAME_LINK_ETHERNET), 8);
        run("ip link del v0");
}

/* Ten lives under one name, with the privilege gone: counts go on, promiscuous mode is back. */
static void test_created_anew(void **state) {
        (void)state;
        if (!in_namespace)
                skip();
        run(CABLE UP);
        assert_int_equal(open_ring("v0", "ether proto 0x88b5"), 0);
        for (unsigned life = 1; life <= 10; life++) {
                send_frames("v1", life);
                assert_int_equal(read_frames(FRAME_LINK_ETHERNET), life);
                assert_true(is_promiscuous());
                run("ip link del v0");
                run(CABLE UP);
                assert_false(is_promiscuous());
                rebind("v0");
                rebind("v0"); /* once more does no harm */
        }
        assert_int_equal(capture_counts(capture).received, 55);
        capture_close(capture);
        capture = NULL;
        assert_false(is_promiscuous());
        run("ip link del v0");
}

/* The filter that was compiled for one kind of link does not fit the other. */
static void test_back_with_another_link_type(void **state) {
        (void)state;
        const uint8_t datagram[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10,
                                      9,    0, 2, 10, 9, 0, 1, 0, 9,  0,  9, 0, 8};
        struct ifreq request = {.ifr_name = "v0", .ifr_flags = IFF_TUN | IFF_NO_PI};
        int tun = open("/dev/net/tun", O_RDWR);
        if (!in_namespace || tun < 0)
                skip();
        run(CABLE UP);
        assert_int_equal(open_ring("v0", "ip proto 17"), 0);
        run("ip link del v0");
        assert_int_equal(ioctl(tun, TUNSETIFF, &request), 0);
        run("sysctl -qw net.ipv6.conf.v0.disable_ipv6=1 && ip link set v0 up");
        rebind("v0");
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(write(tun, datagram, sizeof(datagram)), sizeof(datagram));
        assert_int_equal(read_frames(FRAME_LINK_RAW), 5);
        close(tun);
}

static void test_gone_again(void **state) {
        (void)state;
        if (!in_namespace)
                skip();
        struct link_info link;
        run(CABLE UP);
        assert_int_equal(open_ring("v0", ""), 0);
        assert_int_equal(link_read("v0", &link), 0);
        run("ip link del v0");
        assert_int_equal(capture_rebind(capture, &link, &error), -ENODEV);
        assert_int_equal(read_frames(FRAME_LINK_ETHERNET), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_each_packet_once, tear_down),
                cmocka_unit_test_teardown(test_filter, tear_down),
                cmocka_unit_test_teardown(test_drops_are_counted, tear_down),
                cmocka_unit_test_teardown(test_errors, tear_down),
                cmocka_unit_test_teardown(test_deadline, tear_down),
                cmocka_unit_test_teardown(test_wake, tear_down),
                cmocka_unit_test_teardown(test_down_at_the_start, tear_down),
                cmocka_unit_test_teardown(test_created_anew, tear_down),
                cmocka_unit_test_teardown(test_back_with_another_link_type, tear_down),
                cmocka_unit_test_teardown(test_gone_again, tear_down),
        };
        return cmocka_run_group_tests(tests, enter, NULL);
}
