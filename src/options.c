/* Options come from three places: flags, the environment and --env-file. They are first
 * collected as plain text with where each came from; then, option by option, the values of
 * the strongest place are checked and stored (a list is replaced as a whole, never mixed);
 * last come the defaults and what options owe each other. So a value that is not used
 * cannot fail, and a message can say where the bad one stands.
 *
 *   argv ──────────┐
 *   environment ───┼─> settings ──resolve──> draft ──complete──> struct options
 *   --env-file ────┘
 *
 * getopt_long would take abbreviations; they are refused, since a script that uses one
 * breaks when a later version adds an option. */
#include "options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options_table.h"

#define SPECS_MAX 64
#define DEFAULT_BPF "ip or ip6 and not port 22"
#define DEFAULT_SNAPLEN 160
#define LIVE_SNAPLEN_MIN 64
#define DEFAULT_MEMORY ((uint64_t)512 << 20)
#define DEFAULT_RING ((uint64_t)64 << 20)
#define FLOW_BYTES 128 /* two slots of 64 bytes, the table being half full at most */

static struct kept {
        struct kept *next;
        char text[];
} * all_kept; /* main's thread only; a chain, so that nothing counts as leaked */

char *option_keep(size_t bytes) {
        struct kept *kept = calloc(1, sizeof(*kept) + bytes);
        if (!kept)
                return NULL;
        kept->next = all_kept;
        all_kept = kept;
        return kept->text;
}

char *option_keep_copy(const char *text) {
        size_t bytes = strlen(text) + 1;
        char *copy = option_keep(bytes);
        return copy ? memcpy(copy, text, bytes) : NULL;
}

int option_settings_add(struct option_settings *settings, const struct option_setting *setting, struct error *error) {
        struct option_setting next = *setting;
        char *rest = setting->value;
        bool is_list = setting->spec->repeatable && setting->origin != OPTION_ORIGIN_FLAG;

        while ((next.value = is_list ? strsep(&rest, ",") : rest)) {
                if (settings->count == OPTION_SETTINGS_MAX)
                        return error_set(error, -EINVAL, "more than %d options", OPTION_SETTINGS_MAX);
                settings->list[settings->count++] = next;
                if (!is_list)
                        break;
        }
        return 0;
}

/* ---- flags ------------------------------------------------------------------------ */

/* What getopt_long wants, made of the table; `val` is the spec's place in it, from 256 on. */
static void build_getopt(struct option ret_long[SPECS_MAX + 1], char ret_short[2 * SPECS_MAX + 3]) {
        char *letter = ret_short;
        assert(option_specs_count <= SPECS_MAX);
        *letter++ = '+'; /* stop at what is no option */
        *letter++ = ':'; /* tell a missing value from an unknown option */

        memset(ret_long, 0, sizeof(struct option) * (SPECS_MAX + 1));
        for (size_t i = 0; i < option_specs_count; i++) {
                const struct option_spec *spec = &option_specs[i];
                ret_long[i] = (struct option){
                        .name = spec->name,
                        .has_arg = spec->is_switch ? no_argument : required_argument,
                        .val = 256 + (int)i,
                };
                if (!spec->letter)
                        continue;
                *letter++ = (char)spec->letter;
                if (!spec->is_switch)
                        *letter++ = ':';
        }
        *letter = '\0';
}

static const struct option_spec *spec_of(int val) {
        if (val >= 256 && (size_t)val - 256 < option_specs_count)
                return &option_specs[val - 256];
        for (size_t i = 0; i < option_specs_count; i++)
                if (val > 0 && option_specs[i].letter == val)
                        return &option_specs[i];
        return NULL;
}

