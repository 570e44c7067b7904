/* A number takes at most ten bytes, so a row at most fifty: the buffer grows before there is less room.
 *
 * Merging goes through a heap of cursors: it streams, so it needs no memory but its result's. */
#include "history/segment.h"

#include <stdlib.h>

#define ROW_BYTES_MAX 50u
#define ROW_BYTES_GUESS 8u

size_t segment_bytes(const struct segment *segment) {
        return segment ? sizeof(*segment) + segment->bytes : 0;
}

struct segment *segment_ref(struct segment *segment) {
        if (segment)
                atomic_fetch_add_explicit(&segment->refs, 1, memory_order_relaxed);
        return segment;
}

void segment_unref(struct segment *segment) {
        if (segment && atomic_fetch_sub_explicit(&segment->refs, 1, memory_order_acq_rel) == 1)
                free(segment);
}

/* ---- building ----------------------------------------------------------------------------- */

static void make_room(struct segment_builder *builder, size_t room) {
        struct segment *grown = realloc(builder->segment, sizeof(*grown) + room);
        if (!grown)
                free(builder->segment);
        builder->segment = grown;
        builder->room = room;
}

void segment_begin(struct segment_builder *builder, int64_t from, int64_t to, uint32_t rows) {
        *builder = (struct segment_builder){0};
        make_room(builder, (size_t)rows * ROW_BYTES_GUESS + ROW_BYTES_MAX);
        if (!builder->segment)
                return;
        struct segment *segment = builder->segment;
        atomic_init(&segment->refs, 1);
        segment->n = 0;
        segment->bytes = 0;
        segment->from = from;
        segment->to = to;
        segment->rows = segment->thinned = (struct volume){0};
        segment->thinned_flows = 0;
}

static uint8_t *put_number(uint8_t *at, uint64_t value) {
        for (; value >= 0x80; value >>= 7)
                *at++ = (uint8_t)(value | 0x80);
        *at++ = (uint8_t)value;
        return at;
}

void segment_add(struct segment_builder *builder, const struct flow_sum *row) {
        if (builder->segment && builder->segment->bytes + ROW_BYTES_MAX > builder->room)
                make_room(builder, builder->room * 2);
        struct segment *segment = builder->segment;
        if (!segment)
                return;
        uint8_t *at = segment->data + segment->bytes;
        at = put_number(at, row->flow - builder->last_flow);
        at = put_number(at, row->ab.packets);
        at = put_number(at, row->ba.packets);
        if (row->ab.packets)
                at = put_number(at, row->ab.bytes);
        if (row->ba.packets)
                at = put_number(at, row->ba.bytes);
        segment->bytes = (uint64_t)(at - segment->data);
        segment->n++;
        volume_add(&segment->rows, row->ab.packets + row->ba.packets, row->ab.bytes + row->ba.bytes);
        builder->last_flow = row->flow;
}

struct segment *segment_end(struct segment_builder *builder) {
        if (builder->segment)
                make_room(builder, builder->segment->bytes);
        return builder->segment;
}

/* ---- merging ------------------------------------------------------------------------------ */

struct source {
        struct segment_cursor cursor;
        struct flow_sum row; /* the next one to be taken */
};

static void sift_down(struct source **heap, unsigned n, unsigned at) {
        for (;;) {
                unsigned first = at, child = 2 * at + 1;
                if (child < n && heap[child]->row.flow < heap[first]->row.flow)
                        first = child;
                if (child + 1 < n && heap[child + 1]->row.flow < heap[first]->row.flow)
                        first = child + 1;
                if (first == at)
                        return;
                struct source *swap = heap[at];
                heap[at] = heap[first];
                heap[first] = swap;
                at = first;
        }
}

