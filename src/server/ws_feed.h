/* What the topics say: the newest frame of each, encoded when somebody wants it. WebSocket loop only. */
#ifndef NETWATCH_SERVER_WS_FEED_H
#define NETWATCH_SERVER_WS_FEED_H

#include <stdbool.h>

#include "history/history.h"
#include "server/ws_frame.h"

enum ws_topic {
        WS_RATES,
        WS_TOP_TALKERS,
        WS_TICK_TOPICS, /* so far: one frame per tick, the newest counts */
        WS_EVENTS = WS_TICK_TOPICS,
        WS_TOPICS,
};

/* "rates", …; static. */
const char *ws_topic_name(enum ws_topic topic);

/* WS_TOPICS where no topic has that name. */
enum ws_topic ws_topic_of(const char *name);

struct ws_feed {
        struct history *history;
        struct history_counters announced; /* the newest second with rates; span 0 before the first */
        struct history_counters gap;       /* the newest without; number 0 before the first */
        bool is_gap;                       /* that one is the newest of all */
        uint64_t turn;                     /* how often there was a new one */
        struct {
                struct ws_frame *frame;
                uint64_t turn; /* in which it was encoded */
        } latest[WS_TICK_TOPICS];
        uint64_t event_id; /* the newest event that was announced */
};

/* Starts after what has already happened. */
void ws_feed_init(struct ws_feed *feed, struct history *history);
void ws_feed_fini(struct ws_feed *feed);

/* True where there is a tick that was not announced, and now is the newest; `ret_missed` says how many messages of each
 * topic went by before it. */
bool ws_feed_advance(struct ws_feed *feed, uint64_t ret_missed[WS_TICK_TOPICS]);

/* The frame of the newest tick that was announced, borrowed; NULL before the first or without memory. */
struct ws_frame *ws_feed_latest(struct ws_feed *feed, enum ws_topic topic);

/* The next event that was not announced, with a reference; NULL where there is none. */
struct ws_frame *ws_feed_next_event(struct ws_feed *feed);

#endif
