/* flow: packets → flows of one worker → deltas, what each flow did in one second.
 *
 * A flow is a bidirectional 5-tuple with its VLAN, family and interface. The table of a
 * worker is its own; what leaves it is a batch of deltas and exact totals per second. */
#ifndef NETWATCH_FLOW_FLOW_H
#define NETWATCH_FLOW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/* ---- the key --------------------------------------------------------------------- */

/* The canonical key: A is the lower end (address bytes, then port). No padding, unused
 * bits zero: it is hashed and compared as 40 bytes. */
struct flow_key {
        uint8_t a_address[16]; /* network order; IPv4 as v4-mapped */
        uint8_t b_address[16];
        uint16_t a_port; /* host order */
        uint16_t b_port;
        uint16_t vlan_family; /* VLAN id, and FLOW_FAMILY_IP6: a v4-mapped IPv6 packet is not an IPv4 one */
        uint8_t proto;
        uint8_t iface; /* index of the captured interface, 0.. */
};

#define FLOW_FAMILY_IP6 0x8000u
#define FLOW_IFACES 64

static inline uint16_t flow_key_vlan(const struct flow_key *key) {
        return key->vlan_family & 0x0fff;
}

/* 4 or 6. */
static inline uint8_t flow_key_family(const struct flow_key *key) {
        return key->vlan_family & FLOW_FAMILY_IP6 ? 6 : 4;
}

static inline enum packet_class flow_key_class(const struct flow_key *key) {
        return packet_class_of(key->proto, flow_key_family(key));
}

/* Fills `ret` from a packet that belongs to a flow (verdict < PACKET_FLOW_VERDICTS).
 * Returns true where the packet runs from A to B. */
bool flow_key_from_packet(const struct packet *packet, uint8_t iface, struct flow_key *ret);

/* A keyed 64-bit hash (XXH3): without the seed nobody can choose our buckets. */
uint64_t flow_key_hash(const struct flow_key *key, uint64_t seed);

bool flow_key_equal(const struct flow_key *x, const struct flow_key *y);

/* ---- our side -------------------------------------------------------------------- */

#define LOCAL_NETS_MAX 64

/* The --local-net list: what counts as "our side" for in and out. */
struct local_nets {
        unsigned count;
        struct {
                uint8_t address[16]; /* IPv4 as v4-mapped */
                uint8_t bits;        /* of the 128 */
                uint8_t family;      /* 4 or 6 */
        } nets[LOCAL_NETS_MAX];
};

/* Do the first `bits` of the 128 of both agree? Network order, IPv4 as v4-mapped. */
bool flow_address_is_inside(const uint8_t address[16], const uint8_t net[16], unsigned bits);

/* Out where only the source is ours, in where only the destination is; else unknown. */
enum direction local_nets_direction(const struct local_nets *nets, const struct packet *packet);

/* ---- totals and deltas ----------------------------------------------------------- */

struct volume {
        uint64_t packets;
        uint64_t bytes;
};

static inline void volume_add(struct volume *v, uint64_t packets, uint64_t bytes) {
        v->packets += packets;
        v->bytes += bytes;
}

/* What x has more than y, which is part of it. */
static inline struct volume volume_less(struct volume x, struct volume y) {
        return (struct volume){x.packets - y.packets, x.bytes - y.bytes};
}

/* Adds up per-class volumes; adds `more` to `sum` class by class. */
struct volume classes_sum(const struct volume classes[PACKET_CLASSES]);
void classes_add(struct volume sum[PACKET_CLASSES], const struct volume more[PACKET_CLASSES]);

/* What one worker counted in one second, before anything could be refused:
 * all = Σ by_class = Σ flow deltas + untracked + nonflow, always. */
struct tick_totals {
        struct volume all;
        struct volume by_class[PACKET_CLASSES];
        struct volume in[PACKET_CLASSES]; /* of by_class, what came into this host; in + out may be less */
        struct volume out[PACKET_CLASSES];
        struct volume untracked; /* no flow slot was free */
        struct volume nonflow;   /* passed the filter without a valid IP header */
        int64_t first_ns;        /* time of the earliest and the latest frame; valid where all.packets is not 0 */
        int64_t last_ns;
        uint64_t frames;
        uint64_t late;                      /* packets counted here although their second was closed */
        uint64_t verdicts[PACKET_VERDICTS]; /* how many frames got which; PACKET_OK included */
};

void tick_totals_add(struct tick_totals *sum, const struct tick_totals *more);

