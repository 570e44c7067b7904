/* What the parser leaves behind: the program, node by node, or the error. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "history/filter_parser.h"

#define QUOTED_MAX 40

/* ---- errors ---------------------------------------------------------------------------- */

int filter_parser_fail(struct filter_parser *parser, size_t pos, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(parser->error->text, sizeof(parser->error->text), format, arguments);
        va_end(arguments);
        parser->error->pos = pos;
        return -EINVAL;
}

/* Only what is short and plain is quoted: the text may hold anything. */
static void describe_token(const struct filter_parser *parser, char *ret, size_t size) {
        const struct filter_token *token = &parser->token;
        const char *at = parser->text + token->pos;
        bool is_plain = token->length <= QUOTED_MAX;
        for (size_t i = 0; is_plain && i < token->length; i++)
                is_plain = at[i] > ' ' && at[i] < 0x7f;
        if (token->kind == TOKEN_END)
                (void)snprintf(ret, size, "the end");
        else if (is_plain)
                (void)snprintf(ret, size, "'%.*s'", (int)token->length, at);
        else
                (void)snprintf(ret, size, "something else");
}

/* Why tcpdump's users meet an error here; empty where nothing is to be said. */
static const char *reason_of(const struct filter_parser *parser) {
        const struct filter_token *token = &parser->token;
        if (token->role == ROLE_REFUSED)
                return filter_refusal(token->detail);
        return token->kind == TOKEN_STRAY && parser->text[token->pos] == '[' ? "bytes of packets are not kept" : "";
}

int filter_parser_expected(struct filter_parser *parser, const char *what) {
        char found[QUOTED_MAX + 8];
        describe_token(parser, found, sizeof(found));
        const char *reason = reason_of(parser);
        return filter_parser_fail(parser, parser->token.pos, "expected %s, found %s%s%s", what, found,
                                  *reason ? ": " : "", reason);
}

/* ---- the program ------------------------------------------------------------------------ */

static int append(struct filter *filter, struct filter_node node) {
        if (filter->n_nodes == filter->capacity) {
                uint32_t capacity = filter->capacity ? 2 * filter->capacity : 8;
                struct filter_node *nodes = realloc(filter->nodes, capacity * sizeof(*nodes));
                if (!nodes)
                        return -ENOMEM;
                filter->nodes = nodes;
                filter->capacity = capacity;
        }
        filter->nodes[filter->n_nodes++] = node;
        return 0;
}

int filter_parser_emit(struct filter_parser *parser, struct filter_node node) {
        if (parser->filter->n_conditions == FILTER_CONDITIONS_MAX)
                return filter_parser_fail(parser, parser->condition_pos, "expected at most %u conditions in one filter",
                                          FILTER_CONDITIONS_MAX);
        parser->filter->n_conditions++;
        return append(parser->filter, node);
}

/* The last node is the root of the operand that is negated. */
int filter_parser_emit_not(struct filter_parser *parser) {
        struct filter *filter = parser->filter;
        if (filter->nodes[filter->n_nodes - 1].kind == NODE_NOT) {
                filter->n_nodes--;
                return 0;
        }
        return append(filter, (struct filter_node){.kind = NODE_NOT});
}

int filter_parser_emit_test(struct filter_parser *parser, struct filter_group *group) {
        group->test = parser->filter->n_nodes;
        group->has_left = true;
        bool is_and = parser->token.role == ROLE_AND;
        return append(parser->filter, (struct filter_node){.kind = is_and ? NODE_TEST_AND : NODE_TEST_OR});
}

int filter_parser_emit_operator(struct filter_parser *parser, struct filter_group *group) {
        struct filter *filter = parser->filter;
        struct filter_node *test = &filter->nodes[group->test];
        test->number = filter->n_nodes + 1;
        group->has_left = false;
        return append(filter, (struct filter_node){.kind = test->kind == NODE_TEST_AND ? NODE_AND : NODE_OR});
}
