/* A cookie stream (fopencookie) over a buffer:
 *
 *   data |  taken by the FILE  |  at hand  |  room  |
 *                              at          end      CAPACITY
 *
 * poll comes before each read, so that a pipe whose writer is silent can be left at any time. The FILE has a small
 * buffer of its own; what of it is not read yet is what ftello is behind. (Without one it would read byte by byte.) */
#include "capture/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPACITY ((size_t)256 << 10)
#define AHEAD ((size_t)64 << 10) /* more is not looked for */

struct input {
        int fd, wake_fd, give_up_fd;
        FILE *file; /* whoever asked for it closes it */
        size_t at, end;
        off64_t taken;
        uint64_t size;
        bool is_regular, at_end;
        _Atomic bool is_given_up;
        uint8_t data[CAPACITY];
};

static int open_fd(struct input *input, const char *path, struct error *error) {
        struct stat st;
        input->fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : STDIN_FILENO;
        if (input->fd < 0 || fstat(input->fd, &st) < 0)
                return error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
        if (S_ISDIR(st.st_mode))
                return error_set(error, -EISDIR, "cannot read %s: is a directory", path);
        input->is_regular = S_ISREG(st.st_mode);
        if (input->is_regular)
                input->size = (uint64_t)st.st_size;
        return 0;
}

int input_open(const char *path, int give_up_fd, struct input **ret, struct error *error) {
        struct input *input = calloc(1, sizeof(*input));
        if (!input)
                return error_set(error, -ENOMEM, "out of memory");
        input->fd = -1;
        input->give_up_fd = give_up_fd ? give_up_fd : -1; /* poll passes over -1 */
        input->wake_fd = eventfd(0, EFD_CLOEXEC);
        int r = input->wake_fd < 0 ? error_set(error, -errno, "cannot make an eventfd: %s", strerror(errno))
                                   : open_fd(input, path, error);
        if (r < 0) {
                input_close(input);
                return r;
        }
        *ret = input;
        return 0;
}

void input_close(struct input *input) {
        if (!input)
                return;
        if (input->fd > STDIN_FILENO)
                close(input->fd);
        if (input->wake_fd >= 0)
                close(input->wake_fd);
        free(input);
}

/* Reads more behind what is at hand. How many bytes; 0 at the end, or where there are none within the time-out (ms, -1
 * = none); -errno, -EINTR where it was given up. There is room. */
static ssize_t fill(struct input *input, int timeout_ms) {
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = input->wake_fd, .events = POLLIN},
                        {.fd = input->give_up_fd, .events = POLLIN},
                        {.fd = input->fd, .events = POLLIN},
                };
                int ready = poll(fds, 3, timeout_ms);
                if (ready < 0 && errno != EINTR)
                        return -errno;
                if (ready == 0)
                        return 0;
                if (ready > 0 && (fds[0].revents || fds[1].revents)) {
                        input_give_up(input);
                        return -EINTR;
                }
                ssize_t n = read(input->fd, input->data + input->end, CAPACITY - input->end);
                if (n >= 0) {
                        input->end += (size_t)n;
                        input->at_end = n == 0;
                        return n;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
}

static ssize_t cookie_read(void *cookie, char *bytes, size_t max) {
        struct input *input = cookie;
        if (input->at == input->end && !input->at_end) {
                input->at = input->end = 0;
                ssize_t n = fill(input, -1);
                if (n < 0) {
                        errno = (int)-n;
                        return -1;
                }
        }
        size_t n = input->end - input->at < max ? input->end - input->at : max;
        memcpy(bytes, input->data + input->at, n);
        input->at += n;
        input->taken += (off64_t)n;
        return (ssize_t)n;
}

/* Only says where it is, for ftello. */
static int cookie_seek(void *cookie, off64_t *offset, int whence) {
        if (whence != SEEK_CUR || *offset != 0)
                return -1;
        *offset = ((struct input *)cookie)->taken;
        return 0;
}

const char *input_unpacker(const struct input *input) {
        static const struct {
                uint8_t magic[4], length;
                const char *program;
        } packed[] = {
                {{0x1f, 0x8b}, 2, "zcat"},
                {{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstdcat"},
                {{0xfd, '7', 'z', 'X'}, 4, "xzcat"},
                {{'B', 'Z', 'h'}, 3, "bzcat"},
                {{0x04, 0x22, 0x4d, 0x18}, 4, "lz4cat"},
        };
        for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
                if (input->taken == (off64_t)input->at && input->end >= packed[i].length &&
                    !memcmp(input->data, packed[i].magic, packed[i].length))
                        return packed[i].program;
        return NULL;
}

FILE *input_file(struct input *input) {
        input->file = fopencookie(input, "r", (cookie_io_functions_t){.read = cookie_read, .seek = cookie_seek});
        return input->file;
}

void input_give_up(struct input *input) {
        atomic_store(&input->is_given_up, true);
        (void)eventfd_write(input->wake_fd, 1);
}

bool input_is_given_up(const struct input *input) {
        return atomic_load(&input->is_given_up);
}

size_t input_at_hand(struct input *input) {
        if (input->is_regular || input->at_end)
                return SIZE_MAX;
        size_t buffered = (size_t)((uint64_t)input->taken - input_position(input));
        if (input->end - input->at < AHEAD && CAPACITY - input->end < AHEAD) {
                memmove(input->data, input->data + input->at, input->end - input->at);
                input->end -= input->at;
                input->at = 0;
        }
        while (input->end - input->at < AHEAD && fill(input, 0) > 0)
                ;
        return input->at_end ? SIZE_MAX : buffered + input->end - input->at;
}

uint64_t input_position(const struct input *input) {
        return (uint64_t)ftello(input->file);
}

uint64_t input_size(const struct input *input) {
        return input->size;
}
