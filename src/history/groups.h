/* Flows summed up by host, port, …: what top talkers and series have in common. Internal to history/. */
#ifndef NETWATCH_HISTORY_GROUPS_H
#define NETWATCH_HISTORY_GROUPS_H

#include "history/store.h"

/* Zeroed, but for the seed, is empty. */
struct groups {
        struct top_row *rows; /* no packets: unused */
        size_t n;
        size_t room; /* a power of two */
        uint64_t seed;
};

void groups_fini(struct groups *groups);

/* Adds what a flow carried to its group; by host to both of its groups. 0 or -ENOMEM. */
int groups_add_flow(struct groups *groups, const struct entry *entry, struct volume volume, enum top_by by);

/* The part of a flow's key that a grouping keeps. */
struct flow_key groups_key(const struct entry *entry, enum top_by by);

/* By host: makes the key of a flow's first host that of its second; false where there is none. */
bool groups_other_host(const struct entry *entry, enum top_by by, struct flow_key *key);

/* The group of a key that was added; NULL where none was. */
struct top_row *groups_find(const struct groups *groups, const struct flow_key *key);

/* Puts a row in its place among the best `*n`, of which there are at most `max`: sorted, the greatest first. */
void groups_insert_best(struct top_row *rows, size_t *n, size_t max, const struct top_row *row, bool by_packets);

#endif
