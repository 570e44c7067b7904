/* Events: numbered, the newest 4,096 kept, by id and time. */
#include "lib/check.h"

#include <stdio.h>
#include <string.h>

#include "history/events.h"

static struct events events;
static struct history_event read_back[EVENTS_KEPT + 10];

static int set_up(void **state) {
        (void)state;
        return events_init(&events);
}

static int tear_down(void **state) {
        (void)state;
        events_fini(&events);
        return 0;
}

static size_t read_all(uint64_t after) {
        return events_read(&events, after, INT64_MIN, INT64_MAX, read_back, EVENTS_KEPT + 10);
}

static void add(unsigned n) {
        for (unsigned i = 0; i < n; i++)
                events_add(&events, (int64_t)events.last_id * 10, "drops", "x");
}

static void test_in_order(void **state) {
        (void)state;
        assert_int_equal(read_all(0), 0);
        events_add(&events, 5000, "start", "capturing on eth0");
        events_add(&events, 4000, "clock_step", "the clock was set back");
        assert_int_equal(read_all(0), 2);
        assert_int_equal(read_back[0].id, 1);
        assert_int_equal(read_back[1].id, 2);
        assert_string_equal(read_back[0].event, "start");
        assert_string_equal(read_back[1].detail, "the clock was set back");
        assert_int_equal(read_all(1), 1);
        assert_int_equal(read_back[0].id, 2);
        assert_int_equal(read_all(2), 0);
        assert_int_equal(read_all(99), 0);
}

/* Events are told in JSON: a name may be any bytes, and a cut may go through a character. */
static void test_details_are_utf8(void **state) {
        (void)state;
        char detail[200];
        events_add(&events, 0, "iface_down", "\xff\u00e9 is down");
        (void)snprintf(detail, sizeof(detail), "%158s\u00e9", "x");
        events_add(&events, 0, "start", detail);
        assert_int_equal(read_all(0), 2);
        assert_string_equal(read_back[0].detail, "?\u00e9 is down");
        assert_int_equal(strlen(read_back[1].detail), 159);
        assert_int_equal(read_back[1].detail[158], '?');
}

static void test_by_time(void **state) {
        (void)state;
        add(100); /* at 0, 10, … 990 */
        assert_int_equal(events_read(&events, 0, 100, 200, read_back, 100), 10);
        assert_int_equal(read_back[0].ts_ms, 100); /* from is included */
        assert_int_equal(read_back[9].ts_ms, 190); /* to is not */
        assert_int_equal(events_read(&events, 0, 0, 1000, read_back, 7), 7);
        assert_int_equal(read_back[6].id, 7);
}

static void test_the_oldest_go(void **state) {
        (void)state;
        add(EVENTS_KEPT);
        assert_int_equal(read_all(0), EVENTS_KEPT);
        for (unsigned more = 1; more < 3; more++) {
                add(1);
                assert_int_equal(read_all(0), EVENTS_KEPT);
                for (uint64_t i = 0; i < EVENTS_KEPT; i++)
                        assert_int_equal(read_back[i].id, i + 1 + more);
        }
        add(3 * EVENTS_KEPT);
        assert_int_equal(read_all(0), EVENTS_KEPT);
        assert_int_equal(read_back[EVENTS_KEPT - 1].id, events.last_id);
        assert_int_equal(read_all(events.last_id - 5), 5);
}

static void test_long_texts_are_cut(void **state) {
        (void)state;
        char text[400];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        events_add(&events, 0, text, text);
        assert_int_equal(read_all(0), 1);
        assert_int_equal(strlen(read_back[0].event), sizeof(read_back[0].event) - 1);
        assert_int_equal(strlen(read_back[0].detail), sizeof(read_back[0].detail) - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_in_order, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_details_are_utf8, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_by_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_oldest_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_long_texts_are_cut, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
