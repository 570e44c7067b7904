/* render: facts of the history → JSON, in the one shape that the API, the WebSocket and the report share;
 * and numbers as people read them.
 *
 * Every function of json_t returns a new reference that the caller owns, or NULL without memory.
 * Numbers are plain integers; times Unix milliseconds. Any thread. */
#ifndef NETWATCH_RENDER_RENDER_H
#define NETWATCH_RENDER_RENDER_H

#include <jansson.h>

#include "history/history.h"

/* The names of interfaces by their index, as flows bear it. */
struct render_names {
        unsigned n_ifaces;
        char ifaces[FLOW_IFACES][HISTORY_NAME_BYTES];
};

/* An address of a key ("10.0.0.1", "2001:db8::1"); `family` 4 or 6. Returns ret. */
const char *render_address(const uint8_t address[16], uint8_t family, char ret[46]);

/* An endpoint ("10.0.0.1:1234", "[2001:db8::1]:443"). Returns ret. */
const char *render_endpoint(const uint8_t address[16], uint8_t family, uint16_t port, char ret[56]);

/* bits per second of `bytes` in `span_ms`, rounded to the nearest; 0 for an empty span. */
uint64_t render_rate_bps(uint64_t bytes, uint32_t span_ms);
uint64_t render_rate_pps(uint64_t packets, uint32_t span_ms);

/* 412612345, "bit/s" → "413 Mbit/s": powers of 1000, three significant digits, the unit always there;
 * below 1000 what is whole stays whole, below 0.005 it is "<0.01". Never negative. Returns ret. */
#define RENDER_QUANTITY_BYTES 32
const char *render_quantity(double value, const char *unit, char ret[RENDER_QUANTITY_BYTES]);

/* 412612345 → "412,612,345". Returns ret. */
#define RENDER_COUNT_BYTES 32
const char *render_count(uint64_t value, char ret[RENDER_COUNT_BYTES]);

/* "0 s", "350 ms", "2.70 s", "4 min 12 s", "3 h 20 min", "2 d 4 h". Never negative. Returns ret. */
#define RENDER_DURATION_BYTES 32
const char *render_duration(int64_t duration_ms, char ret[RENDER_DURATION_BYTES]);

/* A row of /api/flows and of the report. */
json_t *render_flow(const struct flow_row *row, const struct render_names *names);

/* {"packets":…,"bytes":…} */
json_t *render_volume(struct volume volume);

/* {"flows":…,"packets":…,"bytes":…}: what some flows carried together. */
json_t *render_share(uint64_t flows, struct volume volume);

/* {"tcp":…,"udp":…,"icmp":…,"other":…} of bits per second; adds up to `bps` exactly. */
json_t *render_class_bps(const struct volume by_class[PACKET_CLASSES], uint64_t bps, uint32_t span_ms);

/* The same of packets per second, and plain sums of bytes or packets. */
json_t *render_class_pps(const struct volume by_class[PACKET_CLASSES], uint64_t pps, uint32_t span_ms);
json_t *render_class_bytes(const struct volume by_class[PACKET_CLASSES]);
json_t *render_class_packets(const struct volume by_class[PACKET_CLASSES]);

/* {"l4_cut":…}: the verdicts that occurred, PACKET_OK aside. */
json_t *render_undecoded(const uint64_t verdicts[PACKET_VERDICTS]);

/* An object as CSV of RFC 4180: its members' names (a header row), or their values. Numbers are plain, null
 * is nothing. Text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a
 * carriage return) gets a ' before it, since names may come from strangers. No member may be an array or
 * an object. False where `sink` (see json_dump_callback) returned other than 0. */
bool render_csv_names(const json_t *object, json_dump_callback_t sink, void *context);
bool render_csv_values(const json_t *object, json_dump_callback_t sink, void *context);

#endif
