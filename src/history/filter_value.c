/* A word where a value is expected → the condition that it makes with the words before it.
 *
 * What tcpdump reads in a surprising way is refused with a hint instead: `host 10.1` (a network to it), `net 0`
 * (one host), `port 010` (octal). Nothing is looked up: no name service, no file. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "history/filter_parser.h"

#define WORD_MAX 63u

/* The token as a string, without the backslash that says "no keyword". False where it is no word, or too long. */
static bool copy_word(const struct filter_parser *parser, char ret[WORD_MAX + 1]) {
        const char *at = parser->text + parser->token.pos;
        size_t length = parser->token.length;
        if (length && *at == '\\')
                at++, length--;
        if (parser->token.kind != TOKEN_WORD || length > WORD_MAX)
                return false;
        memcpy(ret, at, length);
        ret[length] = '\0';
        return true;
}

/* A value that took its words over could have been a condition as well. */
static int expected(struct filter_parser *parser, const char *what) {
        char either[128];
        if (!(parser->places & PLACE_CONDITION))
                return filter_parser_expected(parser, what);
        (void)snprintf(either, sizeof(either), "a condition or %s", what);
        return filter_parser_expected(parser, either);
}

/* Decimal without leading zeros, or hexadecimal with 0x. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret) {
        if (text[0] == '0' && text[1] && text[1] != 'x' && text[1] != 'X')
                return false;
        if (text[0] != '0' || !text[1])
                return parse_u64(text, 0, max, ret);
        if (!text[2])
                return false;
        uint64_t v = 0;
        for (text += 2; *text; text++) {
                const char *digits = "0123456789abcdef";
                const char *digit = strchr(digits, *text | 0x20);
                if (!digit || (v = v << 4 | (uint64_t)(digit - digits)) > max)
                        return false;
        }
        *ret = v;
        return true;
}

/* ---- addresses ----------------------------------------------------------------------- */

struct address {
        uint8_t bytes[16]; /* IPv4 as v4-mapped */
        uint8_t family;    /* FILTER_FAMILY_… */
        unsigned parts;    /* of a dotted IPv4 address, 1..4; 4 for IPv6 */
        unsigned bits;     /* of the 128 */
        bool has_length;
};

/* "10", "10.1", … "10.1.2.3": the parts that are there. */
static bool parse_dotted(const char *text, struct address *ret) {
        static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
        memcpy(ret->bytes, mapped, 16);
        for (ret->parts = 0; ret->parts < 4; text++) {
                char digits[4];
                size_t n = strspn(text, "0123456789");
                uint64_t part;
                if (!n || n > 3)
                        return false;
                memcpy(digits, text, n);
                digits[n] = '\0';
                if (!parse_number(digits, 255, &part))
                        return false;
                ret->bytes[12 + ret->parts++] = (uint8_t)part;
                text += n;
                if (*text != '.')
                        break;
        }
        return *text == '\0';
}

/* Text with or without /length. Where there is none, all that was written counts. */
static bool parse_address(char *text, struct address *ret) {
        char *slash = strchr(text, '/');
        if (slash)
                *slash = '\0';
        bool is_ip6 = strchr(text, ':');
        if (is_ip6 ? inet_pton(AF_INET6, text, ret->bytes) != 1 : !parse_dotted(text, ret))
                return false;
        ret->family = is_ip6 ? FILTER_FAMILY_6 : FILTER_FAMILY_4;
        if (is_ip6)
                ret->parts = 4;

        unsigned offset = is_ip6 ? 0 : 96;
        uint64_t length = is_ip6 ? 128 : 8 * ret->parts;
        ret->has_length = slash;
        if (slash && !parse_u64(slash + 1, 0, 128 - offset, &length))
                return false;
        ret->bits = offset + (unsigned)length;
        return true;
}

static void mask_of(unsigned bits, uint8_t ret[16]) {
        for (unsigned i = 0; i<16; i++, bits = bits> 8 ? bits - 8 : 0)
                ret[i] = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
}

