#include "server/handshake.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/sha1.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* SHA1_BYTES are 20: six whole groups and one of two bytes. */
static void encode_base64(const uint8_t digest[SHA1_BYTES], char ret[29]) {
        char *to = ret;
        for (unsigned i = 0; i < SHA1_BYTES; i += 3) {
                uint32_t group = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8;
                if (i + 2 < SHA1_BYTES)
                        group |= digest[i + 2];
                *to++ = base64_digits[group >> 18];
                *to++ = base64_digits[group >> 12 & 63];
                *to++ = base64_digits[group >> 6 & 63];
                *to++ = base64_digits[group & 63];
        }
        to[-1] = '=';
        *to = '\0';
}

/* 16 bytes in base64: 22 digits and two signs of equality. */
static bool is_key(const char *key) {
        return key && strlen(key) == 24 && strspn(key, base64_digits) == 22 && !strcmp(key + 22, "==");
}

/* A comma-separated header that holds a word. */
static bool has_word(const char *list, const char *word) {
        size_t n = strlen(word);
        for (const char *at = list; at && *at; at += strcspn(at, ",")) {
                at += strspn(at, ", \t");
                size_t length = strcspn(at, ", \t");
                if (length == n && !strncasecmp(at, word, n))
                        return true;
        }
        return false;
}

bool handshake_accept(const struct handshake *h, char ret_accept[29], struct problem *problem) {
        if (strcmp(h->http_version, "HTTP/1.1") != 0 || !has_word(h->upgrade, "websocket") ||
            !has_word(h->connection, "upgrade"))
                return problem_set(problem, 426, NULL, "this path speaks WebSocket only");
        if (!h->version || strcmp(h->version, "13") != 0)
                return problem_set(problem, 426, NULL, "this server speaks WebSocket version 13");
        if (!is_key(h->key))
                return problem_set(problem, 400, NULL, "Sec-WebSocket-Key must be 16 bytes in base64");

        char text[24 + 36 + 1];
        (void)snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", h->key);
        uint8_t digest[SHA1_BYTES];
        sha1(text, strlen(text), digest);
        encode_base64(digest, ret_accept);
        return true;
}
