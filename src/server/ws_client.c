/* libwslay reads, and writes the control frames; data frames are written here, since they are encoded
 * once for all. The two share the socket: one frame is finished before the next begins.
 *
 * The end: our close frame out, write side shut, then whatever still comes is read and dropped until
 * the peer closes (or for two seconds), since closing with unread bytes would reset the
 * connection and could take the close frame with it. */
#include "server/ws_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "base/clock.h"

#define EVENTS_MAX 32
#define CONTROL_QUEUE_MAX 8
#define RECEIVE_TURN_MAX (64u * 1024)
#define SEND_BUFFER_BYTES (64 * 1024)
#define UNSENT_BYTES 4096
#define PING_AFTER_NS (20 * NS_PER_S)
#define GONE_AFTER_NS (45 * NS_PER_S)
#define LINGER_NS (2 * NS_PER_S)

struct ws_client {
        int fd;
        void *handle;
        struct ws_feed *feed;
        wslay_event_context_ptr wslay;

        char *extra; /* not yet read */
        size_t extra_bytes, extra_read;
        size_t turn_bytes; /* received in this turn */

        bool subscribed[WS_TOPICS];
        struct ws_frame *slots[WS_TICK_TOPICS];
        struct ws_frame *events[EVENTS_MAX];
        unsigned event_head, n_events;
        uint64_t missed[WS_TOPICS]; /* since the last frame of that topic was sent */

        struct ws_frame *sending;
        size_t sent;

        int64_t heard_ns, pinged_ns;
        int64_t linger_until_ns; /* 0: not yet lingering */
        bool blocked;            /* the kernel takes no more */
        bool broke_protocol;     /* by a frame that libwslay could not read */
        bool done;
};

/* ---- receiving -------------------------------------------------------------------- */

static ssize_t read_extra(struct ws_client *client, uint8_t *buf, size_t length) {
        size_t n = client->extra_bytes - client->extra_read;
        if (n > length)
                n = length;
        memcpy(buf, client->extra + client->extra_read, n);
        client->extra_read += n;
        return (ssize_t)n;
}

/* A turn is limited, so that one client's flood does not starve the others; and a client that does
 * not read its pongs is not read either. */
