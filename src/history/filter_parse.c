/* The parser: one loop over operands and operators, with an explicit stack of the groups that are open.
 *
 *     filter    = operand { ("and" | "or") operand }         equal precedence, from left to right
 *     operand   = { "not" } ( "(" filter ")" | condition | value )
 *     condition = [protocol] ["src" | "dst" | both] target value | protocol | "vlan" | "bytes" ">" number | …
 *
 * As in libpcap a value without words takes over those of the value before it (`port 80 or 443`), and after a group
 * those hold again that held before it; after a condition without a value (`tcp`) there are none. What follows the
 * words of a condition may be a group of values (`port (80 or 443)`). Grammar: libpcap 1.10, grammar.y.
 *
 * Hostile text: no recursion, the stack has a fixed size, conditions are counted, two negations cancel out, so
 * nodes are at most some five times the conditions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history/filter_parser.h"

/* ---- where what may come ----------------------------------------------------------------- */

void filter_parser_next(struct filter_parser *parser, unsigned places) {
        struct filter_token *token = &parser->token;
        *token = filter_token_at(parser->text, parser->length, token->pos + token->length);
        parser->places = places;
}

static unsigned places_of_operand(const struct filter_parser *parser, bool values_only) {
        unsigned condition = values_only ? 0 : PLACE_CONDITION;
        return condition | PLACE_NOT | filter_place_of(parser->qualifier.target);
}

static unsigned places_after_operand(const struct filter_parser *parser) {
        return PLACE_OPERATOR | (parser->depth ? PLACE_CLOSE : 0);
}

/* What a protocol can be told more exactly by. */
static unsigned places_after_protocol(const struct filter_protocol *protocol) {
        if (!protocol)
                return PLACE_TARGET_NET | PLACE_TARGET_PORT;
        if (protocol->is_family)
                return PLACE_TARGET_NET | PLACE_TARGET_PROTO;
        return protocol->transports ? PLACE_TARGET_PORT : 0;
}

/* ---- conditions --------------------------------------------------------------------------- */

/* The functions below return -errno; CONDITION_DONE with the token behind the condition; or CONDITION_VALUE with
 * the token where its value begins, and the qualifier set. */
#define CONDITION_DONE 0
#define CONDITION_VALUE 1

static int finish_condition(struct filter_parser *parser, struct filter_node node) {
        parser->qualifier = (struct filter_qualifier){0};
        return filter_parser_emit(parser, node);
}

static int single_word(struct filter_parser *parser, struct filter_node node) {
        filter_parser_next(parser, places_after_operand(parser));
        return finish_condition(parser, node);
}

static int protocol_condition(struct filter_parser *parser, const struct filter_protocol *protocol) {
        struct filter_node node = {
                .kind = protocol->is_family ? NODE_FAMILY : NODE_PROTO,
                .families = protocol->families,
        };
        if (!protocol->is_family)
                node.number = protocol->number;
        return finish_condition(parser, node);
}

static int quantity_condition(struct filter_parser *parser) {
        struct filter_node node = {.kind = parser->token.detail};
        parser->qualifier = (struct filter_qualifier){0};
        filter_parser_next(parser, PLACE_RELATION);
        if (parser->token.role != ROLE_RELATION)
                return filter_parser_expected(parser, "one of > >= < <= = !=");
        node.relation = parser->token.detail;
        filter_parser_next(parser, PLACE_QUANTITY);
        uint64_t number;
        int r = filter_parser_quantity(parser, (enum filter_node_kind)node.kind, &number);
        if (r)
                return r;
        node.number = number;
        return single_word(parser, node);
}

/* `src`, `dst`, `src or dst`, `dst and src`, … */
static int take_end(struct filter_parser *parser, struct filter_qualifier *qualifier) {
        uint8_t first = parser->token.role, other = first == ROLE_SRC ? ROLE_DST : ROLE_SRC;
        unsigned places = places_after_protocol(qualifier->protocol) & ~(unsigned)PLACE_TARGET_PROTO;
        if (places & PLACE_TARGET_NET)
                places |= filter_place_of(TARGET_ADDRESS);
        filter_parser_next(parser, places | PLACE_OPERATOR);
        qualifier->end = first == ROLE_SRC ? FILTER_END_SRC : FILTER_END_DST;
        if (parser->token.role != ROLE_AND && parser->token.role != ROLE_OR)
                return 0;

        qualifier->end = parser->token.role == ROLE_AND ? FILTER_END_BOTH : FILTER_END_EITHER;
        filter_parser_next(parser, other == ROLE_SRC ? PLACE_SRC : PLACE_DST);
        if (parser->token.role != other)
                return filter_parser_expected(parser, other == ROLE_SRC ? "'src'" : "'dst'");
        filter_parser_next(parser, places);
        return 0;
}

