/* The --env-file: one NETWATCH_X=value a line, the subset of systemd's EnvironmentFile= that
 * people use. A line that begins with # and an empty line mean nothing; a value may stand in
 * one pair of single or double quotes, within which nothing is special. A name that is no
 * option is an error and not passed over, since it is nearly always a slip of the pen. */
#include "options_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENV_FILE_BYTES_MAX 65536

/* The whole file, with a NUL behind it; NULL and the error's text where it cannot be had. */
static char *read_whole(const char *path, struct error *error) {
        FILE *file = fopen(path, "re");
        if (!file) {
                error_set(error, -EINVAL, "--env-file: cannot open %s: %s", path, strerror(errno));
                return NULL;
        }

        char *text = option_keep(ENV_FILE_BYTES_MAX + 1);
        size_t n = text ? fread(text, 1, ENV_FILE_BYTES_MAX, file) : 0;
        int failed = ferror(file) ? errno : 0;
        (void)fclose(file);

        if (!text || failed)
                error_set(error, -EINVAL, "--env-file: cannot read %s: %s", path, strerror(failed ? failed : ENOMEM));
        else if (n == ENV_FILE_BYTES_MAX || memchr(text, '\0', n))
                error_set(error, -EINVAL, "--env-file: %s is no file of NETWATCH_X=value lines", path);
        else
                return text;
        return NULL;
}

static char *trim(char *text) {
        while (isspace((unsigned char)*text))
                text++;
        size_t n = strlen(text);
        while (n && isspace((unsigned char)text[n - 1]))
                text[--n] = '\0';
        return text;
}

/* Takes the quotes off, where there is a pair; false where only one is there. */
static bool unquote(char **value) {
        char *text = *value;
        size_t n = strlen(text);

        if (*text != '"' && *text != '\'')
                return true;
        if (n < 2 || text[n - 1] != *text)
                return false;
        text[n - 1] = '\0';
        *value = text + 1;
        return true;
}

static const struct option_spec *find_by_variable(const char *name) {
        char variable[OPTION_VARIABLE_BYTES];
        for (size_t i = 0; i < option_specs_count; i++)
                if (!option_specs[i].flag_only && !strcmp(option_spec_variable(&option_specs[i], variable), name))
                        return &option_specs[i];
        return NULL;
}

static int read_line(const char *path, unsigned line, char *text, struct option_settings *settings,
                     struct error *error) {
        text = trim(text);
        if (!*text || *text == '#')
                return 0;

        char *equals = strchr(text, '=');
        if (!equals)
                return error_set(error, -EINVAL, "%s:%u: not a NETWATCH_X=value line", path, line);
        *equals = '\0';

        const struct option_spec *spec = find_by_variable(trim(text));
        if (!spec)
                return error_set(error, -EINVAL, "%s:%u: %.60s is not an option of netwatchd", path, line, text);
        if (!spec->set)
                return error_set(error, -EINVAL, "%s:%u: %.60s cannot be set in a file", path, line, text);

        char *value = trim(equals + 1);
        if (!unquote(&value))
                return error_set(error, -EINVAL, "%s:%u: the quote is not closed", path, line);
        return option_settings_add(
                settings,
                &(struct option_setting){.spec = spec, .value = value, .origin = OPTION_ORIGIN_FILE, .line = line},
                error);
}

int options_read_env_file(const char *path, struct option_settings *settings, struct error *error) {
        char *rest = read_whole(path, error);
        if (!rest)
                return -EINVAL;

        unsigned line = 0;
        for (char *text; (text = strsep(&rest, "\n"));) {
                int r = read_line(path, ++line, text, settings, error);
                if (r < 0)
                        return r;
        }
        return 0;
}
