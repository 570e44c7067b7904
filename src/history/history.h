/* history: the last hour, in memory. The rollup writes it a tick at a time; everybody else reads it.
 *
 * Writers: exactly one thread, the functions of the first part. Readers: any thread, any
 * number, the functions of the second part; each sees whole ticks only. A reader never
 * makes a capture worker wait: at most the rollup waits, for the milliseconds of one copy. */
#ifndef NETWATCH_HISTORY_HISTORY_H
#define NETWATCH_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "history/filter.h"

struct history;

/* Why there are no counters of a second. */
enum history_gap {
        HISTORY_GAP_NONE,
        HISTORY_GAP_NO_CAPTURE, /* the daemon itself was held up */
        HISTORY_GAP_IFACE_DOWN, /* no interface was up */
        HISTORY_GAP_IFACE_GONE, /* none was there */
        HISTORY_GAP_CLOCK_STEP, /* the wall clock was set beyond it; in a file: its timestamps jumped */
        HISTORY_GAP_SLEEP,      /* the machine slept */
};

struct history_options {
        uint32_t retention_s; /* seconds of counters; how long an ended flow stays listed */
        bool keep_all;        /* a report over a whole file: ended flows stay as long as there is room */
        bool gaps_are_zero;   /* a file: seconds without a frame are zeros, not gaps */
        uint32_t max_flows;   /* flows in the directory, live and ended */
        size_t segment_bytes; /* for what each flow did in each second; 0: that is not kept */
        size_t query_bytes;   /* that all queries at work may take together, beside the rest; 0: as they like */
        int64_t ttl_ms[PACKET_CLASSES];
        uint64_t seed;
        unsigned workers; /* how many workers write, for history_set_worker */
};

/* NULL without memory. */
struct history *history_new(const struct history_options *options);
void history_free(struct history *history);

/* Bytes of the budget that a history with these options may come to use. */
size_t history_bytes(const struct history_options *options);

/* Has every tick and every event write to this eventfd (-1: none). Before the threads start. */
void history_notify(struct history *history, int event_fd);

/* ---- writing: the rollup's thread ------------------------------------------------- */

/* A flow in the directory. A stale one is noticed: its place may have gone to another flow. */
struct history_flow {
        uint32_t index;
        uint32_t generation; /* 0: no flow */
};

/* Seconds are numbered; the wall time (Unix time, s) is a label beside the number. From `second` on,
 * which has not begun, the label is `ahead_s` more than the number; before the first call they are the
 * same. `why` is CLOCK_STEP or SLEEP. All that readers get and give are labels, except where it says number. */
void history_set_wall(struct history *history, int64_t second, int64_t ahead_s, enum history_gap why);

/* A tick is written as begin, any number of adds, end. Readers see it after end, whole.
 * Seconds never go back; one left out is a gap (or a zero, see options). A second that is
 * begun again goes on: that is how the first one, a partial second, can be shown early. */
void history_tick_begin(struct history *history, int64_t second);

/* Between begin and end: the flow of a key, the live one, else a new one whose packets from
 * A to B run in `ab_direction`. False where the directory is full of live flows, or the tick has
 * told of as many flows as there is room for. */
bool history_flow_of(struct history *history, const struct flow_key *key, enum direction ab_direction,
                     struct history_flow *ret_flow);

/* Between begin and end: adds a delta of the tick's second to a flow. Where that flow had ended
 * before the delta (by its TTL, after FIN or RST), a successor of the same key begins and
 * `*flow` becomes it. False where `*flow` is stale or there is no room for a successor: the
 * caller counts the delta as untracked. */
bool history_tick_add(struct history *history, struct history_flow *flow, const struct flow_delta *delta);

/* What the tick amounts to; for a second that was begun again, what has come since. */
struct history_tick {
        int64_t start_ns;
        int64_t end_ns;
        struct tick_totals totals;
        uint64_t drops; /* frames the kernel dropped, read in this tick */
        bool merged;    /* holds more than one second, since the rollup was late */
};