/* The option of an argument, without its value, which may be a secret. */
static int refuse_argument(const char *argument, int val, struct error *error) {
        const struct option_spec *spec = spec_of(optopt);
        int name_length = (int)strcspn(argument, "=");

        if (val == ':' && spec)
                return error_set(error, -EINVAL, "--%s needs a value", spec->name);
        if (val == '?' && spec && spec->is_switch)
                return error_set(error, -EINVAL, "--%s takes no value", spec->name);
        if (!strncmp(argument, "--", 2) || !optopt)
                return error_set(error, -EINVAL, "unknown option %.*s; see --help", name_length, argument);
        return error_set(error, -EINVAL, "unknown option -%c; see --help", optopt);
}

static bool is_abbreviated(const char *argument, const struct option_spec *spec) {
        return !strncmp(argument, "--", 2) && (strncmp(argument + 2, spec->name, strlen(spec->name)) ||
                                               !strchr("=", argument[2 + strlen(spec->name)]));
}

/* What a switch asks for that ends the parsing: OPTIONS_RUN where it does not. */
static enum options_action action_of(const struct option_spec *spec) {
        if (!strcmp(spec->name, "help"))
                return OPTIONS_HELP;
        if (!strcmp(spec->name, "version"))
                return OPTIONS_VERSION;
        if (!strcmp(spec->name, "list-ifaces"))
                return OPTIONS_LIST_IFACES;
        return OPTIONS_RUN;
}

static int collect_flags(int argc, char **argv, struct option_settings *settings, enum options_action *ret_action,
                         struct error *error) {
        static char yes[] = "yes";
        struct option long_options[SPECS_MAX + 1];
        char letters[2 * SPECS_MAX + 3];
        build_getopt(long_options, letters);

        opterr = 0;
        optind = 0; /* glibc: begin anew */
        for (;;) {
                const char *argument = optind && optind < argc ? argv[optind] : argc > 1 ? argv[1] : "";
                int val = getopt_long(argc, argv, letters, long_options, NULL);
                if (val < 0)
                        break;
                const struct option_spec *spec = val == '?' || val == ':' ? NULL : spec_of(val);
                if (!spec || is_abbreviated(argument, spec))
                        return refuse_argument(argument, val, error);

                *ret_action = action_of(spec);
                if (*ret_action != OPTIONS_RUN)
                        return 0;
                int r = option_settings_add(settings,
                                            &(struct option_setting){.spec = spec,
                                                                     .value = spec->is_switch ? yes : optarg,
                                                                     .origin = OPTION_ORIGIN_FLAG},
                                            error);
                if (r < 0)
                        return r;
        }
        if (optind < argc)
                return error_set(error, -EINVAL, "unexpected argument '%.60s'; see --help", argv[optind]);
        return 0;
}

/* ---- environment and file ---------------------------------------------------------- */

