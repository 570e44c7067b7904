/* Bounds-checked reading of hostile bytes.
 *
 * A cursor walks one span of memory. Every read first checks what is left; a read
 * past the end sets `failed`, returns zero and leaves nothing to be read: every later
 * read fails too, so a parser may do several and test once.
 *
 * Nothing in Netwatch reads packet bytes in any other way, and no struct is ever
 * cast onto them. Any thread; no allocation. */
#ifndef NETWATCH_BASE_CURSOR_H
#define NETWATCH_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
        const uint8_t *at;
        const uint8_t *end;
        bool failed;
};

/* `data` may be NULL where `bytes` is 0. */
static inline struct cursor cursor_over(const void *data, size_t bytes) {
        const uint8_t *at = data;
        return (struct cursor){.at = at, .end = bytes ? at + bytes : at, .failed = false};
}

/* Bytes not yet read. */
static inline size_t cursor_left(const struct cursor *c) {
        return (size_t)(c->end - c->at);
}

/* Takes the next `bytes` bytes: a pointer to them, or NULL (and `failed`) where fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t bytes) {
        if (cursor_left(c) < bytes) {
                c->failed = true;
                c->at = c->end;
                return NULL;
        }
        const uint8_t *at = c->at;
        c->at += bytes;
        return at;
}

/* Passes over `bytes` bytes; false (and `failed`) where fewer are left. */
static inline bool cursor_skip(struct cursor *c, size_t bytes) {
        return cursor_take(c, bytes) != NULL;
}

/* Cuts the span so that at most `bytes` bytes are left. */
static inline void cursor_limit(struct cursor *c, size_t bytes) {
        if (bytes < cursor_left(c))
                c->end = c->at + bytes;
}

static inline uint8_t cursor_u8(struct cursor *c) {
        const uint8_t *p = cursor_take(c, 1);
        return p ? p[0] : 0;
}

/* Big-endian on the wire, host order returned. */
static inline uint16_t cursor_u16_be(struct cursor *c) {
        const uint8_t *p = cursor_take(c, 2);
        return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t cursor_u32_be(struct cursor *c) {
        const uint8_t *p = cursor_take(c, 4);
        return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

#endif
