/* What every unit test begins with: cmocka in its order, and random numbers that are the
 * same in each run, so that a failure comes back. */
#ifndef NETWATCH_TESTS_CHECK_H
#define NETWATCH_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* splitmix64; the state is the seed. */
static inline uint64_t random_next(uint64_t *state) {
        uint64_t z = *state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

/* 0..n-1. */
static inline uint32_t random_below(uint64_t *state, uint32_t n) {
        return (uint32_t)(random_next(state) % n);
}

static inline bool random_one_in(uint64_t *state, uint32_t n) {
        return random_below(state, n) == 0;
}

#endif
