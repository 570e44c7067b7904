#include "server/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/render.h"

void text_fini(struct text *text) {
        free(text->at);
        *text = (struct text){0};
}

static bool grow(struct text *text, size_t more) {
        if (text->failed)
                return false;
        if (text->capacity - text->length >= more)
                return true;
        size_t capacity = text->capacity ? text->capacity : 1024;
        while (capacity - text->length < more)
                capacity *= 2;
        char *at = realloc(text->at, capacity);
        if (!at) {
                text->failed = true;
                return false;
        }
        text->at = at;
        text->capacity = capacity;
        return true;
}

void text_add(struct text *text, const char *bytes, size_t length) {
        if (!grow(text, length))
                return;
        memcpy(text->at + text->length, bytes, length);
        text->length += length;
}

void text_printf(struct text *text, const char *format, ...) {
        char piece[1024];
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(piece, sizeof(piece), format, ap);
        va_end(ap);
        if (n < 0 || (size_t)n >= sizeof(piece))
                text->failed = true;
        else
                text_add(text, piece, (size_t)n);
}

static int add_piece(const char *bytes, size_t length, void *context) {
        struct text *text = context;
        text_add(text, bytes, length);
        return text->failed ? -1 : 0;
}

void text_json(struct text *text, json_t *take) {
        if (!take || json_dump_callback(take, add_piece, text, JSON_COMPACT | JSON_REAL_PRECISION(9)))
                text->failed = true;
        json_decref(take);
}

void text_json_open(struct text *text, json_t *take) {
        text_json(text, take);
        if (!text->failed)
                text->length--;
}

void text_csv(struct text *text, json_t *take, bool names) {
        if (!take || !(names ? render_csv_names(take, add_piece, text) : render_csv_values(take, add_piece, text)))
                text->failed = true;
        json_decref(take);
}
