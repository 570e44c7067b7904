/* The vocabulary of the filter language: keywords, names of ports, protocols, flags and states, and where each may
 * come. Internal to the filter. */
#ifndef NETWATCH_HISTORY_FILTER_WORDS_H
#define NETWATCH_HISTORY_FILTER_WORDS_H

#include "history/filter_program.h"

/* What a word does. */
enum filter_role {
        ROLE_NONE, /* no keyword: a value, or a mistake */
        ROLE_AND,
        ROLE_OR,
        ROLE_NOT,
        ROLE_SRC,
        ROLE_DST,
        ROLE_TARGET,    /* detail: enum filter_target */
        ROLE_PROTOCOL,  /* detail: index for filter_protocol */
        ROLE_QUANTITY,  /* detail: NODE_BYTES … NODE_DURATION */
        ROLE_DIRECTION, /* detail: enum direction */
        ROLE_RELATION,  /* detail: enum filter_relation, or-ed */
        ROLE_REFUSED,   /* a word of tcpdump that says nothing of flows; detail: index for filter_refusal */
        ROLE_VALUE,     /* a name that is a value where one is expected; detail: what it stands for */
};

/* What the value that follows is about. */
enum filter_target {
        TARGET_NONE,
        TARGET_ADDRESS, /* none was named: `src 10.0.0.1` */
        TARGET_HOST,
        TARGET_NET,
        TARGET_PORT,
        TARGET_PORTRANGE,
        TARGET_PROTO,
        TARGET_VLAN,
        TARGET_IFACE,
        TARGET_STATE,
        TARGET_FLAGS,
};

/* Where in a filter something may come: what the parser expects, as bits. */
enum filter_place {
        PLACE_CONDITION = 1 << 0,
        PLACE_NOT = 1 << 1,
        PLACE_OPERATOR = 1 << 2,
        PLACE_CLOSE = 1 << 3,
        PLACE_SRC = 1 << 4,
        PLACE_DST = 1 << 5,
        PLACE_TARGET_NET = 1 << 6,
        PLACE_TARGET_PORT = 1 << 7,
        PLACE_TARGET_PROTO = 1 << 8,
        PLACE_RELATION = 1 << 9,
        PLACE_QUANTITY = 1 << 10,
        PLACE_VALUE_SHIFT = 11, /* from here on: the value of a target */
};

static inline unsigned filter_place_of(enum filter_target target) {
        return target == TARGET_NONE ? 0 : 1u << (PLACE_VALUE_SHIFT + (unsigned)target);
}

struct filter_word {
        const char *text;
        uint8_t role;
        uint8_t detail;
        uint32_t places;
};

/* The n-th word, in the order of the manual; NULL beyond the last. */
const struct filter_word *filter_word(unsigned n);

/* The keyword of that spelling, in small or capital letters; NULL where it is none. */
const struct filter_word *filter_word_find(const char *text, size_t length);

/* The detail of a name that stands for a value of that target; false where it is unknown. */
bool filter_value_find(enum filter_target target, const char *text, size_t length, unsigned *ret);

/* The number of an IP protocol's name. "ipip" is none: tcpdump says 94, and flows of 4 are shown as that. */
bool filter_proto_find(const char *name, uint8_t *ret);

/* Which protocols a word means. */
struct filter_protocol {
        uint8_t number;
        uint8_t families;   /* FILTER_FAMILY_… */
        uint8_t transports; /* FILTER_TRANSPORT_…; 0: has no ports */
        bool is_family;     /* the whole family, whatever the number */
};
const struct filter_protocol *filter_protocol(unsigned detail);

/* Why a word of tcpdump is none here; a sentence. */
const char *filter_refusal(unsigned detail);

/* A port with a name, and the transports for which it is registered. */
struct filter_service {
        const char *name;
        uint16_t port;
        uint8_t transports;
};

/* The n-th service; NULL beyond the last. */
const struct filter_service *filter_service(unsigned n);

#endif
