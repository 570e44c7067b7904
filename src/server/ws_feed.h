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
        struct history_counters announced; /* span 0 before the first */
        int64_t announced_gap;             /* number of the newest second that was announced as a gap */
        struct {
                struct ws_frame *frame;
                uint64_t ticks; /* as of which it was encoded */
        } latest[WS_TICK_TOPICS];
        uint64_t event_id; /* the newest event that was announced */
};

/* Starts after what has already happened. */
void ws_feed_init(struct ws_feed *feed, struct history *history);
void ws_feed_fini(struct ws_feed *feed);

/* True where there is a tick that was not announced; `ret_missed` says how many went by before it. */
bool ws_feed_advance(struct ws_feed *feed, uint64_t *ret_missed);

/* The frame of the newest tick, borrowed; NULL before the first tick or without memory. */
struct ws_frame *ws_feed_latest(struct ws_feed *feed, enum ws_topic topic);

/* The next event that was not announced, with a reference; NULL where there is none. */
struct ws_frame *ws_feed_next_event(struct ws_feed *feed);

#endif
