/* Text that quotes what others wrote (options, file names, filters) stays one line, and is no
 * terminal's command. Any thread. */
#ifndef NETWATCH_BASE_LINE_H
#define NETWATCH_BASE_LINE_H

#include <ctype.h>

/* Each control character becomes a question mark; what is not ASCII stays. */
static inline void line_blank_controls(char *text) {
        for (; *text; text++)
                if (iscntrl((unsigned char)*text))
                        *text = '?';
}

/* Each byte that is no part of a UTF-8 character becomes a question mark. */
void line_mend_utf8(char *text);

#endif
