#include "server/params.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Percent-decodes in place; false on a broken escape or a NUL. */
static bool decode(char *text) {
        char *to = text;
        for (const char *from = text; *from; from++) {
                if (*from == '%') {
                        int high = hex_digit(from[1]);
                        int low = high < 0 ? -1 : hex_digit(from[2]);
                        if (low < 0 || !(high | low))
                                return false;
                        *to++ = (char)(high << 4 | low);
                        from += 2;
                } else {
                        *to++ = *from;
                        if (*from == '+')
                                to[-1] = ' ';
                }
        }
        *to = '\0';
        return true;
}

/* jansson refuses text that is not UTF-8, and it is what will carry the text back. */
static bool is_utf8(const char *text) {
        json_t *string = json_string(text);
        json_decref(string);
        return string != NULL;
}

static bool list_names(const char *const *names, char *ret, size_t size) {
        size_t n = 0;
        for (unsigned i = 0; names[i] && n < size; i++)
                n += (size_t)snprintf(ret + n, size - n, "%s%s", i ? ", " : "", names[i]);
        return n > 0;
}

static bool unknown_name(const char *name, const char *const *known, struct problem *problem) {
        char names[200] = "";
        if (list_names(known, names, sizeof(names)))
                return problem_set(problem, 400, name, "unknown parameter; this path takes %s", names);
        return problem_set(problem, 400, name, "unknown parameter; this path takes none");
}

static bool add(struct params *params, char *name, char *value, const char *const *known, struct problem *problem) {
        if (!decode(name) || !is_utf8(name) || strlen(name) >= sizeof(problem->param))
                return problem_set(problem, 400, NULL, "the name of a parameter cannot be decoded");

        unsigned i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
                i++;
        if (!known[i])
                return unknown_name(name, known, problem);
        if (params_get(params, name))
                return problem_set(problem, 400, name, "given more than once");
        if (!decode(value) || !is_utf8(value))
                return problem_set(problem, 400, name, "the value is no percent-encoded UTF-8");
        if (params->count == PARAMS_MAX)
                return problem_set(problem, 400, name, "more than %d parameters", PARAMS_MAX);

        params->list[params->count].name = name;
        params->list[params->count++].value = value;
        return true;
}

bool params_parse(char *query, const char *const *known, struct params *ret, struct problem *problem) {
        struct params params = {0};
        char *rest = query;
        for (char *piece; (piece = strsep(&rest, "&"));) {
                char *equals = strchr(piece, '=');
                char *value = equals ? equals + 1 : piece + strlen(piece);
                if (equals)
                        *equals = '\0';
                if (!*piece && !*value)
                        continue;
                if (!add(&params, piece, value, known, problem))
                        return false;
        }
        *ret = params;
        return true;
}

const char *params_get(const struct params *params, const char *name) {
        for (unsigned i = 0; i < params->count; i++)
                if (!strcmp(params->list[i].name, name))
                        return params->list[i].value;
        return NULL;
}

bool params_lies_in(const char *query, size_t at, const char *name, size_t *ret_pos) {
        size_t begin = at, name_bytes = strlen(name);
        while (begin > 0 && query[begin - 1] != '&')
                begin--;
        const char *value = query + begin + name_bytes + 1;
        if (strncmp(query + begin, name, name_bytes) != 0 || value[-1] != '=' || value > query + at)
                return false;
        size_t escapes = 0;
        for (const char *c = value; c < query + at; c++)
                escapes += *c == '%';
        size_t bytes = (size_t)(query + at - value);
        *ret_pos = 2 * escapes <= bytes ? bytes - 2 * escapes : 0;
        return true;
}

bool params_u64(const struct params *params, const char *name, uint64_t min, uint64_t max, uint64_t *value,
                struct problem *problem) {
        const char *text = params_get(params, name);
        if (text && !parse_u64(text, min, max, value))
                return problem_set(problem, 400, name, "must be a whole number from %llu to %llu",
                                   (unsigned long long)min, (unsigned long long)max);
        return true;
}

bool params_word(const struct params *params, const char *name, const char *const *words, unsigned *value,
                 struct problem *problem) {
        const char *text = params_get(params, name);
        if (!text)
                return true;
        for (unsigned i = 0; words[i]; i++)
                if (!strcmp(words[i], text)) {
                        *value = i;
                        return true;
                }
        char names[280] = "";
        list_names(words, names, sizeof(names));
        return problem_set(problem, 400, name, "must be one of %s", names);
}
