/* Top talkers of the last closed second: by flow from a bounded heap that every tick leaves
 * behind, otherwise by summing the rows of that tick under the key that the grouping keeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "history/range.h"
#include "history/select.h"

#define GROUPS_HUGE 65536u

/* Where A and B would be the same in two groups, the one with the lower key comes first, so
 * that an answer is the same each time it is asked for. */
static bool is_better(const struct top_row *x, const struct top_row *y, bool by_packets) {
        uint64_t vx = by_packets ? x->volume.packets : x->volume.bytes;
        uint64_t vy = by_packets ? y->volume.packets : y->volume.bytes;
        return vx != vy ? vx > vy : memcmp(&x->key, &y->key, sizeof(x->key)) < 0;
}

/* A sorted list of at most `max` rows: with so few an insertion is cheaper than a heap's order. */
static void insert_best(struct top_row *rows, size_t *n, size_t max, const struct top_row *row, bool by_packets) {
        if (*n == max) {
                if (!max || !is_better(row, &rows[max - 1], by_packets))
                        return;
                (*n)--;
        }
        size_t at = *n;
        for (; at && is_better(row, &rows[at - 1], by_packets); at--)
                rows[at] = rows[at - 1];
        rows[at] = *row;
        (*n)++;
}

static struct volume both_ways(const struct flow_sum *row) {
        return (struct volume){row->ab.packets + row->ba.packets, row->ab.bytes + row->ba.bytes};
}

void top_collect(const struct directory *directory, struct top_flows *ret) {
        size_t n = 0;
        uint64_t least = 0;
        for (uint32_t i = 0; i < directory->n_rows; i++) {
                const struct flow_sum *row = &directory->rows[i];
                if (row->flow == FLOW_NONE || (n == TOP_KEPT && row->ab.bytes + row->ba.bytes < least))
                        continue;
                const struct entry *entry = &directory->entries[row->flow];
                struct top_row top = {.key = entry->key, .id = entry->id, .volume = both_ways(row)};
                insert_best(ret->rows, &n, TOP_KEPT, &top, false);
                least = ret->rows[n - 1].volume.bytes;
        }
        ret->n = (unsigned)n;
}

/* ---- grouping ----------------------------------------------------------------------------- */

/* Sums by key: open addressing, grown at half load. */
struct groups {
        struct top_row *rows; /* no packets: unused */
        size_t n;
        size_t room; /* a power of two */
        uint64_t seed;
};

static struct top_row *group_place(struct top_row *rows, size_t room, uint64_t seed, const struct top_row *wanted) {
        size_t at = flow_key_hash(&wanted->key, seed) & (room - 1);
        while (rows[at].volume.packets && !flow_key_equal(&rows[at].key, &wanted->key))
                at = (at + 1) & (room - 1);
        return &rows[at];
}

/* Few groups take little memory, many take huge pages: the table is touched at random. */
static struct top_row *group_rows_new(size_t room) {
        return room < GROUPS_HUGE ? calloc(room, sizeof(struct top_row)) : memory_map(room * sizeof(struct top_row));
}

static void group_rows_free(struct top_row *rows, size_t room) {
        if (room < GROUPS_HUGE)
                free(rows);
        else
                memory_unmap(rows, room * sizeof(*rows));
}

static int groups_grow(struct groups *groups) {
        size_t room = groups->room ? groups->room * 4 : 1024;
        struct top_row *rows = group_rows_new(room);
        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < groups->room; i++)
                if (groups->rows[i].volume.packets)
                        *group_place(rows, room, groups->seed, &groups->rows[i]) = groups->rows[i];
        group_rows_free(groups->rows, groups->room);
        groups->rows = rows;
        groups->room = room;
        return 0;
}

static int groups_add(struct groups *groups, const struct top_row *row) {
        if (groups->n * 2 >= groups->room) {
                int r = groups_grow(groups);
                if (r < 0)
                        return r;
        }
        struct top_row *place = group_place(groups->rows, groups->room, groups->seed, row);
        if (!place->volume.packets) {
                *place = *row;
                groups->n++;
        } else {
                volume_add(&place->volume, row->volume.packets, row->volume.bytes);
        }
        return 0;
}

/* The port that names the service: the responder's, which is the one below 1024 or the lower. */
static uint16_t service_port(const struct entry *entry) {
        switch (entry_initiator(entry)) {
        case FLOW_INITIATOR_A: return entry->key.b_port;
        case FLOW_INITIATOR_B: return entry->key.a_port;
        case FLOW_INITIATOR_NONE: break;
        }
        return entry->key.a_port < entry->key.b_port ? entry->key.a_port : entry->key.b_port;
}

/* The part of a flow's key that a grouping keeps. */
static struct flow_key group_key(const struct entry *entry, enum top_by by) {
        const struct flow_key *key = &entry->key;
        struct flow_key kept = {0};
        switch (by) {
        case TOP_BY_PAIR:
                memcpy(kept.a_address, key->a_address, 16);
                memcpy(kept.b_address, key->b_address, 16);
                kept.vlan_family = key->vlan_family & FLOW_FAMILY_IP6;
                break;
        case TOP_BY_HOST:
                memcpy(kept.a_address, key->a_address, 16);
                kept.vlan_family = key->vlan_family & FLOW_FAMILY_IP6;
                break;
        case TOP_BY_PORT:
                kept.a_port = service_port(entry);
                kept.proto = key->proto;
                break;
        case TOP_BY_PROTO: kept.proto = key->proto; break;
        case TOP_BY_VLAN: kept.vlan_family = flow_key_vlan(key); break;
        case TOP_BY_IFACE: kept.iface = key->iface; break;
        case TOP_BY_FLOW: /* not grouped */
        case TOP_BYS: break;
        }
        return kept;
}

