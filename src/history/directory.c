/* Flows by key, and their lives.
 *
 *   chains  hash of the key ──> entry ──> entry …      active flows only
 *   lists   every entry is in exactly one:
 *             wheel[s]  active; to be looked at when second s is over
 *             ended     in the order in which they ended
 *             unlisted  ended, and in no segment: the first to make room
 *             pinned    ended, and kept by thinned minutes as their top
 *             free
 *
 * A flow is put into the wheel once, at the second in which it will have been idle for its
 * TTL. It is not moved when it is seen: when its second comes it is looked at, and goes on to
 * a later one or ends. So a delta costs no list work, and a tick looks only at the flows
 * whose time may have come. A closed flow (FIN both ways, RST) moves to five seconds later.
 *
 * Whether a delta still belongs to a flow is decided by the times themselves, never by
 * whether the wheel has come around: a flow of which a file shows a packet after an hour of
 * silence is a new flow, exactly. */
#include "history/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

#define LIST_ENDED WHEEL_SLOTS
#define LIST_UNLISTED (WHEEL_SLOTS + 1)
#define LIST_PINNED (WHEEL_SLOTS + 2)
#define LIST_FREE (WHEEL_SLOTS + 3)
#define LISTS (WHEEL_SLOTS + 4)

#define LINGER_S 5
#define EXPIRE_BUDGET 200000u

static uint32_t chains_for(uint32_t max_flows) {
        uint32_t n = 1024;
        while (n < max_flows && n < 1u << 31)
                n *= 2;
        return n;
}

size_t directory_bytes(uint32_t max_flows) {
        return (size_t)max_flows * (sizeof(struct entry) + sizeof(struct flow_sum)) +
               chains_for(max_flows) * sizeof(uint32_t);
}

int directory_init(struct directory *directory, const struct history_options *options) {
        *directory = (struct directory){
                .capacity = options->max_flows,
                .rows_capacity = options->max_flows,
                .n_chains = chains_for(options->max_flows),
                .seed = options->seed,
                .wheel_s = INT64_MIN,
                .stamp = 1,
                .keep_ended_ms = options->keep_all ? INT64_MAX : options->retention_s * MS_PER_S,
        };
        memcpy(directory->ttl_ms, options->ttl_ms, sizeof(directory->ttl_ms));

        directory->entries = memory_map(directory->capacity * sizeof(struct entry));
        directory->rows = memory_map(directory->rows_capacity * sizeof(struct flow_sum));
        directory->chains = memory_map(directory->n_chains * sizeof(uint32_t));
        directory->lists = malloc(LISTS * sizeof(struct entry_list));
        if (!directory->entries || !directory->rows || !directory->chains || !directory->lists)
                return -ENOMEM;
        for (uint32_t i = 0; i < LISTS; i++)
                directory->lists[i] = (struct entry_list){FLOW_NONE, FLOW_NONE};
        return 0;
}

void directory_fini(struct directory *directory) {
        memory_unmap(directory->entries, directory->capacity * sizeof(struct entry));
        memory_unmap(directory->rows, directory->rows_capacity * sizeof(struct flow_sum));
        memory_unmap(directory->chains, directory->n_chains * sizeof(uint32_t));
        free(directory->lists);
}

/* ---- lists --------------------------------------------------------------------------- */

static void list_remove(struct directory *directory, uint32_t index) {
        struct entry *entry = &directory->entries[index];
        struct entry_list *list = &directory->lists[entry->list];
        if (entry->previous == FLOW_NONE)
                list->head = entry->next;
        else
                directory->entries[entry->previous].next = entry->next;
        if (entry->next == FLOW_NONE)
                list->tail = entry->previous;
        else
                directory->entries[entry->next].previous = entry->previous;
}

static void list_append(struct directory *directory, uint32_t which, uint32_t index) {
        struct entry *entry = &directory->entries[index];
        struct entry_list *list = &directory->lists[which];
        entry->list = which;
        entry->previous = list->tail;
        entry->next = FLOW_NONE;
        if (list->tail == FLOW_NONE)
                list->head = index;
        else
                directory->entries[list->tail].next = index;
        list->tail = index;
}

