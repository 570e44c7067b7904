/* Everything about a flow follows from its number by a mixing function, and what it sends in a second from its number
 * and the second. A second's deltas are made first and then written in one go, so that the clock counts the history
 * alone. */
#include "hour.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ACTIVE_ONE_IN 4u
#define LIFE_S 240u
#define FLOOD_MAX 400000u
#define HEAVIEST_PACKETS 20000u
#define TCP_PROTO 6
#define UDP_PROTO 17
#define FLOOD_BIT (1ull << 40)

/* splitmix64. */
static uint64_t mix(uint64_t x) {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        return x ^ x >> 31;
}

static struct flow_key key_of(uint64_t number) {
        uint64_t random = mix(number), more = mix(random);
        struct flow_key key = {.proto = random % 4 && !(number & FLOOD_BIT) ? TCP_PROTO : UDP_PROTO};
        if (number & FLOOD_BIT)
                key.proto = TCP_PROTO;
        key.a_address[10] = key.a_address[11] = key.b_address[10] = key.b_address[11] = 0xff;
        key.a_address[12] = 10;
        key.a_address[14] = (uint8_t)(random >> 8 & 3);
        key.a_address[15] = (uint8_t)(random >> 16);
        memcpy(&key.b_address[12], &more, 4);
        key.b_address[12] |= 0x80;
        key.a_port = 443;
        key.b_port = (uint16_t)(1024 + (random >> 32) % 64000);
        return key;
}

struct flow_key hour_heavy_key(unsigned heavy) {
        return key_of(heavy);
}

/* ---- one second's deltas ------------------------------------------------------------------------- */

struct write {
        struct flow_key key;
        struct flow_delta delta;
        struct history_flow *handle; /* NULL: of the flood */
};

static struct flow_delta delta_of_place(uint32_t place, uint64_t random) {
        uint32_t packets = HEAVIEST_PACKETS / (place + 1);
        packets = 1 + packets / 2 + (uint32_t)(random >> 8) % (packets + 2);
        uint32_t replies = random & 1 ? packets / 2 : packets;
        return (struct flow_delta){
                .slot = FLOW_SLOT_NONE,
                .ab_packets = packets,
                .ab_bytes = packets * (60 + (uint32_t)(random >> 40) % 1400),
                .ba_packets = replies,
                .ba_bytes = replies * 66,
                .first_ms = (uint16_t)((random >> 20) % 500),
                .last_ms = 900,
        };
}

static unsigned make_deltas(struct hour *hour, struct write *writes) {
        struct hour_second *account = &hour->account[hour->seconds];
        unsigned n = 0;
        for (uint32_t place = 0; place < HOUR_LIVE; place++) {
                uint64_t random = mix((uint64_t)hour->seconds << 32 | place);
                if (place >= HOUR_HEAVY && mix(random) % LIFE_S == 0) {
                        hour->live[place].number = hour->flows++;
                        hour->live[place].handle = (struct history_flow){0};
                }
                if (place >= HOUR_HEAVY && random >> 60 >= 16 / ACTIVE_ONE_IN)
                        continue;
                struct write *write = &writes[n++];
                write->key = key_of(hour->live[place].number);
                write->delta = delta_of_place(place, random);
                write->handle = &hour->live[place].handle;
                uint64_t packets = write->delta.ab_packets + write->delta.ba_packets;
                uint64_t bytes = (uint64_t)write->delta.ab_bytes + write->delta.ba_bytes;
                volume_add(&account->all, packets, bytes);
                if (place < HOUR_HEAVY)
                        volume_add(&account->heavy[place], packets, bytes);
        }
        return n;
}

static unsigned make_flood(struct hour *hour, uint32_t flood, struct write *writes) {
        for (uint32_t i = 0; i < flood; i++) {
                writes[i].key = key_of(FLOOD_BIT | hour->flood++);
                writes[i].delta = (struct flow_delta){.slot = FLOW_SLOT_NONE,
                                                      .ab_packets = 1,
                                                      .ab_bytes = 60,
                                                      .tcp_flags = PACKET_TCP_SYN,
                                                      .syn_first = 1};
                writes[i].handle = NULL;
        }
        volume_add(&hour->account[hour->seconds].all, flood, 60ull * flood);
        return flood;
}

/* ---- writing --------------------------------------------------------------------------------------- */

/* As the rollup does: by the flow's place in the history, else by its key. */
static void write_delta(struct hour *hour, struct write *write, struct tick_totals *totals) {
        struct history_flow *handle = write->handle, once = {0};
        if (!handle)
                handle = &once;
        bool known = handle->generation && history_tick_add(hour->history, handle, &write->delta);
        if (!known && !(history_flow_of(hour->history, &write->key, DIRECTION_UNKNOWN, handle) &&
                        history_tick_add(hour->history, handle, &write->delta)))
                volume_add(&totals->untracked, write->delta.ab_packets + write->delta.ba_packets,
                           (uint64_t)write->delta.ab_bytes + write->delta.ba_bytes);
}

int64_t hour_second(struct hour *hour, uint32_t flood, int64_t *ret_end_ns) {
        static struct write writes[HOUR_LIVE + FLOOD_MAX];
        hour->account[hour->seconds] = (struct hour_second){0};
        unsigned n = make_deltas(hour, writes);
        n += make_flood(hour, flood, writes + n);
        hour->deltas += n;

        int64_t second = HOUR_START + hour->seconds;
        struct history_tick tick = {.start_ns = second * NS_PER_S, .end_ns = (second + 1) * NS_PER_S};
        tick.totals.all = hour->account[hour->seconds].all;
        int64_t begun_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
        history_tick_begin(hour->history, second);
        for (unsigned i = 0; i < n; i++)
                write_delta(hour, &writes[i], &tick.totals);
        int64_t added_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
        history_tick_end(hour->history, &tick);
        int64_t ended_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
        hour->untracked += tick.totals.untracked.packets;
        hour->seconds++;
        if (ret_end_ns)
                *ret_end_ns = ended_ns - added_ns;
        return ended_ns - begun_ns;
}

/* ---- the account ------------------------------------------------------------------------------------- */

struct hour *hour_new(struct history *history) {
        struct hour *hour = calloc(1, sizeof(*hour));
        if (!hour)
                return NULL;
        hour->history = history;
        for (; hour->flows < HOUR_LIVE; hour->flows++)
                hour->live[hour->flows].number = hour->flows;
        return hour;
}

struct volume hour_all(const struct hour *hour, int64_t from, int64_t to) {
        struct volume sum = {0};
        for (int64_t second = from; second < to; second++) {
                const struct volume *all = &hour->account[second - HOUR_START].all;
                volume_add(&sum, all->packets, all->bytes);
        }
        return sum;
}

struct volume hour_heavy(const struct hour *hour, unsigned heavy, int64_t from, int64_t to) {
        struct volume sum = {0};
        for (int64_t second = from; second < to; second++) {
                const struct volume *volume = &hour->account[second - HOUR_START].heavy[heavy];
                volume_add(&sum, volume->packets, volume->bytes);
        }
        return sum;
}