static bool is_end(const struct filter_token *token) {
        return token->role == ROLE_SRC || token->role == ROLE_DST;
}

static bool is_target(const struct filter_token *token) {
        return token->role == ROLE_TARGET && token->detail <= TARGET_PROTO;
}

static unsigned place_of_target(enum filter_target target) {
        switch (target) {
        case TARGET_PORT:
        case TARGET_PORTRANGE: return PLACE_TARGET_PORT;
        case TARGET_PROTO: return PLACE_TARGET_PROTO;
        default: return PLACE_TARGET_NET;
        }
}

static int check_target(struct filter_parser *parser, const struct filter_qualifier *qualifier, bool has_end) {
        unsigned allowed = places_after_protocol(qualifier->protocol);
        if (!qualifier->protocol && !has_end)
                allowed |= PLACE_TARGET_PROTO;
        if (qualifier->target == TARGET_PROTO && has_end)
                return filter_parser_fail(parser, parser->token.pos, "'proto' has no direction, leave out src and dst");
        if (allowed & place_of_target(qualifier->target))
                return 0;
        if (allowed & PLACE_TARGET_NET)
                return filter_parser_expected(parser, "'host', 'net' or an address (ports belong to tcp, udp, sctp)");
        if (allowed & PLACE_TARGET_PORT)
                return filter_parser_expected(parser, "'port' or 'portrange' (write 'and' before 'host' and 'net')");
        return filter_parser_expected(parser, "'and' or 'or'");
}

/* A protocol, alone or with what tells it more exactly; `ret` is set in the second case. */
static int take_protocol(struct filter_parser *parser, struct filter_qualifier *ret) {
        const struct filter_protocol *protocol = filter_protocol(parser->token.detail);
        unsigned places = places_after_protocol(protocol);
        if (places)
                places |= PLACE_SRC | PLACE_DST;
        filter_parser_next(parser, places | places_after_operand(parser));
        if (!places || (!is_end(&parser->token) && !is_target(&parser->token)))
                return protocol_condition(parser, protocol);
        ret->protocol = protocol;
        return CONDITION_VALUE;
}

/* [protocol] [src, dst] [host, net, port, portrange, proto]; at least one of them is there. */
static int qualified_condition(struct filter_parser *parser) {
        struct filter_qualifier qualifier = {.target = TARGET_ADDRESS};
        int r = CONDITION_VALUE;
        if (parser->token.role == ROLE_PROTOCOL)
                r = take_protocol(parser, &qualifier);
        if (r != CONDITION_VALUE)
                return r;

        bool has_end = is_end(&parser->token);
        r = has_end ? take_end(parser, &qualifier) : 0;
        if (r)
                return r;

        bool has_target = is_target(&parser->token);
        if (has_target)
                qualifier.target = parser->token.detail;
        r = check_target(parser, &qualifier, has_end);
        if (r)
                return r;
        if (has_target)
                filter_parser_next(parser, PLACE_NOT | filter_place_of(qualifier.target));
        parser->qualifier = qualifier;
        return CONDITION_VALUE;
}

static bool is_number(const struct filter_parser *parser) {
        char c = parser->text[parser->token.pos];
        return parser->token.kind == TOKEN_WORD && c >= '0' && c <= '9';
}

/* Those whose value is about the flow as a whole; `vlan` may stand alone. */
static int flow_condition(struct filter_parser *parser) {
        enum filter_target target = parser->token.detail;
        bool may_end = target == TARGET_VLAN;
        unsigned places = may_end ? places_after_operand(parser) : PLACE_NOT;
        filter_parser_next(parser, places | filter_place_of(target));
        if (may_end && !is_number(parser) && parser->token.kind != TOKEN_OPEN)
                return finish_condition(parser, (struct filter_node){.kind = NODE_TAGGED});
        parser->qualifier = (struct filter_qualifier){.target = (uint8_t)target};
        return CONDITION_VALUE;
}

/* A word that is no keyword, with nothing before it that says what it is. */
static int bare_value(struct filter_parser *parser) {
        const char *at = parser->text + parser->token.pos;
        if (parser->token.kind == TOKEN_WORD &&
            (memchr(at, ':', parser->token.length) || (is_number(parser) && memchr(at, '.', parser->token.length)))) {
                parser->qualifier = (struct filter_qualifier){.target = TARGET_ADDRESS};
                return CONDITION_VALUE;
        }
        if (is_number(parser))
                return filter_parser_expected(parser, "a word that says what the number is, such as 'port' or 'net'");
        return filter_parser_expected(parser, "a condition such as 'host 10.0.0.1' or 'tcp port 443'");
}