/* Turns "mask 255.255.0.0" behind the token into a length. */
static int take_mask(struct filter_parser *parser, struct address *address) {
        const struct filter_token *token = &parser->token;
        struct filter_token next = filter_token_at(parser->text, parser->length, token->pos + token->length);
        if (next.length != 4 || strncasecmp(parser->text + next.pos, "mask", 4) != 0)
                return 0;
        filter_parser_next(parser, 0);
        filter_parser_next(parser, 0);

        char word[WORD_MAX + 1];
        struct address mask;
        uint8_t contiguous[16];
        if (!copy_word(parser, word) || !parse_address(word, &mask) || mask.has_length ||
            mask.family != FILTER_FAMILY_4)
                return expected(parser, "a mask such as 255.255.0.0");
        for (unsigned bits = 96; bits <= 128; bits++) {
                mask_of(bits, contiguous);
                if (!memcmp(contiguous + 12, mask.bytes + 12, 4)) {
                        address->bits = bits;
                        return 0;
                }
        }
        return expected(parser, "a mask whose ones are all to the left");
}

static int check_address(struct filter_parser *parser, const struct address *address) {
        const struct filter_qualifier *qualifier = &parser->qualifier;
        size_t pos = parser->token.pos;
        if (qualifier->protocol && !(qualifier->protocol->families & address->family))
                return expected(parser, qualifier->protocol->families == FILTER_FAMILY_4
                                                ? "an IPv4 address after 'ip'"
                                                : "an IPv6 address after 'ip6'");
        if (qualifier->target == TARGET_HOST && address->has_length)
                return filter_parser_fail(parser, pos, "expected one address after 'host'; a network is a 'net'");
        if (qualifier->target != TARGET_NET && !address->has_length && address->parts < 4)
                return filter_parser_fail(parser, pos,
                                          "expected a whole address; the network of all that begin so is a 'net'");
        if (address->parts == 1 && !address->has_length && !address->bytes[12])
                return filter_parser_fail(parser, pos, "expected '0.0.0.0/0' for all, or 'host 0.0.0.0', not 'net 0'");
        return 0;
}

static int address_value(struct filter_parser *parser) {
        char word[WORD_MAX + 1];
        struct address address;
        if (!copy_word(parser, word) || !parse_address(word, &address))
                return expected(parser, parser->qualifier.target == TARGET_NET
                                                ? "a network such as 10.0.0.0/8 or 2001:db8::/32"
                                                : "an IPv4 or IPv6 address (names are not looked up)");
        int r = check_address(parser, &address);
        size_t pos = parser->token.pos;
        if (!r && parser->qualifier.target == TARGET_NET && !address.has_length)
                r = take_mask(parser, &address);
        if (r)
                return r;

        uint8_t mask[16];
        mask_of(address.bits, mask);
        for (unsigned i = 0; i < 16; i++)
                if (address.bytes[i] & ~mask[i])
                        return filter_parser_fail(
                                parser, pos, "expected a network, but the address has bits set beyond its first %u",
                                address.bits - (address.family == FILTER_FAMILY_4 ? 96 : 0));

        struct filter_node node = {.kind = NODE_NET, .end = parser->qualifier.end, .families = address.family};
        memcpy(node.net.address, address.bytes, 16);
        memcpy(node.net.mask, mask, 16);
        return filter_parser_emit(parser, node);
}

/* ---- ports --------------------------------------------------------------------------- */

static int emit_ports(struct filter_parser *parser, unsigned transports, uint64_t x, uint64_t y) {
        const struct filter_protocol *protocol = parser->qualifier.protocol;
        if (protocol)
                transports &= protocol->transports;
        if (!transports)
                return filter_parser_fail(parser, parser->token.pos,
                                          "expected a number: that name belongs to a port of another protocol");
        struct filter_node node = {
                .kind = NODE_PORTS,
                .end = parser->qualifier.end,
                .transports = (uint8_t)transports,
                .ports = {(uint16_t)(x < y ? x : y), (uint16_t)(x < y ? y : x)},
        };
        return filter_parser_emit(parser, node);
}

