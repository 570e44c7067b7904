#include "server/ws_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/text.h"

#define FIN_TEXT 0x81
#define HEAD_MAX 10

static size_t write_head(uint8_t *to, size_t payload) {
        to[0] = FIN_TEXT;
        if (payload < 126) {
                to[1] = (uint8_t)payload;
                return 2;
        }
        unsigned bytes = payload <= UINT16_MAX ? 2 : 8;
        to[1] = bytes == 2 ? 126 : 127;
        for (unsigned i = 0; i < bytes; i++)
                to[2 + i] = (uint8_t)((uint64_t)payload >> 8 * (bytes - 1 - i));
        return 2 + bytes;
}

static struct ws_frame *frame_of(const char *payload, size_t n) {
        struct ws_frame *frame = malloc(sizeof(*frame) + HEAD_MAX + n);
        if (!frame)
                return NULL;
        frame->refs = 1;
        frame->head_bytes = write_head(frame->bytes, n);
        frame->length = frame->head_bytes + n;
        memcpy(frame->bytes + frame->head_bytes, payload, n);
        return frame;
}

struct ws_frame *ws_frame_new(json_t *take) {
        struct text text = {0};
        text_json(&text, take);
        struct ws_frame *frame = text.failed ? NULL : frame_of(text.at, text.length);
        text_fini(&text);
        return frame;
}

struct ws_frame *ws_frame_with_skipped(const struct ws_frame *frame, uint64_t skipped) {
        struct text text = {0};
        text_add(&text, (const char *)frame->bytes + frame->head_bytes, frame->length - frame->head_bytes - 1);
        text_printf(&text, ",\"skipped\":%llu}", (unsigned long long)skipped);
        struct ws_frame *copy = text.failed ? NULL : frame_of(text.at, text.length);
        text_fini(&text);
        return copy;
}

struct ws_frame *ws_frame_ref(struct ws_frame *frame) {
        frame->refs++;
        return frame;
}

void ws_frame_unref(struct ws_frame *frame) {
        if (frame && --frame->refs == 0)
                free(frame);
}
