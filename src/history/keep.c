/* Rows come in the order in which flows were first heard of in the tick; a segment wants them by index. They are
 * sorted by a number that has the index above and the row below, so that the rows stay where entries point to. */
#include "history/keep.h"

#include <stdlib.h>
#include <string.h>

#define RADIX_BITS 11u
#define RADIX (1u << RADIX_BITS)

/* Sorts by the upper 32 bits, of which the lowest `bits` are in use. The result is in either array. */
static uint64_t *sort(uint64_t *keys, uint64_t *scratch, uint32_t n, unsigned bits) {
        for (unsigned shift = 32; shift < 32 + bits; shift += RADIX_BITS) {
                uint32_t starts[RADIX] = {0}, sum = 0;
                for (uint32_t i = 0; i < n; i++)
                        starts[keys[i] >> shift & (RADIX - 1)]++;
                for (unsigned r = 0; r < RADIX; r++) {
                        uint32_t count = starts[r];
                        starts[r] = sum;
                        sum += count;
                }
                for (uint32_t i = 0; i < n; i++)
                        scratch[starts[keys[i] >> shift & (RADIX - 1)]++] = keys[i];
                uint64_t *swap = keys;
                keys = scratch;
                scratch = swap;
        }
        return keys;
}

static unsigned bits_of(uint32_t value) {
        return value ? 32 - (unsigned)__builtin_clz(value) : 0;
}

static struct segment *pack(const struct directory *directory, int64_t second, uint64_t *keys) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < directory->n_rows; i++)
                if (directory->rows[i].flow != FLOW_NONE)
                        keys[n++] = (uint64_t)directory->rows[i].flow << 32 | i;
        const uint64_t *sorted = sort(keys, keys + directory->n_rows, n, bits_of(directory->used_up_to));
        struct segment_builder builder;
        segment_begin(&builder, second, second + 1, n);
        for (uint32_t i = 0; i < n; i++)
                segment_add(&builder, &directory->rows[(uint32_t)sorted[i]]);
        return segment_end(&builder);
}

/* So few rows that the segment and its share of new directory entries stay within the cap. */
static struct segment *cut_down(struct segment *segment, uint32_t n_new, size_t cap) {
        size_t bytes = segment_bytes(segment) + n_new * sizeof(struct entry);
        if (bytes <= cap)
                return segment;
        struct segment *thin = segment_thin(segment, (uint32_t)((double)segment->n * (double)cap / (double)bytes));
        segment_unref(segment);
        return thin;
}

struct segment *keep_rows(struct directory *directory, int64_t second, size_t cap) {
        if (!directory->n_rows)
                return NULL;
        uint64_t *keys = malloc(2 * directory->n_rows * sizeof(*keys));
        struct segment *segment = keys ? pack(directory, second, keys) : NULL;
        free(keys);
        if (segment)
                segment = cut_down(segment, directory->n_new, cap);
        if (!segment)
                return NULL;
        struct segment_cursor cursor = segment_start(segment);
        for (struct flow_sum row; segment_next(&cursor, &row);)
                directory_list(directory, row.flow);
        return segment;
}
