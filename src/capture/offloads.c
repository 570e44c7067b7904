/* Which offloads of an interface are on: the questions of ethtool(8), which need no privilege. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"

static const struct {
        const char *name;
        uint32_t question;
        uint32_t mask; /* of the answer */
} offloads[IFACE_OFFLOADS] = {
        {"tso", ETHTOOL_GTSO, UINT32_MAX},
        {"gso", ETHTOOL_GGSO, UINT32_MAX},
        {"gro", ETHTOOL_GGRO, UINT32_MAX},
        {"lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO},
};

static int ask(int fd, const char *name, uint32_t question, uint32_t *ret_answer) {
        struct ethtool_value value = {.cmd = question};
        struct ifreq request = {.ifr_data = (char *)&value};
        strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
        if (ioctl(fd, SIOCETHTOOL, &request) != 0)
                return -errno;
        *ret_answer = value.data;
        return 0;
}

int iface_offloads(const char *name, unsigned *ret) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        int r = 0;
        unsigned on = 0;
        for (unsigned i = 0; r == 0 && i < IFACE_OFFLOADS; i++) {
                uint32_t answer = 0;
                r = ask(fd, name, offloads[i].question, &answer);
                if (answer & offloads[i].mask)
                        on |= 1u << i;
        }
        close(fd);
        if (r == 0)
                *ret = on;
        return r;
}

const char *iface_offload_name(unsigned i) {
        return offloads[i].name;
}
