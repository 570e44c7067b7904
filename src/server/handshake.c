#include "server/handshake.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <nettle/base64.h>
#include <nettle/sha1.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
        struct sha1_ctx sha1;
        uint8_t digest[SHA1_DIGEST_SIZE];
        sha1_init(&sha1);
        sha1_update(&sha1, strlen(text), (const uint8_t *)text);
        sha1_digest(&sha1, sizeof(digest), digest);
        base64_encode_raw(ret_accept, sizeof(digest), digest);
        ret_accept[BASE64_ENCODE_RAW_LENGTH(sizeof(digest))] = '\0';
        return true;
}
