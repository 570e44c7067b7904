/* A flow's addresses, ports and kind follow from its number by a mixing function, so nothing
 * is kept per flow. Which flow a packet belongs to is drawn anew for each packet, except in
 * `many`, where a stride that is coprime to the number of flows visits each of them equally
 * often and never two neighbours in turn.
 *
 * In memory each frame is: captured bytes (2), length on the wire (2), the bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "trace.h"

#define SNAPLEN 160u
#define HEADER_BYTES 4u
#define START_S 1600000000LL
#define NS_PER_PACKET 1000LL
#define STRIDE 611953u /* a prime */
#define TCP_PROTO 6
#define UDP_PROTO 17

static const struct {
        const char *name;
        uint64_t packets;
        uint64_t flows; /* 0: as many as packets */
} kinds[TRACE_KINDS] = {
        [TRACE_ELEPHANT] = {"elephant", 5000000, 100},
        [TRACE_MIX] = {"mix", 5000000, 100000},
        [TRACE_MANY] = {"many", 5000000, 1000000},
        [TRACE_SYN] = {"syn", 2000000, 0},
};

const char *trace_kind_name(enum trace_kind kind) {
        return kinds[kind].name;
}

uint64_t trace_kind_packets(enum trace_kind kind) {
        return kinds[kind].packets;
}

/* splitmix64: a good mixer of counters. */
static uint64_t mix(uint64_t x) {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        return x ^ x >> 31;
}

/* ---- which flow ---------------------------------------------------------------------- */

/* Cumulative weights 1/1, 1/2, 1/3, … */
static double *new_zipf(uint64_t flows) {
        double *sums = calloc(flows, sizeof(*sums));
        double sum = 0;
        for (uint64_t i = 0; sums && i < flows; i++)
                sums[i] = sum += 1.0 / (double)(i + 1);
        return sums;
}

