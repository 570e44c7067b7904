/* Text of others is made fit for a line and for JSON. */
#include "lib/check.h"

#include <stdio.h>
#include <string.h>

#include "base/line.h"

static void check_mended(const char *text, const char *expected) {
        char mended[64];
        (void)snprintf(mended, sizeof(mended), "%s", text);
        line_mend_utf8(mended);
        assert_string_equal(mended, expected);
}

static void test_characters_stay(void **state) {
        (void)state;
        static const char *const texts[] = {
                "", "eth0", "\t\x7f", "\u00e9\u07ff", "\u0800\xed\x9f\xbf\ue000\uffff", "\U00010000\U0010ffff"};
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                check_mended(texts[i], texts[i]);
}

static void test_what_is_no_character(void **state) {
        (void)state;
        check_mended("\xff\xfe"
                     "z",
                     "??z");
        check_mended("a\x80"
                     "b",
                     "a?b");
        check_mended("\xc3", "?"); /* cut */
        check_mended("\xe2\x82", "??");
        check_mended("\xf0\x9f\x98"
                     "x",
                     "???x");
        check_mended("\xc0\xaf", "??"); /* a shorter form is there */
        check_mended("\xe0\x80\xaf", "???");
        check_mended("\xf0\x80\x80\xaf", "????");
        check_mended("\xed\xa0\x80", "???");      /* half of a pair */
        check_mended("\xf4\x90\x80\x80", "????"); /* beyond the last */
        check_mended("\xf5\x80\x80\x80", "????");
        check_mended("\xff\u00e9", "?\u00e9");
}

static void test_controls(void **state) {
        (void)state;
        char text[] = "a\x1b[1m\nb\u00e9";
        line_blank_controls(text);
        assert_string_equal(text, "a?[1m?b\u00e9");

        char wide[] = "a\xc2\x80"
                      "b\xc2\x9b[1m\u00a0\xc2";
        line_blank_controls(wide);
        assert_string_equal(wide, "a??b??[1m\u00a0\xc2");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_characters_stay),
                cmocka_unit_test(test_what_is_no_character),
                cmocka_unit_test(test_controls),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
