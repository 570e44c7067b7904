/* What a kind of source provides; between the files of capture/, nobody else's business. */
#ifndef NETWATCH_CAPTURE_SOURCE_H
#define NETWATCH_CAPTURE_SOURCE_H

#include <pcap/pcap.h>

#include "capture/capture.h"

struct capture_kind {
        bool is_file;
        int64_t lag_ns;
        int (*read)(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns);
        void (*wake)(struct capture *capture);
        void (*silence)(struct capture *capture); /* NULL in a file */
        struct capture_counts (*counts)(struct capture *capture);
        uint64_t (*entered)(struct capture *capture);  /* NULL in a file */
        int64_t (*now)(const struct capture *capture); /* NULL: only frames tell the time */
        const char *(*truncated)(const struct capture *capture);
        void (*progress)(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes);
        void (*close)(struct capture *capture); /* frees it; half-built ones too */
};

/* Every source begins with this. */
struct capture {
        const struct capture_kind *kind;
        int64_t started_ns;
        bool segments_unknown; /* set before the worker starts */
        const char *link;      /* a file: its kind of link; static or NULL */
};

/* Compiles a tcpdump expression on a handle; the error text is libpcap's. 0 or -EINVAL.
 * libpcap's compiler is not to be run by two threads at once: main only, before they start. */
int filter_compile(pcap_t *handle, const char *bpf, struct bpf_program *ret, struct error *error);

/* The program for a link (FRAME_LINK_ETHERNET or FRAME_LINK_RAW), or NULL with the reason in `error`. */
const struct bpf_program *filter_program(const struct capture_filter *filter, enum frame_link link,
                                         struct error *error);

#endif
