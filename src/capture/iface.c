/* What the kernel says of interfaces, read from /sys/class/net and /proc/net: no privilege, no state. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/capture.h"

/* The first line of /sys/class/net/NAME/FILE; false where there is none. */
static bool read_line(const char *name, const char *file, char *ret, size_t bytes) {
        char path[128];
        (void)snprintf(path, sizeof(path), "/sys/class/net/%.15s/%s", name, file);
        FILE *stream = fopen(path, "re");
        if (!stream)
                return false;
        bool ok = fgets(ret, (int)bytes, stream) != NULL;
        (void)fclose(stream);
        return ok;
}

static int64_t read_number(const char *name, const char *file, int base, int64_t otherwise) {
        char line[64];
        return read_line(name, file, line, sizeof(line)) ? strtoll(line, NULL, base) : otherwise;
}

static uint64_t read_statistic(const char *name, const char *statistic) {
        char file[64];
        (void)snprintf(file, sizeof(file), "statistics/%s", statistic);
        return (uint64_t)read_number(name, file, 10, 0);
}

static const char *link_name(int64_t arphrd) {
        switch (arphrd) {
        case ARPHRD_ETHER: return "ethernet";
        case ARPHRD_LOOPBACK: return "loopback";
        case ARPHRD_PPP: return "ppp";
        case ARPHRD_NONE: return "none";
        case ARPHRD_TUNNEL:
        case ARPHRD_TUNNEL6:
        case ARPHRD_SIT:
        case ARPHRD_IPGRE: return "tunnel";
        default: return "other";
        }
}

static uint32_t count_rx_queues(const char *name) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/sys/class/net/%.15s/queues", name);
        DIR *dir = opendir(path);
        if (!dir)
                return 0;
        uint32_t n = 0;
        for (const struct dirent *entry; (entry = readdir(dir));)
                n += strncmp(entry->d_name, "rx-", 3) == 0;
        closedir(dir);
        return n;
}

static bool is_name(const char *name) {
        return *name && strlen(name) < IF_NAMESIZE && !strchr(name, '/') && name[0] != '.';
}

bool iface_is_up(const char *name) {
        int64_t flags = is_name(name) ? read_number(name, "flags", 16, -1) : -1;
        char state[32] = "";
        if (flags < 0 || !(flags & IFF_UP))
                return false;
        (void)read_line(name, "operstate", state, sizeof(state));
        return strncmp(state, "down", 4) != 0 && strncmp(state, "lowerlayerdown", 14) != 0;
}

static bool has_device(const char *name) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
        return access(path, F_OK) == 0;
}

int iface_read(const char *name, struct iface_info *ret) {
        if (!is_name(name) || read_number(name, "flags", 16, -1) < 0)
                return -ENODEV;
        int64_t mbps = read_number(name, "speed", 10, -1);

        *ret = (struct iface_info){
                .software = !has_device(name),
                .up = iface_is_up(name),
                .speed_bps = mbps > 0 ? mbps * 1000000 : -1,
                .rx_queues = count_rx_queues(name),
                .rx_packets = read_statistic(name, "rx_packets"),
                .rx_bytes = read_statistic(name, "rx_bytes"),
                .tx_packets = read_statistic(name, "tx_packets"),
                .tx_bytes = read_statistic(name, "tx_bytes"),
                .rx_dropped = read_statistic(name, "rx_dropped"),
        };
        (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
        (void)snprintf(ret->link, sizeof(ret->link), "%s", link_name(read_number(name, "type", 10, -1)));
        return 0;
}

/* A default route: which interface, and the lower metric wins. */
struct route {
        char name[16];
        unsigned long metric;
};

/* /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask …, in hexadecimal. */
static bool parse_route_ip4(const char *line, struct route *ret) {
        unsigned long destination, flags, mask;
        if (sscanf(line, "%15s %lx %*x %lx %*d %*d %lu %lx", ret->name, &destination, &flags, &ret->metric, &mask) != 5)
                return false;
        /* RTF_UP, and not RTF_REJECT: an "unreachable" route has no interface */
        return !destination && !mask && (flags & 0x201) == 1;
}

/* /proc/net/ipv6_route: destination length source length gateway metric refs use flags name. */
static bool parse_route_ip6(const char *line, struct route *ret) {
        unsigned long length, flags;
        if (sscanf(line, "%*32s %lx %*32s %*x %*32s %lx %*x %*x %lx %15s", &length, &ret->metric, &flags, ret->name) !=
            4)
                return false;
        /* RTF_UP; the kernel's own "unreachable" default stands on lo */
        return !length && (flags & 1) && strcmp(ret->name, "lo") != 0;
}

static bool default_route(const char *path, bool (*parse)(const char *line, struct route *ret), char ret_name[16]) {
        FILE *stream = fopen(path, "re");
        if (!stream)
                return false;

        char line[256];
        struct route route, best = {.metric = 0};
        bool found = false;
        while (fgets(line, sizeof(line), stream))
                if (parse(line, &route) && (!found || route.metric < best.metric)) {
                        best = route;
                        found = true;
                }
        (void)fclose(stream);
        if (found)
                memcpy(ret_name, best.name, sizeof(best.name));
        return found;
}

int iface_default(char ret_name[16]) {
        bool found = default_route("/proc/net/route", parse_route_ip4, ret_name) ||
                     default_route("/proc/net/ipv6_route", parse_route_ip6, ret_name);
        return found ? 0 : -ENOENT;
}

int iface_list(void (*each)(const struct iface_info *info, void *context), void *context) {
        struct if_nameindex *list = if_nameindex();
        if (!list)
                return -errno;
        for (const struct if_nameindex *at = list; at->if_index; at++) {
                struct iface_info info;
                if (iface_read(at->if_name, &info) == 0)
                        each(&info, context);
        }
        if_freenameindex(list);
        return 0;
}

uint64_t iface_backlog_drops(void) {
        FILE *stream = fopen("/proc/net/softnet_stat", "re");
        if (!stream)
                return 0;
        uint64_t sum = 0, dropped;
        char line[512];
        while (fgets(line, sizeof(line), stream))
                if (sscanf(line, "%*x %" SCNx64, &dropped) == 1)
                        sum += dropped;
        (void)fclose(stream);
        return sum;
}