/* Who began the flow, strongest last. */
enum initiator_rank {
        INITIATOR_FIRST_SEEN, /* sent the first packet that was seen */
        INITIATOR_SYN_ACK,    /* received a SYN+ACK */
        INITIATOR_SYN,        /* sent a SYN */
};

#define FLOW_SLOT_NONE UINT32_MAX

/* What one flow of one worker did in one second. Several deltas of a flow in one batch add up, in order. */
struct flow_delta {
        uint32_t slot; /* the worker's own number for the flow, or FLOW_SLOT_NONE: only its key tells */
        uint32_t ab_packets;
        uint32_t ba_packets;
        uint32_t ab_bytes;
        uint32_t ba_bytes;
        uint16_t first_ms; /* since the start of the batch's second; saturates */
        uint16_t last_ms;
        uint8_t tcp_flags; /* OR of all */
        uint8_t fin_ab : 1;
        uint8_t fin_ba : 1;
        uint8_t rst : 1;
        uint8_t syn_first : 1;      /* the first packet was a SYN without ACK */
        uint8_t initiator_b : 1;    /* who began it: B, else A */
        uint8_t initiator_rank : 2; /* enum initiator_rank */
        uint8_t has_key : 1;        /* the batch's next unread key is this flow's, and its slot's from now on */
        uint8_t ab_direction : 2;   /* enum direction of packets from A to B; valid with has_key */
};

/* The deltas and totals of one worker for one second. Lives in the worker's pool of
 * three and travels by pointer; owned by whoever holds it. */
struct flow_batch {
        int64_t second;   /* Unix time, s */
        int64_t start_ns; /* the part of it that was captured: its first second is partial */
        int64_t end_ns;
        int64_t last_second; /* beyond `second` where the rollup was late and seconds were merged */
        struct tick_totals totals;
        uint32_t n_deltas;
        uint32_t n_keys;
        uint32_t reserved; /* n_deltas plus the flows that will still emit one */
        uint32_t capacity;
        struct flow_delta *deltas;
        struct flow_key *keys; /* one for each delta with has_key, in their order */
};

/* A batch for `capacity` deltas; untouched pages cost nothing. NULL without memory. */
struct flow_batch *flow_batch_new(uint32_t capacity);
void flow_batch_free(struct flow_batch *batch);

/* Bytes of address space that a batch of that capacity takes. */
size_t flow_batch_bytes(uint32_t capacity);

/* ---- the table of one worker ------------------------------------------------------ */

struct flow_table;

struct flow_table_options {
        uint32_t max_flows; /* the table has twice as many slots */
        uint64_t seed;
        uint8_t iface;
        int64_t ttl_ms[PACKET_CLASSES]; /* idle time after which a slot may be reused */
};

/* A table of fixed size; NULL without memory. Owner thread only, like all below. */
struct flow_table *flow_table_new(const struct flow_table_options *options);
void flow_table_free(struct flow_table *table);

/* Slots of a table for `max_flows`; delta slots are below it. */
uint32_t flow_table_slots(uint32_t max_flows);
size_t flow_table_bytes(uint32_t max_flows);

/* Begins the second that `batch` describes. A second that is still open becomes the
 * closing one: frames of it that arrive late go on into its batch until flow_table_close
 * has handed it out. At most one second may be closing. The batch stays the caller's
 * memory, and the table's to fill until it is closed. */
void flow_table_open(struct flow_table *table, struct flow_batch *batch);

/* Which second a packet belongs to. */
enum flow_second {
        FLOW_SECOND_OPEN,
        FLOW_SECOND_CLOSING,
};

/* Adds up to FLOW_TABLE_BURST packets of one second to their flows and to that second's
 * totals. Never allocates, never waits; a packet for which there is no slot is counted
 * as untracked. */
#define FLOW_TABLE_BURST 32u
void flow_table_add(struct flow_table *table, enum flow_second second, const struct packet *packets, unsigned n);

/* Emits up to `budget` pending deltas of the closing second; true when it has none left,
 * and the batch is the caller's again. With nothing closing: true. */
bool flow_table_close(struct flow_table *table, uint32_t budget);

/* Turns the open second into the closing one without beginning another (end of capture). */
void flow_table_finish(struct flow_table *table);

/* Frees slots idle beyond their TTL, looking at `budget` slots from where the last call ended. */
void flow_table_sweep(struct flow_table *table, int64_t now_ns, uint32_t budget);

struct flow_table_stats {
        uint32_t active;    /* slots in use */
        uint64_t evicted;   /* flows that lost their slot to another */
        uint64_t untracked; /* packets without a slot */
};
struct flow_table_stats flow_table_stats(const struct flow_table *table);

#endif
