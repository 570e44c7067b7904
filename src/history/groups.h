/* Flows summed up by host, port, …: what top talkers and series have in common. Internal to history/.
 *
 * The table has an end, which depends on the memory of queries. Where there are more groups they are summed in parts,
 * each a pass over all flows: those whose hash falls into it. */
#ifndef NETWATCH_HISTORY_GROUPS_H
#define NETWATCH_HISTORY_GROUPS_H

#include "history/store.h"

struct groups {
        struct work *work;
        struct top_row *rows; /* no packets: unused */
        size_t n;
        size_t room; /* a power of two */
        uint64_t seed;
        uint32_t parts, part; /* a power of two, and which of them is summed now */
};

struct groups groups_begin(struct work *work, uint64_t seed);
void groups_fini(struct groups *groups);

/* The best of all groups, at most `max`, sorted. `add_all` is called for each part, to add every flow that counts; its
 * failure ends it. 0, -ENOMEM, as work_take, or that failure. */
int groups_best(struct groups *groups, int (*add_all)(struct groups *groups, void *context), void *context,
                struct top_row *rows, size_t *ret_n, size_t max, bool by_packets);

/* From then on only these are to be found, each with its number in the list plus 1 as id. */
int groups_keep(struct groups *groups, const struct top_row *rows, size_t n);

/* Adds what a flow carried to its group; by host to both of its groups. 0, or a failure for groups_best. */
int groups_add_flow(struct groups *groups, const struct entry *entry, struct volume volume, enum top_by by);

/* The part of a flow's key that a grouping keeps. */
struct flow_key groups_key(const struct entry *entry, enum top_by by);

/* A flow that is active may be judged anew by a filter, and get another service port: then what was seen is not final.
 */
void groups_note_change(const struct entry *entry, enum top_by by, enum filter_lasts lasts, struct history_seen *seen);

/* By host: makes the key of a flow's first host that of its second; false where there is none. */
bool groups_other_host(const struct entry *entry, enum top_by by, struct flow_key *key);

/* The id of a key's group; 0 where there is none. */
uint64_t groups_id(const struct groups *groups, const struct flow_key *key);

/* Puts a row in its place among the best `*n`, of which there are at most `max`: sorted, the greatest first. */
void groups_insert_best(struct top_row *rows, size_t *n, size_t max, const struct top_row *row, bool by_packets);

#endif
