/* Capture files: what libpcap wrote comes out again, in bursts, to the byte; and each way in
 * which a file can be wrong. */
#include "lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "capture/capture.h"
#include "lib/captures.h"

#define START_NS (1700000000 * NS_PER_S)

static char path[128];
static struct capture *capture;
static struct error error;

static int set_up(void **state) {
        (void)state;
        (void)snprintf(path, sizeof(path), "%s", temporary_path("file.pcap"));
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        capture_close(capture);
        capture = NULL;
        unlink(path);
        return 0;
}

static int open_with(const char *bpf, uint32_t snaplen) {
        const struct capture_file_options options = {.path = path, .bpf = bpf, .snaplen = snaplen};
        return capture_open_file(&options, &capture, &error);
}

/* Packet i: flow i, i bytes of payload, i microseconds and i nanoseconds after the start. */
static void write_numbered(unsigned n, bool in_ns) {
        struct capture_writer writer = captures_open(path, DLT_EN10MB, in_ns);
        for (unsigned i = 0; i < n; i++) {
                struct bytes b = {0};
                put_numbered(&b, i, true, i % 500);
                captures_write(&writer, START_NS + i * 1001, b.data, b.n, b.n + 7);
        }
        captures_close(&writer);
}

static void check_numbered(const struct frame *frame, unsigned i, bool in_ns) {
        struct bytes b = {0};
        put_numbered(&b, i, true, i % 500);
        assert_int_equal(frame->captured, b.n);
        assert_int_equal(frame->length, b.n + 7);
        assert_memory_equal(frame->data, b.data, b.n);
        assert_int_equal(frame->time_ns, START_NS + (in_ns ? i * 1001 : i * 1001 / 1000 * 1000));
        assert_int_equal(frame->link, FRAME_LINK_ETHERNET);
        assert_int_equal(frame->direction, DIRECTION_UNKNOWN);
        assert_false(frame->has_vlan);
}

/* Reads to the end in bursts of `max`; returns how many frames there were. */
static unsigned read_numbered(unsigned max, bool in_ns) {
        struct frame frames[64];
        unsigned n = 0;
        for (int got; (got = capture_read(capture, frames, max, 0)) != -ENODATA;) {
                assert_in_range(got, 1, max);
                for (int i = 0; i < got; i++)
                        check_numbered(&frames[i], n++, in_ns);
        }
        assert_int_equal(capture_read(capture, frames, max, 0), -ENODATA);
        return n;
}

static void test_bursts(void **state) {
        (void)state;
        static const unsigned sizes[] = {1, 7, 32, 64};
        write_numbered(100, false);
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(open_with("", 0), 0);
                assert_int_equal(read_numbered(sizes[i], false), 100);
                assert_int_equal(capture_counts(capture).received, 100);
                assert_int_equal(capture_counts(capture).dropped, 0);
                assert_null(capture_truncated(capture));
                assert_true(capture_is_file(capture));
                capture_close(capture);
                capture = NULL;
        }
}

static void test_nanoseconds(void **state) {
        (void)state;
        write_numbered(100, true);
        assert_int_equal(open_with("", 0), 0);
        assert_int_equal(read_numbered(32, true), 100);
}

static void test_progress(void **state) {
        (void)state;
        write_numbered(200, false);
        struct stat st;
        uint64_t done, size;
        stat(path, &st);
        assert_int_equal(open_with("", 0), 0);
        capture_progress(capture, &done, &size);
        assert_int_equal(done, 0);
        assert_int_equal(size, st.st_size);
        read_numbered(32, false);
        capture_progress(capture, &done, &size);
        assert_int_equal(done, size);
}

static void test_snaplen_cuts_but_not_the_length(void **state) {
        (void)state;
        write_numbered(100, false);
        assert_int_equal(open_with("", 60), 0);
        struct frame frames[64];
        unsigned n = 0;
        for (int got; (got = capture_read(capture, frames, 64, 0)) > 0;)
                for (int i = 0; i < got; i++, n++) {
                        assert_int_equal(frames[i].captured, 42 + n < 60 ? 42 + n : 60);
                        assert_int_equal(frames[i].length, 42 + n + 7);
                }
        assert_int_equal(n, 100);
}

