/* Frames as RFC 6455, section 5.2 wants them. */
#include "server/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A frame whose payload is {"x":"…"} of `length` bytes. */
static struct ws_frame *frame_of(size_t length) {
        size_t n = length - strlen("{\"x\":\"\"}");
        char *text = malloc(n + 1);
        memset(text, 'x', n);
        text[n] = '\0';
        struct ws_frame *frame = ws_frame_new(json_pack("{ss}", "x", text));
        free(text);
        return frame;
}

static void test_heads(void **state) {
        (void)state;
        static const struct {
                size_t payload, head;
                uint8_t bytes[10];
        } cases[] = {
                {10, 2, {0x81, 10}},
                {125, 2, {0x81, 125}},
                {126, 4, {0x81, 126, 0, 126}},
                {65535, 4, {0x81, 126, 0xff, 0xff}},
                {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ws_frame *frame = frame_of(cases[i].payload);
                assert_int_equal(frame->head_bytes, cases[i].head);
                assert_int_equal(frame->length, cases[i].head + cases[i].payload);
                assert_memory_equal(frame->bytes, cases[i].bytes, cases[i].head);
                assert_int_equal(frame->bytes[frame->length - 1], '}');
                ws_frame_unref(frame);
        }
}

static void test_skipped(void **state) {
        (void)state;
        static const char expected[] = "{\"x\":\"y\",\"skipped\":12}";
        struct ws_frame *frame = ws_frame_new(json_pack("{ss}", "x", "y"));
        struct ws_frame *telling = ws_frame_with_skipped(frame, 12);
        assert_int_equal(telling->length - telling->head_bytes, strlen(expected));
        assert_memory_equal(telling->bytes + telling->head_bytes, expected, strlen(expected));
        ws_frame_unref(telling);
        ws_frame_unref(frame);
}

static void test_references(void **state) {
        (void)state;
        struct ws_frame *frame = frame_of(10);
        assert_ptr_equal(ws_frame_ref(frame), frame);
        ws_frame_unref(frame);
        assert_int_equal(frame->refs, 1);
        ws_frame_unref(frame);
        ws_frame_unref(NULL);
        assert_null(ws_frame_new(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_heads),
                cmocka_unit_test(test_skipped),
                cmocka_unit_test(test_references),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