static void list_move(struct directory *directory, uint32_t which, uint32_t index) {
        list_remove(directory, index);
        list_append(directory, which, index);
}

/* ---- the wheel ------------------------------------------------------------------------- */

static int64_t ttl_of(const struct directory *directory, const struct entry *entry) {
        return directory->ttl_ms[flow_key_class(&entry->key)];
}

static bool is_closed(const struct entry *entry) {
        return entry->rst || (entry->fin_ab && entry->fin_ba);
}

/* The second after which an active flow will have ended, if it stays silent. */
static int64_t ends_after_s(const struct directory *directory, const struct entry *entry) {
        int64_t idle_s = floor_div(entry->last_seen_ms + ttl_of(directory, entry), MS_PER_S);
        if (!is_closed(entry))
                return idle_s;
        int64_t last_s = floor_div(entry->last_seen_ms, MS_PER_S);
        int64_t closed_s = last_s - (int32_t)((uint32_t)last_s - entry->closed_s);
        return closed_s + LINGER_S < idle_s ? closed_s + LINGER_S : idle_s;
}

/* Which list of the wheel an active flow belongs to now. */
static uint32_t wheel_slot(const struct directory *directory, const struct entry *entry) {
        int64_t s = ends_after_s(directory, entry);
        if (s < directory->wheel_s)
                s = directory->wheel_s;
        if (s > directory->wheel_s + (int64_t)WHEEL_SLOTS - 2)
                s = directory->wheel_s + (int64_t)WHEEL_SLOTS - 2; /* looked at then, and sent on */
        return (uint32_t)s & (WHEEL_SLOTS - 1);
}

/* ---- entries ---------------------------------------------------------------------------- */

static uint32_t *chain_of(const struct directory *directory, const struct flow_key *key) {
        return &directory->chains[flow_key_hash(key, directory->seed) & (directory->n_chains - 1)];
}

/* Chains hold index + 1, so that untouched memory means empty. */
static uint32_t find_active(const struct directory *directory, const struct flow_key *key) {
        for (uint32_t at = *chain_of(directory, key); at; at = directory->entries[at - 1].hash_next) {
                const struct entry *entry = &directory->entries[at - 1];
                if (flow_key_equal(&entry->key, key))
                        return at - 1;
        }
        return FLOW_NONE;
}

static void end_flow(struct directory *directory, uint32_t index) {
        struct entry *entry = &directory->entries[index];
        uint32_t *link = chain_of(directory, &entry->key);
        while (*link != index + 1)
                link = &directory->entries[*link - 1].hash_next;
        *link = entry->hash_next;

        entry->state = ENTRY_ENDED;
        entry->stamp = directory->stamp;
        directory->n_active--;
        directory->n_ended++;
        list_move(directory, entry->listed ? LIST_ENDED : LIST_UNLISTED, index);
}

void directory_list(struct directory *directory, uint32_t index) {
        struct entry *entry = &directory->entries[index];
        entry->listed = 1;
        if (entry->state == ENTRY_ENDED && entry->list == LIST_UNLISTED)
                list_move(directory, LIST_ENDED, index);
}

static void forget(struct directory *directory, uint32_t index) {
        struct entry *entry = &directory->entries[index];
        if (entry->tick_row < directory->n_rows && directory->rows[entry->tick_row].flow == index)
                directory->rows[entry->tick_row].flow = FLOW_NONE;
        entry->state = ENTRY_FREE;
        entry->stamp = directory->stamp;
        directory->n_ended--;
        list_move(directory, LIST_FREE, index);
}

static void forget_early(struct directory *directory, uint32_t index) {
        const struct entry *entry = &directory->entries[index];
        directory->n_forgotten++;
        volume_add(&directory->forgotten, entry->ab.packets + entry->ba.packets, entry->ab.bytes + entry->ba.bytes);
        forget(directory, index);
}

static void pin(uint32_t index, void *context) {
        ((struct directory *)context)->entries[index].pinned = 1;
}

