/* The loop: new clients come through a locked list, ticks and events through the history's eventfd.
 *
 * A tick costs one encoding per topic and one write per client. Ticks that come faster than ten a
 * second (a file that is read at full speed) are announced ten times a second. Once a second
 * clients are pinged, and the HTTP connections' deadlines looked after. */
#include "server/ws.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/internal.h"
#include "server/ws_client.h"

#define EPOLL_BATCH 64
#define ANNOUNCE_NS (100 * NS_PER_MS)
#define GOODBYE_NS (400 * NS_PER_MS)
#define LEAVE_NS (3 * NS_PER_S)

/* A client in the loop's list. */
struct member {
        struct member *next;
        struct ws_client *client;
        uint32_t interest;
        bool has_session;
        struct session session;
        int64_t ends_ns; /* after its session: when it goes, whether it has taken leave or not; 0 before */
};

struct ws {
        struct server *server;
        struct ws_feed feed;
        int epoll_fd, wake_fd;
        pthread_t thread;
        bool running;

        pthread_mutex_t lock;
        struct member *incoming; /* guarded, like `stopping` */
        bool stopping;

        struct member *members;
        bool tick_pending;
        int64_t announced_ns, checked_ns;

        _Atomic unsigned count;
        _Atomic uint64_t skipped;
};

/* ---- any thread ------------------------------------------------------------------- */

bool ws_reserve(struct ws *ws) {
        if (atomic_fetch_add(&ws->count, 1) < ws->server->max_websockets)
                return true;
        ws_release(ws);
        return false;
}

void ws_release(struct ws *ws) {
        atomic_fetch_sub(&ws->count, 1);
}

unsigned ws_count(struct ws *ws) {
        return atomic_load(&ws->count);
}

uint64_t ws_skipped(struct ws *ws) {
        return atomic_load(&ws->skipped);
}

static void wake(struct ws *ws) {
        (void)eventfd_write(ws->wake_fd, 1);
}

bool ws_adopt(struct ws *ws, const struct ws_newcomer *newcomer) {
        struct ws_client_options options = {
                .fd = newcomer->fd,
                .handle = newcomer->handle,
                .extra = newcomer->extra,
                .extra_bytes = newcomer->extra_bytes,
                .feed = &ws->feed,
        };
        struct member *member = calloc(1, sizeof(*member));
        if (member) {
                member->client = ws_client_new(&options);
                member->has_session = newcomer->has_session;
                member->session = newcomer->session;
        }
        if (!member || !member->client) {
                free(member);
                return false;
        }

        pthread_mutex_lock(&ws->lock);
        bool taken = !ws->stopping;
        if (taken) {
                member->next = ws->incoming;
                ws->incoming = member;
        }
        pthread_mutex_unlock(&ws->lock);
        if (taken) {
                wake(ws);
        } else {
                ws_client_free(member->client);
                free(member);
        }
        return taken;
}

/* ---- the loop's thread ------------------------------------------------------------ */

/* Tells epoll what the client waits for now. */
static void update_interest(struct ws *ws, struct member *member) {
        uint32_t interest = ws_client_interest(member->client);
        if (interest == member->interest)
                return;
        struct epoll_event event = {.events = interest, .data.ptr = member};
        (void)epoll_ctl(ws->epoll_fd, EPOLL_CTL_MOD, ws_client_fd(member->client), &event);
        member->interest = interest;
}

static void flush(struct ws *ws, struct member *member) {
        ws_client_flush(member->client);
        update_interest(ws, member);
}

static void receive(struct ws *ws, struct member *member) {
        ws_client_receive(member->client);
        flush(ws, member);
}

/* Closes the socket and gives the place back. */
static void drop(struct ws *ws, struct member *member) {
        (void)epoll_ctl(ws->epoll_fd, EPOLL_CTL_DEL, ws_client_fd(member->client), NULL);
        MHD_upgrade_action(ws_client_handle(member->client), MHD_UPGRADE_ACTION_CLOSE);
        http_loop_wake(&ws->server->http_loop);
        ws_client_free(member->client);
        free(member);
        ws_release(ws);
}

