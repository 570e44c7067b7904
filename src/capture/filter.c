/* tcpdump expressions → BPF, by libpcap.
 *
 * A program must be compiled on a handle of the very link it will run on: only on a live
 * handle do `vlan` filters look at the tag that the kernel has stripped from the bytes. */
#include <errno.h>

#include "capture/source.h"

int filter_compile(pcap_t *handle, const char *bpf, struct bpf_program *ret, struct error *error) {
        struct bpf_program program;
        if (pcap_compile(handle, &program, bpf, 1, PCAP_NETMASK_UNKNOWN) != 0)
                return error_set(error, -EINVAL, "--bpf '%s': %s", bpf, pcap_geterr(handle));
        *ret = program;
        return 0;
}