/* Of the ended flows that segments list, the first that none lists any more; minutes are thinned until there is one. */
static bool forget_listed(struct directory *directory) {
        for (;;) {
                uint32_t oldest = directory->lists[LIST_ENDED].head;
                if (oldest == FLOW_NONE)
                        return false;
                if (directory->entries[oldest].last_seen_ms >= directory->segments->rows_from * MS_PER_S) {
                        if (!segments_thin_oldest(directory->segments, pin, directory))
                                return false;
                } else if (directory->entries[oldest].pinned) {
                        list_move(directory, LIST_PINNED, oldest);
                } else {
                        forget_early(directory, oldest);
                        return true;
                }
        }
}

/* The first that has ended, else the next one that is active: of flows that no segment lists, since their second was
 * too crowded. A flow of this tick stays. The hand goes around once a tick at most, however many flows want room. */
static bool forget_unlisted(struct directory *directory) {
        uint32_t unlisted = directory->lists[LIST_UNLISTED].head;
        for (; unlisted == FLOW_NONE && directory->hand_looks; directory->hand_looks--) {
                uint32_t at = directory->hand = directory->hand + 1 < directory->capacity ? directory->hand + 1 : 0;
                const struct entry *entry = &directory->entries[at];
                if (entry->state != ENTRY_ACTIVE || entry->listed || directory_row(directory, at))
                        continue;
                end_flow(directory, at);
                unlisted = at;
        }
        if (unlisted == FLOW_NONE)
                return false;
        forget_early(directory, unlisted);
        return true;
}

/* Makes room for one more flow. */
static bool make_room(struct directory *directory) {
        if (forget_unlisted(directory))
                return true;
        if (directory->segments)
                return forget_listed(directory);
        uint32_t oldest = directory->lists[LIST_ENDED].head;
        if (oldest == FLOW_NONE)
                return false;
        forget_early(directory, oldest);
        return true;
}

/* An unused entry, in no list. FLOW_NONE where all are needed. */
static uint32_t take_entry(struct directory *directory) {
        if (directory->lists[LIST_FREE].head == FLOW_NONE) {
                if (directory->used_up_to < directory->capacity)
                        return directory->used_up_to++;
                if (!make_room(directory))
                        return FLOW_NONE;
        }
        uint32_t index = directory->lists[LIST_FREE].head;
        list_remove(directory, index);
        return index;
}

static struct history_flow handle_of(const struct directory *directory, uint32_t index) {
        return (struct history_flow){index, (uint32_t)directory->entries[index].id};
}

static bool new_flow(struct directory *directory, const struct flow_key *key, enum direction ab_direction,
                     int64_t now_ms, struct history_flow *ret_flow) {
        if (directory->n_rows == directory->rows_capacity)
                return false; /* this tick could not tell of it */
        uint32_t index = take_entry(directory);
        if (index == FLOW_NONE)
                return false;

        uint32_t *chain = chain_of(directory, key);
        if (!(uint32_t)++directory->last_id)
                directory->last_id++; /* generation 0 means no flow */
        directory->entries[index] = (struct entry){
                .key = *key,
                .id = directory->last_id,
                .first_seen_ms = now_ms,
                .last_seen_ms = now_ms,
                .hash_next = *chain,
                .tick_row = FLOW_NONE,
                .stamp = directory->stamp,
                .state = ENTRY_ACTIVE,
                .listed = !directory->segments,
                .ab_direction = ab_direction & 3,
        };
        *chain = index + 1;
        directory->n_active++;
        directory->n_new++;
        list_append(directory, wheel_slot(directory, &directory->entries[index]), index);
        *ret_flow = handle_of(directory, index);
        return true;
}

bool directory_flow_of(struct directory *directory, const struct flow_key *key, enum direction ab_direction,
                       int64_t now_ms, struct history_flow *ret_flow) {
        uint32_t index = find_active(directory, key);
        if (index == FLOW_NONE)
                return new_flow(directory, key, ab_direction, now_ms, ret_flow);
        *ret_flow = handle_of(directory, index);
        return true;
}

/* ---- deltas -------------------------------------------------------------------------------- */

void directory_begin_change(struct directory *directory) {
        directory->stamp++;
}

void directory_begin_tick(struct directory *directory, int64_t second) {
        if (directory->wheel_s == INT64_MIN)
                directory->wheel_s = second;
        directory->second_stamp = directory->stamp;
        directory->n_rows = 0;
        directory->n_new = 0;
        directory->hand_looks = directory->capacity;
}

