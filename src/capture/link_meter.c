#include "capture/link_meter.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
        struct nlmsghdr header;
        struct if_stats_msg body;
};

int link_meter_open(struct link_meter *meter) {
        *meter = (struct link_meter){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
        pthread_mutex_init(&meter->lock, NULL);
        return meter->fd < 0 ? -errno : 0;
}

void link_meter_close(struct link_meter *meter) {
        if (meter->fd >= 0)
                close(meter->fd);
        meter->fd = -1;
}

struct link_counters link_counters_of(const void *stats, size_t bytes) {
        struct rtnl_link_stats64 now = {0};
        memcpy(&now, stats, bytes < sizeof(now) ? bytes : sizeof(now));
        return (struct link_counters){
                .rx_packets = now.rx_packets,
                .rx_bytes = now.rx_bytes,
                .tx_packets = now.tx_packets,
                .tx_bytes = now.tx_bytes,
                .rx_dropped = now.rx_dropped,
                .rx_missed = now.rx_missed_errors + now.rx_fifo_errors + now.rx_over_errors,
        };
}

/* The attributes behind if_stats_msg; false where the counters are not among them. */
static bool parse(const uint8_t *at, size_t bytes, struct link_counters *ret) {
        while (bytes >= sizeof(struct nlattr)) {
                struct nlattr attribute;
                memcpy(&attribute, at, sizeof(attribute));
                size_t length = attribute.nla_len;
                if (length < sizeof(attribute) || length > bytes)
                        return false;
                if ((attribute.nla_type & NLA_TYPE_MASK) == IFLA_STATS_LINK_64) {
                        *ret = link_counters_of(at + sizeof(attribute), length - sizeof(attribute));
                        return true;
                }
                length = NLA_ALIGN(length);
                if (length > bytes)
                        return false;
                at += length;
                bytes -= length;
        }
        return false;
}

static bool read_now(const struct link_meter *meter, unsigned index, struct link_counters *ret) {
        const struct request request = {
                .header = {.nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETSTATS, .nlmsg_flags = NLM_F_REQUEST},
                .body = {.ifindex = index, .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)},
        };
        const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct if_stats_msg));
        uint8_t answer[2048];
        if (send(meter->fd, &request, sizeof(request), 0) != (ssize_t)sizeof(request))
                return false;
        ssize_t n = recv(meter->fd, answer, sizeof(answer), 0);
        struct nlmsghdr header;
        if (n < (ssize_t)head)
                return false;
        memcpy(&header, answer, sizeof(header));
        return header.nlmsg_type == RTM_NEWSTATS && header.nlmsg_len <= (size_t)n && header.nlmsg_len >= head &&
               parse(answer + head, header.nlmsg_len - head, ret);
}

uint64_t link_meter_growth(uint64_t before, uint64_t now) {
        if (now >= before)
                return now - before;
        bool wrapped = before >> 31 == 1;
        return wrapped ? (UINT64_C(1) << 32) - before + now : now;
}

void link_meter_begin(struct link_meter *meter, unsigned index) {
        meter->index = read_now(meter, index, &meter->last) ? index : 0;
}

/* The lock is held. */
static void add(struct link_meter *meter, unsigned index, const struct link_counters *now) {
        if (index != meter->index)
                meter->last = (struct link_counters){0};
        const struct {
                uint64_t *sum;
                uint64_t before, now;
        } counters[] = {
                {&meter->sum.rx_packets, meter->last.rx_packets, now->rx_packets},
                {&meter->sum.rx_bytes, meter->last.rx_bytes, now->rx_bytes},
                {&meter->sum.tx_packets, meter->last.tx_packets, now->tx_packets},
                {&meter->sum.tx_bytes, meter->last.tx_bytes, now->tx_bytes},
                {&meter->sum.rx_dropped, meter->last.rx_dropped, now->rx_dropped},
                {&meter->sum.rx_missed, meter->last.rx_missed, now->rx_missed},
        };
        for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
                *counters[i].sum += link_meter_growth(counters[i].before, counters[i].now);
        meter->last = *now;
        meter->index = index;
}

struct link_counters link_meter_read(struct link_meter *meter, unsigned index) {
        struct link_counters now;
        pthread_mutex_lock(&meter->lock);
        if (read_now(meter, index, &now))
                add(meter, index, &now);
        struct link_counters sum = meter->sum;
        pthread_mutex_unlock(&meter->lock);
        return sum;
}

/* A driver may have let go of some of its counts by then, as veth has: what fell is not known. */
static uint64_t not_below(uint64_t before, uint64_t now) {
        return now > before ? now : before;
}

void link_meter_end(struct link_meter *meter, unsigned index, const struct link_counters *end) {
        pthread_mutex_lock(&meter->lock);
        const struct link_counters before = meter->index == index ? meter->last : (struct link_counters){0};
        const struct link_counters now = {
                .rx_packets = not_below(before.rx_packets, end->rx_packets),
                .rx_bytes = not_below(before.rx_bytes, end->rx_bytes),
                .tx_packets = not_below(before.tx_packets, end->tx_packets),
                .tx_bytes = not_below(before.tx_bytes, end->tx_bytes),
                .rx_dropped = not_below(before.rx_dropped, end->rx_dropped),
                .rx_missed = not_below(before.rx_missed, end->rx_missed),
        };
        add(meter, index, &now);
        pthread_mutex_unlock(&meter->lock);
}
