/* Between the parts of the filter's parser: tokens, the state while parsing, values. Internal to the filter. */
#ifndef NETWATCH_HISTORY_FILTER_PARSER_H
#define NETWATCH_HISTORY_FILTER_PARSER_H

#include "history/filter_words.h"

enum filter_token_kind {
        TOKEN_END,
        TOKEN_WORD, /* a keyword (role), or a value */
        TOKEN_OPEN,
        TOKEN_CLOSE,
        TOKEN_STRAY, /* a character that begins nothing */
};

struct filter_token {
        enum filter_token_kind kind;
        size_t pos;
        size_t length;
        uint8_t role; /* enum filter_role; operators have the role of their words */
        uint8_t detail;
};

/* What the words before a value say of it, and what a value without words takes over from the one before. */
struct filter_qualifier {
        uint8_t target;                         /* enum filter_target; NONE: a value cannot stand here */
        uint8_t end;                            /* enum filter_end */
        const struct filter_protocol *protocol; /* NULL: none was named */
};

/* An open group, the whole text being the outermost. */
struct filter_group {
        struct filter_qualifier outer; /* what held before the parenthesis, and holds after it */
        uint32_t test;                 /* index of the operator's test, valid with has_left */
        bool has_left;                 /* an operand and its operator stand before what comes now */
        bool values_only;              /* `port (80 or 443)` */
        bool negated;
};

struct filter_parser {
        const char *text;
        size_t length;
        const struct filter_names *names; /* may be NULL */
        struct filter *filter;
        struct filter_error *error;
        struct filter_token token; /* the one that is looked at */
        size_t condition_pos;      /* where the condition begins, or the value that is one */
        struct filter_qualifier qualifier;
        unsigned places; /* enum filter_place: what may come where the token is */
        unsigned depth;
        struct filter_group groups[FILTER_DEPTH_MAX + 1];
};

/* Does the character go on with a word (a name, a number, an address)? */
bool filter_is_word_character(char c);

/* The token at or after byte `pos`. */
struct filter_token filter_token_at(const char *text, size_t length, size_t pos);

/* Goes on to the next token, where `places` may come. */
void filter_parser_next(struct filter_parser *parser, unsigned places);

/* Notes the error, one sentence about byte `pos`. Returns -EINVAL. */
int filter_parser_fail(struct filter_parser *parser, size_t pos, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Notes that the token is not what it should be: "expected X, found Y". Returns -EINVAL. */
int filter_parser_expected(struct filter_parser *parser, const char *what);

/* Adds a node at the end of the program. 0, -EINVAL where there are too many conditions, or -ENOMEM. */
int filter_parser_emit(struct filter_parser *parser, struct filter_node node);

/* Negates the operand that ends the program; puts the test of the operator that is the token behind it; ends the
 * two operands of that test. 0 or -ENOMEM. */
int filter_parser_emit_not(struct filter_parser *parser);
int filter_parser_emit_test(struct filter_parser *parser, struct filter_group *group);
int filter_parser_emit_operator(struct filter_parser *parser, struct filter_group *group);

/* Reads the token as a value of the qualifier and adds its condition; the token stays. 0 or -errno. */
int filter_parser_value(struct filter_parser *parser);

/* Reads the token as the number of a quantity (`kind` is NODE_BYTES … NODE_DURATION). 0 or -EINVAL. */
int filter_parser_quantity(struct filter_parser *parser, enum filter_node_kind kind, uint64_t *ret);

/* Parses the whole text into parser->filter. 0 or -errno; in any case `places` and `qualifier` tell
 * what might have come at the last token. */
int filter_parser_run(struct filter_parser *parser);

#endif
