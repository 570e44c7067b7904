/* A compiled filter: conditions and operators in the order of evaluation. Internal to the filter.
 *
 * Operands come before their operator, and between them stands the operator's test: it jumps past the operator where
 * the first operand alone decides, else it puts that one's mask aside, on a stack.
 *
 *     tcp and not port 80   →   PROTO tcp · TEST_AND → 5 · PORTS 80 · NOT · AND
 */
#ifndef NETWATCH_HISTORY_FILTER_PROGRAM_H
#define NETWATCH_HISTORY_FILTER_PROGRAM_H

#include "history/filter.h"

#define FILTER_DEPTH_MAX 200u
#define FILTER_CONDITIONS_MAX 500u

/* Which end of a packet has to fit. */
enum filter_end {
        FILTER_END_EITHER,
        FILTER_END_SRC,
        FILTER_END_DST,
        FILTER_END_BOTH,
};

enum filter_relation {
        FILTER_LESS = 1, /* three bits: what may hold */
        FILTER_EQUAL = 2,
        FILTER_GREATER = 4,
};

#define FILTER_FAMILY_4 1u
#define FILTER_FAMILY_6 2u
#define FILTER_TRANSPORT_TCP 1u
#define FILTER_TRANSPORT_UDP 2u
#define FILTER_TRANSPORT_SCTP 4u
#define FILTER_TRANSPORTS 7u

enum filter_node_kind {
        NODE_NET,       /* end, families: one; net */
        NODE_PORTS,     /* end, transports, ports */
        NODE_PROTO,     /* families, number */
        NODE_FAMILY,    /* families */
        NODE_VLAN,      /* number */
        NODE_TAGGED,    /* any VLAN */
        NODE_IFACE,     /* number */
        NODE_FLAGS,     /* number: any of these */
        NODE_DIRECTION, /* number: enum direction */
        NODE_ENDED,     /* number: 0 or 1 */
        NODE_BYTES,     /* relation, number, as those that follow */
        NODE_PACKETS,
        NODE_RATE,     /* bit/s */
        NODE_AGE,      /* ms */
        NODE_DURATION, /* ms */
        NODE_NOT,      /* from here on: operators */
        NODE_AND,
        NODE_OR,
        NODE_TEST_AND, /* number: index of what follows the operator */
        NODE_TEST_OR,
};

struct filter_node {
        uint8_t kind;     /* enum filter_node_kind */
        uint8_t end;      /* enum filter_end */
        uint8_t families; /* FILTER_FAMILY_… */
        union {
                uint8_t transports; /* FILTER_TRANSPORT_… */
                uint8_t relation;   /* enum filter_relation, or-ed */
        };
        union {
                struct {
                        uint64_t address[2]; /* as in the key: network order, IPv4 as v4-mapped */
                        uint64_t mask[2];
                } net;
                struct {
                        uint16_t low, high;
                } ports;
                uint64_t number;
        };
};

struct filter {
        uint32_t n_nodes; /* 0: everything */
        uint32_t capacity;
        uint32_t n_conditions;
        struct filter_node *nodes;
};

#endif
