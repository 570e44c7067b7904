/* What stands on standard error: one line per message, levels, the journal's priorities. */
#include "lib/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

static char printed[8192];
static bool into_journal; /* standard error is what JOURNAL_STREAM names */

/* Logs one message with standard error going into a pipe. */
static const char *print(enum log_level level, const char *message) {
        int ends[2], saved = dup(STDERR_FILENO);
        assert_int_equal(pipe(ends), 0);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        if (into_journal) {
                struct stat st;
                char stream[64];
                assert_int_equal(fstat(STDERR_FILENO, &st), 0);
                (void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
                setenv("JOURNAL_STREAM", stream, 1);
        }
        log_line(level, "%s", message);
        dup2(saved, STDERR_FILENO);
        close(saved);
        ssize_t n = read(ends[0], printed, sizeof(printed) - 1);
        close(ends[0]);
        printed[n > 0 ? n : 0] = '\0';
        return printed;
}

static int reset(void **state) {
        (void)state;
        log_set_level(LOG_LEVEL_INFO);
        into_journal = false;
        return unsetenv("JOURNAL_STREAM");
}

static void test_words(void **state) {
        (void)state;
        enum log_level level = LOG_LEVEL_WARN;
        assert_true(log_parse_level("error", &level) && level == LOG_LEVEL_ERROR);
        assert_true(log_parse_level("warn", &level) && level == LOG_LEVEL_WARN);
        assert_true(log_parse_level("info", &level) && level == LOG_LEVEL_INFO);
        assert_true(log_parse_level("debug", &level) && level == LOG_LEVEL_DEBUG);
        assert_false(log_parse_level("", &level));
        assert_false(log_parse_level("Info", &level));
        assert_false(log_parse_level("information", &level));
        assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static void test_levels(void **state) {
        (void)state;
        assert_string_equal(print(LOG_LEVEL_DEBUG, "x"), "");
        assert_string_equal(print(LOG_LEVEL_INFO, "x"), "netwatchd: x\n");
        assert_string_equal(print(LOG_LEVEL_ERROR, "x"), "netwatchd: error: x\n");
        log_set_level(LOG_LEVEL_ERROR);
        assert_string_equal(print(LOG_LEVEL_WARN, "x"), "");
        log_set_level(LOG_LEVEL_DEBUG);
        assert_string_equal(print(LOG_LEVEL_DEBUG, "x"), "netwatchd: x\n");
}

static void test_in_the_journal(void **state) {
        (void)state;
        into_journal = true;
        assert_string_equal(print(LOG_LEVEL_ERROR, "x"), "<3>x\n");
        assert_string_equal(print(LOG_LEVEL_WARN, "x"), "<4>x\n");
        assert_string_equal(print(LOG_LEVEL_INFO, "x"), "<6>x\n");
}

static void test_beside_the_journal(void **state) {
        (void)state;
        setenv("JOURNAL_STREAM", "8:1", 1);
        assert_string_equal(print(LOG_LEVEL_ERROR, "x"), "netwatchd: error: x\n");
        setenv("JOURNAL_STREAM", "yes", 1);
        assert_string_equal(print(LOG_LEVEL_INFO, "x"), "netwatchd: x\n");
}

static void test_too_long_a_message_is_one_cut_line(void **state) {
        (void)state;
        char text[2000];
        memset(text, 'x', sizeof(text) - 1);
        for (size_t n = 990; n < sizeof(text); n += n < 1040 ? 1 : 100) {
                char message[sizeof(text)];
                (void)snprintf(message, sizeof(message), "%.*s", (int)n, text);
                const char *line = print(LOG_LEVEL_WARN, message);
                assert_in_range(strlen(line), 1000, 1024);
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        }
}

static void test_what_is_quoted_stays_in_its_line(void **state) {
        (void)state;
        assert_string_equal(print(LOG_LEVEL_ERROR, "--bpf 'a\nb\033[31m\x7f': \xc3\xa9"),
                            "netwatchd: error: --bpf 'a?b?[31m?': \xc3\xa9\n");
}

static void test_error_text(void **state) {
        (void)state;
        struct error error = {0};
        assert_int_equal(error_set(&error, -5, "cannot open %s", "eth0"), -5);
        assert_string_equal(error.text, "cannot open eth0");
        error_set(&error, -5, "--bpf '%s'", "a\nb");
        assert_string_equal(error.text, "--bpf 'a?b'");
        assert_int_equal(error_set(NULL, -5, "cannot open %s", "eth0"), -5);
        error_set(&error, -5, "%*s", 2 * (int)sizeof(error.text), "x");
        assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_words, reset),
                cmocka_unit_test_setup(test_levels, reset),
                cmocka_unit_test_setup(test_in_the_journal, reset),
                cmocka_unit_test_setup(test_beside_the_journal, reset),
                cmocka_unit_test_setup(test_too_long_a_message_is_one_cut_line, reset),
                cmocka_unit_test_setup(test_what_is_quoted_stays_in_its_line, reset),
                cmocka_unit_test_setup(test_error_text, reset),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