/* Adds one flow's second to its group; a host's bytes count for both hosts. */
static int add_to_groups(struct groups *groups, const struct entry *entry, struct volume volume, enum top_by by) {
        struct top_row row = {.key = group_key(entry, by), .volume = volume};
        int r = groups_add(groups, &row);
        if (r < 0 || by != TOP_BY_HOST || memcmp(entry->key.a_address, entry->key.b_address, 16) == 0)
                return r;
        memcpy(row.key.a_address, entry->key.b_address, 16);
        return groups_add(groups, &row);
}

/* A flow has one row in a tick and is its own group, also where another of its key came before it. */
static void add_flow(struct top_result *result, const struct top_query *query, const struct entry *entry,
                     struct volume volume) {
        struct top_row row = {.key = entry->key, .id = entry->id, .volume = volume};
        insert_best(result->rows, &result->n_rows, query->limit, &row, query->by_packets);
}

/* One flow's part of the second, or of the range; `rate` is what all flows have in common. */
static int take_row(struct top_result *result, const struct top_query *query, struct groups *groups,
                    const struct entry *entry, const struct flow_sum *row, const struct select_rate *rate) {
        struct select_rate facts = *rate;
        struct volume whole = both_ways(row);
        facts.bytes = whole.bytes;
        unsigned directions = select_directions(&query->filter, entry, row, &facts);
        const struct flow_sum part = select_part(row, directions);
        struct volume volume = both_ways(&part), rest = volume_less(whole, volume);
        volume_add(&result->unmatched, rest.packets, rest.bytes);
        if (!volume.packets) {
                result->unmatched_flows++;
                return 0;
        }
        result->matched_flows++;
        volume_add(&result->matched, volume.packets, volume.bytes);
        if (query->by != TOP_BY_FLOW)
                return add_to_groups(groups, entry, volume, query->by);
        add_flow(result, query, entry, volume);
        return 0;
}

static int take_last_second(const struct history *history, const struct top_query *query, struct groups *groups,
                            struct top_result *result) {
        const struct directory *directory = &history->directory;
        struct history_counters last;
        bool has_last = history_last_row(history, &last) && last.number == history->second;
        const struct select_rate rate = {.span_ms = has_last ? last.span_ms : 0, .now_ms = history_now_ms(history)};
        int r = 0;
        for (uint32_t i = 0; r == 0 && i < directory->n_rows; i++)
                if (directory->rows[i].flow != FLOW_NONE)
                        r = take_row(result, query, groups, &directory->entries[directory->rows[i].flow],
                                     &directory->rows[i], &rate);
        if (has_last) {
                result->span_ms = last.span_ms;
                result->untracked = last.untracked;
                result->nonflow = last.nonflow;
        }
        return r;
}

static int take_range(const struct history *history, const struct top_query *query, const struct range *range,
                      struct groups *groups, struct top_result *result) {
        const struct select_rate rate = {.span_ms = (uint32_t)range->seen.span_ms, .now_ms = history_now_ms(history)};
        int r = 0;
        for (uint32_t i = 0; r == 0 && i < range->n; i++) {
                const struct entry *entry = range_entry(history, range, &range->sums[i]);
                if (entry)
                        r = take_row(result, query, groups, entry, &range->sums[i], &rate);
        }
        if (r == 0) {
                result->seen = range_seen(range, result->matched, result->unmatched, !select_is_all(&query->filter));
                result->span_ms = result->seen.span_ms;
                result->untracked = result->seen.untracked;
                result->nonflow = result->seen.nonflow;
        }
        return r;
}

int history_query_top(struct history *history, const struct top_query *query, bool (*cancelled)(void *), void *context,
                      struct top_result *ret) {
        struct top_result result = {.rows = calloc(query->limit, sizeof(struct top_row))};
        struct groups groups = {.seed = history->directory.seed};
        struct range range = {0};
        int r = result.rows ? 0 : -ENOMEM;
        if (r == 0 && query->has_range)
                r = range_read(history, query->range, RANGE_FLOWS_MAX, cancelled, context, &range);
        if (r == 0) {
                pthread_rwlock_rdlock(&history->lock);
                if (history->second != INT64_MIN)
                        result.second = wall_of(&history->wall, history->second);
                r = query->has_range ? take_range(history, query, &range, &groups, &result)
                                     : take_last_second(history, query, &groups, &result);
                pthread_rwlock_unlock(&history->lock);
        }
        range_fini(&range);

        for (size_t i = 0; r == 0 && i < groups.room; i++)
                if (groups.rows[i].volume.packets)
                        insert_best(result.rows, &result.n_rows, query->limit, &groups.rows[i], query->by_packets);
        group_rows_free(groups.rows, groups.room);
        if (r < 0) {
                free(result.rows);
                return r;
        }
        *ret = result;
        return 0;
}

size_t history_read_top(struct history *history, struct top_row *ret, size_t max, struct history_counters *ret_second) {
        pthread_rwlock_rdlock(&history->lock);
        size_t n = history->top.n < max ? history->top.n : max;
        memcpy(ret, history->top.rows, n * sizeof(*ret));
        if (!history_last_row(history, ret_second))
                *ret_second = (struct history_counters){0};
        pthread_rwlock_unlock(&history->lock);
        return n;
}

void top_result_fini(struct top_result *result) {
        free(result->rows);
        *result = (struct top_result){0};
}
