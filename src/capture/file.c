/* Capture files, pcap and pcapng, by libpcap, whose bytes come from an input that can be given up.
 *
 * libpcap hands out one packet at a time in a buffer that it reuses; a burst is what the
 * table wants. So the captured bytes are copied into a buffer of ours, until that or the
 * burst is full. A packet that no longer fits waits in libpcap's buffer for the next read. What a pipe
 * has sent is not held back until more comes: where little is at hand, a burst is one packet.
 *
 * The filter is run here, not by libpcap, so that packets can be numbered as the file has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "capture/input.h"
#include "capture/source.h"

#define BUFFER_BYTES ((uint32_t)1 << 20) /* more than libpcap's largest packet of a link type that we open, 256 KiB */
#define FILE_LAG_NS (100 * NS_PER_MS)
#define INTERRUPTED "%s: interrupted before its first packet"
#define PIPE_BURST_BYTES 16384u /* with so many at hand a further packet is read without waiting, unless it is huge */

struct file {
        struct capture base;
        struct input *input;
        pcap_t *pcap;
        uint8_t *buffer;
        uint32_t snaplen;
        uint8_t link;
        bool is_pcapng;
        bool at_end;
        bool is_truncated;
        const uint8_t *waiting; /* a packet read, but not yet handed out; in libpcap's buffer */
        struct pcap_pkthdr *waiting_header;
        struct bpf_program program; /* no instructions: every packet */
        uint64_t packets;           /* read from the file, let through by the filter or not */
        uint64_t received;
        _Atomic uint64_t read_bytes;
        char truncated[256];
};

static enum frame_link link_of(int datalink) {
        switch (datalink) {
        case DLT_EN10MB: return FRAME_LINK_ETHERNET;
        case 14:  /* DLT_RAW on OpenBSD */
        case 101: /* LINKTYPE_RAW */
        case DLT_RAW: return FRAME_LINK_RAW;
        case DLT_IPV4: return FRAME_LINK_RAW4;
        case DLT_IPV6: return FRAME_LINK_RAW6;
        case DLT_NULL:
        case DLT_LOOP: return FRAME_LINK_NULL;
        case DLT_LINUX_SLL: return FRAME_LINK_SLL;
        case DLT_LINUX_SLL2: return FRAME_LINK_SLL2;
        default: return FRAME_LINK_UNSUPPORTED;
        }
}

static const char *link_name(int datalink) {
        return datalink == DLT_EN10MB ? "ethernet" : pcap_datalink_val_to_name(datalink);
}

/* Opened with nanosecond precision: tv_usec holds nanoseconds. pcap has 32 unsigned bits for the seconds
 * (draft-ietf-opsawg-pcap), which libpcap reads as signed ones: from 2038 on they are mended. */
static int64_t to_time_ns(const struct file *file, const struct timeval *ts) {
        const int64_t limit_s = CLOCK_FILE_MAX_NS / NS_PER_S - 1;
        int64_t s = file->is_pcapng ? ts->tv_sec : (uint32_t)ts->tv_sec;
        s = s > limit_s ? limit_s : s < -limit_s ? -limit_s : s;
        int64_t ns = ts->tv_usec < 0 || ts->tv_usec >= NS_PER_S ? 0 : ts->tv_usec;
        return s * NS_PER_S + ns;
}

static struct frame to_frame(const struct file *file, const struct pcap_pkthdr *header, const uint8_t *data) {
        uint32_t captured = header->caplen;
        if (file->snaplen && captured > file->snaplen)
                captured = file->snaplen;
        if (captured > BUFFER_BYTES)
                captured = BUFFER_BYTES; /* D-Bus and USB know frames of 128 MiB; nobody looks into them */
        return (struct frame){
                .data = data,
                .captured = captured,
                .length = header->len,
                .time_ns = to_time_ns(file, &header->ts),
                .link = file->link,
        };
}

/* Where the reading ended, and why. What is cut off is told apart from what libpcap does not read. */
static void note_end(struct file *file) {
        const char *why = pcap_geterr(file->pcap);
        unsigned long long packet = file->packets + 1, at = input_position(file->input);
        file->is_truncated = true;
        if (input_is_given_up(file->input))
                (void)snprintf(file->truncated, sizeof(file->truncated), "interrupted before packet %llu", packet);
        else
                (void)snprintf(file->truncated, sizeof(file->truncated), "%s packet %llu, at byte %llu: %s",
                               strstr(why, "truncated") ? "broken off in" : "unreadable from", packet, at, why);
}

static bool is_wanted(const struct file *file, const struct pcap_pkthdr *header, const uint8_t *data) {
        return !file->program.bf_insns || pcap_offline_filter(&file->program, header, data);
}

