/* Filters: any text is compiled or refused with a place and a reason; what is compiled obeys the laws of its
 * language, over flows of all kinds.
 *
 *   input: seed of the flows (1), where to complete (1), then the text
 *
 * The laws: `not` is the complement in each direction; a text joined with itself means itself; the flow turned round
 * gives the mask turned round; jumping over operands changes nothing; what completion offers is understood. */
#include "fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "history/filter_program.h"

#define HEAD 2
#define N_FLOWS 24
#define TEXT_MAX 65536

static const char *const ifaces[] = {"eth0", "in"};
static const struct filter_names names = {.n_ifaces = 2, .ifaces = ifaces};

/* ---- flows ------------------------------------------------------------------------------ */

static uint64_t random_next(uint64_t *state) {
        uint64_t z = *state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

/* Few different ones, so that conditions meet them. */
static void fill_address(uint8_t ret[16], bool is_ip6, uint64_t random) {
        static const uint8_t ip4[4][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}, {192, 168, 1, 1}, {224, 0, 0, 5}};
        memset(ret, 0, 16);
        if (is_ip6) {
                memcpy(ret, "\x20\x01\x0d\xb8", 4);
                ret[15] = random & 3;
        } else {
                ret[10] = ret[11] = 0xff;
                memcpy(ret + 12, ip4[random & 3], 4);
        }
}

static struct flow_key key_of(uint64_t *seed) {
        static const uint16_t ports[] = {0, 22, 53, 80, 443, 1024, 8080, 65535};
        static const uint8_t protos[] = {1, 6, 6, 17, 17, 47, 58, 132};
        uint64_t random = random_next(seed);
        struct flow_key key = {
                .a_port = ports[random & 7],
                .b_port = ports[random >> 3 & 7],
                .proto = protos[random >> 6 & 7],
                .iface = random >> 9 & 1,
                .vlan_family = (uint16_t)(random >> 10 & 3),
        };
        bool is_ip6 = random >> 12 & 1;
        if (is_ip6)
                key.vlan_family |= FLOW_FAMILY_IP6;
        fill_address(key.a_address, is_ip6, random >> 13);
        fill_address(key.b_address, is_ip6, random >> 15);
        return key;
}

static struct filter_flow flow_of(const struct flow_key *key, uint64_t *seed) {
        uint64_t random = random_next(seed);
        return (struct filter_flow){
                .key = key,
                .ab = {random >> 60, random >> (random & 63)},
                .ba = {random >> 50 & 15, random >> 40 & 0xffff},
                .rate_bytes = random >> (random & 31),
                .rate_span_ms = random & 1 ? 1000 : (uint32_t)(random >> 20 & 0xfff),
                .first_seen_ms = (int64_t)(random >> 10 & 0xffff),
                .last_seen_ms = (int64_t)(random >> 8 & 0xffff),
                .now_ms = 100000,
                .ab_direction = (uint8_t)(random % 3),
                .tcp_flags = (uint8_t)(random >> 4),
                .ended = random >> 5 & 1,
        };
}

static struct flow_key turned_key(const struct flow_key *key) {
        struct flow_key turned = *key;
        memcpy(turned.a_address, key->b_address, 16);
        memcpy(turned.b_address, key->a_address, 16);
        turned.a_port = key->b_port;
        turned.b_port = key->a_port;
        return turned;
}

static unsigned select_turned(const struct filter *filter, const struct filter_flow *flow) {
        const struct flow_key key = turned_key(flow->key);
        struct filter_flow turned = *flow;
        turned.key = &key;
        turned.ab = flow->ba;
        turned.ba = flow->ab;
        if (flow->ab_direction != DIRECTION_UNKNOWN)
                turned.ab_direction = flow->ab_direction == DIRECTION_IN ? DIRECTION_OUT : DIRECTION_IN;
        unsigned mask = filter_select(filter, &turned);
        return (mask & FILTER_AB ? FILTER_BA : 0) | (mask & FILTER_BA ? FILTER_AB : 0);
}

/* ---- the naive way: every condition, no jumps -------------------------------------------- */

static unsigned select_condition(struct filter_node node, const struct filter_flow *flow) {
        const struct filter single = {.n_nodes = 1, .capacity = 1, .n_conditions = 1, .nodes = &node};
        return filter_select(&single, flow);
}

