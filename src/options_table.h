/* What options.c and its parts share: the table of options and where a value came from. */
#ifndef NETWATCH_OPTIONS_TABLE_H
#define NETWATCH_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "options.h"

/* The options while they are put together. A field that is still zero (NULL) after all
 * values were applied gets its default from options.c. */
struct options_draft {
        struct options options;
        const char *token; /* not yet copied */
        const char *token_file;
};

struct option_spec {
        const char *name; /* without the dashes; NETWATCH_ and its capitals are the variable */
        int letter;       /* short form; 0: none */
        bool is_switch;   /* takes no value on the command line, yes or no elsewhere */
        bool repeatable;  /* on the command line by repeating, elsewhere by commas */
        bool secret;      /* never printed, wiped from where it came */
        bool flag_only;   /* has no variable */

        /* Stores a value. NULL, or what would have been accepted: "a number from 1 to 9". */
        const char *(*set)(struct options_draft *draft, const char *value);
};

extern const struct option_spec option_specs[];
extern const size_t option_specs_count;

/* By name without dashes; NULL where there is none. */
const struct option_spec *option_spec_find(const char *name);

/* "snaplen" → "NETWATCH_SNAPLEN". Returns ret. */
#define OPTION_VARIABLE_BYTES 64
const char *option_spec_variable(const struct option_spec *spec, char ret[OPTION_VARIABLE_BYTES]);

/* A bearer token: 1 to 256 printable ASCII characters, none of them a blank. */
#define OPTION_TOKEN_BYTES 256
bool option_token_is_valid(const char *token);

/* Zeroed memory that lives as long as the process, for what struct options points to; NULL
 * without memory. */
char *option_keep(size_t bytes);
char *option_keep_copy(const char *text);

/* Where a value comes from, weakest first. */
enum option_origin {
        OPTION_ORIGIN_NONE,
        OPTION_ORIGIN_FILE,
        OPTION_ORIGIN_ENVIRONMENT,
        OPTION_ORIGIN_FLAG,
};

struct option_setting {
        const struct option_spec *spec;
        char *value;
        enum option_origin origin;
        unsigned line; /* of the --env-file, from 1 */
};

#define OPTION_SETTINGS_MAX 256
struct option_settings {
        size_t count;
        struct option_setting list[OPTION_SETTINGS_MAX];
};

/* Adds a value; a repeatable one that does not come from a flag is cut at its commas.
 * -EINVAL where there are absurdly many. */
int option_settings_add(struct option_settings *settings, const struct option_setting *setting, struct error *error);

/* Reads NETWATCH_X=value lines into the settings; the values stay allocated for good.
 * -EINVAL with file and line where something is amiss. */
int options_read_env_file(const char *path, struct option_settings *settings, struct error *error);

#endif