/* What the file's head says, and its first packet, which says when it begins; it is handed out later. */
static int peek(struct file *file, const char *path, struct error *error) {
        file->link = (uint8_t)link_of(pcap_datalink(file->pcap));
        file->is_pcapng = pcap_major_version(file->pcap) == 1; /* pcap is at 2 */
        file->base.link = link_name(pcap_datalink(file->pcap));

        int r = pcap_next_ex(file->pcap, &file->waiting_header, &file->waiting);
        if (r == 1) {
                file->packets++;
                file->base.started_ns = to_time_ns(file, &file->waiting_header->ts);
                if (!is_wanted(file, file->waiting_header, file->waiting))
                        file->waiting = NULL;
                return 0;
        }
        if (input_is_given_up(file->input))
                return error_set(error, -EINTR, INTERRUPTED, path);
        file->waiting = NULL;
        file->at_end = true;
        if (r == PCAP_ERROR)
                note_end(file);
        return 0;
}

/* The next packet: 1, or 0 at the end, however the file ended. */
static int next_packet(struct file *file, struct pcap_pkthdr **ret_header, const uint8_t **ret_data) {
        if (file->waiting) {
                *ret_header = file->waiting_header;
                *ret_data = file->waiting;
                file->waiting = NULL;
                return 1;
        }

        int r;
        do {
                r = pcap_next_ex(file->pcap, ret_header, ret_data);
                file->packets += r == 1;
        } while (r == 1 && !is_wanted(file, *ret_header, *ret_data));
        if (r == 1)
                return 1;
        file->at_end = true;
        if (r == PCAP_ERROR)
                note_end(file);
        return 0;
}

static int file_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns) {
        struct file *file = (struct file *)capture;
        (void)deadline_boot_ns; /* a file is never late, and a pipe comes when it comes */

        unsigned n = 0;
        size_t used = 0;
        struct pcap_pkthdr *header;
        const uint8_t *data;
        while (n < max && !file->at_end && (!n || input_at_hand(file->input) >= PIPE_BURST_BYTES) &&
               next_packet(file, &header, &data)) {
                struct frame frame = to_frame(file, header, data);
                if (frame.captured > BUFFER_BYTES - used) {
                        file->waiting = data;
                        file->waiting_header = header;
                        break;
                }
                if (frame.captured)
                        memcpy(file->buffer + used, data, frame.captured);
                frame.data = file->buffer + used;
                used += frame.captured;
                frames[n++] = frame;
                file->received++;
        }

        atomic_store_explicit(&file->read_bytes, input_position(file->input), memory_order_relaxed);
        return n ? (int)n : -ENODATA;
}

static void file_wake(struct capture *capture) {
        input_give_up(((struct file *)capture)->input);
}

static struct capture_counts file_counts(struct capture *capture) {
        return (struct capture_counts){.received = ((struct file *)capture)->received};
}

static const char *file_truncated(const struct capture *capture) {
        const struct file *file = (const struct file *)capture;
        return file->is_truncated ? file->truncated : NULL;
}

static void file_progress(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes) {
        const struct file *file = (const struct file *)capture;
        *ret_read_bytes = atomic_load_explicit(&file->read_bytes, memory_order_relaxed);
        *ret_size_bytes = input_size(file->input);
}

static void file_close(struct capture *capture) {
        struct file *file = (struct file *)capture;
        pcap_freecode(&file->program);
        if (file->pcap)
                pcap_close(file->pcap);
        input_close(file->input);
        free(file->buffer);
        free(file);
}

static const struct capture_kind file_kind = {
        .is_file = true,
        .lag_ns = FILE_LAG_NS,
        .read = file_read,
        .wake = file_wake,
        .counts = file_counts,
        .truncated = file_truncated,
        .progress = file_progress,
        .close = file_close,
};

static int open_pcap(struct file *file, const char *path, struct error *error) {
        char why[PCAP_ERRBUF_SIZE];
        FILE *stream = input_file(file->input);
        if (!stream)
                return error_set(error, -ENOMEM, "out of memory");
        file->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, why);
        if (file->pcap)
                return 0;
        (void)fclose(stream);
        if (input_is_given_up(file->input))
                return error_set(error, -EINTR, INTERRUPTED, path);
        const char *unpacker = input_unpacker(file->input);
        if (unpacker)
                return error_set(error, -EBADMSG, "%s is compressed; try: %s %s | netwatchd --read=-", path, unpacker,
                                 path);
        return error_set(error, -EBADMSG, "%s is not a pcap or pcapng file: %s", path, why);
}

int capture_open_file(const struct capture_file_options *options, struct capture **ret, struct error *error) {
        struct file *file = calloc(1, sizeof(*file));
        if (!file)
                return error_set(error, -ENOMEM, "out of memory");
        file->base = (struct capture){.kind = &file_kind, .started_ns = INT64_MIN};
        file->snaplen = options->snaplen;
        file->buffer = malloc(BUFFER_BYTES);

        int r = file->buffer ? input_open(options->path, options->give_up_fd, &file->input, error)
                             : error_set(error, -ENOMEM, "out of memory");
        if (r == 0)
                r = open_pcap(file, options->path, error);
        if (r == 0 && *options->bpf)
                r = filter_compile(file->pcap, options->bpf, &file->program, error);
        if (r == 0)
                r = peek(file, options->path, error);
        if (r < 0) {
                file_close(&file->base);
                return r;
        }
        *ret = &file->base;
        return 0;
}
