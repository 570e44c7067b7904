/* The flow table of one worker: fixed memory, open addressing, one cache line per flow.
 *
 *   slots    |----- bucket of 16 -----|----- bucket of 16 -----| …     64 bytes each
 *              ^ home = hash, probing wraps inside the bucket
 *
 * A slot holds the key and what the flow did in the second that it was last seen in: its
 * pending delta. The first packet of a second puts the slot on that second's list, so that
 * closing a second costs as much as flows were active in it, not as much as the table is
 * large; and it can be done in small steps between packets:
 *
 *   open     packets go here; its list grows
 *   closing  the second before; its list is being emitted. A slot that is seen anew before
 *            its turn emits itself first. A packet that belongs to the closing second but finds
 *            nothing pending there becomes a delta of its own, which names no slot: what a
 *            slot number means may have changed since.
 *
 * Invariant: whatever is pending has a place reserved in its batch, so emitting never fails.
 * A packet that could not reserve one is untracked, as is one for which there is no slot.
 * For flows that have sent more than one packet (regulars) and were not seen yet in the open
 * second places are kept, so that a flood of new flows cannot use up theirs.
 *
 * Cost: a burst first computes all keys and asks for their cache lines, then touches them,
 * so that the misses overlap. Slots do not move (deltas name them), hence tombstones.
 * Times are the low 32 bits of Unix milliseconds; only differences are used. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "flow/flow.h"

#define BUCKET 16u
#define VICTIM_IDLE_MS 2000
#define FIRST_MS_MAX 1023u
#define KEY_AGAIN_S 32u /* how often a flow's key is sent once more */

struct slot {
        struct flow_key key;
        uint32_t ab_packets; /* pending delta; both zero: nothing pending */
        uint32_t ba_packets;
        uint32_t ab_bytes;
        uint32_t ba_bytes;
        uint32_t last_ms;
        uint32_t tcp_flags : 8; /* of the pending delta */
        uint32_t first_ms : 10; /* of the pending delta, within its second */
        uint32_t used : 1;
        uint32_t tombstone : 1; /* not used, but probing goes on */
        uint32_t second : 1;    /* which second the delta is pending in */
        uint32_t many : 1;      /* has seen more than one packet: a regular */
        uint32_t unsent : 1;    /* the rollup does not know the key yet */
        uint32_t may_end : 1;   /* FIN or RST has been told: whether that ended the flow the rollup knows */
        uint32_t fin_ab : 1;    /* all further ones of the pending delta */
        uint32_t fin_ba : 1;
        uint32_t syn_first : 1;
        uint32_t initiator_b : 1;
        uint32_t initiator_rank : 2;
        uint32_t ab_direction : 2; /* enum direction */
};

static_assert(sizeof(struct slot) == 64, "one cache line per flow");

/* One of the two seconds that may be in work. */
struct second {
        struct flow_batch *batch; /* NULL: none */
        uint32_t *touched;        /* slots that had something pending at some time */
        uint32_t n_touched;
        uint32_t next;            /* closing: the first that was not looked at yet */
        uint32_t n_regulars_seen; /* open: regulars that have had their place in the batch */
};

struct flow_table {
        struct slot *slots;
        uint32_t n_slots; /* a power of two */
        uint32_t active;
        uint32_t n_regulars;
        uint32_t max_flows;
        uint32_t sweep_next;
        unsigned open; /* which of `seconds` is open; the other is, or was, closing */
        struct second seconds[2];
        uint64_t seed;
        uint64_t evicted;
        uint64_t untracked;
        int32_t ttl_ms[PACKET_CLASSES];
        uint8_t iface;
};

/* A packet on its way through a burst. */
struct arrival {
        struct flow_key key;
        uint32_t home;
        uint32_t ms; /* its time; that of a late packet is the start of the second it is counted in */
        bool from_a;
        bool nonflow;
};