/* The operand that ends at node `*at`; `*at` moves to what stands before it. */
static unsigned select_naively(const struct filter *filter, const struct filter_flow *flow, int64_t *at) {
        struct filter_node node = filter->nodes[(*at)--];
        if (node.kind < NODE_NOT)
                return select_condition(node, flow);
        unsigned right = select_naively(filter, flow, at);
        if (node.kind == NODE_NOT)
                return right ^ FILTER_BOTH;

        int64_t test = (*at)--;
        assert(filter->nodes[test].kind == (node.kind == NODE_AND ? NODE_TEST_AND : NODE_TEST_OR));
        assert(filter->nodes[test].number <= filter->n_nodes);
        unsigned left = select_naively(filter, flow, at);
        return node.kind == NODE_AND ? left & right : left | right;
}

/* ---- laws -------------------------------------------------------------------------------- */

static struct filter *parse(const char *text) {
        struct filter *filter = NULL;
        struct filter_error error;
        int r = filter_parse(text, &names, &filter, &error);
        if (!r)
                return filter;
        assert(!filter && error.pos <= strlen(text));
        assert(error.text[0] && strlen(error.text) + 1 < sizeof(error.text));
        for (const char *c = error.text; *c; c++)
                assert(isprint((unsigned char)*c));
        return NULL;
}

/* NULL where that is more than there may be in one filter. */
static struct filter *parse_joined(const char *before, const char *text, const char *between, const char *after) {
        static char joined[2 * TEXT_MAX + 64];
        (void)snprintf(joined, sizeof(joined), "%s%s%s%s%s", before, text, between, *between ? text : "", after);
        struct filter *filter = NULL;
        struct filter_error error;
        if (filter_parse(joined, &names, &filter, &error))
                assert(strstr(error.text, "at most"));
        return filter;
}

static void check_same(const struct filter *joined, const struct filter_flow *flow, unsigned mask) {
        if (joined)
                assert(filter_select(joined, flow) == mask);
}

static void check_laws(const char *text, const struct filter *filter, uint64_t seed) {
        bool is_empty = !filter->n_nodes;
        struct filter *inverse = is_empty ? NULL : parse_joined("not (", text, "", ")");
        struct filter *both = is_empty ? NULL : parse_joined("(", text, ") and (", ")");
        struct filter *either = is_empty ? NULL : parse_joined("(", text, ")or(", ")");
        for (unsigned i = 0; i < N_FLOWS; i++) {
                const struct flow_key key = key_of(&seed);
                const struct filter_flow flow = flow_of(&key, &seed);
                unsigned mask = filter_select(filter, &flow);
                assert(mask <= FILTER_BOTH);
                assert(select_turned(filter, &flow) == mask);
                check_same(inverse, &flow, mask ^ FILTER_BOTH);
                check_same(both, &flow, mask);
                check_same(either, &flow, mask);

                int64_t at = (int64_t)filter->n_nodes - 1;
                assert(is_empty ? mask == FILTER_BOTH : select_naively(filter, &flow, &at) == mask);
                assert(at == -1);
        }
        filter_free(inverse);
        filter_free(both);
        filter_free(either);
}

/* ---- completion --------------------------------------------------------------------------- */

/* Behind the text before, the word is no mistake, whatever has to follow it. */
static void check_offer(const char *text, const struct filter_completion *completion, const char *word) {
        static char offer[TEXT_MAX + 64];
        (void)snprintf(offer, sizeof(offer), "%.*s%s", (int)completion->start, text, word);
        struct filter *filter = NULL;
        struct filter_error error;
        if (filter_parse(offer, &names, &filter, &error))
                assert(error.pos >= strlen(offer) || strstr(error.text, "at most"));
        filter_free(filter);
}

static void check_completion(const char *text, size_t pos) {
        static struct filter_completion completion;
        filter_complete(text, pos, &names, &completion);
        assert(completion.start <= pos && completion.n_words <= FILTER_WORDS_MAX);
        for (unsigned i = 0; i < completion.n_words; i++) {
                assert(!strncasecmp(completion.words[i], text + completion.start, pos - completion.start));
                check_offer(text, &completion, completion.words[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < HEAD || size - HEAD >= TEXT_MAX)
                return 0;
        char *text = malloc(size - HEAD + 1);
        memcpy(text, data + HEAD, size - HEAD);
        text[size - HEAD] = '\0';

        struct filter *filter = parse(text);
        if (filter)
                check_laws(text, filter, data[0]);
        filter_free(filter);
        size_t length = strlen(text);
        check_completion(text, data[1] < length ? length - data[1] : length);
        free(text);
        return 0;
}
