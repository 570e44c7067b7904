/* Text that quotes what others wrote (options, file names, filters) stays one line, and is no
 * terminal's command. Any thread. */
#ifndef NETWATCH_BASE_LINE_H
#define NETWATCH_BASE_LINE_H

/* Each control character becomes a question mark, one of U+0080 to U+009F two; what else is not ASCII stays. */
void line_blank_controls(char *text);

/* Each byte that is no part of a UTF-8 character becomes a question mark. */
void line_mend_utf8(char *text);

#endif
