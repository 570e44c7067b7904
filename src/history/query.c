/* The flow table as it is now: one pass over the directory under the read lock, the best
 * `max_rows` kept in a bounded heap whose top is the worst of them, so that the memory of a
 * query depends on what was asked for and not on how many flows there are. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "history/store.h"

#define CANCEL_EVERY 65536u

/* ---- the filter ------------------------------------------------------------------------- */

static bool has_value(const struct flow_values *values, unsigned wanted) {
        for (unsigned i = 0; i < values->n; i++)
                if (values->list[i] == wanted)
                        return true;
        return false;
}

static bool values_match(const struct flow_values *values, unsigned x, unsigned y) {
        return !values->n || (has_value(values, x) || has_value(values, y)) != values->none_of;
}

static bool inside_net(const struct flow_nets *nets, unsigned i, const uint8_t address[16]) {
        return flow_address_is_inside(address, nets->list[i].address, nets->list[i].bits);
}

static bool nets_match(const struct flow_nets *nets, const struct flow_key *key) {
        bool inside = false;
        for (unsigned i = 0; i < nets->n && !inside; i++)
                inside = flow_key_family(key) == nets->list[i].family &&
                         (inside_net(nets, i, key->a_address) || inside_net(nets, i, key->b_address));
        return !nets->n || inside != nets->none_of;
}

bool filter_matches(const struct flow_filter *filter, const struct entry *entry) {
        const struct flow_key *key = &entry->key;
        if (filter->ifaces && !(filter->ifaces >> key->iface & 1))
                return false;
        if (filter->has_id && entry->id != filter->id)
                return false;
        if (filter->has_state && (entry->state == ENTRY_ENDED) != (filter->state == FLOW_STATE_ENDED))
                return false;
        return values_match(&filter->protos, key->proto, FLOW_FILTER_CLASS + flow_key_class(key)) &&
               values_match(&filter->vlans, flow_key_vlan(key), flow_key_vlan(key)) &&
               values_match(&filter->ports, key->a_port, key->b_port) && nets_match(&filter->nets, key);
}

/* ---- the order -------------------------------------------------------------------------- */

/* A flow with what it is sorted by, as an unsigned number. */
struct candidate {
        uint64_t value;
        uint64_t id;
        uint32_t index;
};

static uint64_t ordered(int64_t value) {
        return (uint64_t)value ^ 1ull << 63;
}

static uint64_t sort_value(const struct directory *directory, uint32_t index, enum flow_sort sort) {
        const struct entry *entry = &directory->entries[index];
        const struct tick_row *row;
        switch (sort) {
        case FLOW_SORT_BYTES: return entry->ab.bytes + entry->ba.bytes;
        case FLOW_SORT_PACKETS: return entry->ab.packets + entry->ba.packets;
        case FLOW_SORT_AB_BYTES: return entry->ab.bytes;
        case FLOW_SORT_BA_BYTES: return entry->ba.bytes;
        case FLOW_SORT_AB_PACKETS: return entry->ab.packets;
        case FLOW_SORT_BA_PACKETS: return entry->ba.packets;
        case FLOW_SORT_BPS: row = directory_row(directory, index); return row ? row->ab.bytes + row->ba.bytes : 0;
        case FLOW_SORT_PPS: row = directory_row(directory, index); return row ? row->ab.packets + row->ba.packets : 0;
        case FLOW_SORT_FIRST_SEEN: return ordered(entry->first_seen_ms);
        case FLOW_SORT_LAST_SEEN: return ordered(entry->last_seen_ms);
        case FLOW_SORT_A_PORT: return entry->key.a_port;
        case FLOW_SORT_B_PORT: return entry->key.b_port;
        case FLOW_SORT_PROTO_NUMBER: return entry->key.proto;
        case FLOW_SORT_VLAN: return flow_key_vlan(&entry->key);
        case FLOW_SORT_TCP_FLAGS: return entry->tcp_flags;
        case FLOW_SORT_ID:
        case FLOW_SORTS: break;
        }
        return entry->id;
}

/* True where x stands after y in the result. */
static bool is_after(const struct candidate *x, const struct candidate *y) {
        return x->value != y->value ? x->value < y->value : x->id > y->id;
}

static int by_order(const void *x, const void *y) {
        return is_after(x, y) ? 1 : -1;
}

/* A heap of the best so far; its top is the one that stands last. */
struct best {
        struct candidate *heap;
        size_t n;
        size_t max;
        size_t room;
};

static void sift_up(struct candidate *heap, size_t at) {
        for (size_t parent; at && is_after(&heap[at], &heap[parent = (at - 1) / 2]); at = parent) {
                struct candidate swap = heap[at];
                heap[at] = heap[parent];
                heap[parent] = swap;
        }
}