uint32_t flow_table_slots(uint32_t max_flows) {
        uint32_t slots = BUCKET;
        while (slots < max_flows * 2ull && slots < 1u << 31)
                slots *= 2;
        return slots;
}

static size_t touched_bytes(uint32_t max_flows) {
        return (size_t)max_flows * sizeof(uint32_t);
}

size_t flow_table_bytes(uint32_t max_flows) {
        return (size_t)flow_table_slots(max_flows) * sizeof(struct slot) + 2 * touched_bytes(max_flows);
}

struct flow_table *flow_table_new(const struct flow_table_options *options) {
        struct flow_table *table = calloc(1, sizeof(*table));
        if (!table)
                return NULL;

        table->n_slots = flow_table_slots(options->max_flows);
        table->max_flows = options->max_flows;
        table->seed = options->seed;
        table->iface = options->iface;
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                table->ttl_ms[i] = options->ttl_ms[i] > INT32_MAX ? INT32_MAX : (int32_t)options->ttl_ms[i];

        table->slots = memory_map((size_t)table->n_slots * sizeof(struct slot));
        table->seconds[0].touched = memory_map(touched_bytes(options->max_flows));
        table->seconds[1].touched = memory_map(touched_bytes(options->max_flows));
        if (!table->slots || !table->seconds[0].touched || !table->seconds[1].touched) {
                flow_table_free(table);
                return NULL;
        }
        return table;
}

void flow_table_free(struct flow_table *table) {
        if (!table)
                return;
        memory_unmap(table->slots, (size_t)table->n_slots * sizeof(struct slot));
        memory_unmap(table->seconds[0].touched, touched_bytes(table->max_flows));
        memory_unmap(table->seconds[1].touched, touched_bytes(table->max_flows));
        free(table);
}

/* ---- pending deltas ---------------------------------------------------------------- */

static bool is_pending(const struct slot *slot) {
        return slot->ab_packets || slot->ba_packets;
}

/* May the next packet be of a new flow? */
static bool may_have_ended(const struct slot *slot) {
        return slot->may_end || slot->tcp_flags & PACKET_TCP_RST || (slot->fin_ab && slot->fin_ba);
}

static bool is_bare_syn(const struct packet *packet) {
        return (packet->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) == PACKET_TCP_SYN;
}

/* In 64 bits, since a file may jump back by more than 32 of them can tell. */
static uint32_t arrival_ms(const struct flow_batch *batch, const struct packet *packet) {
        int64_t ms = floor_div(packet->time_ns, NS_PER_MS), start_ms = batch->second * MS_PER_S;
        return (uint32_t)(ms < start_ms ? start_ms : ms);
}

/* Milliseconds from the start of the batch's second to the arrival of one of its packets. */
static uint32_t ms_within(const struct flow_batch *batch, uint32_t ms) {
        return ms - (uint32_t)(batch->second * MS_PER_S);
}

/* Takes a place in the batch, if more than `kept` are left. */
static bool reserve(struct flow_batch *batch, uint32_t kept) {
        if (batch->capacity - batch->reserved <= kept)
                return false;
        batch->reserved++;
        return true;
}

/* Writes what is pending in `from` as a delta of the flow number `number`. The place is reserved. A delta tells of
 * its own packets only: those before may have been of another flow, which the rollup has ended meanwhile. */
static void write_delta(struct flow_batch *batch, uint32_t number, const struct slot *from) {
        assert(batch->n_deltas < batch->reserved);

        uint32_t last_ms = ms_within(batch, from->last_ms);
        batch->deltas[batch->n_deltas++] = (struct flow_delta){
                .slot = number,
                .ab_packets = from->ab_packets,
                .ba_packets = from->ba_packets,
                .ab_bytes = from->ab_bytes,
                .ba_bytes = from->ba_bytes,
                .first_ms = from->first_ms,
                .last_ms = last_ms > UINT16_MAX ? UINT16_MAX : (uint16_t)last_ms,
                .tcp_flags = from->tcp_flags,
                .fin_ab = from->fin_ab,
                .fin_ba = from->fin_ba,
                .rst = !!(from->tcp_flags & PACKET_TCP_RST),
                .syn_first = from->syn_first,
                .initiator_b = from->initiator_b,
                .initiator_rank = from->initiator_rank,
                .has_key = from->unsent,
                .ab_direction = from->ab_direction,
        };
        if (from->unsent)
                batch->keys[batch->n_keys++] = from->key;
}

