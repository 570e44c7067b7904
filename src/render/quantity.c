/* Numbers as people read them: the same rules as the page's web/src/format.ts. ASCII only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "render/render.h"

/* How many decimals make three significant digits. */
static int decimals(double value) {
        return value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
}

const char *render_quantity(double value, const char *unit, char ret[RENDER_QUANTITY_BYTES]) {
        static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
        unsigned prefix = 0;
        if (value > 0 && value < 0.005) {
                (void)snprintf(ret, RENDER_QUANTITY_BYTES, "<0.01 %s", unit);
                return ret;
        }
        /* 999.5 would round to 1000: it is 1.00 of the next prefix */
        for (; value >= 999.5 && prefix + 1 < sizeof(prefixes) / sizeof(prefixes[0]); prefix++)
                value /= 1000;

        bool whole = prefix == 0 && value == (double)(unsigned)value;
        (void)snprintf(ret, RENDER_QUANTITY_BYTES, "%.*f %s%s", whole ? 0 : decimals(value), value, prefixes[prefix],
                       unit);
        return ret;
}

const char *render_count(uint64_t value, char ret[RENDER_COUNT_BYTES]) {
        char digits[24];
        int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);
        char *at = ret;
        for (int i = 0; i < n; i++) {
                if (i && (n - i) % 3 == 0)
                        *at++ = ',';
                *at++ = digits[i];
        }
        *at = '\0';
        return ret;
}

const char *render_duration(int64_t duration_ms, char ret[RENDER_DURATION_BYTES]) {
        int64_t s = (duration_ms + 500) / 1000;
        if (duration_ms == 0)
                (void)strcpy(ret, "0 s");
        else if (duration_ms < 1000)
                (void)snprintf(ret, RENDER_DURATION_BYTES, "%" PRId64 " ms", duration_ms);
        else if (duration_ms < 59950)
                (void)snprintf(ret, RENDER_DURATION_BYTES, "%.*f s", decimals((double)duration_ms / 1000),
                               (double)duration_ms / 1000);
        else if (s < 3600)
                (void)snprintf(ret, RENDER_DURATION_BYTES, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
        else if (s < 86400)
                (void)snprintf(ret, RENDER_DURATION_BYTES, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
        else
                (void)snprintf(ret, RENDER_DURATION_BYTES, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
        return ret;
}
