#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/line.h"

int error_set(struct error *e, int code, const char *format, ...) {
        if (e) {
                va_list ap;
                va_start(ap, format);
                (void)vsnprintf(e->text, sizeof(e->text), format, ap);
                va_end(ap);
                line_blank_controls(e->text);
        }
        return code;
}