static int collect_environment(struct option_settings *settings, struct error *error) {
        char variable[OPTION_VARIABLE_BYTES];

        for (size_t i = 0; i < option_specs_count; i++) {
                const struct option_spec *spec = &option_specs[i];
                char *value = spec->flag_only ? NULL : getenv(option_spec_variable(spec, variable));
                if (!value)
                        continue;
                /* a list is cut at its commas, which must not show in the environment of a later parse */
                if (spec->repeatable && !(value = option_keep_copy(value)))
                        return error_set(error, -ENOMEM, "out of memory");
                int r = option_settings_add(
                        settings,
                        &(struct option_setting){.spec = spec, .value = value, .origin = OPTION_ORIGIN_ENVIRONMENT},
                        error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The strongest place that sets an option. */
static enum option_origin origin_of(const struct option_settings *settings, const char *name) {
        enum option_origin strongest = OPTION_ORIGIN_NONE;
        for (size_t i = 0; i < settings->count; i++)
                if (!strcmp(settings->list[i].spec->name, name) && settings->list[i].origin > strongest)
                        strongest = settings->list[i].origin;
        return strongest;
}

static int collect_env_file(struct option_settings *settings, const char **ret_path, struct error *error) {
        enum option_origin origin = origin_of(settings, "env-file");

        *ret_path = NULL;
        for (size_t i = 0; i < settings->count; i++)
                if (!settings->list[i].spec->set && settings->list[i].origin == origin)
                        *ret_path = settings->list[i].value;
        if (*ret_path && !**ret_path)
                return error_set(error, -EINVAL, "bad value for --env-file: ''; accepted: the path of a file");
        return *ret_path ? options_read_env_file(*ret_path, settings, error) : 0;
}

/* ---- resolving --------------------------------------------------------------------- */

/* One line that names option, place, value and what is accepted. */
static int refuse_value(const struct option_setting *setting, const char *env_file, const char *accepted,
                        struct error *error) {
        char place[256] = "", value[80], variable[OPTION_VARIABLE_BYTES];

        if (setting->origin == OPTION_ORIGIN_ENVIRONMENT)
                (void)snprintf(place, sizeof(place), " (%s)", option_spec_variable(setting->spec, variable));
        else if (setting->origin == OPTION_ORIGIN_FILE)
                (void)snprintf(place, sizeof(place), " (%s:%u)", env_file, setting->line);

        (void)snprintf(value, sizeof(value), "%s", setting->spec->secret ? "(not shown)" : setting->value);
        return error_set(error, -EINVAL, "bad value for --%s%s: '%s'; accepted: %s", setting->spec->name, place, value,
                         accepted);
}

static int apply_settings(const struct option_settings *settings, const char *env_file, struct options_draft *draft,
                          struct error *error) {
        for (size_t i = 0; i < settings->count; i++) {
                const struct option_setting *setting = &settings->list[i];
                if (!setting->spec->set || setting->origin != origin_of(settings, setting->spec->name))
                        continue;
                const char *accepted = setting->spec->set(draft, setting->value);
                if (accepted)
                        return refuse_value(setting, env_file, accepted, error);
        }
        return 0;
}

/* Copies the token, then wipes it wherever it was written: the arguments and the
 * environment can be read by others through /proc. */
static int hide_token(const struct option_settings *settings, struct options_draft *draft, struct error *error) {
        if (draft->token && !(draft->options.auth_token = option_keep_copy(draft->token)))
                return error_set(error, -ENOMEM, "out of memory");
        for (size_t i = 0; i < settings->count; i++)
                if (settings->list[i].spec->secret)
                        explicit_bzero(settings->list[i].value, strlen(settings->list[i].value));
        (void)unsetenv("NETWATCH_AUTH_TOKEN");
        return 0;
}

static int read_token_file(const char *path, char **ret, struct error *error) {
        FILE *file = fopen(path, "re");
        if (!file)
                return error_set(error, -EINVAL, "--auth-token-file: cannot open %s: %s", path, strerror(errno));

        char line[OPTION_TOKEN_BYTES + 3];
        errno = 0;
        if (!fgets(line, sizeof(line), file))
                line[0] = '\0';
        int failed = ferror(file) ? errno : 0;
        (void)fclose(file);
        if (failed)
                return error_set(error, -EINVAL, "--auth-token-file: cannot read %s: %s", path, strerror(failed));

        line[strcspn(line, "\r\n")] = '\0';
        bool valid = option_token_is_valid(line);
        char *token = valid ? option_keep_copy(line) : NULL;
        explicit_bzero(line, sizeof(line));
        if (!valid)
                return error_set(error, -EINVAL,
                                 "--auth-token-file: the first line of %s is no token; accepted: 1 to 256 printable "
                                 "characters without blanks",
                                 path);
        if (!token)
                return error_set(error, -ENOMEM, "out of memory");
        *ret = token;
        return 0;
}

/* The token itself or its file: the stronger place wins, and one place gives one of them. */
static int choose_token(const struct option_settings *settings, struct options_draft *draft, struct error *error) {
        enum option_origin token = origin_of(settings, "auth-token"), file = origin_of(settings, "auth-token-file");

        if (!draft->token_file || token > file)
                return 0;
        if (token == file)
                return error_set(error, -EINVAL, "--auth-token and --auth-token-file exclude each other");
        return read_token_file(draft->token_file, &draft->options.auth_token, error);
}

/* ---- defaults and what options owe each other --------------------------------------- */

static void set_defaults(struct options_draft *draft) {
        *draft = (struct options_draft){
                .options = {
                        .retention_s = 3600,
                        .memory_bytes = DEFAULT_MEMORY,
                        .bind = "127.0.0.1:8080",
                        .ttl_ms =
                                {[PACKET_CLASS_TCP] = 120000, [PACKET_CLASS_UDP] = 30000, [PACKET_CLASS_ICMP] = 10000},
                        .promiscuous = true,
                        .max_websockets = 1024,
                        .log_level = LOG_LEVEL_INFO,
                }};
}

static void complete(struct options *options) {
        bool live = !options->read_path;
        uint64_t quarter = options->memory_bytes / 4;

        options->action = live ? OPTIONS_RUN : options->report ? OPTIONS_REPORT : OPTIONS_READ;
        if (!options->bpf)
                options->bpf = live ? DEFAULT_BPF : "";
        if (!options->snaplen && live)
                options->snaplen = DEFAULT_SNAPLEN;
        if (!options->ring_bytes)
                options->ring_bytes = quarter < DEFAULT_RING ? quarter : DEFAULT_RING;
        options->ttl_ms[PACKET_CLASS_OTHER] = options->ttl_ms[PACKET_CLASS_UDP];
}

static int check_together(const struct option_settings *settings, const struct options_draft *draft,
                          struct error *error) {
        const struct options *options = &draft->options;
        uint64_t quarter = options->memory_bytes / 4;

        if (options->report && !options->read_path)
                return error_set(error, -EINVAL, "--report needs --read=FILE beside it");
        if (!options->read_path && origin_of(settings, "speed") == OPTION_ORIGIN_FLAG)
                return error_set(error, -EINVAL, "--speed needs --read=FILE beside it");
        if (options->report && origin_of(settings, "speed") == OPTION_ORIGIN_FLAG)
                return error_set(error, -EINVAL, "--speed and --report exclude each other");
        if (options->read_path && origin_of(settings, "iface") == OPTION_ORIGIN_FLAG)
                return error_set(error, -EINVAL, "--read and --iface exclude each other");
        if (!options->read_path && options->snaplen < LIVE_SNAPLEN_MIN)
                return error_set(error, -EINVAL, "bad value for --snaplen: %u; accepted: from %d on, without --read",
                                 options->snaplen, LIVE_SNAPLEN_MIN);
        if (options->ring_bytes > quarter)
                return error_set(error, -EINVAL,
                                 "bad value for --ring: %lluK; accepted: up to a quarter of --memory, here %lluK",
                                 (unsigned long long)(options->ring_bytes >> 10), (unsigned long long)(quarter >> 10));
        if (options->max_flows > options->memory_bytes / FLOW_BYTES)
                return error_set(error, -EINVAL,
                                 "bad value for --max-flows: %u; accepted: what --memory has room for, here %llu",
                                 options->max_flows, (unsigned long long)(options->memory_bytes / FLOW_BYTES));
        return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct error *error) {
        struct option_settings settings = {.count = 0};
        struct options_draft draft;
        const char *env_file = NULL;
        enum options_action action = OPTIONS_RUN;
        int r;

        set_defaults(&draft);
        if ((r = collect_flags(argc, argv, &settings, &action, error)) < 0)
                return r;
        if (action != OPTIONS_RUN) {
                complete(&draft.options);
                *ret = draft.options;
                ret->action = action;
                return 0;
        }
        if ((r = collect_environment(&settings, error)) < 0 ||
            (r = collect_env_file(&settings, &env_file, error)) < 0 ||
            (r = apply_settings(&settings, env_file, &draft, error)) < 0 ||
            (r = hide_token(&settings, &draft, error)) < 0 || (r = choose_token(&settings, &draft, error)) < 0)
                return r;

        complete(&draft.options);
        if ((r = check_together(&settings, &draft, error)) < 0)
                return r;
        *ret = draft.options;
        return 0;
}
