/* One table of words with the places where they may come: the parser looks keywords up in it, completion reads it
 * by place, so what is offered is what is understood.
 *
 * Names of ports come from a table and not from the host's, so that a filter means the same everywhere. As for
 * tcpdump on Debian a name stands for the transports for which it is registered there: `port http` is TCP. */
#include "history/filter_words.h"

#include <string.h>
#include <strings.h>

#define BOTH_FAMILIES (FILTER_FAMILY_4 | FILTER_FAMILY_6)
#define VALUE(target) (1u << (PLACE_VALUE_SHIFT + (target)))

enum protocol {
        PROTOCOL_TCP,
        PROTOCOL_UDP,
        PROTOCOL_SCTP,
        PROTOCOL_IP,
        PROTOCOL_IP6,
        PROTOCOL_ICMP,
        PROTOCOL_ICMP6,
        PROTOCOL_IGMP,
        PROTOCOL_IGRP,
        PROTOCOL_PIM,
        PROTOCOL_VRRP,
        PROTOCOL_CARP,
        PROTOCOL_AH,
        PROTOCOL_ESP,
};

/* As gen_proto_abbrev of libpcap has them. */
static const struct filter_protocol protocols[] = {
        [PROTOCOL_TCP] = {6, BOTH_FAMILIES, FILTER_TRANSPORT_TCP, false},
        [PROTOCOL_UDP] = {17, BOTH_FAMILIES, FILTER_TRANSPORT_UDP, false},
        [PROTOCOL_SCTP] = {132, BOTH_FAMILIES, FILTER_TRANSPORT_SCTP, false},
        [PROTOCOL_IP] = {0, FILTER_FAMILY_4, 0, true},
        [PROTOCOL_IP6] = {0, FILTER_FAMILY_6, 0, true},
        [PROTOCOL_ICMP] = {1, FILTER_FAMILY_4, 0, false},
        [PROTOCOL_ICMP6] = {58, FILTER_FAMILY_6, 0, false},
        [PROTOCOL_IGMP] = {2, FILTER_FAMILY_4, 0, false},
        [PROTOCOL_IGRP] = {9, FILTER_FAMILY_4, 0, false},
        [PROTOCOL_PIM] = {103, BOTH_FAMILIES, 0, false},
        [PROTOCOL_VRRP] = {112, FILTER_FAMILY_4, 0, false},
        [PROTOCOL_CARP] = {112, FILTER_FAMILY_4, 0, false},
        [PROTOCOL_AH] = {51, BOTH_FAMILIES, 0, false},
        [PROTOCOL_ESP] = {50, BOTH_FAMILIES, 0, false},
};

enum refusal {
        REFUSED_NOT_IP,
        REFUSED_LINK,
        REFUSED_PACKET,
        REFUSED_CAST,
};

static const char *const refusals[] = {
        [REFUSED_NOT_IP] = "frames without an IP header belong to no flow, they are counted as nonflow",
        [REFUSED_LINK] = "of the link layer only 'vlan' is kept",
        [REFUSED_PACKET] = "single packets and their bytes are not kept, only what a flow did in each second",
        [REFUSED_CAST] = "write it as a network, such as 'dst net 224.0.0.0/4' or 'dst net ff00::/8'",
};