/* Takes the lowest flow of all sources, summed up; false where they are at their ends. */
static bool take_lowest(struct source **heap, unsigned *n, struct flow_sum *ret) {
        if (!*n)
                return false;
        *ret = (struct flow_sum){.flow = heap[0]->row.flow};
        while (*n && heap[0]->row.flow == ret->flow) {
                const struct flow_sum *row = &heap[0]->row;
                volume_add(&ret->ab, row->ab.packets, row->ab.bytes);
                volume_add(&ret->ba, row->ba.packets, row->ba.bytes);
                if (!segment_next(&heap[0]->cursor, &heap[0]->row))
                        heap[0] = heap[--*n];
                sift_down(heap, *n, 0);
        }
        return true;
}

struct segment *segment_merge(struct segment *const *segments, unsigned n) {
        struct source *sources = calloc(n, sizeof(*sources));
        struct source **heap = calloc(n, sizeof(struct source *));
        struct segment *merged = NULL;
        if (sources && heap && n) {
                uint32_t most = 0;
                unsigned left = 0;
                for (unsigned i = 0; i < n; i++) {
                        sources[i].cursor = segment_start(segments[i]);
                        if (segment_next(&sources[i].cursor, &sources[i].row))
                                heap[left++] = &sources[i];
                        most = segments[i]->n > most ? segments[i]->n : most;
                }
                for (unsigned i = left; i--;)
                        sift_down(heap, left, i);

                struct segment_builder builder;
                struct flow_sum row;
                segment_begin(&builder, segments[0]->from, segments[n - 1]->to, most);
                while (take_lowest(heap, &left, &row))
                        segment_add(&builder, &row);
                merged = segment_end(&builder);
        }
        for (unsigned i = 0; merged && i < n; i++) {
                volume_add(&merged->thinned, segments[i]->thinned.packets, segments[i]->thinned.bytes);
                merged->thinned_flows += segments[i]->thinned_flows;
        }
        free(sources);
        free(heap);
        return merged;
}

/* ---- thinning ----------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct flow_sum *row) {
        return row->ab.bytes + row->ba.bytes;
}

static int descending(const void *x, const void *y) {
        const uint64_t *a = x, *b = y;
        return (*a < *b) - (*a > *b);
}

/* The least that a flow must have carried to be one of the `keep` greatest, and how many of those that carried just
 * that are among them. False without memory. */
static bool find_limit(const struct segment *segment, uint32_t keep, uint64_t *ret_bytes, uint32_t *ret_ties) {
        uint64_t *bytes = malloc(segment->n * sizeof(*bytes));
        struct segment_cursor cursor = segment_start(segment);
        struct flow_sum row;
        if (!bytes)
                return false;
        for (uint32_t i = 0; segment_next(&cursor, &row); i++)
                bytes[i] = bytes_of(&row);
        qsort(bytes, segment->n, sizeof(*bytes), descending);
        *ret_bytes = bytes[keep - 1];
        *ret_ties = 0;
        for (uint32_t i = keep; i-- && bytes[i] == *ret_bytes;)
                ++*ret_ties;
        free(bytes);
        return true;
}

struct segment *segment_thin(const struct segment *segment, uint32_t keep) {
        uint64_t limit = UINT64_MAX;
        uint32_t ties = 0;
        if (keep >= segment->n)
                keep = segment->n;
        if (keep && !find_limit(segment, keep, &limit, &ties))
                return NULL;

        struct segment_builder builder;
        struct segment_cursor cursor = segment_start(segment);
        struct flow_sum row;
        struct volume thinned = segment->thinned;
        uint64_t thinned_flows = segment->thinned_flows;
        segment_begin(&builder, segment->from, segment->to, keep);
        while (segment_next(&cursor, &row)) {
                bool is_tie = bytes_of(&row) == limit && keep;
                if ((bytes_of(&row) > limit && keep) || (is_tie && ties)) {
                        ties -= is_tie;
                        segment_add(&builder, &row);
                        continue;
                }
                volume_add(&thinned, row.ab.packets + row.ba.packets, bytes_of(&row));
                thinned_flows++;
        }
        struct segment *thin = segment_end(&builder);
        if (thin) {
                thin->thinned = thinned;
                thin->thinned_flows = thinned_flows;
        }
        return thin;
}
