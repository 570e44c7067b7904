/* The bytes of a capture file, or of a pipe, as a FILE for libpcap to read. Unlike one of the C library's own, it can
 * be left while a pipe's writer is silent, and tells how much can be read without waiting. */
#ifndef NETWATCH_CAPTURE_INPUT_H
#define NETWATCH_CAPTURE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct input;

/* Opens a file, "-" = standard input; a FIFO also while nobody writes to it.
 *
 * give_up_fd  readable once nobody wants to wait any more; 0 = none. The caller's, and outlives the input.
 *
 * 0 or -errno (-EISDIR a directory) with the line for the user. */
int input_open(const char *path, int give_up_fd, struct input **ret, struct error *error);
void input_close(struct input *input);

/* The FILE, once, not seekable; whoever gets it closes it, before the input. NULL without memory. A read that is given
 * up fails with EINTR; so do all that come after it. */
FILE *input_file(struct input *input);

/* Gives up: the wait of this moment, and any other. Any thread. */
void input_give_up(struct input *input);
bool input_is_given_up(const struct input *input);

/* Bytes that can be read without waiting; no more than a few are looked for. SIZE_MAX: nothing will be waited for, it
 * is a regular file, or the end has been seen. */
size_t input_at_hand(struct input *input);

/* The program that unpacks what begins like this, while no more than the begin has been read: "zcat", …; NULL if it
 * does not look packed. */
const char *input_unpacker(const struct input *input);

/* Bytes read from the FILE so far. */
uint64_t input_position(const struct input *input);

/* Of a regular file, as it was when it was opened; else 0. */
uint64_t input_size(const struct input *input);

#endif
