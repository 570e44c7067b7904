/* The log: one line per message on standard error, for people and for the journal.
 *
 * Only main.c and the top of each thread log; folders below return what went wrong.
 * Never a line per packet. When standard error is the journal (JOURNAL_STREAM) each
 * line carries its priority as sd-daemon(3) wants it. Any thread; lines do not mix. */
#ifndef NETWATCH_BASE_LOG_H
#define NETWATCH_BASE_LOG_H

#include <stdbool.h>

enum log_level {
        LOG_LEVEL_ERROR,
        LOG_LEVEL_WARN,
        LOG_LEVEL_INFO,
        LOG_LEVEL_DEBUG,
};

/* Messages above `level` are not printed. Default: info. */
void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug" → level; false where the word is none of them. */
bool log_parse_level(const char *word, enum log_level *ret_level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