static void drop_done(struct ws *ws, int64_t now_ns) {
        for (struct member **at = &ws->members; *at;) {
                struct member *member = *at;
                if (ws_client_is_done(member->client) || (member->ends_ns && now_ns > member->ends_ns)) {
                        *at = member->next;
                        drop(ws, member);
                } else {
                        at = &member->next;
                }
        }
}

/* Takes in the new ones; what they sent along with the request is read at once. */
static void take_incoming(struct ws *ws) {
        pthread_mutex_lock(&ws->lock);
        struct member *incoming = ws->incoming;
        ws->incoming = NULL;
        pthread_mutex_unlock(&ws->lock);
        while (incoming) {
                struct member *member = incoming;
                incoming = member->next;
                member->next = ws->members;
                ws->members = member;
                member->interest = EPOLLIN;
                struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
                (void)epoll_ctl(ws->epoll_fd, EPOLL_CTL_ADD, ws_client_fd(member->client), &event);
                receive(ws, member);
        }
}

static void offer_all(struct ws *ws, enum ws_topic topic, struct ws_frame *frame, uint64_t missed) {
        for (struct member *m = ws->members; frame && m; m = m->next)
                if (ws_client_subscribed(m->client, topic))
                        atomic_fetch_add(&ws->skipped, ws_client_offer(m->client, topic, frame, missed));
}

static bool anyone_wants(const struct ws *ws, enum ws_topic topic) {
        for (const struct member *m = ws->members; m; m = m->next)
                if (ws_client_subscribed(m->client, topic))
                        return true;
        return false;
}

static void announce(struct ws *ws) {
        uint64_t missed[WS_TICK_TOPICS];
        struct ws_frame *frame;
        ws->tick_pending = false;
        if (ws_feed_advance(&ws->feed, missed))
                for (unsigned topic = 0; topic < WS_TICK_TOPICS; topic++)
                        if (anyone_wants(ws, topic) && (frame = ws_feed_latest(&ws->feed, topic)))
                                offer_all(ws, topic, frame, missed[topic]);
        while ((frame = ws_feed_next_event(&ws->feed))) {
                offer_all(ws, WS_EVENTS, frame, 0);
                ws_frame_unref(frame);
        }
        for (struct member *m = ws->members; m; m = m->next)
                flush(ws, m);
}

/* Whose session is over gets a close frame, and a moment to read it. */
static void check_session(struct ws *ws, struct member *member, int64_t now_ns) {
        if (!member->has_session || member->ends_ns || sessions_is_live(ws->server->sessions, &member->session, now_ns))
                return;
        ws_client_close(member->client, WS_CLOSE_SESSION_OVER);
        member->ends_ns = now_ns + LEAVE_NS;
}

static void check(struct ws *ws, int64_t now_ns) {
        connections_expire(&ws->server->connections);
        for (struct member *m = ws->members; m; m = m->next) {
                check_session(ws, m, now_ns);
                ws_client_check(m->client, now_ns);
                flush(ws, m);
        }
}

static void handle(struct ws *ws, const struct epoll_event *event) {
        eventfd_t value;
        if (event->data.ptr == &ws->server->tick_fd) {
                (void)eventfd_read(ws->server->tick_fd, &value);
                ws->tick_pending = true;
        } else if (event->data.ptr == &ws->wake_fd) {
                (void)eventfd_read(ws->wake_fd, &value);
                take_incoming(ws);
        } else {
                receive(ws, event->data.ptr);
        }
}

static int time_out_ms(const struct ws *ws, int64_t now_ns) {
        int64_t until_ns = ws->checked_ns + NS_PER_S;
        if (ws->tick_pending && ws->announced_ns + ANNOUNCE_NS < until_ns)
                until_ns = ws->announced_ns + ANNOUNCE_NS;
        return until_ns > now_ns ? (int)((until_ns - now_ns) / NS_PER_MS) + 1 : 0;
}

