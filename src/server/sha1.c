#include "server/sha1.h"

#include <string.h>

static uint32_t rotate(uint32_t x, unsigned n) {
        return x << n | x >> (32 - n);
}

static void add_block(uint32_t state[5], const uint8_t block[64]) {
        uint32_t w[80];
        for (unsigned i = 0; i < 16; i++)
                w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
        for (unsigned i = 16; i < 80; i++)
                w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

        uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
        for (unsigned i = 0; i < 80; i++) {
                uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                             : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                             : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                      : (b ^ c ^ d) + 0xca62c1d6;
                uint32_t next = rotate(a, 5) + f + e + w[i];
                e = d;
                d = c;
                c = rotate(b, 30);
                b = a;
                a = next;
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
}

void sha1(const void *data, size_t length, uint8_t ret[SHA1_BYTES]) {
        uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
        const uint8_t *at = data;
        size_t left = length;
        for (; left >= 64; at += 64, left -= 64)
                add_block(state, at);

        uint8_t tail[128] = {0};
        size_t tail_bytes = left < 56 ? 64 : 128;
        memcpy(tail, at, left);
        tail[left] = 0x80;
        for (unsigned i = 0; i < 8; i++)
                tail[tail_bytes - 1 - i] = (uint8_t)((uint64_t)length * 8 >> 8 * i);
        for (size_t i = 0; i < tail_bytes; i += 64)
                add_block(state, tail + i);

        for (unsigned i = 0; i < SHA1_BYTES; i++)
                ret[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
