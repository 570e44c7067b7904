/* The ring on lo, in a network namespace of the test's own; passed over for who may not make one. */
#include "lib/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "capture/capture.h"
#include "lib/namespace.h"
#include "packet/packet.h"

#define PORT 40000
#define PAYLOAD 100

static bool in_namespace;
static struct capture *capture;
static struct error error;

static int enter(void **state) {
        (void)state;
        in_namespace = namespace_enter();
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        capture_close(capture);
        capture = NULL;
        return 0;
}

static int open_ring(const char *iface, const char *bpf) {
        if (!in_namespace)
                skip();
        const struct capture_ring_options options = {
                .iface = iface,
                .bpf = bpf,
                .snaplen = 96,
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

/* Reads until nothing comes for 300 ms; counts the datagrams to `port` and looks at each. */
static unsigned read_datagrams(uint16_t port, unsigned *ret_frames) {
        struct frame frames[32];
        unsigned n = 0;
        *ret_frames = 0;
        for (int got; (got = capture_read(capture, frames, 32, soon(300))) != 0;) {
                assert_in_range(got, 1, 32);
                *ret_frames += (unsigned)got;
                for (int i = 0; i < got; i++) {
                        struct packet packet;
                        packet_decode(&frames[i], &packet);
                        assert_int_equal(packet.verdict, PACKET_OK);
                        if (packet.proto != 17 || packet.dst_port != port)
                                continue;
                        n++;
                        assert_int_equal(frames[i].length, 14 + 20 + 8 + PAYLOAD);
                        assert_int_equal(frames[i].captured, 96);
                        assert_int_equal(packet.direction, DIRECTION_IN);
                        assert_in_range(clock_wall_ns() - packet.time_ns, 0, 5 * NS_PER_S);
                }
        }
        return n;
}

static void test_each_packet_once(void **state) {
        (void)state;
        assert_int_equal(open_ring("lo", ""), 0);
        assert_false(capture_is_file(capture));
        unsigned frames;
        send_datagrams(1000, PORT);
        assert_int_equal(read_datagrams(PORT, &frames), 1000);

        const struct capture_counts counts = capture_counts(capture);
        assert_int_equal(counts.received, frames);
        assert_int_equal(counts.dropped, 0);
        assert_null(capture_truncated(capture));
}

static void test_filter(void **state) {
        (void)state;
        unsigned frames;
        assert_int_equal(open_ring("lo", "udp dst port 40001"), 0);
        send_datagrams(10, PORT);
        send_datagrams(20, PORT + 1);
        assert_int_equal(read_datagrams(PORT + 1, &frames), 20);
        assert_int_equal(frames, 20);
        assert_int_equal(capture_counts(capture).received, 20);
}

/* A ring of 1 MiB cannot hold so many: what is lost is counted, and nothing else is missing. */
static void test_drops_are_counted(void **state) {
        (void)state;
        unsigned frames, datagrams;
        assert_int_equal(open_ring("lo", "udp dst port 40000"), 0);
        send_datagrams(20000, PORT);
        datagrams = read_datagrams(PORT, &frames);
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
        assert_in_range(clock_boot_ns(), deadline, deadline + 100 * NS_PER_MS);

        int64_t before = clock_boot_ns();
        assert_int_equal(capture_read(capture, &frame, 1, before - NS_PER_S), 0); /* passed already */
        assert_true(clock_boot_ns() - before < 100 * NS_PER_MS);
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
        int64_t before = clock_boot_ns();
        assert_int_equal(pthread_create(&thread, NULL, wake_soon, capture), 0);
        assert_int_equal(capture_read(capture, &frame, 1, soon(10000)), 0);
        assert_true(clock_boot_ns() - before < 5 * NS_PER_S);
        pthread_join(thread, NULL);

        /* a wake that comes before the wait ends that one, and only that one */
        capture_wake(capture);
        before = clock_boot_ns();
        assert_int_equal(capture_read(capture, &frame, 1, soon(10000)), 0);
        assert_true(clock_boot_ns() - before < 5 * NS_PER_S);
        int64_t deadline = soon(80);
        assert_int_equal(capture_read(capture, &frame, 1, deadline), 0);
        assert_true(clock_boot_ns() >= deadline);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_each_packet_once, tear_down),
                cmocka_unit_test_teardown(test_filter, tear_down),
                cmocka_unit_test_teardown(test_drops_are_counted, tear_down),
                cmocka_unit_test_teardown(test_errors, tear_down),
                cmocka_unit_test_teardown(test_deadline, tear_down),
                cmocka_unit_test_teardown(test_wake, tear_down),
        };
        return cmocka_run_group_tests(tests, enter, NULL);
}
