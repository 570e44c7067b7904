/* The flow directory: every flow that is alive, and those that ended, as long as there is room.
 * Internal to history/; the caller holds the history's lock. */
#ifndef NETWATCH_HISTORY_DIRECTORY_H
#define NETWATCH_HISTORY_DIRECTORY_H

#include "history/segments.h"

#define FLOW_NONE UINT32_MAX

enum entry_state {
        ENTRY_FREE,
        ENTRY_ACTIVE,
        ENTRY_ENDED,
};

struct entry {
        struct flow_key key;
        uint64_t id; /* its low 32 bits are the generation */
        int64_t first_seen_ms;
        int64_t last_seen_ms;
        struct volume ab;
        struct volume ba;
        uint32_t hash_next; /* next of the same hash chain, its index + 1; 0 = none */
        uint32_t previous;  /* in the one list that the entry is in: wheel slot, ended, or free */
        uint32_t next;
        uint32_t list;     /* which list that is */
        uint32_t tick_row; /* its row of the last tick, if that row names this entry */
        uint32_t stamp;    /* the directory's, when what the entry says last changed */
        uint32_t closed_s; /* low 32 bits of the second in which FIN both ways or RST was seen */
        uint8_t state;     /* enum entry_state */
        uint8_t tcp_flags;
        uint8_t fin_ab : 1;
        uint8_t fin_ba : 1;
        uint8_t rst : 1;
        uint8_t initiator_b : 1;
        uint8_t initiator_rank : 2;
        uint8_t ab_direction : 2;
        uint8_t listed : 1; /* some segment has a row of it, or there are no segments */
        uint8_t pinned : 1; /* a minute that was thinned keeps it as one of its top flows */
};

struct entry_list {
        uint32_t head; /* oldest */
        uint32_t tail;
};

#define WHEEL_SLOTS 4096u

struct directory {
        struct entry *entries;
        uint32_t capacity;
        uint32_t used_up_to; /* entries beyond have never been used */
        uint32_t *chains;    /* heads of the hash chains, index + 1 */
        uint32_t n_chains;   /* a power of two */
        uint64_t seed;
        uint64_t last_id;
        uint32_t stamp;           /* counts what is written at once */
        uint32_t second_stamp;    /* when the current second began */
        struct entry_list *lists; /* WHEEL_SLOTS of live flows by when to look at them, then ended, then free */
        int64_t wheel_s;          /* the next second to be looked at */
        uint32_t n_active;
        uint32_t n_ended;
        uint32_t n_new;        /* in the current tick */
        struct flow_sum *rows; /* what each flow did in the last second; FLOW_NONE where it has left since */
        uint32_t n_rows;
        uint32_t rows_capacity;
        int64_t ttl_ms[PACKET_CLASSES];
        int64_t keep_ended_ms;     /* INT64_MAX: as long as there is room */
        struct segments *segments; /* which flows must stay is theirs to say; NULL: the first to end leaves first */
        uint32_t hand;             /* where the search for an active flow that no segment lists goes on */
        uint32_t hand_looks;       /* how many entries it may still look at in this tick */
        uint64_t n_forgotten;      /* left for want of room, not for age */
        struct volume forgotten;
};

/* A segment has a row of this flow: it stays as long as that does. */
void directory_list(struct directory *directory, uint32_t index);

/* 0 or -ENOMEM. Half-built ones may be given to directory_fini. */
int directory_init(struct directory *directory, const struct history_options *options);
void directory_fini(struct directory *directory);
size_t directory_bytes(uint32_t max_flows);

/* Begins to change: once before all that readers will see at once. */
void directory_begin_change(struct directory *directory);

/* Begins the rows of a new tick. */
void directory_begin_tick(struct directory *directory, int64_t second);

bool directory_flow_of(struct directory *directory, const struct flow_key *key, enum direction ab_direction,
                       int64_t now_ms, struct history_flow *ret_flow);
bool directory_add(struct directory *directory, struct history_flow *flow, int64_t second,
                   const struct flow_delta *delta);

/* Ends flows that are idle or closed by `now_ms`, and drops those that ended long ago.
 * Looks at a bounded number; what is left over is done in the next tick. */
void directory_expire(struct directory *directory, int64_t now_ms);

/* The row of the last tick, or NULL where the flow was silent in it. */
const struct flow_sum *directory_row(const struct directory *directory, uint32_t index);

/* What a flow carried since it was first seen, and in the last tick. */
struct flow_sum directory_sum(const struct directory *directory, uint32_t index);
struct flow_sum directory_last(const struct directory *directory, uint32_t index);

/* Who began the flow, and which way that runs. */
enum flow_initiator entry_initiator(const struct entry *entry);
enum direction entry_direction(const struct entry *entry);

/* The entry as a row of the flow table, without the last second's figures; times in numbers, not labels. */
struct flow_row entry_to_row(const struct entry *entry);

#endif