static void turn(struct ws *ws) {
        struct epoll_event events[EPOLL_BATCH];
        int n = epoll_wait(ws->epoll_fd, events, EPOLL_BATCH, time_out_ms(ws, clock_boot_ns()));
        for (int i = 0; i < n; i++)
                handle(ws, &events[i]);

        int64_t now_ns = clock_boot_ns();
        if (ws->tick_pending && now_ns >= ws->announced_ns + ANNOUNCE_NS) {
                ws->announced_ns = now_ns;
                announce(ws);
        }
        if (now_ns >= ws->checked_ns + NS_PER_S) {
                ws->checked_ns = now_ns;
                check(ws, now_ns);
        }
        drop_done(ws, now_ns);
}

static bool is_stopping(struct ws *ws) {
        pthread_mutex_lock(&ws->lock);
        bool stopping = ws->stopping;
        pthread_mutex_unlock(&ws->lock);
        return stopping;
}

/* All get a close frame and a moment to answer it. */
static void say_goodbye(struct ws *ws) {
        take_incoming(ws);
        for (struct member *m = ws->members; m; m = m->next) {
                ws_client_close(m->client, WS_CLOSE_GOING_AWAY);
                flush(ws, m);
        }
        int64_t end_ns = clock_boot_ns() + GOODBYE_NS;
        for (int64_t now_ns; ws->members && (now_ns = clock_boot_ns()) < end_ns;) {
                struct epoll_event events[EPOLL_BATCH];
                int n = epoll_wait(ws->epoll_fd, events, EPOLL_BATCH, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
                for (int i = 0; i < n; i++)
                        handle(ws, &events[i]);
                drop_done(ws, now_ns);
        }
        while (ws->members) {
                struct member *member = ws->members;
                ws->members = member->next;
                drop(ws, member);
        }
}

static void *run(void *context) {
        struct ws *ws = context;
        pthread_setname_np(pthread_self(), "websocket");
        while (!is_stopping(ws))
                turn(ws);
        say_goodbye(ws);
        return NULL;
}

/* ---- life ------------------------------------------------------------------------- */

static int watch(struct ws *ws, int fd, void *mark) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
        return epoll_ctl(ws->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_fds(struct ws *ws) {
        ws->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (ws->epoll_fd < 0)
                return -errno;
        ws->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (ws->wake_fd < 0)
                return -errno;
        int r = watch(ws, ws->wake_fd, &ws->wake_fd);
        return r < 0 ? r : watch(ws, ws->server->tick_fd, &ws->server->tick_fd);
}

int ws_start(struct server *server, struct ws **ret, struct error *error) {
        struct ws *ws = calloc(1, sizeof(*ws));
        if (!ws)
                return error_set(error, -ENOMEM, "cannot start the WebSocket loop: out of memory");
        ws->server = server;
        ws->epoll_fd = ws->wake_fd = -1;
        pthread_mutex_init(&ws->lock, NULL);
        ws_feed_init(&ws->feed, server->history);

        int r = open_fds(ws);
        if (r == 0)
                r = -pthread_create(&ws->thread, NULL, run, ws);
        if (r < 0) {
                ws_free(ws);
                return error_set(error, r, "cannot start the WebSocket loop: %s", strerror(-r));
        }
        ws->running = true;
        *ret = ws;
        return 0;
}

void ws_stop(struct ws *ws) {
        if (!ws || !ws->running)
                return;
        pthread_mutex_lock(&ws->lock);
        ws->stopping = true;
        pthread_mutex_unlock(&ws->lock);
        wake(ws);
        pthread_join(ws->thread, NULL);
        ws->running = false;
}

void ws_free(struct ws *ws) {
        if (!ws)
                return;
        ws_feed_fini(&ws->feed);
        if (ws->wake_fd >= 0)
                close(ws->wake_fd);
        if (ws->epoll_fd >= 0)
                close(ws->epoll_fd);
        pthread_mutex_destroy(&ws->lock);
        free(ws);
}
