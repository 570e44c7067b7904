/* Errors are of four kinds, each treated in its own way:
 *
 *  1. A bug: assert.
 *  2. The environment (system call, memory, file): 0 or -errno, passed up unchanged.
 *     Start-up paths also fill a struct error, the one line that the user reads.
 *  3. An expected outcome (not found, full): an enumerator or bool of that one function.
 *  4. Hostile input: not an error but a verdict with a counter of its own. */
#ifndef NETWATCH_BASE_ERROR_H
#define NETWATCH_BASE_ERROR_H

struct error {
        char text[512]; /* one line, no full stop, no newline; "" where nothing went wrong */
};

/* Writes the line, printf-like, and returns `code` (a negative errno), so that a caller can
 * say `return error_set(e, -EINVAL, "…")`. `e` may be NULL. Too long a text is cut. */
int error_set(struct error *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