/* start_ns..end_ns is the part of the second that was captured; where that is not all of it the
 * row is `partial`. */
void history_tick_end(struct history *history, const struct history_tick *tick);

/* Cumulative figures of one worker, for /api/stats. Set between begin and end. */
struct history_worker {
        uint8_t iface;
        bool segments_unknown; /* not capture_segments_known */
        int cpu;               /* pinned to, or -1 */
        uint64_t ring_bytes;
        uint64_t frames;   /* counted */
        uint64_t received; /* as struct capture_counts */
        uint64_t dropped;
        uint64_t freezes;
        struct link_counters link;
        struct volume seen; /* on the wire, in the frames counted */
        uint64_t late;
        uint64_t longest_pause_us; /* longest time between two reads of the source */
        uint32_t active;           /* slots of its table in use */
        uint32_t capacity;
        uint64_t evicted;
        uint64_t untracked; /* packets */
};
void history_set_worker(struct history *history, unsigned worker, const struct history_worker *figures);

/* ---- captured interfaces: the thread that follows them -------------------------------- */

enum history_iface_state {
        HISTORY_IFACE_UP,         /* captured */
        HISTORY_IFACE_DOWN,       /* switched off */
        HISTORY_IFACE_NO_CARRIER, /* switched on, but its link is not there */
        HISTORY_IFACE_GONE,       /* deleted, or moved to another namespace */
        HISTORY_IFACE_REFUSED,    /* back as something that cannot be captured */
};

#define HISTORY_NAME_BYTES 64 /* an interface's has 16 at most; a file's can be longer, and is cut */

struct history_iface {
        char name[HISTORY_NAME_BYTES];
        enum history_iface_state state;
};

/* What an interface is called and how it is, from `at_ns` on (as the start_ns of ticks, not Unix time). While none is
 * up nothing is captured: such a second is a gap, and one of which a part is left is `partial`. The first word
 * of an interface holds for the time before it, too. What is no UTF-8 in its name readers get as '?'. A file
 * that is served counts as one that is up. */
void history_set_iface(struct history *history, unsigned iface, const struct history_iface *now, int64_t at_ns);

/* Something happened. `event` is one of the names below, `detail` one plain sentence; what is no
 * UTF-8 in it readers get as '?'.
 * This one function may be called from any thread. */
void history_add_event(struct history *history, int64_t ts_ms, const char *event, const char *detail);

/* ---- reading: any thread ---------------------------------------------------------- */

/* The captured interfaces by their index, as flows bear it, up to `max`; returns how many. */
unsigned history_read_ifaces(struct history *history, struct history_iface *ret, unsigned max);

/* One second as it was counted. */
struct history_counters {
        int64_t second;   /* Unix time, s */
        int64_t number;   /* of the tick; strictly upwards, also where the wall clock was set back */
        uint32_t span_ms; /* 1000, less where partial, more where merged */
        bool partial;
        bool merged;
        enum history_gap gap; /* NONE in all that readers get: a gap has no counters */
        struct volume all, untracked, nonflow;
        struct volume by_class[PACKET_CLASSES], in[PACKET_CLASSES], out[PACKET_CLASSES];
        uint64_t drops;
        uint32_t new_flows;
        uint32_t active_flows; /* alive at its end */
};

/* The last second of which there are counters; false before the first. */
bool history_latest(struct history *history, struct history_counters *ret);

/* True where the last closed second is a gap: its second, number and gap. */
bool history_latest_gap(struct history *history, struct history_counters *ret);

/* Why there are no counters of a Unix second; NONE where there are. That holds up to `*ret_end`, or longer. */
enum history_gap history_gap_of(struct history *history, int64_t second, int64_t *ret_end);

/* The last second before this one of which anything is held; false where that is a gap, or there is none. */
bool history_before(struct history *history, int64_t second, struct history_counters *ret);