static void forget_pending(struct slot *slot) {
        slot->ab_packets = slot->ba_packets = slot->ab_bytes = slot->ba_bytes = 0;
}

static void emit(struct flow_table *table, struct slot *slot) {
        write_delta(table->seconds[slot->second].batch, (uint32_t)(slot - table->slots), slot);
        slot->unsent = false;
        slot->may_end |= !!(slot->tcp_flags & (PACKET_TCP_FIN | PACKET_TCP_RST));
        forget_pending(slot);
}

static void note_initiator(struct slot *slot, enum initiator_rank rank, bool is_b) {
        if (rank > slot->initiator_rank) {
                slot->initiator_rank = (uint32_t)rank;
                slot->initiator_b = is_b;
        }
}

/* Adds a packet to what is pending; the caller has made sure that the sums can take it. */
static void accumulate(struct slot *slot, const struct flow_batch *batch, const struct packet *packet,
                       const struct arrival *arrival) {
        bool from_a = arrival->from_a;
        uint32_t within = ms_within(batch, arrival->ms);
        if (within < slot->first_ms)
                slot->first_ms = within & FIRST_MS_MAX;
        if ((int32_t)(arrival->ms - slot->last_ms) > 0)
                slot->last_ms = arrival->ms;

        if (from_a) {
                slot->ab_packets += packet->packets;
                slot->ab_bytes += packet->bytes;
        } else {
                slot->ba_packets += packet->packets;
                slot->ba_bytes += packet->bytes;
        }

        uint8_t flags = packet->tcp_flags;
        if (!flags)
                return;
        slot->tcp_flags |= flags;
        if (flags & PACKET_TCP_SYN)
                note_initiator(slot, flags & PACKET_TCP_ACK ? INITIATOR_SYN_ACK : INITIATOR_SYN,
                               from_a == !!(flags & PACKET_TCP_ACK));
        if (flags & PACKET_TCP_FIN) {
                if (from_a)
                        slot->fin_ab = true;
                else
                        slot->fin_ba = true;
        }
}

/* Prepares a slot for the first packet of a new delta. */
static void begin_delta(struct slot *slot, const struct flow_batch *batch, const struct packet *packet,
                        const struct arrival *arrival) {
        uint32_t within = ms_within(batch, arrival->ms);
        slot->last_ms = arrival->ms;
        slot->first_ms = (within > FIRST_MS_MAX ? FIRST_MS_MAX : within) & FIRST_MS_MAX;
        slot->tcp_flags = 0;
        slot->fin_ab = slot->fin_ba = false;
        slot->syn_first = is_bare_syn(packet);
        slot->initiator_rank = INITIATOR_FIRST_SEEN;
        slot->initiator_b = !arrival->from_a;
}

/* How many places of the open second are kept for regulars that may still come. At most half, so
 * that new flows get in, and push idle ones out, also where the table is full of regulars. */
static uint32_t places_kept(const struct flow_table *table) {
        const struct second *open = &table->seconds[table->open];
        uint32_t to_come = table->n_regulars > open->n_regulars_seen ? table->n_regulars - open->n_regulars_seen : 0;
        uint32_t half = open->batch->capacity / 2;
        return to_come < half ? to_come : half;
}

static void become_regular(struct flow_table *table, struct slot *slot) {
        slot->many = true;
        table->n_regulars++;
}

/* Bytes overflow before packets do: each has some. */
static bool would_overflow(const struct slot *slot, const struct packet *packet, bool from_a) {
        uint32_t sum;
        return __builtin_add_overflow(from_a ? slot->ab_bytes : slot->ba_bytes, packet->bytes, &sum);
}