static void sift_down(struct candidate *heap, size_t n) {
        for (size_t at = 0;;) {
                size_t last = at, child = 2 * at + 1;
                if (child < n && is_after(&heap[child], &heap[last]))
                        last = child;
                if (child + 1 < n && is_after(&heap[child + 1], &heap[last]))
                        last = child + 1;
                if (last == at)
                        return;
                struct candidate swap = heap[at];
                heap[at] = heap[last];
                heap[last] = swap;
                at = last;
        }
}

static int best_add(struct best *best, struct candidate candidate) {
        if (!best->max)
                return 0;
        if (best->n == best->max) {
                if (!is_after(&candidate, &best->heap[0])) {
                        best->heap[0] = candidate;
                        sift_down(best->heap, best->n);
                }
                return 0;
        }
        if (best->n == best->room) {
                size_t room = best->room ? best->room * 2 : 256;
                struct candidate *heap = realloc(best->heap, room * sizeof(*heap));
                if (!heap)
                        return -ENOMEM;
                best->heap = heap;
                best->room = room;
        }
        best->heap[best->n] = candidate;
        sift_up(best->heap, best->n++);
        return 0;
}

/* ---- the query ------------------------------------------------------------------------- */

static int scan(struct history *history, const struct flow_query *query, bool (*cancelled)(void *), void *context,
                struct best *best, struct flow_result *result) {
        const struct directory *directory = &history->directory;
        const struct flow_filter only_state = {.has_state = query->filter.has_state, .state = query->filter.state};

        for (uint32_t index = 0; index < directory->used_up_to; index++) {
                const struct entry *entry = &directory->entries[index];
                if (index % CANCEL_EVERY == 0 && cancelled && cancelled(context))
                        return -ECANCELED;
                if (entry->state == ENTRY_FREE || !filter_matches(&only_state, entry))
                        continue;

                result->total++;
                struct volume sum = {entry->ab.packets + entry->ba.packets, entry->ab.bytes + entry->ba.bytes};
                if (!filter_matches(&query->filter, entry)) {
                        result->unmatched++;
                        volume_add(&result->unmatched_volume, sum.packets, sum.bytes);
                        continue;
                }
                result->matched++;
                volume_add(&result->matched_volume, sum.packets, sum.bytes);

                uint64_t value = sort_value(directory, index, query->sort);
                int r = best_add(best, (struct candidate){query->ascending ? ~value : value, entry->id, index});
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Both times by the clock as it was when the flow was last seen: their distance is how long it was there. */
static void label_times(const struct wall *wall, struct flow_row *row) {
        int64_t ahead_ms = wall_of_ms(wall, row->last_seen_ms) - row->last_seen_ms;
        row->first_seen_ms += ahead_ms;
        row->last_seen_ms += ahead_ms;
}

static int copy_rows(const struct history *history, const struct best *best, struct flow_result *result) {
        const struct directory *directory = &history->directory;
        const struct history_counters *last = counters_find(&history->counters, history->second);
        result->rows = malloc((best->n ? best->n : 1) * sizeof(*result->rows));
        if (!result->rows)
                return -ENOMEM;
        for (size_t i = 0; i < best->n; i++) {
                uint32_t index = best->heap[i].index;
                const struct tick_row *row = directory_row(directory, index);
                result->rows[i] = entry_to_row(&directory->entries[index]);
                label_times(&history->wall, &result->rows[i]);
                if (row)
                        result->rows[i].last =
                                (struct volume){row->ab.packets + row->ba.packets, row->ab.bytes + row->ba.bytes};
                result->rows[i].last_span_ms = last ? last->span_ms : 0;
        }
        result->n_rows = best->n;
        return 0;
}

int history_query_flows(struct history *history, const struct flow_query *query, bool (*cancelled)(void *),
                        void *context, struct flow_result *ret) {
        struct best best = {.max = query->max_rows};
        struct flow_result result = {0};

        pthread_rwlock_rdlock(&history->lock);
        result.asof_ms = history->second == INT64_MIN ? 0 : (wall_of(&history->wall, history->second) + 1) * MS_PER_S;
        int r = scan(history, query, cancelled, context, &best, &result);
        if (r == 0) {
                if (best.n)
                        qsort(best.heap, best.n, sizeof(*best.heap), by_order);
                r = copy_rows(history, &best, &result);
        }
        pthread_rwlock_unlock(&history->lock);

        free(best.heap);
        if (r == 0)
                *ret = result;
        return r;
}

void flow_result_fini(struct flow_result *result) {
        free(result->rows);
        *result = (struct flow_result){0};
}
