/* What is told of seconds: each once, and how many were left out where several went by. */
#include "server/ws_feed.h"

#include "lib/check.h"
#include "lib/one_history.h"

#define START 1700000000

static void put(enum history_iface_state state, int64_t ms) {
        const struct history_iface now = {.name = "eth0", .state = state};
        history_set_iface(history, 0, &now, START * NS_PER_S + ms * NS_PER_MS);
}

/* A message without its head; the caller's. */
static json_t *told(struct ws_feed *feed, enum ws_topic topic) {
        const struct ws_frame *frame = ws_feed_latest(feed, topic);
        return frame ? json_loadb((const char *)frame->bytes + frame->head_bytes, frame->length - frame->head_bytes, 0,
                                  NULL)
                     : NULL;
}

/* Asserts that the newest is `type` of a second after START. */
static void assert_told(struct ws_feed *feed, enum ws_topic topic, const char *type, int64_t second) {
        json_t *message = told(feed, topic);
        assert_string_equal(json_string_value(json_object_get(message, "type")), type);
        assert_int_equal(json_integer_value(json_object_get(message, "ts")), (START + second) * MS_PER_S);
        json_decref(message);
}

static void test_each_once(void **state) {
        (void)state;
        struct ws_feed feed;
        uint64_t missed[WS_TICK_TOPICS];
        ws_feed_init(&feed, history);
        assert_false(ws_feed_advance(&feed, missed));
        assert_null(ws_feed_latest(&feed, WS_RATES));
        ticks_none(history, START);
        assert_null(ws_feed_latest(&feed, WS_RATES)); /* not before it is announced */
        assert_true(ws_feed_advance(&feed, missed));
        assert_false(ws_feed_advance(&feed, missed));
        ticks_none(history, START + 1);
        assert_told(&feed, WS_RATES, "rates", 0);
        assert_true(ws_feed_advance(&feed, missed));
        assert_told(&feed, WS_RATES, "rates", 1);
        assert_int_equal(missed[WS_RATES], 0);
        ws_feed_fini(&feed);
}

static void test_left_out(void **state) {
        (void)state;
        struct ws_feed feed;
        uint64_t missed[WS_TICK_TOPICS];
        ws_feed_init(&feed, history);
        put(HISTORY_IFACE_UP, 0);
        ticks_none(history, START);
        assert_true(ws_feed_advance(&feed, missed));

        ticks_none(history, START + 1);
        put(HISTORY_IFACE_DOWN, 2000);
        for (int64_t s = 2; s < 5; s++)
                ticks_none(history, START + s);
        assert_true(ws_feed_advance(&feed, missed));
        assert_told(&feed, WS_RATES, "gap", 4);
        assert_null(ws_feed_latest(&feed, WS_TOP_TALKERS));
        assert_int_equal(missed[WS_RATES], 3);
        assert_int_equal(missed[WS_TOP_TALKERS], 0);

        ticks_none(history, START + 5);
        put(HISTORY_IFACE_UP, 6000);
        for (int64_t s = 6; s < 9; s++)
                ticks_none(history, START + s);
        assert_true(ws_feed_advance(&feed, missed));
        assert_told(&feed, WS_RATES, "rates", 8);
        assert_told(&feed, WS_TOP_TALKERS, "top_talkers", 8);
        assert_int_equal(missed[WS_RATES], 3);       /* one of them a gap */
        assert_int_equal(missed[WS_TOP_TALKERS], 3); /* since those of the first second */
        ws_feed_fini(&feed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_left_out, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
