/* The words for what packets are: classes, verdicts, IP protocols. */
#include <string.h>

#include "packet/packet.h"

const char *packet_class_name(enum packet_class class) {
        static const char *const names[PACKET_CLASSES] = {
                [PACKET_CLASS_TCP] = "tcp",
                [PACKET_CLASS_UDP] = "udp",
                [PACKET_CLASS_ICMP] = "icmp",
                [PACKET_CLASS_OTHER] = "other",
        };
        return names[class];
}

enum packet_class packet_class_of(uint8_t proto, uint8_t family) {
        switch (proto) {
        case 6: return PACKET_CLASS_TCP;
        case 17: return PACKET_CLASS_UDP;
        case 1: return family == 4 ? PACKET_CLASS_ICMP : PACKET_CLASS_OTHER;
        case 58: return family == 6 ? PACKET_CLASS_ICMP : PACKET_CLASS_OTHER;
        default: return PACKET_CLASS_OTHER;
        }
}

const char *packet_verdict_name(enum packet_verdict verdict) {
        static const char *const names[PACKET_VERDICTS] = {
                [PACKET_L4_CUT] = "l4_cut",
                [PACKET_IP6_EXT_CUT] = "ip6_ext_cut",
                [PACKET_SEGMENTS_UNKNOWN] = "segments_unknown",
                [PACKET_NOT_IP] = "not_ip",
                [PACKET_LINK_UNSUPPORTED] = "link_unsupported",
                [PACKET_LINK_CUT] = "link_cut",
                [PACKET_IP_CUT] = "ip_cut",
                [PACKET_IP_VERSION] = "ip_version",
                [PACKET_IP_HEADER_LENGTH] = "ip_header_length",
                [PACKET_IP_TOTAL_LENGTH] = "ip_total_length",
        };
        return names[verdict];
}

/* The protocols that people meet, by their IANA keyword in small letters. */
static const struct {
        const char *name;
        uint8_t number;
} protocols[] = {
        {"icmp", 1},  {"igmp", 2},   {"ipip", 4},   {"tcp", 6},    {"egp", 8},       {"igp", 9},
        {"udp", 17},  {"dccp", 33},  {"ipv6", 41},  {"rsvp", 46},  {"gre", 47},      {"esp", 50},
        {"ah", 51},   {"icmp6", 58}, {"nonxt", 59}, {"eigrp", 88}, {"ospf", 89},     {"etherip", 97},
        {"pim", 103}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136},
};

const char *packet_proto_name(uint8_t proto) {
        for (unsigned i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
                if (protocols[i].number == proto)
                        return protocols[i].name;
        return NULL;
}

bool packet_proto_number(const char *name, uint8_t *ret_proto) {
        for (unsigned i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
                if (!strcmp(protocols[i].name, name)) {
                        *ret_proto = protocols[i].number;
                        return true;
                }
        return false;
}
