/* Frames written by hand: a buffer to which headers are appended, outermost first. */
#ifndef NETWATCH_TESTS_FRAMES_H
#define NETWATCH_TESTS_FRAMES_H

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "packet/packet.h"

struct bytes {
        uint8_t data[1024];
        unsigned n;
};

static inline void put(struct bytes *b, const void *data, unsigned n) {
        assert(b->n + n <= sizeof(b->data));
        memcpy(b->data + b->n, data, n);
        b->n += n;
}

static inline void put_zeros(struct bytes *b, unsigned n) {
        assert(b->n + n <= sizeof(b->data));
        memset(b->data + b->n, 0, n);
        b->n += n;
}

static inline void put_u8(struct bytes *b, unsigned v) {
        put(b, &(uint8_t){(uint8_t)v}, 1);
}

static inline void put_u16(struct bytes *b, unsigned v) {
        put_u8(b, v >> 8);
        put_u8(b, v);
}

static inline void put_u32(struct bytes *b, uint32_t v) {
        put_u16(b, v >> 16);
        put_u16(b, v);
}

static inline void put_ethernet(struct bytes *b, unsigned ethertype) {
        put(b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
        put_u16(b, ethertype);
}

/* The rest of a tag whose TPID has been written as the ethertype before. */
static inline void put_tag(struct bytes *b, unsigned tci, unsigned ethertype) {
        put_u16(b, tci);
        put_u16(b, ethertype);
}

/* An IPv4 header of 20 + options bytes, claiming `payload` bytes behind it. `fragment` is flags and offset. */
static inline void put_ip4_with(struct bytes *b, unsigned proto, const char *src, const char *dst, unsigned payload,
                                unsigned fragment, unsigned options) {
        put_u8(b, 0x40 | (20 + options) / 4);
        put_u8(b, 0);
        put_u16(b, 20 + options + payload);
        put_u16(b, 7);
        put_u16(b, fragment);
        put_u8(b, 64);
        put_u8(b, proto);
        put_u16(b, 0);
        struct in_addr address;
        inet_pton(AF_INET, src, &address);
        put(b, &address, 4);
        inet_pton(AF_INET, dst, &address);
        put(b, &address, 4);
        for (unsigned i = 0; i < options; i++)
                put_u8(b, 1); /* no operation */
}

static inline void put_ip4(struct bytes *b, unsigned proto, const char *src, const char *dst, unsigned payload) {
        put_ip4_with(b, proto, src, dst, payload, 0, 0);
}

static inline void put_ip6(struct bytes *b, unsigned next, const char *src, const char *dst, unsigned payload) {
        put_u32(b, 6u << 28);
        put_u16(b, payload);
        put_u8(b, next);
        put_u8(b, 64);
        struct in6_addr address;
        inet_pton(AF_INET6, src, &address);
        put(b, &address, 16);
        inet_pton(AF_INET6, dst, &address);
        put(b, &address, 16);
}

/* 8 bytes. */
static inline void put_udp(struct bytes *b, unsigned src_port, unsigned dst_port) {
        put_u16(b, src_port);
        put_u16(b, dst_port);
        put_u16(b, 8);
        put_u16(b, 0);
}

/* 20 bytes. */
static inline void put_tcp(struct bytes *b, unsigned src_port, unsigned dst_port, unsigned flags) {
        put_u16(b, src_port);
        put_u16(b, dst_port);
        put_u32(b, 1);
        put_u32(b, 2);
        put_u8(b, 0x50);
        put_u8(b, flags);
        put_u16(b, 1024);
        put_u32(b, 0);
}

static inline struct frame frame_of(const struct bytes *b, enum frame_link link) {
        return (struct frame){
                .data = b->data,
                .captured = b->n,
                .length = b->n,
                .time_ns = 1,
                .link = (uint8_t)link,
        };
}

#endif
