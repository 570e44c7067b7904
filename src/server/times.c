#include "server/times.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"

#define DAY_MS (86400 * MS_PER_S)
#define STEP_MAX_S (366 * 86400LL)

/* 9999-12-31T23:59:59.999Z */
#define TIME_MAX_MS 253402300799999LL

/* Exactly `n` digits; -1 where there are not. */
static int take_number(const char **at, unsigned n) {
        int value = 0;
        for (unsigned i = 0; i < n; i++, (*at)++) {
                if (**at < '0' || **at > '9')
                        return -1;
                value = value * 10 + (**at - '0');
        }
        return value;
}

static bool take_char(const char **at, const char *any) {
        if (!**at || !strchr(any, **at))
                return false;
        (*at)++;
        return true;
}

/* ".5" → 500; any number of digits, cut to milliseconds. */
static int take_fraction(const char **at) {
        int ms = 0, unit = 100;
        if (!take_char(at, "."))
                return 0;
        if (**at < '0' || **at > '9')
                return -1;
        for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
                ms += (**at - '0') * unit;
        return ms;
}

static bool take_offset(const char **at, int64_t *ret_ms) {
        if (take_char(at, "Zz")) {
                *ret_ms = 0;
                return true;
        }
        int sign = **at == '-' ? -1 : 1;
        if (!take_char(at, "+- "))
                return false;
        int hours = take_number(at, 2);
        if (hours < 0 || hours > 23 || !take_char(at, ":"))
                return false;
        int minutes = take_number(at, 2);
        if (minutes < 0 || minutes > 59)
                return false;
        *ret_ms = sign * (hours * 3600000LL + minutes * 60000LL);
        return true;
}

static bool take_date(const char **at, struct tm *tm) {
        tm->tm_year = take_number(at, 4) - 1900;
        if (tm->tm_year < 70 || !take_char(at, "-"))
                return false;
        tm->tm_mon = take_number(at, 2) - 1;
        if (tm->tm_mon < 0 || tm->tm_mon > 11 || !take_char(at, "-"))
                return false;
        tm->tm_mday = take_number(at, 2);
        return tm->tm_mday >= 1 && tm->tm_mday <= 31;
}

static bool take_clock(const char **at, struct tm *tm) {
        tm->tm_hour = take_number(at, 2);
        if (tm->tm_hour < 0 || tm->tm_hour > 23 || !take_char(at, ":"))
                return false;
        tm->tm_min = take_number(at, 2);
        if (tm->tm_min < 0 || tm->tm_min > 59 || !take_char(at, ":"))
                return false;
        tm->tm_sec = take_number(at, 2);
        return tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

/* RFC 3339, section 5.6. */
static bool parse_rfc3339(const char *text, int64_t *ret_ms) {
        struct tm tm = {0};
        if (!take_date(&text, &tm) || !take_char(&text, "Tt ") || !take_clock(&text, &tm))
                return false;
        int day = tm.tm_mday, second_of_minute = tm.tm_sec;
        tm.tm_sec = 0;
        int fraction_ms = take_fraction(&text);
        int64_t offset_ms;
        if (fraction_ms < 0 || !take_offset(&text, &offset_ms) || *text)
                return false;

        int64_t seconds = timegm(&tm) + second_of_minute;
        if (tm.tm_mday != day) /* 31 April */
                return false;
        *ret_ms = seconds * MS_PER_S + fraction_ms - offset_ms;
        return true;
}

bool times_parse(const char *text, int64_t now_ms, int64_t *ret_ms) {
        int64_t ms;
        uint64_t unix_ms;
        if (*text == '-') {
                int64_t back_ms;
                if (!parse_duration(text + 1, &back_ms) || (back_ms > now_ms && back_ms > DAY_MS))
                        return false;
                ms = back_ms > now_ms ? 0 : now_ms - back_ms;
        } else if (parse_u64(text, 0, TIME_MAX_MS, &unix_ms)) {
                ms = (int64_t)unix_ms;
        } else if (!parse_rfc3339(text, &ms)) {
                return false;
        }
        if (ms < 0 || ms > TIME_MAX_MS)
                return false;
        *ret_ms = ms;
        return true;
}

static bool parse_one(const struct params *params, const char *name, int64_t now_ms, bool *ret_has, int64_t *ret_ms,
                      struct problem *problem) {
        const char *text = params_get(params, name);
        *ret_has = text != NULL;
        if (text && !times_parse(text, now_ms, ret_ms))
                return problem_set(problem, 400, name, TIMES_ACCEPTED);
        return true;
}

bool times_range(const struct params *params, int64_t now_ms, struct times_range *ret, struct problem *problem) {
        int64_t from_ms = 0, to_ms = 0;
        struct times_range range = {0};
        if (!parse_one(params, "from", now_ms, &range.has_from, &from_ms, problem) ||
            !parse_one(params, "to", now_ms, &range.has_to, &to_ms, problem))
                return false;
        if (range.has_from && range.has_to && from_ms >= to_ms)
                return problem_set(problem, 400, "from", "must be earlier than to");
        range.from = floor_div(from_ms, MS_PER_S);
        range.to = floor_div(to_ms + MS_PER_S - 1, MS_PER_S);
        range.widened = from_ms % MS_PER_S || to_ms % MS_PER_S;
        *ret = range;
        return true;
}

bool times_step(const struct params *params, int64_t *step_s, struct problem *problem) {
        const char *text = params_get(params, "step");
        int64_t ms;
        if (!text)
                return true;
        if (!parse_duration(text, &ms) || ms < MS_PER_S || ms % MS_PER_S || ms > STEP_MAX_S * MS_PER_S)
                return problem_set(problem, 400, "step",
                                   "must be a duration in whole seconds, such as 1s or 5m, and a year at most");
        *step_s = ms / MS_PER_S;
        return true;
}