static uint64_t draw_zipf(const double *sums, uint64_t flows, uint64_t random) {
        double wanted = ldexp((double)(random >> 11), -53) * sums[flows - 1];
        uint64_t low = 0, high = flows - 1;
        while (low < high) {
                uint64_t middle = (low + high) / 2;
                if (sums[middle] < wanted)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static uint64_t choose_flow(enum trace_kind kind, const double *zipf, uint64_t flows, uint64_t packet) {
        switch (kind) {
        case TRACE_MIX: return draw_zipf(zipf, flows, mix(packet));
        case TRACE_MANY: return packet * STRIDE % flows;
        case TRACE_SYN: return packet;
        default: return mix(packet) % flows;
        }
}

/* ---- one frame ----------------------------------------------------------------------- */

static uint8_t *put_u16(uint8_t *at, unsigned value) {
        *at++ = (uint8_t)(value >> 8);
        *at++ = (uint8_t)value;
        return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t n) {
        memcpy(at, bytes, n);
        return at + n;
}

struct shape {
        bool is_ip6, has_vlan, is_tcp, is_reply;
        uint64_t identity; /* of the flow: its addresses and ports */
        uint16_t length;   /* of the frame */
        uint8_t tcp_flags;
};

static struct shape shape_packet(enum trace_kind kind, uint64_t flow, uint64_t packet) {
        static const uint16_t lengths[] = {60, 60, 590, 1514};
        uint64_t identity = mix(flow ^ (uint64_t)kind << 56), random = mix(~packet);
        bool is_syn = kind == TRACE_SYN;
        return (struct shape){
                .is_ip6 = kind == TRACE_MIX && identity % 3 == 0,
                .has_vlan = kind == TRACE_MIX && identity % 10 == 0,
                .is_tcp = is_syn || identity % 16 < 11,
                .is_reply = !is_syn && random % 2,
                .identity = identity,
                .length = is_syn ? 60 : lengths[random >> 8 & 3],
                .tcp_flags = is_syn ? PACKET_TCP_SYN : PACKET_TCP_ACK,
        };
}

/* The two ends differ in one byte; which is source and which destination is the caller's. */
static void put_addresses(uint8_t *at, const struct shape *shape) {
        uint8_t ends[2][16] = {{0}};
        size_t bytes = shape->is_ip6 ? 16 : 4;
        for (unsigned end = 0; end < 2; end++) {
                memcpy(ends[end] + bytes - 4, &shape->identity, 4);
                ends[end][0] = shape->is_ip6 ? 0x20 : (uint8_t)(10 + end);
                ends[end][1] = shape->is_ip6 ? (uint8_t)(1 + end) : ends[end][1];
        }
        memcpy(at, ends[shape->is_reply], bytes);
        memcpy(at + bytes, ends[!shape->is_reply], bytes);
}

static uint8_t *put_ip4(uint8_t *at, const struct shape *shape, unsigned payload_bytes) {
        uint8_t header[20] = {0x45};
        (void)put_u16(header + 2, 20 + payload_bytes);
        header[8] = 64;
        header[9] = shape->is_tcp ? TCP_PROTO : UDP_PROTO;
        put_addresses(header + 12, shape);
        return put_bytes(at, header, sizeof(header));
}

static uint8_t *put_ip6(uint8_t *at, const struct shape *shape, unsigned payload_bytes) {
        uint8_t header[40] = {0x60};
        (void)put_u16(header + 4, payload_bytes);
        header[6] = shape->is_tcp ? TCP_PROTO : UDP_PROTO;
        header[7] = 64;
        put_addresses(header + 8, shape);
        return put_bytes(at, header, sizeof(header));
}

static uint8_t *put_transport(uint8_t *at, const struct shape *shape, unsigned payload_bytes) {
        uint16_t client = (uint16_t)(1024 + (shape->identity >> 32) % 64000), server = 443;
        at = put_u16(at, shape->is_reply ? server : client);
        at = put_u16(at, shape->is_reply ? client : server);
        if (!shape->is_tcp)
                return put_u16(put_u16(at, payload_bytes), 0);

        uint8_t rest[16] = {[8] = 0x50, [9] = shape->tcp_flags, [10] = 0x20};
        return put_bytes(at, rest, sizeof(rest));
}

/* Writes the headers into `frame`, whose rest is left as it is: payload is nobody's business. */
static void write_headers(uint8_t *frame, const struct shape *shape) {
        static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
        unsigned link_bytes = shape->has_vlan ? 18 : 14;
        uint8_t *at = put_bytes(frame, macs, sizeof(macs));
        if (shape->has_vlan)
                at = put_u16(put_u16(at, 0x8100), 1 + (unsigned)(shape->identity >> 48) % 8);
        at = put_u16(at, shape->is_ip6 ? 0x86dd : 0x0800);

        unsigned ip_bytes = shape->is_ip6 ? 40 : 20;
        unsigned payload_bytes = shape->length - link_bytes - ip_bytes;
        at = shape->is_ip6 ? put_ip6(at, shape, payload_bytes) : put_ip4(at, shape, payload_bytes);
        (void)put_transport(at, shape, payload_bytes);
}

/* ---- the trace ----------------------------------------------------------------------- */

bool trace_init(struct trace *trace, enum trace_kind kind, uint64_t packets) {
        uint64_t flows = kinds[kind].flows ? kinds[kind].flows : packets;
        double *zipf = kind == TRACE_MIX ? new_zipf(flows) : NULL;
        uint8_t *data = calloc(packets, SNAPLEN + HEADER_BYTES);
        if (!data || (kind == TRACE_MIX && !zipf)) {
                free(zipf);
                free(data);
                return false;
        }

        size_t offset = 0;
        for (uint64_t i = 0; i < packets; i++) {
                struct shape shape = shape_packet(kind, choose_flow(kind, zipf, flows, i), i);
                if (shape.is_ip6 && shape.length < 90)
                        shape.length = 90;
                uint16_t captured = shape.length < SNAPLEN ? shape.length : SNAPLEN;
                memcpy(data + offset, &captured, 2);
                memcpy(data + offset + 2, &shape.length, 2);
                write_headers(data + offset + HEADER_BYTES, &shape);
                offset += HEADER_BYTES + captured;
        }
        free(zipf);
        *trace = (struct trace){.packets = packets, .flows = flows, .bytes = offset, .data = data};
        return true;
}

void trace_fini(struct trace *trace) {
        free(trace->data);
        *trace = (struct trace){0};
}

unsigned trace_read(const struct trace *trace, struct trace_position *position, struct frame *frames, unsigned max) {
        unsigned n = 0;
        for (; n < max && position->packet < trace->packets; n++, position->packet++) {
                const uint8_t *record = trace->data + position->offset;
                uint16_t captured, length;
                memcpy(&captured, record, 2);
                memcpy(&length, record + 2, 2);
                frames[n] = (struct frame){
                        .data = record + HEADER_BYTES,
                        .captured = captured,
                        .length = length,
                        .time_ns = START_S * NS_PER_S + (int64_t)position->packet * NS_PER_PACKET,
                        .link = FRAME_LINK_ETHERNET,
                };
                position->offset += HEADER_BYTES + captured;
        }
        return n;
}

bool trace_write_pcap(const struct trace *trace, FILE *file) {
        const uint32_t header[6] = {0xa1b23c4d, 4u << 16 | 2, 0, 0, SNAPLEN, 1};
        bool ok = fwrite(header, sizeof(header), 1, file) == 1;

        struct trace_position position = {0};
        struct frame frame;
        while (ok && trace_read(trace, &position, &frame, 1)) {
                uint32_t record[4] = {(uint32_t)(frame.time_ns / NS_PER_S), (uint32_t)(frame.time_ns % NS_PER_S),
                                      frame.captured, frame.length};
                ok = fwrite(record, sizeof(record), 1, file) == 1 && fwrite(frame.data, frame.captured, 1, file) == 1;
        }
        return ok && fflush(file) == 0;
}
