/* Writes ticks into a history as the rollup does, for flows numbered as in packets.h. */
#ifndef NETWATCH_TESTS_TICKS_H
#define NETWATCH_TESTS_TICKS_H

#include "base/clock.h"
#include "history/history.h"
#include "lib/packets.h"

static inline struct history_options history_options_with(uint32_t max_flows) {
        return (struct history_options){
                .retention_s = 60,
                .max_flows = max_flows,
                .ttl_ms = {120000, 30000, 10000, 30000},
                .seed = 7,
                .workers = 1,
        };
}

/* A delta from A to B of one packet, `ms` into its second. */
static inline struct flow_delta delta_of(uint16_t ms, uint32_t bytes) {
        return (struct flow_delta){.ab_packets = 1, .ab_bytes = bytes, .first_ms = ms, .last_ms = ms};
}

/* Adds a delta to the flow of a key; false where there was no room. Between begin and end. */
static inline bool ticks_add_key(struct history *history, const struct flow_key *key, struct flow_delta delta,
                                 struct history_tick *tick) {
        uint64_t packets = (uint64_t)delta.ab_packets + delta.ba_packets;
        uint64_t bytes = (uint64_t)delta.ab_bytes + delta.ba_bytes;
        volume_add(&tick->totals.all, packets, bytes);
        volume_add(&tick->totals.by_class[flow_key_class(key)], packets, bytes);

        struct history_flow flow;
        bool added =
                history_flow_of(history, key, DIRECTION_UNKNOWN, &flow) && history_tick_add(history, &flow, &delta);
        if (!added)
                volume_add(&tick->totals.untracked, packets, bytes);
        return added;
}

static inline struct history_tick ticks_begin(struct history *history, int64_t second) {
        history_tick_begin(history, second);
        return (struct history_tick){.start_ns = second * NS_PER_S, .end_ns = (second + 1) * NS_PER_S};
}

/* A whole second in which one flow sent one packet. */
static inline void ticks_one(struct history *history, int64_t second, uint32_t number, uint8_t proto,
                             struct flow_delta delta) {
        struct history_tick tick = ticks_begin(history, second);
        const struct flow_key key = key_of(number, proto);
        (void)ticks_add_key(history, &key, delta, &tick);
        history_tick_end(history, &tick);
}

static inline void ticks_none(struct history *history, int64_t second) {
        const struct history_tick tick = ticks_begin(history, second);
        history_tick_end(history, &tick);
}

/* All rows, by id. */
static inline struct flow_result ticks_rows(struct history *history) {
        const struct flow_query query = {.sort = FLOW_SORT_ID, .ascending = true, .max_rows = SIZE_MAX};
        struct flow_result result = {0};
        (void)history_query_flows(history, &query, NULL, NULL, &result);
        return result;
}

#endif
