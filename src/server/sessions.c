/* The text is base64url of
 *
 *     id 8 bytes │ end 8 bytes │ generation 4 bytes │ HMAC 32 bytes       = 52 bytes, 70 digits
 *
 * in this machine's byte order, since nobody else reads it. Times are of CLOCK_BOOTTIME: a step of
 * the wall clock neither ends nor prolongs a session. */
#include "server/sessions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "base/clock.h"

#define KEY_BYTES 32u
#define SIGNED_BYTES 20u
#define RAW_BYTES (SIGNED_BYTES + SHA256_DIGEST_SIZE)
#define TEXT_LENGTH 70u

struct sessions {
        pthread_mutex_t lock;
        struct hmac_sha256_ctx key;
        uint32_t generation;
        unsigned n_revoked;
        struct session revoked[SESSIONS_REVOKED_MAX];
};

static bool make_key(struct sessions *sessions) {
        uint8_t key[KEY_BYTES];
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return false;
        hmac_sha256_set_key(&sessions->key, sizeof(key), key);
        explicit_bzero(key, sizeof(key));
        return true;
}

struct sessions *sessions_new(void) {
        struct sessions *sessions = calloc(1, sizeof(*sessions));
        if (!sessions)
                return NULL;
        pthread_mutex_init(&sessions->lock, NULL);
        if (!make_key(sessions)) {
                sessions_free(sessions);
                return NULL;
        }
        return sessions;
}

void sessions_free(struct sessions *sessions) {
        if (!sessions)
                return;
        pthread_mutex_destroy(&sessions->lock);
        explicit_bzero(sessions, sizeof(*sessions));
        free(sessions);
}

/* ---- text --------------------------------------------------------------------------- */

static void pack(const struct session *session, uint8_t ret[SIGNED_BYTES]) {
        memcpy(ret, &session->id, 8);
        memcpy(ret + 8, &session->ends_ns, 8);
        memcpy(ret + 16, &session->generation, 4);
}

static void unpack(const uint8_t raw[SIGNED_BYTES], struct session *ret) {
        memcpy(&ret->id, raw, 8);
        memcpy(&ret->ends_ns, raw + 8, 8);
        memcpy(&ret->generation, raw + 16, 4);
}

static void sign_locked(struct sessions *sessions, const uint8_t signed_part[SIGNED_BYTES],
                        uint8_t ret[SHA256_DIGEST_SIZE]) {
        hmac_sha256_update(&sessions->key, SIGNED_BYTES, signed_part);
        hmac_sha256_digest(&sessions->key, SHA256_DIGEST_SIZE, ret); /* and is ready for the next */
}

static void encode(const uint8_t raw[RAW_BYTES], char ret[SESSION_TEXT_BYTES]) {
        struct base64_encode_ctx base64;
        base64url_encode_init(&base64);
        size_t n = base64_encode_update(&base64, ret, RAW_BYTES, raw);
        (void)base64_encode_final(&base64, ret + n);
        ret[TEXT_LENGTH] = '\0'; /* without the padding, which would need quotes in a cookie */
}

static bool decode(const char *text, uint64_t length, uint8_t ret[RAW_BYTES]) {
        char padded[TEXT_LENGTH + 2] = {[TEXT_LENGTH] = '=', [TEXT_LENGTH + 1] = '='};
        uint8_t raw[BASE64_DECODE_LENGTH(sizeof(padded))];
        struct base64_decode_ctx base64;
        size_t n = sizeof(raw);
        if (length != TEXT_LENGTH)
                return false;
        memcpy(padded, text, TEXT_LENGTH);
        base64url_decode_init(&base64);
        if (!base64_decode_update(&base64, &n, raw, sizeof(padded), padded) || !base64_decode_final(&base64) ||
            n != RAW_BYTES)
                return false;
        memcpy(ret, raw, RAW_BYTES);
        return true;
}

/* ---- life --------------------------------------------------------------------------- */

bool sessions_begin(struct sessions *sessions, int64_t now_ns, char ret_text[SESSION_TEXT_BYTES]) {
        struct session session = {.ends_ns = now_ns + SESSION_LIFE_S * NS_PER_S};
        uint8_t raw[RAW_BYTES];
        if (getrandom(&session.id, sizeof(session.id), 0) != sizeof(session.id))
                return false;
        pthread_mutex_lock(&sessions->lock);
        session.generation = sessions->generation;
        pack(&session, raw);
        sign_locked(sessions, raw, raw + SIGNED_BYTES);
        pthread_mutex_unlock(&sessions->lock);
        encode(raw, ret_text);
        return true;
}

static bool is_live_locked(const struct sessions *sessions, const struct session *session, int64_t now_ns) {
        if (session->ends_ns <= now_ns || session->generation != sessions->generation)
                return false;
        for (unsigned i = 0; i < sessions->n_revoked; i++)
                if (sessions->revoked[i].id == session->id)
                        return false;
        return true;
}

bool sessions_is_live(struct sessions *sessions, const struct session *session, int64_t now_ns) {
        pthread_mutex_lock(&sessions->lock);
        bool live = is_live_locked(sessions, session, now_ns);
        pthread_mutex_unlock(&sessions->lock);
        return live;
}

bool sessions_find(struct sessions *sessions, const char *text, uint64_t length, int64_t now_ns, struct session *ret) {
        uint8_t raw[RAW_BYTES], wanted[SHA256_DIGEST_SIZE];
        struct session session;
        if (!decode(text, length, raw))
                return false;
        unpack(raw, &session);
        pthread_mutex_lock(&sessions->lock);
        sign_locked(sessions, raw, wanted);
        bool good =
                memeql_sec(wanted, raw + SIGNED_BYTES, sizeof(wanted)) && is_live_locked(sessions, &session, now_ns);
        pthread_mutex_unlock(&sessions->lock);
        if (good)
                *ret = session;
        return good;
}

static void forget_expired_locked(struct sessions *sessions, int64_t now_ns) {
        unsigned kept = 0;
        for (unsigned i = 0; i < sessions->n_revoked; i++)
                if (sessions->revoked[i].ends_ns > now_ns)
                        sessions->revoked[kept++] = sessions->revoked[i];
        sessions->n_revoked = kept;
}

void sessions_end(struct sessions *sessions, const struct session *session, int64_t now_ns) {
        pthread_mutex_lock(&sessions->lock);
        forget_expired_locked(sessions, now_ns);
        if (is_live_locked(sessions, session, now_ns)) {
                if (sessions->n_revoked < SESSIONS_REVOKED_MAX) {
                        sessions->revoked[sessions->n_revoked++] = *session;
                } else {
                        sessions->generation++; /* ends them all, also where there is no new key to be had */
                        sessions->n_revoked = 0;
                        (void)make_key(sessions);
                }
        }
        pthread_mutex_unlock(&sessions->lock);
}