/* ---- slots --------------------------------------------------------------------------- */

static uint32_t next_in_bucket(uint32_t index) {
        return (index & ~(BUCKET - 1)) | ((index + 1) & (BUCKET - 1));
}

static uint32_t previous_in_bucket(uint32_t index) {
        return (index & ~(BUCKET - 1)) | ((index - 1) & (BUCKET - 1));
}

/* Finds the slot of a key; else NULL, and `*ret_free` is where it may go (NULL: bucket full). */
static struct slot *find(struct flow_table *table, const struct arrival *arrival, struct slot **ret_free) {
        struct slot *free_slot = NULL;
        uint32_t index = arrival->home;
        for (unsigned i = 0; i < BUCKET; i++, index = next_in_bucket(index)) {
                struct slot *slot = &table->slots[index];
                if (slot->used) {
                        if (flow_key_equal(&slot->key, &arrival->key))
                                return slot;
                        continue;
                }
                if (!free_slot)
                        free_slot = slot;
                if (!slot->tombstone)
                        break;
        }
        *ret_free = free_slot;
        return NULL;
}

static void release(struct flow_table *table, struct slot *slot) {
        uint32_t index = (uint32_t)(slot - table->slots);
        table->active--;
        table->n_regulars -= slot->many;
        *slot = (struct slot){.tombstone = true};

        /* no probe needs to pass here where the next slot ends it anyway */
        const struct slot *next = &table->slots[next_in_bucket(index)];
        if (next->used || next->tombstone)
                return;
        for (; table->slots[index].tombstone; index = previous_in_bucket(index))
                table->slots[index].tombstone = false;
}

/* Who must leave a full bucket: the oldest one-packet flow, then the least recently seen one
 * if idle for two seconds, so that a flood of new flows cannot push out slow heavy ones. */
static struct slot *find_victim(struct flow_table *table, uint32_t home, uint32_t now_ms) {
        struct slot *bucket = &table->slots[home & ~(BUCKET - 1)];
        struct slot *single = NULL, *idle = NULL;
        for (unsigned i = 0; i < BUCKET; i++) {
                struct slot *slot = &bucket[i];
                if (!slot->used)
                        continue;
                struct slot **oldest = slot->many ? &idle : &single;
                if (!*oldest || (int32_t)(slot->last_ms - (*oldest)->last_ms) < 0)
                        *oldest = slot;
        }
        if (single)
                return single;
        return idle && (int32_t)(now_ms - idle->last_ms) >= VICTIM_IDLE_MS ? idle : NULL;
}

static enum direction ab_direction(const struct packet *packet, bool from_a) {
        if (packet->direction == DIRECTION_UNKNOWN)
                return DIRECTION_UNKNOWN;
        return (packet->direction == DIRECTION_OUT) == from_a ? DIRECTION_OUT : DIRECTION_IN;
}

static struct slot new_flow(const struct arrival *arrival, const struct packet *packet) {
        return (struct slot){
                .key = arrival->key,
                .last_ms = arrival->ms,
                .used = true,
                .unsent = true,
                .ab_direction = ab_direction(packet, arrival->from_a) & 3,
        };
}

/* A slot for a new flow, or NULL. */
static struct slot *claim(struct flow_table *table, const struct arrival *arrival, struct slot *free_slot,
                          const struct packet *packet) {
        if (!free_slot || table->active == table->max_flows) {
                struct slot *victim = find_victim(table, arrival->home, arrival->ms);
                if (!victim)
                        return NULL;
                if (is_pending(victim))
                        emit(table, victim);
                release(table, victim);
                table->evicted++;
                /* the way to the slot found before may have become shorter: probing would end ahead of it */
                (void)find(table, arrival, &free_slot);
        }
        *free_slot = new_flow(arrival, packet);
        table->active++;
        return free_slot;
}

/* ---- packets ------------------------------------------------------------------------- */

