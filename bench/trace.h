/* trace: made-up traffic in memory, the same at every run, to measure the engine with.
 *
 * Frames are cut to 160 bytes as the ring would cut them, and lie one after the other as they
 * would in its blocks. Time runs at a million packets a second. */
#ifndef NETWATCH_BENCH_TRACE_H
#define NETWATCH_BENCH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "packet/packet.h"

enum trace_kind {
        TRACE_ELEPHANT, /* 100 flows */
        TRACE_MIX,      /* 100 k flows by Zipf's law, a third of them IPv6, a tenth in a VLAN */
        TRACE_MANY,     /* 1 M flows in turns */
        TRACE_SYN,      /* every packet a new flow */
        TRACE_KINDS,
};

struct trace {
        uint64_t packets;
        uint64_t flows;
        size_t bytes; /* of `data` */
        uint8_t *data;
};

/* "elephant", "mix", "many", "syn"; static. */
const char *trace_kind_name(enum trace_kind kind);

/* How many packets a trace of that kind is meant to have. */
uint64_t trace_kind_packets(enum trace_kind kind);

/* Makes `packets` packets. False without memory; free with trace_fini. */
bool trace_init(struct trace *trace, enum trace_kind kind, uint64_t packets);
void trace_fini(struct trace *trace);

/* A place in a trace. Zeroed: its beginning. */
struct trace_position {
        uint64_t packet;
        size_t offset;
};

/* The next up to `max` frames, valid as long as the trace; 0 at its end. */
unsigned trace_read(const struct trace *trace, struct trace_position *position, struct frame *frames, unsigned max);

/* Writes the trace as a capture file (pcap, nanoseconds). False where writing failed. */
bool trace_write_pcap(const struct trace *trace, FILE *file);

#endif
