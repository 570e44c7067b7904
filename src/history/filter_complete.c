/* Completion: the text up to the word that is being typed is parsed, and the places that the parser then expects are
 * looked up in the vocabulary. So it offers what will be understood, and nothing has to be kept in step. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "history/filter_parser.h"

/* Does it begin as what has been typed? */
static bool begins_as(const char *word, const char *typed, size_t length) {
        return !strncasecmp(word, typed, length);
}

static void add(struct filter_completion *ret, const char *word, const char *typed, size_t length) {
        if (ret->n_words < FILTER_WORDS_MAX && begins_as(word, typed, length))
                ret->words[ret->n_words++] = word;
}

static enum filter_value value_at(unsigned places) {
        static const struct {
                enum filter_target target;
                enum filter_value value;
        } values[] = {
                {TARGET_ADDRESS, FILTER_VALUE_ADDRESS},
                {TARGET_HOST, FILTER_VALUE_ADDRESS},
                {TARGET_NET, FILTER_VALUE_NET},
                {TARGET_PORT, FILTER_VALUE_PORT},
                {TARGET_PORTRANGE, FILTER_VALUE_PORTRANGE},
                {TARGET_PROTO, FILTER_VALUE_PROTO},
                {TARGET_VLAN, FILTER_VALUE_VLAN},
                {TARGET_IFACE, FILTER_VALUE_IFACE},
        };
        for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                if (places & filter_place_of(values[i].target))
                        return values[i].value;
        return places & PLACE_QUANTITY ? FILTER_VALUE_QUANTITY : FILTER_VALUE_NONE;
}

static uint8_t family_at(const struct filter_protocol *protocol) {
        if (!protocol)
                return 0;
        return protocol->families == FILTER_FAMILY_4 ? 4 : protocol->families == FILTER_FAMILY_6 ? 6 : 0;
}

static void add_words(struct filter_completion *ret, unsigned places, const char *typed, size_t length) {
        const struct filter_word *word;
        for (unsigned i = 0; (word = filter_word(i)); i++)
                if (word->places & places)
                        add(ret, word->text, typed, length);
}

static void add_ports(struct filter_completion *ret, const struct filter_protocol *protocol, const char *typed,
                      size_t length) {
        unsigned transports = protocol ? protocol->transports : FILTER_TRANSPORTS;
        const struct filter_service *service;
        for (unsigned i = 0; (service = filter_service(i)); i++)
                if (service->transports & transports)
                        add(ret, service->name, typed, length);
}

static void add_protos(struct filter_completion *ret, const char *typed, size_t length) {
        for (unsigned proto = 0; proto <= UINT8_MAX; proto++) {
                uint8_t number;
                const char *name = packet_proto_name((uint8_t)proto);
                if (name && filter_proto_find(name, &number))
                        add(ret, name, typed, length);
        }
}

static void add_values(struct filter_completion *ret, const struct filter_parser *parser, const char *typed,
                       size_t length) {
        if (parser->places & filter_place_of(TARGET_PORT))
                add_ports(ret, parser->qualifier.protocol, typed, length);
        if (parser->places & filter_place_of(TARGET_PROTO))
                add_protos(ret, typed, length);
        if ((parser->places & filter_place_of(TARGET_IFACE)) && parser->names)
                for (unsigned i = 0; i < parser->names->n_ifaces; i++)
                        add(ret, parser->names->ifaces[i], typed, length);
}

void filter_complete(const char *text, size_t pos, const struct filter_names *names, struct filter_completion *ret) {
        size_t start = pos;
        while (start && filter_is_word_character(text[start - 1]))
                start--;
        ret->start = start;
        ret->value = FILTER_VALUE_NONE;
        ret->family = 0;
        ret->n_words = 0;

        struct filter filter = {0};
        struct filter_error error;
        struct filter_parser parser;
        parser.text = text;
        parser.length = start;
        parser.names = names;
        parser.filter = &filter;
        parser.error = &error;
        (void)filter_parser_run(&parser);
        if (parser.token.kind == TOKEN_END) {
                ret->value = value_at(parser.places);
                ret->family = family_at(parser.qualifier.protocol);
                add_words(ret, parser.places, text + start, pos - start);
                add_values(ret, &parser, text + start, pos - start);
        }
        free(filter.nodes);
}
