/* Numbers with units: sizes in powers of 1024 as on the command line, packets and rates in powers of 1000,
 * durations in seconds or as named. A fraction ("1.5M") is rounded down to the whole. */
#include <string.h>
#include <strings.h>

#include "history/filter_parser.h"

#define FRACTION_DIGITS 9

struct unit {
        const char *name;
        uint64_t factor;
};

static const struct unit bytes[] = {{"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {NULL, 0}};
static const struct unit counts[] = {{"", 1}, {"k", 1000}, {"m", 1000000}, {"g", 1000000000}, {NULL, 0}};
static const struct unit times[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};

static uint64_t factor_of(const struct unit *units, const char *name, size_t length) {
        for (; units->name; units++)
                if (strlen(units->name) == length && !strncasecmp(units->name, name, length))
                        return units->factor;
        return 0;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* Digits after the point: their value in 10^-FRACTION_DIGITS. False without one, or with too many. */
static bool take_fraction(const char **at, const char *end, uint64_t *ret) {
        unsigned n = 0;
        uint64_t v = 0;
        for (; *at < end && is_digit(**at); ++*at, n++)
                if (n < FRACTION_DIGITS)
                        v = v * 10 + (uint64_t)(**at - '0');
        if (!n || n > FRACTION_DIGITS)
                return false;
        for (; n < FRACTION_DIGITS; n++)
                v *= 10;
        *ret = v;
        return true;
}

static bool parse_quantity(const char *at, const char *end, const struct unit *units, uint64_t *ret) {
        uint64_t whole = 0, fraction = 0, one = 1000000000;
        if (at == end || !is_digit(*at))
                return false;
        for (; at < end && is_digit(*at); at++)
                if (__builtin_mul_overflow(whole, (uint64_t)10, &whole) ||
                    __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
                        return false;
        if (at < end && *at == '.' && (at++, !take_fraction(&at, end, &fraction)))
                return false;
        uint64_t factor = factor_of(units, at, (size_t)(end - at));
        if (!factor || __builtin_mul_overflow(whole, factor, &whole))
                return false;
        return !__builtin_add_overflow(whole, fraction * factor / one, ret);
}

int filter_parser_quantity(struct filter_parser *parser, enum filter_node_kind kind, uint64_t *ret) {
        bool is_time = kind == NODE_AGE || kind == NODE_DURATION;
        const struct unit *units = is_time ? times : kind == NODE_BYTES ? bytes : counts;
        const char *at = parser->text + parser->token.pos;
        if (parser->token.kind == TOKEN_WORD && parse_quantity(at, at + parser->token.length, units, ret))
                return 0;
        return filter_parser_expected(parser, is_time              ? "a duration such as 500ms, 30s, 5m or 1h"
                                              : kind == NODE_BYTES ? "a size such as 1500, 64K or 1M"
                                              : kind == NODE_RATE  ? "bits per second such as 64K or 10M"
                                                                   : "a number such as 100 or 10K");
}
