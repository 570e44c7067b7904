/* An interface's own counters: on lo of a namespace of the test's own, and over wraps and resets. */
#include "lib/check.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "capture/link_meter.h"
#include "lib/namespace.h"

static bool in_namespace;

static int enter(void **state) {
        (void)state;
        in_namespace = namespace_enter();
        return 0;
}

static void send_datagrams(unsigned n) {
        const struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(sendto(fd, "abcd", 4, MSG_CONFIRM, (const struct sockaddr *)&to, sizeof(to)), 4);
        close(fd);
}

static void test_counts_since_begin(void **state) {
        (void)state;
        if (!in_namespace)
                skip();
        struct link_meter meter;
        assert_int_equal(link_meter_open(&meter), 0);
        send_datagrams(7);
        link_meter_begin(&meter, 1);
        link_meter_read(&meter, 1);
        assert_int_equal(meter.sum.rx_packets, 0);
        send_datagrams(50);
        link_meter_read(&meter, 1);
        /* each is sent, received, and answered that nobody listens: the kernel limits the answers */
        assert_in_range(meter.sum.tx_packets, 50, 100);
        assert_int_equal(meter.sum.rx_packets, meter.sum.tx_packets);
        assert_int_equal(meter.sum.rx_bytes, meter.sum.tx_bytes);
        assert_true(meter.sum.tx_bytes >= 50 * (14 + 20 + 8 + 4));

        const struct link_counters before = meter.sum;
        link_meter_read(&meter, 12345); /* no such interface */
        assert_memory_equal(&before, &meter.sum, sizeof(before));
        link_meter_read(&meter, 1);
        assert_memory_equal(&before, &meter.sum, sizeof(before));
        link_meter_close(&meter);
}

static void test_another_interface_counts_from_zero(void **state) {
        (void)state;
        if (!in_namespace)
                skip();
        struct link_meter meter;
        assert_int_equal(link_meter_open(&meter), 0);
        send_datagrams(3);
        link_meter_begin(&meter, 99); /* not there yet */
        link_meter_read(&meter, 1);
        assert_true(meter.sum.tx_packets >= 3);
        link_meter_close(&meter);
}

/* Its own word is all there is of what passed after the last look. */
static void test_one_that_is_gone(void **state) {
        (void)state;
        struct link_meter meter;
        assert_int_equal(link_meter_open(&meter), 0);
        const struct link_counters first = {.rx_packets = 0xf0000000, .tx_packets = 5}, second = {.rx_packets = 3};
        link_meter_end(&meter, 77001, &first);
        link_meter_end(&meter, 77001, &second); /* let go of, not wrapped */
        link_meter_end(&meter, 77002, &second); /* created and gone between two looks */
        const struct link_counters sum = link_meter_read(&meter, 77002);
        assert_int_equal(sum.rx_packets, 0xf0000003);
        assert_int_equal(sum.tx_packets, 5);
        link_meter_close(&meter);
}

static void test_growth(void **state) {
        (void)state;
        assert_int_equal(link_meter_growth(5, 5), 0);
        assert_int_equal(link_meter_growth(5, 1005), 1000);
        assert_int_equal(link_meter_growth(0xfffffff0, 16), 32);             /* wrapped at 32 bits */
        assert_int_equal(link_meter_growth(1000, 10), 10);                   /* reset */
        assert_int_equal(link_meter_growth(0xfffffff0, 0x1000000f0), 0x100); /* 64 bits do not wrap */
        assert_int_equal(link_meter_growth(0x900000000, 7), 7);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_counts_since_begin),
                cmocka_unit_test(test_another_interface_counts_from_zero),
                cmocka_unit_test(test_one_that_is_gone),
                cmocka_unit_test(test_growth),
        };
        return cmocka_run_group_tests(tests, enter, NULL);
}
