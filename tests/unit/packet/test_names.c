/* Words and numbers: each class, verdict and protocol has one name, and it leads back. */
#include "lib/check.h"

#include <string.h>

#include "packet/packet.h"

static void test_classes(void **state) {
        (void)state;
        assert_string_equal(packet_class_name(packet_class_of(6, 4)), "tcp");
        assert_string_equal(packet_class_name(packet_class_of(17, 6)), "udp");
        assert_string_equal(packet_class_name(packet_class_of(1, 4)), "icmp");
        assert_string_equal(packet_class_name(packet_class_of(58, 6)), "icmp");
        assert_string_equal(packet_class_name(packet_class_of(58, 4)), "other");
        assert_string_equal(packet_class_name(packet_class_of(1, 6)), "other");
        assert_string_equal(packet_class_name(packet_class_of(132, 4)), "other");
}

static void test_every_verdict_has_a_name_of_its_own(void **state) {
        (void)state;
        assert_null(packet_verdict_name(PACKET_OK));
        for (enum packet_verdict x = PACKET_OK + 1; x < PACKET_VERDICTS; x++) {
                assert_non_null(packet_verdict_name(x));
                for (enum packet_verdict y = PACKET_OK + 1; y < x; y++)
                        assert_string_not_equal(packet_verdict_name(x), packet_verdict_name(y));
        }
}

static void test_protocols(void **state) {
        (void)state;
        unsigned named = 0;
        for (unsigned proto = 0; proto < 256; proto++) {
                const char *name = packet_proto_name((uint8_t)proto);
                uint8_t back;
                if (!name)
                        continue;
                named++;
                assert_true(packet_proto_number(name, &back));
                assert_int_equal(back, proto);
        }
        assert_true(named > 10);
        uint8_t untouched = 42;
        assert_false(packet_proto_number("TCP", &untouched));
        assert_false(packet_proto_number("", &untouched));
        assert_int_equal(untouched, 42);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_classes),
                cmocka_unit_test(test_every_verdict_has_a_name_of_its_own),
                cmocka_unit_test(test_protocols),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
