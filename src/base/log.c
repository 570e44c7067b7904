#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/line.h"

static _Atomic int log_level_now = LOG_LEVEL_INFO;

static const struct {
        const char *word;
        int priority; /* syslog(3) */
} levels[] = {
        [LOG_LEVEL_ERROR] = {"error", 3},
        [LOG_LEVEL_WARN] = {"warn", 4},
        [LOG_LEVEL_INFO] = {"info", 6},
        [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_set_level(enum log_level level) {
        atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
}

bool log_parse_level(const char *word, enum log_level *ret_level) {
        for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
                if (!strcmp(word, levels[i].word)) {
                        *ret_level = (enum log_level)i;
                        return true;
                }
        return false;
}

/* A terminal's shell may have inherited the variable from a service: systemd.exec(5) says to compare. */
static bool is_journal(void) {
        const char *text = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
               st.st_dev == device && st.st_ino == inode;
}

void log_line(enum log_level level, const char *format, ...) {
        if ((int)level > atomic_load_explicit(&log_level_now, memory_order_relaxed))
                return;

        char line[1024];
        int n;
        if (is_journal())
                n = snprintf(line, sizeof(line), "<%d>", levels[level].priority);
        else if (level <= LOG_LEVEL_WARN)
                n = snprintf(line, sizeof(line), "netwatchd: %s: ", levels[level].word);
        else
                n = snprintf(line, sizeof(line), "netwatchd: ");

        va_list ap;
        va_start(ap, format);
        int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, ap);
        va_end(ap);
        if (m > 0) {
                line_blank_controls(line + n);
                line_mend_utf8(line + n);
        }
        n += m;
        if (m < 0 || n > (int)sizeof(line) - 2)
                n = (int)sizeof(line) - 2;
        line[n++] = '\n';

        /* one write per line keeps lines of several threads apart */
        ssize_t done = write(STDERR_FILENO, line, (size_t)n);
        (void)done;
}
