/* Our side, by address. */
#include "lib/check.h"

#include "base/parse.h"
#include "lib/packets.h"

static struct local_nets nets_of(const char *const *texts, unsigned n) {
        struct local_nets nets = {.count = n};
        for (unsigned i = 0; i < n; i++)
                assert_true(parse_cidr(texts[i], nets.nets[i].address, &nets.nets[i].bits, &nets.nets[i].family));
        return nets;
}

static enum direction direction_of(const struct local_nets *nets, const char *src, const char *dst) {
        struct packet packet = {0};
        uint8_t bits, family;
        assert_true(parse_cidr(src, packet.src, &bits, &packet.family));
        assert_true(parse_cidr(dst, packet.dst, &bits, &family));
        return local_nets_direction(nets, &packet);
}

static void test_directions(void **state) {
        (void)state;
        static const char *const texts[] = {"10.0.0.0/8", "192.0.2.128/25", "2001:db8::/33", "203.0.113.7"};
        const struct local_nets nets = nets_of(texts, 4);

        assert_int_equal(direction_of(&nets, "10.1.2.3", "8.8.8.8"), DIRECTION_OUT);
        assert_int_equal(direction_of(&nets, "8.8.8.8", "10.1.2.3"), DIRECTION_IN);
        assert_int_equal(direction_of(&nets, "10.1.2.3", "10.9.9.9"), DIRECTION_UNKNOWN);
        assert_int_equal(direction_of(&nets, "8.8.8.8", "9.9.9.9"), DIRECTION_UNKNOWN);
        assert_int_equal(direction_of(&nets, "192.0.2.128", "8.8.8.8"), DIRECTION_OUT);
        assert_int_equal(direction_of(&nets, "192.0.2.127", "8.8.8.8"), DIRECTION_UNKNOWN);
        assert_int_equal(direction_of(&nets, "203.0.113.7", "8.8.8.8"), DIRECTION_OUT);
        assert_int_equal(direction_of(&nets, "203.0.113.6", "8.8.8.8"), DIRECTION_UNKNOWN);
        assert_int_equal(direction_of(&nets, "2001:db8:7fff::1", "2001:4860::1"), DIRECTION_OUT);
        assert_int_equal(direction_of(&nets, "2001:db8:8000::1", "2001:4860::1"), DIRECTION_UNKNOWN);
        assert_int_equal(direction_of(&nets, "::ffff:10.1.2.3", "::ffff:8.8.8.8"), DIRECTION_UNKNOWN);
}

static void test_everything_is_ours(void **state) {
        (void)state;
        static const char *const texts[] = {"0.0.0.0/0"};
        const struct local_nets nets = nets_of(texts, 1);
        assert_int_equal(direction_of(&nets, "10.1.2.3", "8.8.8.8"), DIRECTION_UNKNOWN);
        assert_int_equal(direction_of(&nets, "2001:db8::1", "2001:db8::2"), DIRECTION_UNKNOWN);
}

static void test_nonflow_has_no_side(void **state) {
        (void)state;
        static const char *const texts[] = {"0.0.0.0/0"};
        const struct local_nets nets = nets_of(texts, 1);
        const struct packet arp = {.verdict = PACKET_NOT_IP};
        assert_int_equal(local_nets_direction(&nets, &arp), DIRECTION_UNKNOWN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_directions),
                cmocka_unit_test(test_everything_is_ours),
                cmocka_unit_test(test_nonflow_has_no_side),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
