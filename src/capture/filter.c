/* tcpdump expressions → BPF, by libpcap.
 *
 * A program must be compiled on a live handle of an Ethernet: only then do `vlan` filters look
 * at the tag that the kernel has stripped from the bytes. Which interface that is makes no
 * difference, but it must be up. Raw links have no tag: for them a dead handle says the same. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "capture/source.h"

#define HANDLE_BYTES (1 << 16)

struct capture_filter {
        struct bpf_program ethernet, raw;
        struct error ethernet_error, raw_error; /* why there is no program; "" where there is one */
};

int filter_compile(pcap_t *handle, const char *bpf, struct bpf_program *ret, struct error *error) {
        struct bpf_program program;
        if (pcap_compile(handle, &program, bpf, 1, PCAP_NETMASK_UNKNOWN) != 0)
                return error_set(error, -EINVAL, "--bpf '%s': %s", bpf, pcap_geterr(handle));
        *ret = program;
        return 0;
}

/* NULL where that interface is down, gone, or no Ethernet. */
static pcap_t *open_live(const char *iface, uint32_t snaplen) {
        char why[PCAP_ERRBUF_SIZE];
        pcap_t *handle = pcap_create(iface, why);
        if (!handle)
                return NULL;
        pcap_set_snaplen(handle, (int)snaplen);
        pcap_set_buffer_size(handle, HANDLE_BYTES);
        if (pcap_activate(handle) >= 0 && pcap_datalink(handle) == DLT_EN10MB)
                return handle;
        pcap_close(handle);
        return NULL;
}

static pcap_t *open_any_live(uint32_t snaplen) {
        pcap_t *handle = NULL;
        struct if_nameindex *list = if_nameindex();
        for (const struct if_nameindex *at = list; at && at->if_index && !handle; at++)
                handle = open_live(at->if_name, snaplen);
        if (list)
                if_freenameindex(list);
        return handle;
}

static void compile_ethernet(struct capture_filter *filter, const char *bpf, uint32_t snaplen) {
        pcap_t *handle = open_any_live(snaplen);
        if (!handle && strstr(bpf, "vlan")) {
                (void)error_set(&filter->ethernet_error, -ENETDOWN,
                                "--bpf '%s': a filter for VLANs can only be made while an interface is up", bpf);
                return;
        }
        if (!handle)
                handle = pcap_open_dead(DLT_EN10MB, (int)snaplen);
        (void)filter_compile(handle, bpf, &filter->ethernet, &filter->ethernet_error);
        pcap_close(handle);
}

struct capture_filter *capture_filter_new(const char *bpf, uint32_t snaplen) {
        struct capture_filter *filter = calloc(1, sizeof(*filter));
        if (!filter)
                return NULL;
        compile_ethernet(filter, bpf, snaplen);
        pcap_t *dead = pcap_open_dead(DLT_RAW, (int)snaplen);
        (void)filter_compile(dead, bpf, &filter->raw, &filter->raw_error);
        pcap_close(dead);
        return filter;
}

void capture_filter_free(struct capture_filter *filter) {
        if (!filter)
                return;
        pcap_freecode(&filter->ethernet);
        pcap_freecode(&filter->raw);
        free(filter);
}

const struct bpf_program *filter_program(const struct capture_filter *filter, enum frame_link link,
                                         struct error *error) {
        bool raw = link == FRAME_LINK_RAW;
        const struct bpf_program *program = raw ? &filter->raw : &filter->ethernet;
        if (program->bf_insns)
                return program;
        *error = raw ? filter->raw_error : filter->ethernet_error;
        return NULL;
}
