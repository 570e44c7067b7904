/* A growing piece of text: the body of an answer while it is written. */
#ifndef NETWATCH_SERVER_TEXT_H
#define NETWATCH_SERVER_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty. `failed` is sticky: without memory everything that follows is dropped. */
struct text {
        char *at;
        size_t length, capacity;
        bool failed;
};

void text_fini(struct text *text);

void text_add(struct text *text, const char *bytes, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Dumps and frees one JSON value (NULL counts as out of memory). */
void text_json(struct text *text, json_t *take);

/* Dumps and frees an object without its closing brace, so that more members can follow,
 * each with a comma of its own; end with "}". */
void text_json_open(struct text *text, json_t *take);

/* Dumps and frees an object as a row of CSV: its names, or its values. */
void text_csv(struct text *text, json_t *take, bool names);

#endif