static int condition(struct filter_parser *parser) {
        const struct filter_token *token = &parser->token;
        switch ((enum filter_role)token->role) {
        case ROLE_SRC:
        case ROLE_DST:
        case ROLE_PROTOCOL: return qualified_condition(parser);
        case ROLE_TARGET: return is_target(token) ? qualified_condition(parser) : flow_condition(parser);
        case ROLE_QUANTITY: return quantity_condition(parser);
        case ROLE_DIRECTION:
                return single_word(parser, (struct filter_node){.kind = NODE_DIRECTION, .number = token->detail});
        case ROLE_NONE:
                if (token->kind == TOKEN_WORD && parser->qualifier.target != TARGET_NONE)
                        return CONDITION_VALUE;
                return bare_value(parser);
        default: return bare_value(parser);
        }
}

/* ---- operands and operators --------------------------------------------------------------- */

static int open_group(struct filter_parser *parser, bool negated, bool values_only) {
        if (parser->depth == FILTER_DEPTH_MAX)
                return filter_parser_fail(parser, parser->token.pos, "expected at most %u parentheses in one another",
                                          FILTER_DEPTH_MAX);
        parser->groups[++parser->depth] = (struct filter_group){
                .outer = parser->qualifier,
                .values_only = values_only,
                .negated = negated,
        };
        filter_parser_next(parser, places_of_operand(parser, values_only));
        return 0;
}

/* From the negations and parentheses before a condition to its end. */
static int operand(struct filter_parser *parser) {
        bool negated = false, values_only = parser->groups[parser->depth].values_only;
        parser->condition_pos = parser->token.pos;
        for (;;) {
                int r;
                if (parser->token.role == ROLE_NOT) {
                        negated = !negated;
                        filter_parser_next(parser, places_of_operand(parser, values_only));
                        continue;
                }
                if (parser->token.kind == TOKEN_OPEN) {
                        r = open_group(parser, negated, values_only);
                        negated = false;
                } else if (!values_only) {
                        parser->condition_pos = parser->token.pos;
                        r = condition(parser);
                        values_only = r == CONDITION_VALUE;
                        if (r == CONDITION_DONE)
                                return negated ? filter_parser_emit_not(parser) : 0;
                } else {
                        r = filter_parser_value(parser);
                        if (r)
                                return r;
                        filter_parser_next(parser, places_after_operand(parser));
                        return negated ? filter_parser_emit_not(parser) : 0;
                }
                if (r < 0)
                        return r;
        }
}

static int close_group(struct filter_parser *parser) {
        if (!parser->depth)
                return filter_parser_expected(parser, "'and', 'or' or the end (no parenthesis is open)");
        const struct filter_group *group = &parser->groups[parser->depth--];
        parser->qualifier = group->outer;
        filter_parser_next(parser, places_after_operand(parser));
        return group->negated ? filter_parser_emit_not(parser) : 0;
}

/* Returns 1 where another operand has to follow, 0 at the end, or -errno. */
static int after_operand(struct filter_parser *parser) {
        for (;;) {
                struct filter_group *group = &parser->groups[parser->depth];
                int r = group->has_left ? filter_parser_emit_operator(parser, group) : 0;
                if (r)
                        return r;
                if (parser->token.role == ROLE_AND || parser->token.role == ROLE_OR) {
                        r = filter_parser_emit_test(parser, group);
                        filter_parser_next(parser, places_of_operand(parser, group->values_only));
                        return r ? r : 1;
                }
                if (parser->token.kind == TOKEN_END && !parser->depth)
                        return 0;
                if (parser->token.kind != TOKEN_CLOSE)
                        return filter_parser_expected(parser, parser->depth ? "'and', 'or' or ')'" : "'and' or 'or'");
                r = close_group(parser);
                if (r)
                        return r;
        }
}

int filter_parser_run(struct filter_parser *parser) {
        parser->depth = 0;
        parser->groups[0] = (struct filter_group){0};
        parser->qualifier = (struct filter_qualifier){0};
        parser->token = (struct filter_token){0};
        filter_parser_next(parser, places_of_operand(parser, false));
        if (parser->token.kind == TOKEN_END)
                return 0;
        int r = 1;
        while (r > 0) {
                r = operand(parser);
                if (!r)
                        r = after_operand(parser);
        }
        return r;
}

int filter_parse(const char *text, const struct filter_names *names, struct filter **ret,
                 struct filter_error *ret_error) {
        struct filter_error error;
        struct filter *filter = calloc(1, sizeof(*filter));
        if (!filter)
                return -ENOMEM;
        struct filter_parser parser;
        parser.text = text;
        parser.length = strlen(text);
        parser.names = names;
        parser.filter = filter;
        parser.error = &error;
        int r = filter_parser_run(&parser);
        if (r) {
                filter_free(filter);
                if (r == -EINVAL)
                        *ret_error = error;
                return r;
        }
        *ret = filter;
        return 0;
}