/* How many ticks and events there have been: a reader compares it to see what is new. */
uint64_t history_ticks(struct history *history);

/* The seconds that are held: [ret_from, ret_to); false where there are none. ret_to is the end of the newest. */
bool history_span(struct history *history, int64_t *ret_from, int64_t *ret_to);

/* Copies the counters of [from, to) that exist, in the order of their Unix time, up to `max`; returns
 * how many. What is missing between two of them was not captured, or skipped by the clock. Where the
 * clock was set back, a second is the latest one that bears that time. */
size_t history_read_counters(struct history *history, int64_t from, int64_t to, struct history_counters *ret,
                             size_t max);

/* How many seconds are held whose numbers lie between two others. */
size_t history_count_between(struct history *history, int64_t after_number, int64_t before_number);

/* All that was ever counted, also what the retention has dropped. */
struct history_totals {
        struct tick_totals totals;
        uint64_t drops;
        uint64_t flows_forgotten; /* flows that had to leave the directory before their time */
        struct volume forgotten;  /* what they had carried */
};
void history_read_totals(struct history *history, struct history_totals *ret);

enum flow_state {
        FLOW_STATE_ACTIVE,
        FLOW_STATE_ENDED,
};

enum flow_initiator {
        FLOW_INITIATOR_NONE, /* nothing tells */
        FLOW_INITIATOR_A,
        FLOW_INITIATOR_B,
};

/* A row of the flow table. */
struct flow_row {
        uint64_t id;    /* unique since start, below 2^53 */
        uint32_t index; /* where history_query_spark finds the flow */
        struct flow_key key;
        int64_t first_seen_ms; /* Unix time */
        int64_t last_seen_ms;
        struct volume ab; /* A to B, since first seen */
        struct volume ba;
        struct volume last;    /* both ways, in the last closed second */
        uint32_t last_span_ms; /* that second's captured span, for rates */
        uint8_t tcp_flags;
        uint8_t state;      /* enum flow_state */
        uint8_t initiator;  /* enum flow_initiator */
        uint8_t directions; /* of history/select.h: those that ab and ba are of */
        uint8_t direction;  /* enum direction: the initiator's packets leave (out) or enter (in) this host */
};

enum flow_sort {
        FLOW_SORT_BYTES,
        FLOW_SORT_PACKETS,
        FLOW_SORT_AB_BYTES,
        FLOW_SORT_BA_BYTES,
        FLOW_SORT_AB_PACKETS,
        FLOW_SORT_BA_PACKETS,
        FLOW_SORT_BPS,
        FLOW_SORT_PPS,
        FLOW_SORT_FIRST_SEEN,
        FLOW_SORT_LAST_SEEN,
        FLOW_SORT_ID,
        FLOW_SORT_A_PORT,
        FLOW_SORT_B_PORT,
        FLOW_SORT_PROTO_NUMBER,
        FLOW_SORT_VLAN,
        FLOW_SORT_TCP_FLAGS,
        FLOW_SORTS,
};

#define FLOW_FILTER_VALUES 8u

/* A condition over numbers: with n > 0 a flow must have one of them, or where `none_of` none of them. */
struct flow_values {
        unsigned n;
        bool none_of;
        uint16_t list[FLOW_FILTER_VALUES];
};

/* The same over networks; either end inside counts. */
struct flow_nets {
        unsigned n;
        bool none_of;
        struct {
                uint8_t address[16]; /* all three as parse_cidr */
                uint8_t bits, family;
        } list[FLOW_FILTER_VALUES];
};

/* A class among the values of flow_filter.protos: this plus enum packet_class. */
#define FLOW_FILTER_CLASS 0x100u

/* Which flows. A zeroed filter selects all; each set of values and each has_ field adds a condition. */
struct flow_filter {
        struct flow_values protos; /* IP protocol numbers, or classes */
        struct flow_values ports;  /* either end */
        struct flow_values vlans;
        struct flow_nets nets;
        const struct filter *expression; /* of filter.h, or NULL; the caller's, for as long as the query runs */
        bool has_state, has_id;
        enum flow_state state;
        uint64_t ifaces; /* a bit for each; none set: all */
        uint64_t id;
};