static int port_value(struct filter_parser *parser) {
        char word[WORD_MAX + 1];
        uint64_t port;
        if (copy_word(parser, word)) {
                if (parse_number(word, UINT16_MAX, &port))
                        return emit_ports(parser, FILTER_TRANSPORTS, port, port);
                const struct filter_service *service;
                for (unsigned i = 0; (service = filter_service(i)); i++)
                        if (!strcmp(service->name, word))
                                return emit_ports(parser, service->transports, service->port, service->port);
        }
        return expected(parser, "a port, 0 to 65535 or a well-known name");
}

static int portrange_value(struct filter_parser *parser) {
        char word[WORD_MAX + 1];
        if (copy_word(parser, word)) {
                uint64_t low, high;
                char *dash = strchr(word, '-');
                if (dash)
                        *dash = '\0';
                if (parse_number(word, UINT16_MAX, &low) && parse_number(dash ? dash + 1 : word, UINT16_MAX, &high))
                        return emit_ports(parser, FILTER_TRANSPORTS, low, high);
        }
        return expected(parser, "a range of ports such as 8000-8099");
}

/* ---- the rest ------------------------------------------------------------------------ */

static int proto_value(struct filter_parser *parser) {
        char word[WORD_MAX + 1];
        uint64_t number;
        uint8_t named;
        bool is_known = false;
        if (copy_word(parser, word)) {
                if (filter_proto_find(word, &named))
                        number = named, is_known = true;
                else
                        is_known = parse_number(word, UINT8_MAX, &number);
        }
        if (!is_known)
                return expected(parser, "an IP protocol, 0 to 255 or a name such as gre");
        const struct filter_protocol *protocol = parser->qualifier.protocol;
        uint8_t families = protocol ? protocol->families : FILTER_FAMILY_4 | FILTER_FAMILY_6;
        return filter_parser_emit(parser,
                                  (struct filter_node){.kind = NODE_PROTO, .families = families, .number = number});
}

static int vlan_value(struct filter_parser *parser) {
        char word[WORD_MAX + 1];
        uint64_t id;
        if (!copy_word(parser, word) || !parse_number(word, 4095, &id))
                return expected(parser, "a VLAN id, 0 to 4095");
        return filter_parser_emit(parser, (struct filter_node){.kind = NODE_VLAN, .number = id});
}

static int iface_value(struct filter_parser *parser) {
        char word[WORD_MAX + 1];
        unsigned n = parser->names ? parser->names->n_ifaces : 0;
        if (copy_word(parser, word))
                for (unsigned i = 0; i < n; i++)
                        if (!strcmp(parser->names->ifaces[i], word))
                                return filter_parser_emit(parser,
                                                          (struct filter_node){.kind = NODE_IFACE, .number = i});
        return expected(parser, n ? "the name of a captured interface" : "another condition: no interface is captured");
}

static int named_value(struct filter_parser *parser, enum filter_node_kind kind, const char *what) {
        char word[WORD_MAX + 1];
        unsigned number;
        if (!copy_word(parser, word) || !filter_value_find(parser->qualifier.target, word, strlen(word), &number))
                return expected(parser, what);
        return filter_parser_emit(parser, (struct filter_node){.kind = (uint8_t)kind, .number = number});
}

int filter_parser_value(struct filter_parser *parser) {
        switch ((enum filter_target)parser->qualifier.target) {
        case TARGET_ADDRESS:
        case TARGET_HOST:
        case TARGET_NET: return address_value(parser);
        case TARGET_PORT: return port_value(parser);
        case TARGET_PORTRANGE: return portrange_value(parser);
        case TARGET_PROTO: return proto_value(parser);
        case TARGET_VLAN: return vlan_value(parser);
        case TARGET_IFACE: return iface_value(parser);
        case TARGET_STATE: return named_value(parser, NODE_ENDED, "'active' or 'ended'");
        case TARGET_FLAGS: return named_value(parser, NODE_FLAGS, "syn, ack, fin, rst, psh, urg, ece or cwr");
        default: return -EINVAL;
        }
}