static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t length, int flags, void *user) {
        struct ws_client *client = user;
        (void)flags;
        if (client->turn_bytes >= RECEIVE_TURN_MAX || wslay_event_get_queued_msg_count(ctx) > CONTROL_QUEUE_MAX) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        ssize_t n = client->extra_read < client->extra_bytes ? read_extra(client, buf, length)
                                                             : recv(client->fd, buf, length, MSG_DONTWAIT);
        if (n > 0) {
                client->turn_bytes += (size_t)n;
                client->heard_ns = clock_boot_ns();
                return n;
        }
        bool again = n < 0 && (errno == EAGAIN || errno == EINTR);
        client->done = !again;
        wslay_event_set_error(ctx, again ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static void send_error(struct ws_client *client, const char *detail) {
        if (wslay_event_get_queued_msg_count(client->wslay) > CONTROL_QUEUE_MAX)
                return;
        json_t *object = json_pack("{ss ss}", "type", "error", "detail", detail);
        char *text = json_dumps(object, JSON_COMPACT);
        if (text) {
                struct wslay_event_msg message = {
                        .opcode = WSLAY_TEXT_FRAME,
                        .msg = (const uint8_t *)text,
                        .msg_length = strlen(text),
                };
                wslay_event_queue_msg(client->wslay, &message);
        }
        free(text);
        json_decref(object);
}

/* True where `list` is absent or an array of topics; marks them in `chosen`. */
static bool read_topics(const json_t *list, bool chosen[WS_TOPICS], const char **ret_detail) {
        if (!list)
                return true;
        if (!json_is_array(list)) {
                *ret_detail = "subscribe and unsubscribe take a list of topics";
                return false;
        }
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *name = json_string_value(json_array_get(list, i));
                enum ws_topic topic = name ? ws_topic_of(name) : WS_TOPICS;
                if (topic == WS_TOPICS) {
                        *ret_detail = "unknown topic; there are rates, top_talkers and events";
                        return false;
                }
                chosen[topic] = true;
        }
        return true;
}

static void change_subscriptions(struct ws_client *client, const bool on[WS_TOPICS], const bool off[WS_TOPICS]) {
        for (unsigned topic = 0; topic < WS_TOPICS; topic++) {
                if (off[topic])
                        client->subscribed[topic] = false;
                if (!on[topic])
                        continue;
                client->subscribed[topic] = true;
                struct ws_frame *frame = topic < WS_TICK_TOPICS ? ws_feed_latest(client->feed, topic) : NULL;
                if (frame && !client->slots[topic])
                        client->slots[topic] = ws_frame_ref(frame);
        }
}

static void handle_text(struct ws_client *client, const char *text, size_t n) {
        json_t *message = json_loadb(text, n, 0, NULL);
        const json_t *subscribe = json_object_get(message, "subscribe");
        const json_t *unsubscribe = json_object_get(message, "unsubscribe");
        bool on[WS_TOPICS] = {0}, off[WS_TOPICS] = {0};
        const char *detail = NULL;

        if (!message)
                send_error(client, "the message is no JSON");
        else if (!subscribe && !unsubscribe)
                send_error(client, "the message must be {\"subscribe\":[…]} or {\"unsubscribe\":[…]}");
        else if (!read_topics(subscribe, on, &detail) || !read_topics(unsubscribe, off, &detail))
                send_error(client, detail);
        else
                change_subscriptions(client, on, off);
        json_decref(message);
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *user) {
        struct ws_client *client = user;
        if (arg->opcode == WSLAY_TEXT_FRAME) {
                handle_text(client, (const char *)arg->msg, arg->msg_length);
        } else if (arg->opcode == WSLAY_BINARY_FRAME) {
                wslay_event_queue_close(ctx, WSLAY_CODE_UNSUPPORTED_DATA, NULL, 0);
                wslay_event_shutdown_read(ctx);
        } else if (arg->opcode == WSLAY_CONNECTION_CLOSE && arg->msg_length == 1) {
                client->broke_protocol = true; /* half a code */
        }
}

static void drain(struct ws_client *client) {
        char waste[4096];
        for (unsigned i = 0; i < RECEIVE_TURN_MAX / sizeof(waste); i++) {
                ssize_t n = recv(client->fd, waste, sizeof(waste), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        client->done = true;
                        return;
                }
        }
}

void ws_client_receive(struct ws_client *client) {
        client->turn_bytes = 0;
        if (client->linger_until_ns)
                drain(client);
        else if (wslay_event_recv(client->wslay) != 0) {
                client->broke_protocol = wslay_event_want_write(client->wslay); /* a close frame is on its way */
                client->done |= !client->broke_protocol;
        }
}

/* ---- sending ---------------------------------------------------------------------- */

static ssize_t send_bytes(struct ws_client *client, const uint8_t *at, size_t length) {
        ssize_t n = send(client->fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                client->blocked = true;
        else if (n < 0)
                client->done = true;
        return n;
}

/* libwslay closes without a code where a frame is broken: it gets 1002 (RFC 6455, 7.4.1) here. */
static ssize_t send_control(struct ws_client *client, const uint8_t *at, size_t length) {
        static const uint8_t empty_close[] = {0x88, 0}, protocol_error[] = {0x88, 2, 0x03, 0xea};
        if (!client->broke_protocol || length != sizeof(empty_close) || memcmp(at, empty_close, length) != 0)
                return send_bytes(client, at, length);
        ssize_t n = send_bytes(client, protocol_error, sizeof(protocol_error));
        return n > 0 ? (ssize_t)length : n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *at, size_t length, int flags, void *user) {
        struct ws_client *client = user;
        (void)flags;
        ssize_t n = send_control(client, at, length);
        if (n < 0)
                wslay_event_set_error(ctx, client->blocked ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
        return n;
}

/* Takes the next frame out of its place: events first, since they are few. */
static struct ws_frame *take_waiting(struct ws_client *client, enum ws_topic *ret_topic) {
        if (client->n_events) {
                struct ws_frame *frame = client->events[client->event_head];
                client->event_head = (client->event_head + 1) % EVENTS_MAX;
                client->n_events--;
                *ret_topic = WS_EVENTS;
                return frame;
        }
        for (unsigned topic = 0; topic < WS_TICK_TOPICS; topic++)
                if (client->slots[topic]) {
                        struct ws_frame *frame = client->slots[topic];
                        client->slots[topic] = NULL;
                        *ret_topic = topic;
                        return frame;
                }
        return NULL;
}

static struct ws_frame *next_frame(struct ws_client *client) {
        enum ws_topic topic;
        struct ws_frame *frame = take_waiting(client, &topic);
        if (!frame || !client->missed[topic])
                return frame;
        struct ws_frame *telling = ws_frame_with_skipped(frame, client->missed[topic]);
        if (!telling)
                return frame;
        client->missed[topic] = 0;
        ws_frame_unref(frame);
        return telling;
}

static void send_data(struct ws_client *client) {
        ssize_t n = send_bytes(client, client->sending->bytes + client->sent, client->sending->length - client->sent);
        if (n > 0)
                client->sent += (size_t)n;
        if (client->sent == client->sending->length) {
                ws_frame_unref(client->sending);
                client->sending = NULL;
        }
}

static void start_lingering(struct ws_client *client) {
        shutdown(client->fd, SHUT_WR);
        client->linger_until_ns = clock_boot_ns() + LINGER_NS;
}

void ws_client_flush(struct ws_client *client) {
        client->blocked = false;
        while (!client->blocked && !client->done && !client->linger_until_ns) {
                if (client->sending) {
                        send_data(client);
                } else if (wslay_event_want_write(client->wslay)) {
                        if (wslay_event_send(client->wslay) != 0)
                                client->done = true;
                } else if (wslay_event_get_close_sent(client->wslay)) {
                        start_lingering(client);
                } else {
                        client->sending = next_frame(client);
                        client->sent = 0;
                        if (!client->sending)
                                return;
                }
        }
}

bool ws_client_subscribed(const struct ws_client *client, enum ws_topic topic) {
        return client->subscribed[topic];
}

/* A full queue loses its oldest event. */
static bool push_event(struct ws_client *client, struct ws_frame *frame) {
        bool full = client->n_events == EVENTS_MAX;
        if (full) {
                ws_frame_unref(client->events[client->event_head]);
                client->event_head = (client->event_head + 1) % EVENTS_MAX;
                client->n_events--;
        }
        client->events[(client->event_head + client->n_events++) % EVENTS_MAX] = ws_frame_ref(frame);
        return full;
}

static bool replace_slot(struct ws_client *client, enum ws_topic topic, struct ws_frame *frame) {
        bool full = client->slots[topic] != NULL;
        ws_frame_unref(client->slots[topic]);
        client->slots[topic] = ws_frame_ref(frame);
        return full;
}

uint64_t ws_client_offer(struct ws_client *client, enum ws_topic topic, struct ws_frame *frame, uint64_t missed) {
        missed += topic == WS_EVENTS ? push_event(client, frame) : replace_slot(client, topic, frame);
        client->missed[topic] += missed;
        return missed;
}

/* ---- life ------------------------------------------------------------------------- */

void ws_client_check(struct ws_client *client, int64_t now_ns) {
        int64_t silent_ns = now_ns - client->heard_ns;
        if (client->linger_until_ns ? now_ns > client->linger_until_ns : silent_ns > GONE_AFTER_NS)
                client->done = true;
        else if (silent_ns > PING_AFTER_NS && client->pinged_ns < client->heard_ns) {
                struct wslay_event_msg ping = {.opcode = WSLAY_PING};
                wslay_event_queue_msg(client->wslay, &ping);
                client->pinged_ns = now_ns;
        }
}

void ws_client_close(struct ws_client *client, uint16_t code) {
        wslay_event_queue_close(client->wslay, code, NULL, 0);
}

uint32_t ws_client_interest(const struct ws_client *client) {
        bool full = !client->linger_until_ns && wslay_event_get_queued_msg_count(client->wslay) > CONTROL_QUEUE_MAX;
        bool reads = client->linger_until_ns || (wslay_event_want_read(client->wslay) && !full);
        return (reads ? EPOLLIN : 0u) | (client->blocked ? EPOLLOUT : 0u);
}

bool ws_client_is_done(const struct ws_client *client) {
        return client->done;
}

int ws_client_fd(const struct ws_client *client) {
        return client->fd;
}

void *ws_client_handle(const struct ws_client *client) {
        return client->handle;
}

/* The kernel holds little that is unsent, so that a client that lags is seen to lag, and gets the
 * newest frame first once it reads again. */
static void tune_socket(int fd) {
        int on = 1, send_buffer = SEND_BUFFER_BYTES, unsent = UNSENT_BYTES;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

struct ws_client *ws_client_new(const struct ws_client_options *options) {
        static const struct wslay_event_callbacks callbacks = {
                .recv_callback = on_recv,
                .send_callback = on_send,
                .on_msg_recv_callback = on_message,
        };
        struct ws_client *client = calloc(1, sizeof(*client));
        if (!client)
                return NULL;
        client->fd = options->fd;
        client->handle = options->handle;
        client->feed = options->feed;
        client->heard_ns = clock_boot_ns();
        client->extra = malloc(options->extra_bytes + 1);
        if (!client->extra || wslay_event_context_server_init(&client->wslay, &callbacks, client) != 0) {
                ws_client_free(client);
                return NULL;
        }
        if (options->extra_bytes)
                memcpy(client->extra, options->extra, options->extra_bytes);
        client->extra_bytes = options->extra_bytes;
        wslay_event_config_set_max_recv_msg_length(client->wslay, WS_MESSAGE_MAX);
        tune_socket(client->fd);
        return client;
}

void ws_client_free(struct ws_client *client) {
        if (!client)
                return;
        ws_frame_unref(client->sending);
        for (unsigned i = 0; i < WS_TICK_TOPICS; i++)
                ws_frame_unref(client->slots[i]);
        for (unsigned i = 0; i < client->n_events; i++)
                ws_frame_unref(client->events[(client->event_head + i) % EVENTS_MAX]);
        if (client->wslay)
                wslay_event_context_free(client->wslay);
        free(client->extra);
        free(client);
}
