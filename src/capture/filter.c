/* tcpdump expressions → BPF, by libpcap.
 *
 * A program must be compiled on a live handle of an Ethernet: only then do `vlan` filters look
 * at the tag that the kernel has stripped from the bytes. Which interface that is makes no
 * difference, but it must be up. Raw links have no tag: for them a dead handle says the same. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "capture/source.h"

#define HANDLE_BYTES (1 << 16)

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

static pcap_t *open_any_live(const char *preferred, uint32_t snaplen) {
        pcap_t *handle = open_live(preferred, snaplen);
        struct if_nameindex *list = handle ? NULL : if_nameindex();
        for (const struct if_nameindex *at = list; at && at->if_index && !handle; at++)
                handle = open_live(at->if_name, snaplen);
        if (list)
                if_freenameindex(list);
        return handle;
}

static void compile_ethernet(struct filter_programs *programs, const char *iface, const char *bpf, uint32_t snaplen) {
        pcap_t *handle = open_any_live(iface, snaplen);
        if (!handle && strstr(bpf, "vlan")) {
                (void)error_set(&programs->ethernet_error, -ENETDOWN,
                                "--bpf '%s': a filter for VLANs can only be made while an interface is up", bpf);
                return;
        }
        if (!handle)
                handle = pcap_open_dead(DLT_EN10MB, (int)snaplen);
        (void)filter_compile(handle, bpf, &programs->ethernet, &programs->ethernet_error);
        pcap_close(handle);
}

void filter_programs_init(struct filter_programs *programs, const char *iface, const char *bpf, uint32_t snaplen) {
        *programs = (struct filter_programs){.ethernet = {.bf_len = 0}};
        compile_ethernet(programs, iface, bpf, snaplen);
        pcap_t *dead = pcap_open_dead(DLT_RAW, (int)snaplen);
        (void)filter_compile(dead, bpf, &programs->raw, &programs->raw_error);
        pcap_close(dead);
}

void filter_programs_fini(struct filter_programs *programs) {
        pcap_freecode(&programs->ethernet);
        pcap_freecode(&programs->raw);
}

const struct bpf_program *filter_program(const struct filter_programs *programs, enum frame_link link,
                                         struct error *error) {
        bool raw = link == FRAME_LINK_RAW;
        const struct bpf_program *program = raw ? &programs->raw : &programs->ethernet;
        if (program->bf_insns)
                return program;
        *error = raw ? programs->raw_error : programs->ethernet_error;
        return NULL;
}
