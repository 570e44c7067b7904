#include "server/etag.h"

#include <stdio.h>
#include <string.h>

#include <nettle/sha1.h>

#include "server/internal.h"
#include "server/past.h"
#include "server/routes.h"

/* ---- If-None-Match ------------------------------------------------------------------ */

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == ',';
}

bool etag_is_named(const char *if_none_match, const char *tag) {
        const char *at = if_none_match;
        if (!at)
                return false;
        if (!strcmp(at, "*"))
                return true;
        for (;;) {
                while (is_blank(*at))
                        at++;
                if (!strncmp(at, "W/", 2))
                        at += 2;
                const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
                if (!end)
                        return false;
                size_t length = (size_t)(end + 1 - at);
                if (length == strlen(tag) && !memcmp(at, tag, length))
                        return true;
                at = end + 1;
        }
}

/* ---- making one ----------------------------------------------------------------------- */

static void print(char ret[ETAG_BYTES], struct sha1_ctx *sha1) {
        uint8_t digest[SHA1_DIGEST_SIZE];
        char *to = ret;
        sha1_digest(sha1, sizeof(digest), digest);
        *to++ = '"';
        for (unsigned i = 0; i < 8; i++, to += 2)
                (void)snprintf(to, 3, "%02x", digest[i]);
        (void)snprintf(to, 2, "\"");
}

void etag_of(char ret[ETAG_BYTES], const void *bytes, size_t length) {
        struct sha1_ctx sha1;
        sha1_init(&sha1);
        sha1_update(&sha1, length, bytes);
        print(ret, &sha1);
}

static void hash_text(struct sha1_ctx *sha1, const char *text) {
        sha1_update(sha1, strlen(text) + 1, (const uint8_t *)text);
}

static void make(const struct route_call *call, struct history_range range, struct etag *etag) {
        const uint64_t numbers[] = {(uint64_t)range.from, (uint64_t)range.to, etag->changes};
        struct sha1_ctx sha1;
        sha1_init(&sha1);
        sha1_update(&sha1, sizeof(call->server->epoch), call->server->epoch);
        sha1_update(&sha1, sizeof(numbers), (const uint8_t *)numbers);
        hash_text(&sha1, call->path);
        for (unsigned i = 0; i < call->params->count; i++) {
                hash_text(&sha1, call->params->list[i].name);
                hash_text(&sha1, call->params->list[i].value);
        }
        print(etag->text, &sha1);
}

bool etag_begin(const struct route_call *call, struct history_range range, int64_t back_s, struct etag *ret,
                struct reply *reply) {
        *ret = (struct etag){.looked_at = range};
        if (past_is_open(call->params))
                return false;
        if (range.to - back_s < range.from)
                ret->looked_at.from = range.to - back_s;
        struct history_basis basis = history_read_basis(call->server->history, ret->looked_at);
        ret->is_past = basis.is_past;
        ret->changes = basis.changes;
        if (!ret->is_past)
                return false;
        make(call, range, ret);
        if (!etag_is_named(call->if_none_match, ret->text))
                return false;
        reply->status = 304;
        reply->type = NULL;
        memcpy(reply->etag, ret->text, sizeof(reply->etag));
        return true;
}

bool etag_holds(const struct route_call *call, const struct etag *etag, bool is_final) {
        if (!etag->is_past || !is_final)
                return false;
        struct history_basis basis = history_read_basis(call->server->history, etag->looked_at);
        return basis.is_past && basis.changes == etag->changes;
}

void etag_end(const struct route_call *call, const struct etag *etag, bool is_final, struct reply *reply) {
        if (etag_holds(call, etag, is_final))
                memcpy(reply->etag, etag->text, sizeof(reply->etag));
}