const struct flow_sum *directory_row(const struct directory *directory, uint32_t index) {
        uint32_t row = directory->entries[index].tick_row;
        return row < directory->n_rows && directory->rows[row].flow == index ? &directory->rows[row] : NULL;
}

static struct flow_sum *row_for(struct directory *directory, uint32_t index) {
        struct entry *entry = &directory->entries[index];
        if (entry->tick_row < directory->n_rows && directory->rows[entry->tick_row].flow == index)
                return &directory->rows[entry->tick_row];
        if (directory->n_rows == directory->rows_capacity)
                return NULL;
        entry->tick_row = directory->n_rows;
        directory->rows[directory->n_rows] = (struct flow_sum){.flow = index};
        return &directory->rows[directory->n_rows++];
}

/* Has this flow ended before a delta that begins at first_ms? */
static bool has_ended_before(const struct directory *directory, const struct entry *entry, int64_t first_ms,
                             bool syn_first) {
        if (first_ms - entry->last_seen_ms > ttl_of(directory, entry))
                return true;
        if (!is_closed(entry))
                return false;
        return syn_first || (int32_t)((uint32_t)floor_div(first_ms, MS_PER_S) - entry->closed_s) > LINGER_S;
}

static void merge_course(struct directory *directory, uint32_t index, const struct flow_delta *delta) {
        struct entry *entry = &directory->entries[index];
        bool was_closed = is_closed(entry);
        bool is_first = entry->ab.packets + entry->ba.packets == 0;

        entry->tcp_flags |= delta->tcp_flags;
        entry->fin_ab |= delta->fin_ab;
        entry->fin_ba |= delta->fin_ba;
        entry->rst |= delta->rst;
        if (is_first || delta->initiator_rank > entry->initiator_rank) {
                entry->initiator_rank = delta->initiator_rank;
                entry->initiator_b = delta->initiator_b;
        }
        if (!was_closed && is_closed(entry)) {
                entry->closed_s = (uint32_t)floor_div(entry->last_seen_ms, MS_PER_S);
                list_move(directory, wheel_slot(directory, entry), index);
        }
}