/* Seconds of Unix time, [from, to). */
struct history_range {
        int64_t from, to;
};

/* What a query over a range could see of it. */
struct history_seen {
        struct history_range range; /* widened to the resolution, and cut to what is held */
        uint32_t resolution_ms;
        uint64_t span_ms;  /* of it, what was captured */
        bool exact;        /* false where a filter was asked for and flows are thinned away */
        bool is_final;     /* the answer stays the same for as long as history_basis does */
        struct volume all; /* its counters: matched + unmatched + thinned + untracked + nonflow */
        struct volume thinned, untracked, nonflow;
        uint64_t thinned_flows;
};

/* What an answer over a range stands on. */
struct history_basis {
        bool is_past;     /* its seconds are over, are held, and bear times in a row: they change no more */
        uint64_t changes; /* how often something of the past has changed: thinned, forgotten, named, put on another
                             clock */
};
struct history_basis history_read_basis(struct history *history, struct history_range range);

struct flow_query {
        bool has_range; /* every flow that sent something in it, with its sums over it; else those of now */
        struct history_range range;
        struct flow_filter filter;
        enum flow_sort sort;
        bool ascending; /* ties are broken by ascending id */
        size_t max_rows;
};

struct flow_result {
        int64_t asof_ms;  /* end of the last closed second */
        uint64_t total;   /* flows in the directory, in the asked state */
        uint64_t matched; /* of those, the ones that the filter selects */
        struct volume matched_volume, unmatched_volume;
        uint64_t unmatched;
        struct history_seen seen; /* valid with has_range */
        size_t n_rows;            /* min(matched, max_rows), the first by the sort order */
        struct flow_row *rows;
};

/* Flows as of the last closed second, or over a range. `cancelled` (may be NULL) is polled now and then; where it
 * says true the query ends. Returns 0, -ENOMEM, -ECANCELED, -E2BIG where it would take more than query_bytes, or -EBUSY
 * where other queries have taken what it needs of them; on 0 the rows are the caller's, who set their number, to be
 * freed by flow_result_fini. For a query thread, not for an event loop. */
int history_query_flows(struct history *history, const struct flow_query *query, bool (*cancelled)(void *),
                        void *context, struct flow_result *ret);
void flow_result_fini(struct flow_result *result);

/* Figures of the directory and the budget, for /api/stats. */
struct history_figures {
        uint64_t flows_active, flows_ended, flows_capacity;
        uint64_t flows_forgotten; /* ended flows that left for want of room */
        uint64_t bytes, budget;
        bool is_thinned;          /* seconds had to make room: before thinned_before there are whole minutes only */
        int64_t thinned_before_s; /* Unix time */
        unsigned workers;
};
void history_read_figures(struct history *history, struct history_figures *ret);
struct history_worker history_read_worker(struct history *history, unsigned worker);

/* Top talkers: the flows of the last closed second with the most bytes, highest first. Grouped otherwise
 * (host, port, …) the same second summed by that key. */
enum top_by {
        TOP_BY_FLOW,
        TOP_BY_PAIR,  /* two addresses */
        TOP_BY_HOST,  /* each address, so that every byte counts for two hosts */
        TOP_BY_PORT,  /* the service port: the responder's, or the lower one */
        TOP_BY_PROTO, /* IP protocol number */
        TOP_BY_VLAN,
        TOP_BY_IFACE,
        TOP_BYS,
};

struct top_row {
        struct flow_key key;  /* the parts that the grouping keeps; the others are zero */
        uint64_t id;          /* TOP_BY_FLOW: the flow's id */
        struct volume volume; /* in that second */
};

#define TOP_ROWS_MAX 1000u

