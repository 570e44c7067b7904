/* The shapes and the arithmetic that API, WebSocket and report share. */
#include "render/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ip4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1};
static const uint8_t ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

static void test_addresses(void **state) {
        (void)state;
        char text[56];
        assert_string_equal(render_address(ip4, 4, text), "10.0.0.1");
        assert_string_equal(render_address(ip6, 6, text), "2001:db8::1");
        assert_string_equal(render_address(ip4, 6, text), "::ffff:10.0.0.1");
        assert_string_equal(render_endpoint(ip4, 4, 53, text), "10.0.0.1:53");
        assert_string_equal(render_endpoint(ip6, 6, 65535, text), "[2001:db8::1]:65535");

        uint8_t longest[16];
        memset(longest, 0xab, sizeof(longest));
        assert_string_equal(render_endpoint(longest, 6, 65535, text),
                            "[abab:abab:abab:abab:abab:abab:abab:abab]:65535");
}

static void test_rates(void **state) {
        (void)state;
        assert_int_equal(render_rate_bps(1000, 1000), 8000);
        assert_int_equal(render_rate_bps(1000, 500), 16000);
        assert_int_equal(render_rate_bps(1000, 0), 0);
        assert_int_equal(render_rate_pps(1, 3000), 0);
        assert_int_equal(render_rate_pps(2, 3000), 1);
        assert_int_equal(render_rate_bps(UINT64_MAX / 8, 1000), UINT64_MAX / 8 * 8);
}

static uint64_t sum_of(json_t *object) {
        const char *name;
        json_t *value;
        uint64_t sum = 0;
        assert_int_equal(json_object_size(object), PACKET_CLASSES);
        json_object_foreach(object, name, value) sum += (uint64_t)json_integer_value(value);
        json_decref(object);
        return sum;
}

/* Whatever the volumes and the span: the classes add up to the whole. */
static void test_classes_add_up(void **state) {
        (void)state;
        srandom(1);
        for (unsigned round = 0; round < 20000; round++) {
                struct volume by_class[PACKET_CLASSES];
                uint64_t bytes = 0;
                for (unsigned i = 0; i < PACKET_CLASSES; i++) {
                        by_class[i] = (struct volume){.bytes = (uint64_t)random() >> (random() % 31)};
                        bytes += by_class[i].bytes;
                }
                uint32_t span_ms = (uint32_t)(random() % 3000);
                uint64_t bps = render_rate_bps(bytes, span_ms);
                assert_int_equal(sum_of(render_class_bps(by_class, bps, span_ms)), bps);
        }
}

static void check_integer(const json_t *row, const char *name, json_int_t value) {
        assert_true(json_is_integer(json_object_get(row, name)));
        assert_int_equal(json_integer_value(json_object_get(row, name)), value);
}

static void check_string(const json_t *row, const char *name, const char *value) {
        assert_string_equal(json_string_value(json_object_get(row, name)), value);
}

static void test_flow(void **state) {
        (void)state;
        struct render_names names = {.n_ifaces = 2, .ifaces = {"lo", "eth0"}};
        struct flow_row row = {
                .id = (1ULL << 53) - 1,
                .key = {.a_port = 1234, .b_port = 53, .vlan_family = 7, .proto = 17, .iface = 1},
                .first_seen_ms = 1700000000123,
                .last_seen_ms = 1700000001456,
                .ab = {.packets = 3, .bytes = 300},
                .ba = {.packets = 4, .bytes = 4000000000000},
                .last = {.packets = 1, .bytes = 100},
                .last_span_ms = 1000,
                .state = FLOW_STATE_ENDED,
                .initiator = FLOW_INITIATOR_B,
                .direction = DIRECTION_OUT,
        };
        memcpy(row.key.a_address, ip4, 16);
        memcpy(row.key.b_address, ip4, 16);

        json_t *json = render_flow(&row, &names);
        check_integer(json, "id", (1LL << 53) - 1);
        check_string(json, "iface", "eth0");
        check_string(json, "a_ip", "10.0.0.1");
        check_integer(json, "b_port", 53);
        check_string(json, "initiator", "b");
        check_string(json, "direction", "out");
        check_string(json, "proto", "udp");
        check_integer(json, "vlan", 7);
        check_integer(json, "packets", 7);
        check_integer(json, "bytes", 4000000000300);
        check_integer(json, "bps", 800);
        check_string(json, "state", "ended");
        json_decref(json);

        row.key.proto = 254;
        row.key.iface = 9;
        row.initiator = FLOW_INITIATOR_NONE;
        json = render_flow(&row, &names);
        check_string(json, "proto", "other");
        check_string(json, "iface", "");
        assert_true(json_is_null(json_object_get(json, "proto_name")));
        assert_true(json_is_null(json_object_get(json, "initiator")));
        json_decref(json);
}

