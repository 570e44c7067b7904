/* Sessions: theirs and nobody else's, to their end and no longer. */
#include "server/sessions.h"

#include <string.h>

#include "base/clock.h"
#include "lib/check.h"

#define NOW (1000 * NS_PER_S)
#define LIFE (SESSION_LIFE_S * NS_PER_S)

static struct sessions *sessions;

static int setup(void **state) {
        (void)state;
        sessions = sessions_new();
        return sessions ? 0 : -1;
}

static int teardown(void **state) {
        (void)state;
        sessions_free(sessions);
        return 0;
}

static bool find(const char *text, int64_t now_ns) {
        struct session ignored;
        return sessions_find(sessions, text, strlen(text), now_ns, &ignored);
}

static void begin(char ret[SESSION_TEXT_BYTES]) {
        assert_true(sessions_begin(sessions, NOW, ret));
}

static void end(const char *text) {
        struct session session;
        assert_true(sessions_find(sessions, text, strlen(text), NOW, &session));
        sessions_end(sessions, &session, NOW);
        assert_false(sessions_is_live(sessions, &session, NOW));
}

static void test_begun_and_found(void **state) {
        (void)state;
        char text[SESSION_TEXT_BYTES];
        struct session session;
        begin(text);
        assert_int_equal(strlen(text), SESSION_TEXT_BYTES - 2);
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                         strlen(text));
        assert_true(sessions_find(sessions, text, strlen(text), NOW, &session));
        assert_true(sessions_is_live(sessions, &session, NOW));
}

static void test_no_two_are_the_same(void **state) {
        (void)state;
        char x[SESSION_TEXT_BYTES], y[SESSION_TEXT_BYTES];
        begin(x);
        begin(y);
        assert_string_not_equal(x, y);
}

static void test_expiry(void **state) {
        (void)state;
        char text[SESSION_TEXT_BYTES];
        struct session session;
        begin(text);
        assert_true(sessions_find(sessions, text, strlen(text), NOW + LIFE - 1, &session));
        assert_true(sessions_is_live(sessions, &session, NOW + LIFE - 1));
        assert_false(find(text, NOW + LIFE));
        assert_false(sessions_is_live(sessions, &session, NOW + LIFE));
}

/* Every digit matters, but for the four bits that the last one has to spare. */
static void test_forged(void **state) {
        (void)state;
        char text[SESSION_TEXT_BYTES];
        begin(text);
        for (size_t i = 0; i + 1 < strlen(text); i++) {
                char forged[SESSION_TEXT_BYTES];
                memcpy(forged, text, sizeof(forged));
                forged[i] = forged[i] == 'A' ? 'B' : 'A';
                assert_false(find(forged, NOW));
        }
}

static void test_nonsense(void **state) {
        (void)state;
        static const char *const texts[] = {"", "x", "=", "AAAA", "0123456789"};
        char text[SESSION_TEXT_BYTES + 2], nothing[71];
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_false(find(texts[i], NOW));
        for (unsigned c = 1; c < 256; c++) {
                memset(nothing, (int)c, 70);
                nothing[70] = '\0';
                assert_false(find(nothing, NOW));
        }
        begin(text);
        strcat(text, "A");
        assert_false(find(text, NOW));
        text[69] = '\0';
        assert_false(find(text, NOW));
}

static void test_of_another_start(void **state) {
        (void)state;
        char text[SESSION_TEXT_BYTES];
        struct sessions *others = sessions_new();
        assert_non_null(others);
        assert_true(sessions_begin(others, NOW, text));
        assert_false(find(text, NOW));
        sessions_free(others);
}

static void test_ended(void **state) {
        (void)state;
        char x[SESSION_TEXT_BYTES], y[SESSION_TEXT_BYTES];
        begin(x);
        begin(y);
        end(x);
        assert_false(find(x, NOW));
        assert_true(find(y, NOW));
}

/* Who logs in and out for ever ends the others' sessions, but brings none back and fills no memory. */
static void test_more_ended_than_are_remembered(void **state) {
        (void)state;
        char first[SESSION_TEXT_BYTES], bystander[SESSION_TEXT_BYTES], text[SESSION_TEXT_BYTES];
        begin(first);
        begin(bystander);
        end(first);
        for (unsigned i = 1; i < SESSIONS_REVOKED_MAX; i++) {
                begin(text);
                end(text);
        }
        assert_true(find(bystander, NOW));
        begin(text);
        end(text);
        assert_false(find(first, NOW));
        assert_false(find(text, NOW));
        assert_false(find(bystander, NOW));
        begin(text);
        assert_true(find(text, NOW));
}

static void test_ended_ones_are_forgotten_at_their_time(void **state) {
        (void)state;
        char text[SESSION_TEXT_BYTES], later[SESSION_TEXT_BYTES];
        for (unsigned i = 0; i < SESSIONS_REVOKED_MAX; i++) {
                begin(text);
                end(text);
        }
        struct session session;
        assert_true(sessions_begin(sessions, NOW + LIFE, later));
        assert_true(sessions_begin(sessions, NOW + LIFE, text));
        assert_true(sessions_find(sessions, text, strlen(text), NOW + LIFE, &session));
        sessions_end(sessions, &session, NOW + LIFE);
        assert_true(find(later, NOW + LIFE));
        assert_false(find(text, NOW + LIFE));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_begun_and_found, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_two_are_the_same, setup, teardown),
                cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
                cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
                cmocka_unit_test_setup_teardown(test_of_another_start, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
                cmocka_unit_test_setup_teardown(test_more_ended_than_are_remembered, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ended_ones_are_forgotten_at_their_time, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
