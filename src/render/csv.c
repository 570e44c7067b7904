/* Objects as rows of CSV, RFC 4180: the columns are the members of the JSON, whatever they are, so that the
 * two can never tell different stories. jansson keeps members in the order in which they were set. */
#include "render/render.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_formula(const char *text) {
        return *text && strchr("=+-@\t\r", *text);
}

/* One cell of text, between quotes where it must be; a quote within is doubled. */
static bool write_text(const char *text, json_dump_callback_t sink, void *context) {
        bool formula = is_formula(text), quoted = text[strcspn(text, ",\"\r\n")] != '\0';
        if ((quoted && sink("\"", 1, context)) || (formula && sink("'", 1, context)))
                return false;
        while (*text) {
                size_t n = strcspn(text, "\"");
                if (n && sink(text, n, context))
                        return false;
                text += n;
                if (*text == '"') {
                        if (sink("\"\"", 2, context))
                                return false;
                        text++;
                }
        }
        return !quoted || !sink("\"", 1, context);
}

static bool write_value(const json_t *value, json_dump_callback_t sink, void *context) {
        char number[32];
        int n;
        switch (json_typeof(value)) {
        case JSON_STRING: return write_text(json_string_value(value), sink, context);
        case JSON_INTEGER:
                n = snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                return !sink(number, (size_t)n, context);
        case JSON_REAL:
                n = snprintf(number, sizeof(number), "%.9g", json_real_value(value));
                return !sink(number, (size_t)n, context);
        case JSON_TRUE: return !sink("true", 4, context);
        case JSON_FALSE: return !sink("false", 5, context);
        case JSON_NULL: return true;
        default: assert(!"a cell holds one value"); return false;
        }
}

/* jansson's iterator takes no const. */
static bool write_row(const json_t *object, bool names, json_dump_callback_t sink, void *context) {
        json_t *row = (json_t *)(uintptr_t)object;
        bool first = true;
        for (void *at = json_object_iter(row); at; at = json_object_iter_next(row, at)) {
                if (!first && sink(",", 1, context))
                        return false;
                first = false;
                if (!(names ? write_text(json_object_iter_key(at), sink, context)
                            : write_value(json_object_iter_value(at), sink, context)))
                        return false;
        }
        return !sink("\r\n", 2, context);
}

bool render_csv_names(const json_t *object, json_dump_callback_t sink, void *context) {
        return write_row(object, true, sink, context);
}

bool render_csv_values(const json_t *object, json_dump_callback_t sink, void *context) {
        return write_row(object, false, sink, context);
}
