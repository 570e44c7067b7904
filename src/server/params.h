/* Query parameters: hostile text → values, or a problem that names the parameter.
 *
 * Strict: a name may come once, must be known to the path, and its whole value must parse. */
#ifndef NETWATCH_SERVER_PARAMS_H
#define NETWATCH_SERVER_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/reply.h"

#define PARAMS_MAX 32

struct params {
        unsigned count;
        struct {
                const char *name;
                const char *value;
        } list[PARAMS_MAX];
};

/* Takes a query string ("a=1&b=%32", without the '?') apart, in place: names and values point
 * into `query`, percent-decoded, a '+' as a blank, valid UTF-8 without NUL.
 * `known` are the names that the path takes, ended by NULL. False: `problem` says why (400). */
bool params_parse(char *query, const char *const *known, struct params *ret, struct problem *problem);

/* The value, or NULL where the parameter is not given. */
const char *params_get(const struct params *params, const char *name);

/* Whether the byte at `at` of a query that is not taken apart lies in the value of `name`, and as which byte of it,
 * decoded. Any text will do. */
bool params_lies_in(const char *query, size_t at, const char *name, size_t *ret_pos);

/* Each of these leaves `value` as it is where the parameter is not given, and returns false
 * with a problem where it does not parse. */
bool params_u64(const struct params *params, const char *name, uint64_t min, uint64_t max, uint64_t *value,
                struct problem *problem);

/* One word out of `words`, which NULL ends; the value is its index. */
bool params_word(const struct params *params, const char *name, const char *const *words, unsigned *value,
                 struct problem *problem);

#endif