struct top_query {
        bool has_range; /* else the last closed second */
        struct history_range range;
        enum top_by by;
        bool by_packets;
        struct flow_filter filter;
        unsigned limit; /* 1..TOP_ROWS_MAX */
};

struct top_result {
        int64_t second; /* which, be it a gap; 0 before the first tick */
        uint64_t span_ms;
        size_t n_rows;
        struct top_row *rows;
        struct volume matched; /* everything that the filter selects, shown or not */
        struct volume unmatched;
        uint64_t matched_flows, unmatched_flows;
        struct volume untracked, nonflow; /* of that second */
        struct history_seen seen;         /* valid with has_range; span_ms is the range's then */
};

/* Returns as history_query_flows; on 0 free with top_result_fini. For a query thread. */
int history_query_top(struct history *history, const struct top_query *query, bool (*cancelled)(void *), void *context,
                      struct top_result *ret);
void top_result_fini(struct top_result *result);

#define SERIES_ROWS_MAX 100u
#define SERIES_STEPS_MAX 3600

/* What top_query asks, step by step. */
struct series_query {
        struct history_range range;
        int64_t step_s; /* at least 1 */
        enum top_by by;
        bool by_packets;
        struct flow_filter filter;
        unsigned limit; /* 1..SERIES_ROWS_MAX */
};

/* Steps of step_s seconds from `start` on; the first and the last may reach beyond the range. Where the range has
 * resolution_ms 60000 they begin with a minute of the history and are as many minutes as step_s takes; they are longer
 * than asked, too, where they would be more than SERIES_STEPS_MAX. */
struct series_result {
        struct history_seen seen;
        int64_t start; /* Unix time, s */
        int64_t step_s;
        size_t n_steps;
        size_t n_rows;
        struct top_row *rows; /* the groups with the most over the whole range, and how much that is */
        uint64_t *span_ms;    /* of each step, what was captured; 0: nothing */
        uint64_t *values;     /* bytes or packets: n_steps of each row, then n_steps of all other groups together */
        struct volume matched, unmatched;
        uint64_t matched_flows, unmatched_flows;
};

/* Over all steps and rows, and the others, the values are `matched`; by host twice that. Returns as
 * history_query_flows; on 0 free with series_result_fini. For a query thread. */
int history_query_series(struct history *history, const struct series_query *query, bool (*cancelled)(void *),
                         void *context, struct series_result *ret);
void series_result_fini(struct series_result *result);

#define SPARK_MAX 600u

/* Some flows second by second. */
struct spark_result {
        unsigned n;        /* seconds */
        uint32_t *span_ms; /* of each; 0: nothing was captured, or it is not held by the second any more */
        uint64_t *bytes;   /* n of each flow */
        bool *known;       /* of each flow: false where it has left the directory */
};

/* What the flows of rows from history_query_flows did in the `n` (1..SPARK_MAX) seconds of Unix time before `to`.
 * Returns as history_query_flows; on 0 free with spark_result_fini. For a query thread. */
int history_query_spark(struct history *history, const struct flow_row *rows, size_t n_rows, int64_t to, unsigned n,
                        bool (*cancelled)(void *), void *context, struct spark_result *ret);
void spark_result_fini(struct spark_result *result);

/* The ten flows with the most bytes in the last closed second, highest first, as the tick left
 * them behind: cheap enough for an event loop. Returns how many were copied; `*ret_second`
 * receives the counters of that second (all zero before the first). */
size_t history_read_top(struct history *history, struct top_row *ret, size_t max, struct history_counters *ret_second);

struct history_event {
        uint64_t id; /* 1, 2, … */
        int64_t ts_ms;
        char event[16];
        char detail[160];
};

/* Copies the events with id > after_id and from_ms <= ts < to_ms, oldest first, up to `max`.
 * The newest 4,096 are kept. */
size_t history_read_events(struct history *history, uint64_t after_id, int64_t from_ms, int64_t to_ms,
                           struct history_event *ret, size_t max);

#endif