static void test_filter(void **state) {
        (void)state;
        write_numbered(100, false);
        assert_int_equal(open_with("host 10.0.0.5 or host 10.0.0.99", 0), 0);
        struct frame frames[64];
        assert_int_equal(capture_read(capture, frames, 64, 0), 2);
        check_numbered(&frames[0], 5, false);
        check_numbered(&frames[1], 99, false);
        assert_int_equal(capture_counts(capture).received, 2);
}

static void test_bad_filter_says_what_libpcap_says(void **state) {
        (void)state;
        write_numbered(1, false);
        assert_int_equal(open_with("tcp port nonsense", 0), -EINVAL);
        assert_non_null(strstr(error.text, "tcp port nonsense"));
        assert_non_null(strstr(error.text, "unknown port"));
}

static void check_end(unsigned packet, long byte) {
        char where[64];
        (void)snprintf(where, sizeof(where), "in packet %u, at byte %ld: ", packet, byte);
        assert_non_null(strstr(capture_truncated(capture), where));
}

/* A packet has the number that it has in the file, whatever the filter lets through. */
static void test_broken_off_behind_a_filter(void **state) {
        (void)state;
        write_numbered(10, false);
        struct stat st;
        stat(path, &st);
        assert_int_equal(truncate(path, st.st_size - 1), 0);
        assert_int_equal(open_with("host 10.0.0.3", 0), 0);
        struct frame frames[64];
        assert_int_equal(capture_read(capture, frames, 64, 0), 1);
        assert_int_equal(capture_read(capture, frames, 64, 0), -ENODATA);
        check_end(10, st.st_size - 1);
}

/* What write_numbered has written, in a pipe: all but the last `missing` bytes. */
static void open_pipe(int ret_ends[2], size_t missing) {
        uint8_t data[512];
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, data, sizeof(data));
        close(fd);
        assert_in_range(n, 1, sizeof(data) - 1);
        assert_int_equal(pipe(ret_ends), 0);
        assert_int_equal(write(ret_ends[1], data, (size_t)n - missing), (size_t)n - missing);

        char name[64];
        (void)snprintf(name, sizeof(name), "/dev/fd/%d", ret_ends[0]);
        const struct capture_file_options options = {.path = name, .bpf = ""};
        assert_int_equal(capture_open_file(&options, &capture, &error), 0);
}

static void test_broken_off_pipe(void **state) {
        (void)state;
        write_numbered(3, false);
        struct stat st;
        stat(path, &st);
        int ends[2];
        open_pipe(ends, 1);
        close(ends[0]);
        close(ends[1]);
        assert_int_equal(read_numbered(32, false), 2);
        check_end(3, st.st_size - 1);
}

static void *wake_soon(void *unused) {
        (void)unused;
        capture_wake(capture);
        return NULL;
}

/* A pipe whose writer is silent: what has come is handed out at once, and the wait for more can be ended. */
static void test_silent_pipe(void **state) {
        (void)state;
        write_numbered(3, false);
        int ends[2];
        struct frame frames[32];
        pthread_t waker;
        open_pipe(ends, 1);
        assert_int_equal(capture_read(capture, frames, 32, 0), 1);
        assert_int_equal(capture_read(capture, frames, 32, 0), 1);
        assert_int_equal(pthread_create(&waker, NULL, wake_soon, NULL), 0);
        assert_int_equal(capture_read(capture, frames, 32, 0), -ENODATA);
        pthread_join(waker, NULL);
        assert_string_equal(capture_truncated(capture), "interrupted before packet 3");
        close(ends[0]);
        close(ends[1]);
}

/* Nobody writes to it, and nobody wants to wait. */
static void test_opening_can_be_given_up(void **state) {
        (void)state;
        int give_up_fd = eventfd(1, EFD_CLOEXEC);
        assert_int_equal(mkfifo(path, 0600), 0);
        const struct capture_file_options options = {.path = path, .bpf = "", .give_up_fd = give_up_fd};
        assert_int_equal(capture_open_file(&options, &capture, &error), -EINTR);
        assert_non_null(strstr(error.text, "interrupted"));
        assert_null(capture);
        close(give_up_fd);
}