/* The rollup may have had no room for the flow when it began: without its key it never could
 * take it in later. Each second it is the turn of other slots. */
static bool is_key_due(const struct flow_table *table, const struct slot *slot) {
        uint32_t second = (uint32_t)table->seconds[table->open].batch->second;
        return (second + (uint32_t)(slot - table->slots)) % KEY_AGAIN_S == 0;
}

/* A packet of the open second. False: untracked. */
static bool add_open(struct flow_table *table, struct arrival *arrival, const struct packet *packet) {
        struct second *open = &table->seconds[table->open];
        struct slot *free_slot = NULL, *slot = find(table, arrival, &free_slot);
        bool is_new = !slot;
        if (slot && is_pending(slot) && slot->second != table->open)
                emit(table, slot);

        bool restarts = slot && may_have_ended(slot) && is_bare_syn(packet);
        bool needs_delta = is_new || !is_pending(slot) || restarts || would_overflow(slot, packet, arrival->from_a);
        if (needs_delta) {
                bool is_regular = slot && slot->many && !restarts;
                if (!reserve(open->batch, is_regular ? 0 : places_kept(table)))
                        return false;
                if (is_regular && !is_pending(slot))
                        open->n_regulars_seen++;
                if (is_new) {
                        slot = claim(table, arrival, free_slot, packet);
                        if (!slot) {
                                open->batch->reserved--;
                                return false;
                        }
                } else if (is_pending(slot)) {
                        emit(table, slot);
                }
                bool was_idle = (int32_t)(arrival->ms - slot->last_ms) > table->ttl_ms[packet->class];
                if (may_have_ended(slot) || was_idle || is_key_due(table, slot))
                        slot->unsent = true; /* the rollup may have ended the flow, and forgotten it */
                if (was_idle)
                        slot->may_end = false;
                begin_delta(slot, open->batch, packet, arrival);
                slot->second = table->open & 1;
                open->touched[open->n_touched++] = (uint32_t)(slot - table->slots);
        }
        if (!slot->many && (!is_new || packet->packets > 1)) {
                become_regular(table, slot);
                open->n_regulars_seen++;
        }
        accumulate(slot, open->batch, packet, arrival);
        return true;
}

/* A packet that came out of the source after the first ones of the next second. */
static bool add_closing(struct flow_table *table, struct arrival *arrival, const struct packet *packet) {
        struct second *closing = &table->seconds[table->open ^ 1];
        struct slot *free_slot = NULL, *slot = find(table, arrival, &free_slot);
        if (slot && is_pending(slot) && slot->second != table->open && !would_overflow(slot, packet, arrival->from_a)) {
                if (!slot->many)
                        become_regular(table, slot);
                accumulate(slot, closing->batch, packet, arrival);
                return true;
        }

        /* Its flow is elsewhere, or nowhere, by now: a delta of its own, which names the flow by its
         * key and leaves the table as it is. */
        if (!reserve(closing->batch, 0))
                return false;
        struct slot alone = slot ? *slot : new_flow(arrival, packet);
        forget_pending(&alone);
        alone.unsent = true;
        begin_delta(&alone, closing->batch, packet, arrival);
        accumulate(&alone, closing->batch, packet, arrival);
        write_delta(closing->batch, FLOW_SLOT_NONE, &alone);
        return true;
}

static void count(struct tick_totals *totals, const struct packet *packet) {
        if (!totals->all.packets)
                totals->first_ns = totals->last_ns = packet->time_ns;
        else if (packet->time_ns > totals->last_ns)
                totals->last_ns = packet->time_ns;
        else if (packet->time_ns < totals->first_ns)
                totals->first_ns = packet->time_ns;
        volume_add(&totals->all, packet->packets, packet->bytes);
        volume_add(&totals->by_class[packet->class], packet->packets, packet->bytes);
        if (packet->direction == DIRECTION_IN)
                volume_add(&totals->in[packet->class], packet->packets, packet->bytes);
        else if (packet->direction == DIRECTION_OUT)
                volume_add(&totals->out[packet->class], packet->packets, packet->bytes);
        totals->frames++;
        totals->verdicts[packet->verdict]++;
}

