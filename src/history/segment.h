/* What every flow did in one span of seconds, packed and immutable. Internal to history/.
 *
 * One row per flow, by its index in the directory, ascending; each row is five variable-length integers
 * (LEB128): distance to the index before, packets A to B, packets B to A, then the bytes of each way that has
 * packets. A segment is shared: whoever holds a reference may read it without a lock. */
#ifndef NETWATCH_HISTORY_SEGMENT_H
#define NETWATCH_HISTORY_SEGMENT_H

#include <stdatomic.h>

#include "history/history.h"

/* One flow in one span. */
struct flow_sum {
        uint32_t flow; /* index in the directory */
        struct volume ab;
        struct volume ba;
};

static inline struct volume flow_sum_both_ways(const struct flow_sum *sum) {
        return (struct volume){sum->ab.packets + sum->ba.packets, sum->ab.bytes + sum->ba.bytes};
}

struct segment {
        _Atomic uint32_t refs;
        uint32_t n;     /* rows */
        uint64_t bytes; /* of data */
        int64_t from;   /* the seconds that it covers, by number: [from, to) */
        int64_t to;
        struct volume rows;     /* what all rows together carried */
        struct volume thinned;  /* what of them is in no row */
        uint64_t thinned_flows; /* in so many flows; over several seconds a flow may count more than once */
        uint8_t data[];
};

/* Bytes of memory that it takes. */
size_t segment_bytes(const struct segment *segment);

/* Any thread. The last one frees it; NULL is allowed. */
struct segment *segment_ref(struct segment *segment);
void segment_unref(struct segment *segment);

/* ---- building ---- */

/* A segment that grows, row by row. */
struct segment_builder {
        struct segment *segment; /* NULL where memory ran out */
        size_t room;
        uint32_t last_flow;
};

/* `rows` is a guess at how many will come. */
void segment_begin(struct segment_builder *builder, int64_t from, int64_t to, uint32_t rows);

/* Ascending by flow. */
void segment_add(struct segment_builder *builder, const struct flow_sum *row);

/* The segment with one reference, or NULL without memory. */
struct segment *segment_end(struct segment_builder *builder);

/* ---- reading ---- */

struct segment_cursor {
        const uint8_t *at;
        uint32_t left;
        uint32_t flow;
};

static inline struct segment_cursor segment_start(const struct segment *segment) {
        return (struct segment_cursor){.at = segment->data, .left = segment->n};
}

static inline uint64_t segment_read_number(const uint8_t **at) {
        uint64_t value = *(*at)++;
        if (value < 0x80)
                return value;
        value &= 0x7f;
        for (unsigned shift = 7;; shift += 7) {
                uint64_t byte = *(*at)++;
                value |= (byte & 0x7f) << shift;
                if (byte < 0x80)
                        return value;
        }
}

/* The next row; false after the last. */
static inline bool segment_next(struct segment_cursor *cursor, struct flow_sum *ret) {
        if (!cursor->left)
                return false;
        cursor->left--;
        cursor->flow += (uint32_t)segment_read_number(&cursor->at);
        ret->flow = cursor->flow;
        ret->ab.packets = segment_read_number(&cursor->at);
        ret->ba.packets = segment_read_number(&cursor->at);
        ret->ab.bytes = ret->ab.packets ? segment_read_number(&cursor->at) : 0;
        ret->ba.bytes = ret->ba.packets ? segment_read_number(&cursor->at) : 0;
        return true;
}

/* ---- whole segments ---- */

/* Several into one that covers them all: sums by flow. NULL without memory. */
struct segment *segment_merge(struct segment *const *segments, unsigned n);

/* The `keep` flows with the most bytes, and the rest as thinned. NULL without memory. */
struct segment *segment_thin(const struct segment *segment, uint32_t keep);

#endif