static const struct filter_word words[] = {
        {"host", ROLE_TARGET, TARGET_HOST, PLACE_CONDITION | PLACE_TARGET_NET},
        {"net", ROLE_TARGET, TARGET_NET, PLACE_CONDITION | PLACE_TARGET_NET},
        {"port", ROLE_TARGET, TARGET_PORT, PLACE_CONDITION | PLACE_TARGET_PORT},
        {"portrange", ROLE_TARGET, TARGET_PORTRANGE, PLACE_CONDITION | PLACE_TARGET_PORT},
        {"src", ROLE_SRC, 0, PLACE_CONDITION | PLACE_SRC},
        {"dst", ROLE_DST, 0, PLACE_CONDITION | PLACE_DST},
        {"tcp", ROLE_PROTOCOL, PROTOCOL_TCP, PLACE_CONDITION},
        {"udp", ROLE_PROTOCOL, PROTOCOL_UDP, PLACE_CONDITION},
        {"icmp", ROLE_PROTOCOL, PROTOCOL_ICMP, PLACE_CONDITION},
        {"icmp6", ROLE_PROTOCOL, PROTOCOL_ICMP6, PLACE_CONDITION},
        {"sctp", ROLE_PROTOCOL, PROTOCOL_SCTP, PLACE_CONDITION},
        {"ip", ROLE_PROTOCOL, PROTOCOL_IP, PLACE_CONDITION},
        {"ip6", ROLE_PROTOCOL, PROTOCOL_IP6, PLACE_CONDITION},
        {"proto", ROLE_TARGET, TARGET_PROTO, PLACE_CONDITION | PLACE_TARGET_PROTO},
        {"igmp", ROLE_PROTOCOL, PROTOCOL_IGMP, PLACE_CONDITION},
        {"igrp", ROLE_PROTOCOL, PROTOCOL_IGRP, PLACE_CONDITION},
        {"pim", ROLE_PROTOCOL, PROTOCOL_PIM, PLACE_CONDITION},
        {"vrrp", ROLE_PROTOCOL, PROTOCOL_VRRP, PLACE_CONDITION},
        {"carp", ROLE_PROTOCOL, PROTOCOL_CARP, PLACE_CONDITION},
        {"ah", ROLE_PROTOCOL, PROTOCOL_AH, PLACE_CONDITION},
        {"esp", ROLE_PROTOCOL, PROTOCOL_ESP, PLACE_CONDITION},
        {"vlan", ROLE_TARGET, TARGET_VLAN, PLACE_CONDITION},
        {"iface", ROLE_TARGET, TARGET_IFACE, PLACE_CONDITION},
        {"in", ROLE_DIRECTION, DIRECTION_IN, PLACE_CONDITION},
        {"out", ROLE_DIRECTION, DIRECTION_OUT, PLACE_CONDITION},
        {"inbound", ROLE_DIRECTION, DIRECTION_IN, PLACE_CONDITION},
        {"outbound", ROLE_DIRECTION, DIRECTION_OUT, PLACE_CONDITION},
        {"bytes", ROLE_QUANTITY, NODE_BYTES, PLACE_CONDITION},
        {"packets", ROLE_QUANTITY, NODE_PACKETS, PLACE_CONDITION},
        {"rate", ROLE_QUANTITY, NODE_RATE, PLACE_CONDITION},
        {"age", ROLE_QUANTITY, NODE_AGE, PLACE_CONDITION},
        {"duration", ROLE_QUANTITY, NODE_DURATION, PLACE_CONDITION},
        {"flags", ROLE_TARGET, TARGET_FLAGS, PLACE_CONDITION},
        {"state", ROLE_TARGET, TARGET_STATE, PLACE_CONDITION},

        {"and", ROLE_AND, 0, PLACE_OPERATOR},
        {"or", ROLE_OR, 0, PLACE_OPERATOR},
        {"not", ROLE_NOT, 0, PLACE_NOT},

        {">", ROLE_RELATION, FILTER_GREATER, PLACE_RELATION},
        {">=", ROLE_RELATION, FILTER_GREATER | FILTER_EQUAL, PLACE_RELATION},
        {"<", ROLE_RELATION, FILTER_LESS, PLACE_RELATION},
        {"<=", ROLE_RELATION, FILTER_LESS | FILTER_EQUAL, PLACE_RELATION},
        {"=", ROLE_RELATION, FILTER_EQUAL, PLACE_RELATION},
        {"!=", ROLE_RELATION, FILTER_LESS | FILTER_GREATER, PLACE_RELATION},
        {"==", ROLE_RELATION, FILTER_EQUAL, 0},

        {"active", ROLE_VALUE, 0, VALUE(TARGET_STATE)},
        {"ended", ROLE_VALUE, 1, VALUE(TARGET_STATE)},
        {"syn", ROLE_VALUE, 0x02, VALUE(TARGET_FLAGS)},
        {"ack", ROLE_VALUE, 0x10, VALUE(TARGET_FLAGS)},
        {"fin", ROLE_VALUE, 0x01, VALUE(TARGET_FLAGS)},
        {"rst", ROLE_VALUE, 0x04, VALUE(TARGET_FLAGS)},
        {"psh", ROLE_VALUE, 0x08, VALUE(TARGET_FLAGS)},
        {"urg", ROLE_VALUE, 0x20, VALUE(TARGET_FLAGS)},
        {"ece", ROLE_VALUE, 0x40, VALUE(TARGET_FLAGS)},
        {"cwr", ROLE_VALUE, 0x80, VALUE(TARGET_FLAGS)},

        {"arp", ROLE_REFUSED, REFUSED_NOT_IP, 0},
        {"rarp", ROLE_REFUSED, REFUSED_NOT_IP, 0},
        {"ether", ROLE_REFUSED, REFUSED_LINK, 0},
        {"link", ROLE_REFUSED, REFUSED_LINK, 0},
        {"mpls", ROLE_REFUSED, REFUSED_LINK, 0},
        {"pppoes", ROLE_REFUSED, REFUSED_LINK, 0},
        {"gateway", ROLE_REFUSED, REFUSED_LINK, 0},
        {"less", ROLE_REFUSED, REFUSED_PACKET, 0},
        {"greater", ROLE_REFUSED, REFUSED_PACKET, 0},
        {"len", ROLE_REFUSED, REFUSED_PACKET, 0},
        {"protochain", ROLE_REFUSED, REFUSED_PACKET, 0},
        {"broadcast", ROLE_REFUSED, REFUSED_CAST, 0},
        {"multicast", ROLE_REFUSED, REFUSED_CAST, 0},
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static bool is_spelled(const char *spelling, const char *text, size_t length) {
        return strlen(spelling) == length && !strncasecmp(spelling, text, length);
}

const struct filter_word *filter_word(unsigned n) {
        return n < N_WORDS ? &words[n] : NULL;
}

const struct filter_word *filter_word_find(const char *text, size_t length) {
        for (unsigned i = 0; i < N_WORDS; i++)
                if (words[i].role != ROLE_VALUE && is_spelled(words[i].text, text, length))
                        return &words[i];
        return NULL;
}

bool filter_value_find(enum filter_target target, const char *text, size_t length, unsigned *ret) {
        for (unsigned i = 0; i < N_WORDS; i++)
                if (words[i].role == ROLE_VALUE && (words[i].places & filter_place_of(target)) &&
                    is_spelled(words[i].text, text, length)) {
                        *ret = words[i].detail;
                        return true;
                }
        return false;
}

bool filter_proto_find(const char *name, uint8_t *ret) {
        return strcmp(name, "ipip") != 0 && packet_proto_number(name, ret);
}

const struct filter_protocol *filter_protocol(unsigned detail) {
        return &protocols[detail];
}

const char *filter_refusal(unsigned detail) {
        return refusals[detail];
}