/* Cut after each of its bytes: the frames before the cut come out, and the file says so. */
static void test_broken_off(void **state) {
        (void)state;
        write_numbered(4, false);
        struct stat st;
        stat(path, &st);
        const long frame_bytes[] = {16 + 42, 16 + 43, 16 + 44, 16 + 45};
        for (long size = st.st_size; size >= 24; size--) {
                assert_int_equal(truncate(path, size), 0);
                long left = size - 24;
                unsigned whole = 0;
                while (whole < 4 && left >= frame_bytes[whole])
                        left -= frame_bytes[whole++];

                assert_int_equal(open_with("", 0), 0);
                assert_int_equal(read_numbered(3, false), whole);
                assert_int_equal(capture_truncated(capture) != NULL, left != 0);
                if (left)
                        check_end(whole + 1, size);
                capture_close(capture);
                capture = NULL;
        }
        for (long size = 23; size >= 0; size--) {
                assert_int_equal(truncate(path, size), 0);
                assert_int_equal(open_with("", 0), -EBADMSG);
        }
}

static void test_what_is_no_capture_file(void **state) {
        (void)state;
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        for (unsigned i = 0; i < 100; i++)
                (void)fputs("this is no capture file\n", stream);
        (void)fclose(stream);
        assert_int_equal(open_with("", 0), -EBADMSG);
        assert_non_null(strstr(error.text, path));

        unlink(path);
        assert_int_equal(open_with("", 0), -ENOENT);
        assert_non_null(strstr(error.text, "No such file"));
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(open_with("", 0), -EISDIR);
        rmdir(path);
}

/* The frames of a burst share a buffer: one that no longer fits comes with the next read. */
static void test_large_frames(void **state) {
        (void)state;
        enum {
                bytes = 200000,
                frames_written = 23
        };
        uint8_t *data = malloc(bytes);
        struct capture_writer writer = captures_open(path, DLT_EN10MB, false);
        for (unsigned i = 0; i < frames_written; i++) {
                memset(data, (int)i, bytes);
                captures_write(&writer, START_NS + i, data, bytes - i, bytes);
        }
        captures_close(&writer);

        assert_int_equal(open_with("", 0), 0);
        struct frame frames[32];
        unsigned n = 0, reads = 0;
        for (int got; (got = capture_read(capture, frames, 32, 0)) > 0; reads++)
                for (int i = 0; i < got; i++, n++) {
                        assert_int_equal(frames[i].captured, bytes - n);
                        memset(data, (int)n, bytes);
                        assert_memory_equal(frames[i].data, data, bytes - n);
                }
        assert_int_equal(n, frames_written);
        assert_true(reads > 1);
        free(data);
}

/* Some link types may have frames of many megabytes: they must not look like the file's end. */
static void test_a_frame_beyond_the_buffer(void **state) {
        (void)state;
        enum {
                bytes = 3 << 20
        };
        uint8_t *data = calloc(1, bytes);
        struct capture_writer writer = captures_open(path, DLT_DBUS, false);
        captures_write(&writer, START_NS, data, 10, 10);
        captures_write(&writer, START_NS, data, bytes, bytes);
        captures_write(&writer, START_NS, data, 10, 10);
        captures_close(&writer);
        free(data);

        assert_int_equal(open_with("", 0), 0);
        struct frame frames[32];
        unsigned n = 0;
        for (int got; (got = capture_read(capture, frames, 32, 0)) > 0; n += (unsigned)got)
                for (int i = 0; i < got; i++) {
                        assert_int_equal(frames[i].length, n + (unsigned)i == 1 ? bytes : 10);
                        assert_int_equal(frames[i].link, FRAME_LINK_UNSUPPORTED);
                }
        assert_int_equal(n, 3);
        assert_null(capture_truncated(capture));
}

static void test_link_types(void **state) {
        (void)state;
        static const struct {
                int datalink;
                enum frame_link link;
        } cases[] = {
                {DLT_EN10MB, FRAME_LINK_ETHERNET},
                {DLT_RAW, FRAME_LINK_RAW},
                {DLT_IPV4, FRAME_LINK_RAW4},
                {DLT_IPV6, FRAME_LINK_RAW6},
                {DLT_NULL, FRAME_LINK_NULL},
                {DLT_LOOP, FRAME_LINK_NULL},
                {DLT_LINUX_SLL, FRAME_LINK_SLL},
                {DLT_LINUX_SLL2, FRAME_LINK_SLL2},
                {DLT_IEEE802_11_RADIO, FRAME_LINK_UNSUPPORTED},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct capture_writer writer = captures_open(path, cases[i].datalink, false);
                captures_write(&writer, START_NS, path, 40, 40);
                captures_close(&writer);
                struct frame frame;
                assert_int_equal(open_with("", 0), 0);
                assert_int_equal(capture_read(capture, &frame, 1, 0), 1);
                assert_int_equal(frame.link, cases[i].link);
                capture_close(capture);
                capture = NULL;
        }
}