void flow_table_add(struct flow_table *table, enum flow_second second, const struct packet *packets, unsigned n) {
        assert(n <= FLOW_TABLE_BURST);
        bool is_open = second == FLOW_SECOND_OPEN;
        struct flow_batch *batch = table->seconds[is_open ? table->open : table->open ^ 1].batch;
        struct tick_totals *totals = &batch->totals;

        struct arrival arrivals[FLOW_TABLE_BURST];
        for (unsigned i = 0; i < n; i++) {
                const struct packet *packet = &packets[i];
                struct arrival *arrival = &arrivals[i];
                count(totals, packet);
                arrival->nonflow = packet->verdict >= PACKET_FLOW_VERDICTS;
                if (arrival->nonflow)
                        continue;
                arrival->from_a = flow_key_from_packet(packet, table->iface, &arrival->key);
                arrival->ms = arrival_ms(batch, packet);
                arrival->home = (uint32_t)flow_key_hash(&arrival->key, table->seed) & (table->n_slots - 1);
                __builtin_prefetch(&table->slots[arrival->home], 1);
        }

        for (unsigned i = 0; i < n; i++) {
                const struct packet *packet = &packets[i];
                struct arrival *arrival = &arrivals[i];
                if (arrival->nonflow) {
                        volume_add(&totals->nonflow, packet->packets, packet->bytes);
                } else if (!(is_open ? add_open(table, arrival, packet) : add_closing(table, arrival, packet))) {
                        volume_add(&totals->untracked, packet->packets, packet->bytes);
                        table->untracked += packet->packets;
                }
        }
}

/* ---- seconds ------------------------------------------------------------------------- */

void flow_table_finish(struct flow_table *table) {
        assert(!table->seconds[table->open ^ 1].batch);
        table->open ^= 1;
        table->seconds[table->open ^ 1].next = 0;
}

void flow_table_open(struct flow_table *table, struct flow_batch *batch) {
        assert(batch->capacity <= table->max_flows);
        flow_table_finish(table);
        struct second *open = &table->seconds[table->open];
        open->batch = batch;
        open->n_touched = 0;
        open->n_regulars_seen = 0;
}

bool flow_table_close(struct flow_table *table, uint32_t budget) {
        const uint32_t ahead = 8;
        unsigned which = table->open ^ 1;
        struct second *closing = &table->seconds[which];
        if (!closing->batch)
                return true;

        for (; closing->next < closing->n_touched && budget; closing->next++, budget--) {
                if (closing->next + ahead < closing->n_touched)
                        __builtin_prefetch(&table->slots[closing->touched[closing->next + ahead]], 1);
                struct slot *slot = &table->slots[closing->touched[closing->next]];
                if (slot->used && slot->second == which && is_pending(slot))
                        emit(table, slot);
        }
        if (closing->next < closing->n_touched)
                return false;
        closing->batch = NULL;
        closing->n_touched = 0;
        return true;
}

void flow_table_sweep(struct flow_table *table, int64_t now_ns, uint32_t budget) {
        uint32_t now_ms = (uint32_t)floor_div(now_ns, NS_PER_MS);
        for (; budget; budget--) {
                struct slot *slot = &table->slots[table->sweep_next];
                table->sweep_next = (table->sweep_next + 1) & (table->n_slots - 1);
                if (!slot->used || is_pending(slot))
                        continue;
                if ((int32_t)(now_ms - slot->last_ms) > table->ttl_ms[flow_key_class(&slot->key)])
                        release(table, slot);
        }
}

struct flow_table_stats flow_table_stats(const struct flow_table *table) {
        return (struct flow_table_stats){
                .active = table->active,
                .evicted = table->evicted,
                .untracked = table->untracked,
        };
}