static void test_undecoded(void **state) {
        (void)state;
        uint64_t verdicts[PACKET_VERDICTS] = {[PACKET_OK] = 100, [PACKET_L4_CUT] = 2, [PACKET_NOT_IP] = 3};
        json_t *json = render_undecoded(verdicts);
        assert_int_equal(json_object_size(json), 2);
        check_integer(json, "l4_cut", 2);
        check_integer(json, "not_ip", 3);
        json_decref(json);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static int collect(const char *bytes, size_t length, void *context) {
        char *text = context;
        memcpy(text + strlen(text), bytes, length);
        return 0;
}

static int refuse(const char *bytes, size_t length, void *context) {
        (void)bytes;
        (void)length;
        return (*(int *)context)-- > 0 ? 0 : -1;
}

static void test_csv(void **state) {
        (void)state;
        static const char *const texts[][2] = {
                {"", ""},
                {"plain", "plain"},
                {"a b;c", "a b;c"},
                {"a,b", "\"a,b\""},
                {"say \"x\"", "\"say \"\"x\"\"\""},
                {"two\nlines", "\"two\nlines\""},
                {"=1+1", "'=1+1"},
                {"+1", "'+1"},
                {"-1", "'-1"},
                {"@x", "'@x"},
                {"\tx", "'\tx"},
                {"\rx", "\"'\rx\""},
                {"=\"x\",1", "\"'=\"\"x\"\",1\""},
                {"1=1", "1=1"},
                {"é", "é"},
        };
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                char got[100] = "", wanted[100];
                json_t *row = json_pack("{ss si}", "text", texts[i][0], "n", 7);
                assert_true(render_csv_values(row, collect, got));
                (void)snprintf(wanted, sizeof(wanted), "%s,7\r\n", texts[i][1]);
                assert_string_equal(got, wanted);
                json_decref(row);
        }
}

static void test_csv_kinds(void **state) {
        (void)state;
        char names[100] = "", values[100] = "";
        json_t *row = json_pack("{sI sn sb sb sf si}", "z", (json_int_t)9007199254740991, "a", "yes", 1, "no", 0,
                                "half", 0.5, "=x", -3);
        assert_true(render_csv_names(row, collect, names));
        assert_true(render_csv_values(row, collect, values));
        assert_string_equal(names, "z,a,yes,no,half,'=x\r\n");
        assert_string_equal(values, "9007199254740991,,true,false,0.5,-3\r\n");
        json_decref(row);
}

/* A sink that takes no more ends the row, wherever that is. */
static void test_csv_refused(void **state) {
        (void)state;
        json_t *row = json_pack("{ss si sb}", "text", "=\"a\",b", "n", 7, "yes", 1);
        int pieces = 0, left;
        do {
                left = pieces++;
        } while (!render_csv_values(row, refuse, &left));
        assert_true(pieces > 8);
        json_decref(row);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_csv),         cmocka_unit_test(test_csv_kinds),
                cmocka_unit_test(test_csv_refused), cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_rates),       cmocka_unit_test(test_classes_add_up),
                cmocka_unit_test(test_flow),        cmocka_unit_test(test_undecoded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