/* Interfaces of two links in one pcapng file: libpcap reads the first one's only. The file is whole, and not called
 * cut. */
static void test_several_links(void **state) {
        (void)state;
        const uint32_t head[] = {
                0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28, /* section */
                1,          20, 1,          0, 20,                         /* Ethernet */
        };
        const uint32_t packet[] = {6, 32, 0, 0, 0, 0, 0, 32}, raw[] = {1, 20, 101, 0, 20};
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        (void)fwrite(head, sizeof(head), 1, stream);
        (void)fwrite(packet, sizeof(packet), 1, stream);
        (void)fwrite(raw, sizeof(raw), 1, stream);
        (void)fwrite(packet, sizeof(packet), 1, stream);
        (void)fclose(stream);
        assert_int_equal(open_with("", 0), 0);
        assert_string_equal(capture_link(capture), "ethernet");
        struct frame frames[32];
        assert_int_equal(capture_read(capture, frames, 32, 0), 1);
        assert_int_equal(capture_read(capture, frames, 32, 0), -ENODATA);
        assert_non_null(strstr(capture_truncated(capture), "unreadable from packet 2, at byte "));
        assert_non_null(strstr(capture_truncated(capture), "different from the type of the first interface"));
}

/* pcapng times have 64 bits. Those that cannot be told in ns are kept where reckoning with them is safe. */
static void test_absurd_times(void **state) {
        (void)state;
        static const uint32_t blocks[] = {
                0x0a0d0d0a, 28, 0x1a2b3c4d, 1,          UINT32_MAX, UINT32_MAX, 28, /* section */
                1,          20, DLT_EN10MB, 0,          20,                         /* interface, microseconds */
                6,          48, 0,          0x7fffffff, UINT32_MAX, 14,         14, 0, 0, 0, 0, 48, /* packets */
                6,          48, 0,          UINT32_MAX, UINT32_MAX, 14,         14, 0, 0, 0, 0, 48,
                6,          48, 0,          0,          0,          14,         14, 0, 0, 0, 0, 48,
        };
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        assert_int_equal(fwrite(blocks, sizeof(blocks), 1, stream), 1);
        (void)fclose(stream);

        struct frame frames[3];
        assert_int_equal(open_with("", 0), 0);
        assert_int_equal(capture_read(capture, frames, 3, 0), 3);
        assert_true(frames[0].time_ns > 4600000000 * NS_PER_S && frames[0].time_ns < CLOCK_FILE_MAX_NS);
        assert_true(frames[1].time_ns > -CLOCK_FILE_MAX_NS);
        assert_int_equal(frames[2].time_ns, 0);
}

/* Seconds of pcap are unsigned: it ends in 2106, not in 2038. */
static void test_times_beyond_2038(void **state) {
        (void)state;
        static const int64_t seconds[] = {0, INT32_MAX, INT64_C(1) + INT32_MAX, UINT32_MAX};
        const uint8_t bytes[14] = {0};
        struct capture_writer writer = captures_open(path, DLT_EN10MB, true);
        for (unsigned i = 0; i < 4; i++)
                captures_write(&writer, seconds[i] * NS_PER_S + 7, bytes, sizeof(bytes), sizeof(bytes));
        captures_close(&writer);

        struct frame frames[4];
        assert_int_equal(open_with("", 0), 0);
        assert_int_equal(capture_read(capture, frames, 4, 0), 4);
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(frames[i].time_ns, seconds[i] * NS_PER_S + 7);
}

static void test_no_frames(void **state) {
        (void)state;
        struct frame frame;
        write_numbered(0, false);
        assert_int_equal(open_with("", 0), 0);
        assert_int_equal(capture_read(capture, &frame, 1, 0), -ENODATA);
        assert_null(capture_truncated(capture));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_bursts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nanoseconds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_progress, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_snaplen_cuts_but_not_the_length, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_filter, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bad_filter_says_what_libpcap_says, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_broken_off, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_broken_off_behind_a_filter, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_broken_off_pipe, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_silent_pipe, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_opening_can_be_given_up, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_several_links, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_no_capture_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_large_frames, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_frame_beyond_the_buffer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_link_types, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_absurd_times, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_times_beyond_2038, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_frames, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
