/* Sums by what a grouping keeps of a flow's key, in an open-addressed table that grows at three quarters; and the list
 * of the greatest of them. */
#include "history/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define GROUPS_HUGE 65536u
#define ROOM_MIN 1024u
#define ROOM_MAX (1u << 24)
#define MEMORY_PARTS 6u /* the table takes at most so much of what queries may take */

/* Where A and B would be the same in two groups, the one with the lower key comes first, so
 * that an answer is the same each time it is asked for. */
static bool is_better(const struct top_row *x, const struct top_row *y, bool by_packets) {
        uint64_t vx = by_packets ? x->volume.packets : x->volume.bytes;
        uint64_t vy = by_packets ? y->volume.packets : y->volume.bytes;
        return vx != vy ? vx > vy : memcmp(&x->key, &y->key, sizeof(x->key)) < 0;
}

/* A sorted list of at most `max` rows: with so few an insertion is cheaper than a heap's order. */
void groups_insert_best(struct top_row *rows, size_t *n, size_t max, const struct top_row *row, bool by_packets) {
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

static struct top_row *group_place(struct top_row *rows, size_t room, uint64_t hash, const struct top_row *wanted) {
        size_t at = hash & (room - 1);
        while (rows[at].volume.packets && !flow_key_equal(&rows[at].key, &wanted->key))
                at = (at + 1) & (room - 1);
        return &rows[at];
}

/* Few groups take little memory, many take huge pages: the table is touched at random. */
static struct top_row *rows_new(size_t room) {
        return room < GROUPS_HUGE ? calloc(room, sizeof(struct top_row)) : memory_map(room * sizeof(struct top_row));
}

static void rows_free(struct top_row *rows, size_t room) {
        if (room < GROUPS_HUGE)
                free(rows);
        else
                memory_unmap(rows, room * sizeof(*rows));
}

static size_t bytes_of(size_t room) {
        return room * sizeof(struct top_row);
}

static bool may_grow(const struct groups *groups) {
        return groups->room < ROOM_MIN ||
               (groups->room < ROOM_MAX && bytes_of(groups->room * 2) <= groups->work->memory->max / MEMORY_PARTS);
}

static int groups_grow(struct groups *groups) {
        size_t room = groups->room ? groups->room * 2 : ROOM_MIN;
        int r = may_grow(groups) ? work_take(groups->work, bytes_of(room)) : -ENOSPC;
        if (r < 0)
                return r;
        struct top_row *rows = rows_new(room);
        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < groups->room; i++)
                if (groups->rows[i].volume.packets)
                        *group_place(rows, room, flow_key_hash(&groups->rows[i].key, groups->seed), &groups->rows[i]) =
                                groups->rows[i];
        rows_free(groups->rows, groups->room);
        work_give(groups->work, bytes_of(groups->room));
        groups->rows = rows;
        groups->room = room;
        return 0;
}

static int groups_add(struct groups *groups, const struct top_row *row) {
        uint64_t hash = flow_key_hash(&row->key, groups->seed);
        if ((hash >> 32 & (groups->parts - 1)) != groups->part)
                return 0;
        if (groups->n >= groups->room / 4 * 3) {
                int r = groups_grow(groups);
                if (r < 0)
                        return r;
        }
        struct top_row *place = group_place(groups->rows, groups->room, hash, row);
        if (!place->volume.packets) {
                *place = *row;
                groups->n++;
        } else {
                volume_add(&place->volume, row->volume.packets, row->volume.bytes);
        }
        return 0;
}

static void groups_clear(struct groups *groups) {
        if (groups->n)
                memset(groups->rows, 0, bytes_of(groups->room));
        groups->n = 0;
}

/* -ENOSPC where the part has more groups than the table has room for. */
static int best_of_part(struct groups *groups, int (*add_all)(struct groups *groups, void *context), void *context,
                        struct top_row *rows, size_t *n, size_t max, bool by_packets) {
        groups_clear(groups);
        int r = add_all(groups, context);
        for (size_t i = 0; r == 0 && i < groups->room; i++)
                if (groups->rows[i].volume.packets)
                        groups_insert_best(rows, n, max, &groups->rows[i], by_packets);
        return r;
}

int groups_best(struct groups *groups, int (*add_all)(struct groups *groups, void *context), void *context,
                struct top_row *rows, size_t *ret_n, size_t max, bool by_packets) {
        for (;; groups->parts *= 2) {
                int r = 0;
                *ret_n = 0;
                for (groups->part = 0; r == 0 && groups->part < groups->parts; groups->part++)
                        r = best_of_part(groups, add_all, context, rows, ret_n, max, by_packets);
                if (r != -ENOSPC)
                        return r;
        }
}

int groups_keep(struct groups *groups, const struct top_row *rows, size_t n) {
        int r = 0;
        groups->parts = 1;
        groups->part = 0;
        groups_clear(groups);
        for (size_t i = 0; r == 0 && i < n; i++) {
                struct top_row row = rows[i];
                row.id = i + 1;
                r = groups_add(groups, &row);
        }
        return r;
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

struct flow_key groups_key(const struct entry *entry, enum top_by by) {
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

void groups_note_change(const struct entry *entry, enum top_by by, enum filter_lasts lasts, struct history_seen *seen) {
        bool may_change = lasts == FILTER_LASTS_ONCE_ENDED || by == TOP_BY_PORT;
        if (lasts == FILTER_LASTS_NOT || (entry->state == ENTRY_ACTIVE && may_change))
                seen->is_final = false;
}

bool groups_other_host(const struct entry *entry, enum top_by by, struct flow_key *key) {
        if (by != TOP_BY_HOST || memcmp(entry->key.a_address, entry->key.b_address, 16) == 0)
                return false;
        memcpy(key->a_address, entry->key.b_address, 16);
        return true;
}

int groups_add_flow(struct groups *groups, const struct entry *entry, struct volume volume, enum top_by by) {
        struct top_row row = {.key = groups_key(entry, by), .volume = volume};
        int r = groups_add(groups, &row);
        if (r < 0 || !groups_other_host(entry, by, &row.key))
                return r;
        return groups_add(groups, &row);
}

uint64_t groups_id(const struct groups *groups, const struct flow_key *key) {
        const struct top_row wanted = {.key = *key};
        uint64_t hash = flow_key_hash(key, groups->seed);
        return groups->room ? group_place(groups->rows, groups->room, hash, &wanted)->id : 0;
}

struct groups groups_begin(struct work *work, uint64_t seed) {
        return (struct groups){.work = work, .seed = seed, .parts = 1};
}

void groups_fini(struct groups *groups) {
        rows_free(groups->rows, groups->room);
        if (groups->room)
                work_give(groups->work, bytes_of(groups->room));
        *groups = (struct groups){0};
}
