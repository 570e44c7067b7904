/* Text → tokens. A word is a run of letters, digits and the marks that occur in names, numbers and addresses, so
 * `10.0.0.0/8`, `fe80::1`, `1-1024` and `eth0.5` are one each; a backslash before it says that it is no keyword. */
#include <string.h>

#include "history/filter_parser.h"

bool filter_is_word_character(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80) ||
               (c && strchr("._-:/%@+#*?$~,\\", c));
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const struct {
        const char *text;
        const char *word; /* that means the same */
} symbols[] = {
        {"&&", "and"}, {"||", "or"}, {"!=", "!="}, {"!", "not"}, {"<=", "<="},
        {">=", ">="},  {"==", "=="}, {"<", "<"},   {">", ">"},   {"=", "="},
};

static bool take_symbol(const char *at, size_t left, struct filter_token *token) {
        for (unsigned i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
                size_t length = strlen(symbols[i].text);
                if (length > left || memcmp(at, symbols[i].text, length) != 0)
                        continue;
                const struct filter_word *word = filter_word_find(symbols[i].word, strlen(symbols[i].word));
                token->kind = TOKEN_WORD;
                token->length = length;
                token->role = word->role;
                token->detail = word->detail;
                return true;
        }
        return false;
}

static void take_word(const char *at, size_t left, struct filter_token *token) {
        size_t length = 1;
        while (length < left && filter_is_word_character(at[length]))
                length++;
        const struct filter_word *word = filter_word_find(at, length);
        token->kind = TOKEN_WORD;
        token->length = length;
        token->role = word ? word->role : ROLE_NONE;
        token->detail = word ? word->detail : 0;
}

struct filter_token filter_token_at(const char *text, size_t length, size_t pos) {
        while (pos < length && is_blank(text[pos]))
                pos++;
        struct filter_token token = {.kind = TOKEN_END, .pos = pos, .length = 0};
        if (pos == length)
                return token;

        if (filter_is_word_character(text[pos])) {
                take_word(text + pos, length - pos, &token);
        } else if (!take_symbol(text + pos, length - pos, &token)) {
                char c = text[pos];
                token.kind = c == '(' ? TOKEN_OPEN : c == ')' ? TOKEN_CLOSE : TOKEN_STRAY;
                token.length = 1;
        }
        return token;
}