bool directory_add(struct directory *directory, struct history_flow *flow, int64_t second,
                   const struct flow_delta *delta) {
        if (!flow->generation || (uint32_t)directory->entries[flow->index].id != flow->generation ||
            directory->entries[flow->index].state == ENTRY_FREE)
                return false;

        int64_t first_ms = second * MS_PER_S + delta->first_ms;
        int64_t last_ms = second * MS_PER_S + delta->last_ms;
        const struct entry *named = &directory->entries[flow->index];
        if (named->state == ENTRY_ENDED) {
                /* another worker saw to it that it ended, or it was idle: go on with its successor */
                struct flow_key key = named->key;
                if (!directory_flow_of(directory, &key, named->ab_direction, first_ms, flow))
                        return false;
        }
        const struct entry *known = &directory->entries[flow->index];
        if (known->ab.packets + known->ba.packets && has_ended_before(directory, known, first_ms, delta->syn_first)) {
                struct flow_key key = known->key;
                enum direction ab_direction = known->ab_direction;
                end_flow(directory, flow->index);
                if (!new_flow(directory, &key, ab_direction, first_ms, flow))
                        return false;
        }

        struct flow_sum *row = row_for(directory, flow->index);
        if (!row)
                return false;
        volume_add(&row->ab, delta->ab_packets, delta->ab_bytes);
        volume_add(&row->ba, delta->ba_packets, delta->ba_bytes);

        struct entry *entry = &directory->entries[flow->index];
        entry->stamp = directory->stamp;
        if (first_ms < entry->first_seen_ms || entry->ab.packets + entry->ba.packets == 0)
                entry->first_seen_ms = first_ms;
        if (last_ms > entry->last_seen_ms)
                entry->last_seen_ms = last_ms;
        merge_course(directory, flow->index, delta);
        volume_add(&entry->ab, delta->ab_packets, delta->ab_bytes);
        volume_add(&entry->ba, delta->ba_packets, delta->ba_bytes);
        return true;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Looks at one list of the wheel; false where the budget ran out first. */
static bool expire_list(struct directory *directory, uint32_t slot, int64_t now_ms, uint32_t *budget) {
        uint32_t last = directory->lists[slot].tail;
        for (uint32_t index = directory->lists[slot].head; index != FLOW_NONE;) {
                struct entry *entry = &directory->entries[index];
                uint32_t next = entry->next;
                bool is_last = index == last;
                if (!(*budget)--) {
                        *budget = 0;
                        return false;
                }
                if (ends_after_s(directory, entry) * MS_PER_S < now_ms - MS_PER_S + 1)
                        end_flow(directory, index);
                else
                        list_move(directory, wheel_slot(directory, entry), index);
                if (is_last)
                        break;
                index = next;
        }
        return true;
}

static void drop_old(struct directory *directory, int64_t now_ms, uint32_t budget) {
        static const uint32_t lists[] = {LIST_ENDED, LIST_UNLISTED, LIST_PINNED};
        if (directory->keep_ended_ms == INT64_MAX)
                return;
        for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                for (uint32_t oldest; (oldest = directory->lists[lists[i]].head) != FLOW_NONE && budget; budget--) {
                        if (directory->entries[oldest].last_seen_ms >= now_ms - directory->keep_ended_ms)
                                break;
                        forget(directory, oldest);
                }
}

void directory_expire(struct directory *directory, int64_t now_ms) {
        int64_t now_s = floor_div(now_ms, MS_PER_S); /* the seconds before it are over */
        if (directory->wheel_s < now_s - (int64_t)WHEEL_SLOTS)
                directory->wheel_s = now_s - (int64_t)WHEEL_SLOTS; /* after a long silence: each list once */

        uint32_t budget = EXPIRE_BUDGET;
        while (directory->wheel_s < now_s) {
                uint32_t slot = (uint32_t)directory->wheel_s & (WHEEL_SLOTS - 1);
                directory->wheel_s++; /* what is sent on goes to a later list */
                if (!expire_list(directory, slot, now_ms, &budget)) {
                        directory->wheel_s--;
                        break;
                }
        }
        drop_old(directory, now_ms, EXPIRE_BUDGET);
}

/* ---- what an entry says ------------------------------------------------------------------------ */

struct flow_sum directory_sum(const struct directory *directory, uint32_t index) {
        const struct entry *entry = &directory->entries[index];
        return (struct flow_sum){.flow = index, .ab = entry->ab, .ba = entry->ba};
}

struct flow_sum directory_last(const struct directory *directory, uint32_t index) {
        const struct flow_sum *row = directory_row(directory, index);
        return row ? *row : (struct flow_sum){.flow = index};
}

enum flow_initiator entry_initiator(const struct entry *entry) {
        if (entry->initiator_rank == INITIATOR_FIRST_SEEN) {
                bool a_high = entry->key.a_port >= 1024, b_high = entry->key.b_port >= 1024;
                if (entry->key.a_port && entry->key.b_port && a_high != b_high)
                        return a_high ? FLOW_INITIATOR_A : FLOW_INITIATOR_B;
        }
        return entry->initiator_b ? FLOW_INITIATOR_B : FLOW_INITIATOR_A;
}

enum direction entry_direction(const struct entry *entry) {
        if (entry->ab_direction == DIRECTION_UNKNOWN)
                return DIRECTION_UNKNOWN;
        bool a_out = entry->ab_direction == DIRECTION_OUT;
        return a_out == (entry_initiator(entry) == FLOW_INITIATOR_A) ? DIRECTION_OUT : DIRECTION_IN;
}

struct flow_row entry_to_row(const struct entry *entry) {
        return (struct flow_row){
                .id = entry->id,
                .key = entry->key,
                .first_seen_ms = entry->first_seen_ms,
                .last_seen_ms = entry->last_seen_ms,
                .ab = entry->ab,
                .ba = entry->ba,
                .tcp_flags = entry->tcp_flags,
                .state = entry->state == ENTRY_ACTIVE ? FLOW_STATE_ACTIVE : FLOW_STATE_ENDED,
                .initiator = (uint8_t)entry_initiator(entry),
                .direction = (uint8_t)entry_direction(entry),
        };
}
