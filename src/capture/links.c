/* The interfaces of this network namespace, kept in step with the kernel by rtnetlink(7).
 *
 *   RTMGRP_LINK ──> messages ──> table of links ──> what has changed
 *                      ^ a dump at the start, and whenever messages were lost (ENOBUFS)
 *
 * During a dump every link that is named is marked; those that are not have gone. What comes in
 * between is told in the same socket and in order, so nothing has to be put aside. The kernel
 * answers a dump as fast as it is read, so waiting for its end is not waiting.
 *
 * A bridge tells of its ports in messages of the same type (family AF_BRIDGE): a port that leaves
 * looks like a deletion there, so they are passed over. So are the notes of wireless drivers, which
 * carry a part of the attributes only. */
#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/link_meter.h"

#define MESSAGES_BYTES 65536

struct entry {
        struct link_info link;
        bool seen; /* in the dump that runs */
};

struct link_watch {
        int fd;
        uint32_t dump; /* sequence number of the dump that runs; 0: none */
        bool dump_due; /* messages were lost, or links changed while a dump ran: one is needed once all is read */
        uint32_t last_sequence;
        struct entry *entries; /* by index */
        size_t n, room;
        uint8_t *messages;
};

int link_read(const char *name, struct link_info *ret) {
        struct ifreq request = {.ifr_flags = 0};
        struct link_info link = {.index = 0};
        if (!*name || strlen(name) >= sizeof(link.name))
                return -ENODEV;
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -ENODEV;

        memcpy(request.ifr_name, name, strlen(name) + 1);
        memcpy(link.name, name, strlen(name) + 1);
        bool ok = ioctl(fd, SIOCGIFINDEX, &request) == 0;
        link.index = (unsigned)request.ifr_ifindex;
        ok = ok && ioctl(fd, SIOCGIFHWADDR, &request) == 0;
        link.hardware = request.ifr_hwaddr.sa_family;
        ok = ok && ioctl(fd, SIOCGIFMTU, &request) == 0;
        link.mtu = (uint32_t)request.ifr_mtu;
        ok = ok && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
        link.loopback = request.ifr_flags & IFF_LOOPBACK;
        link.up = request.ifr_flags & IFF_UP;
        link.carrier = request.ifr_flags & IFF_RUNNING; /* LOWER_UP has no room in the 16 bits */
        close(fd);
        if (!ok)
                return -ENODEV;
        *ret = link;
        return 0;
}

/* ---- the table ------------------------------------------------------------------------ */

/* The first place whose index is not below. */
static size_t place_of(const struct link_watch *watch, unsigned index) {
        size_t at = 0;
        while (at < watch->n && watch->entries[at].link.index < index)
                at++;
        return at;
}

static int insert(struct link_watch *watch, size_t at, const struct link_info *link) {
        if (watch->n == watch->room) {
                size_t room = watch->room ? watch->room * 2 : 16;
                struct entry *entries = realloc(watch->entries, room * sizeof(*entries));
                if (!entries)
                        return -ENOMEM;
                watch->entries = entries;
                watch->room = room;
        }
        memmove(&watch->entries[at + 1], &watch->entries[at], (watch->n - at) * sizeof(*watch->entries));
        watch->entries[at] = (struct entry){.link = *link, .seen = true};
        watch->n++;
        return 0;
}

static void remove_at(struct link_watch *watch, size_t at, link_watch_each *each, void *context) {
        struct link_info gone = watch->entries[at].link;
        watch->n--;
        memmove(&watch->entries[at], &watch->entries[at + 1], (watch->n - at) * sizeof(*watch->entries));
        each(&gone, NULL, context);
}

static bool is_same(const struct link_info *x, const struct link_info *y) {
        return strcmp(x->name, y->name) == 0 && x->hardware == y->hardware && x->loopback == y->loopback &&
               x->up == y->up && x->carrier == y->carrier && x->mtu == y->mtu && x->master == y->master &&
               x->lower == y->lower;
}

static int put(struct link_watch *watch, const struct link_info *link, link_watch_each *each, void *context) {
        size_t at = place_of(watch, link->index);
        if (at == watch->n || watch->entries[at].link.index != link->index) {
                int r = insert(watch, at, link);
                if (r == 0)
                        each(NULL, link, context);
                return r;
        }
        struct link_info before = watch->entries[at].link;
        watch->entries[at] = (struct entry){.link = *link, .seen = true};
        if (!is_same(&before, link))
                each(&before, link, context);
        return 0;
}

/* What the dump did not name has gone. */
static void sweep(struct link_watch *watch, link_watch_each *each, void *context) {
        for (size_t at = watch->n; at-- > 0;)
                if (!watch->entries[at].seen)
                        remove_at(watch, at, each, context);
}

/* ---- messages ------------------------------------------------------------------------- */

static uint32_t number_of(struct rtattr *attribute) {
        uint32_t value = 0;
        if (RTA_PAYLOAD(attribute) >= sizeof(value))
                memcpy(&value, RTA_DATA(attribute), sizeof(value));
        return value;
}

/* False where the message is not about an interface as such, or is cut. */
static bool parse(struct nlmsghdr *message, struct link_info *ret) {
        struct ifinfomsg *info = NLMSG_DATA(message);
        bool elsewhere = false, has_stats = false;
        if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_family != AF_UNSPEC)
                return false;

        struct link_info link = {
                .index = (unsigned)info->ifi_index,
                .hardware = info->ifi_type,
                .loopback = info->ifi_flags & IFF_LOOPBACK,
                .up = info->ifi_flags & IFF_UP,
                .carrier = info->ifi_flags & IFF_LOWER_UP,
        };
        unsigned left = (unsigned)IFLA_PAYLOAD(message);
        for (struct rtattr *at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left))
                switch (at->rta_type & NLA_TYPE_MASK) {
                case IFLA_WIRELESS: return false;
                case IFLA_IFNAME: strncpy(link.name, RTA_DATA(at), sizeof(link.name) - 1); break;
                case IFLA_MTU: link.mtu = number_of(at); break;
                case IFLA_MASTER: link.master = number_of(at); break;
                case IFLA_LINK: link.lower = number_of(at); break;
                case IFLA_LINK_NETNSID: elsewhere = true; break;
                case IFLA_STATS64:
                        link.counters = link_counters_of(RTA_DATA(at), RTA_PAYLOAD(at)), has_stats = true;
                        break;
                default: break;
                }
        if (elsewhere || link.lower == link.index)
                link.lower = 0; /* its number means another interface here */
        link.has_counters = message->nlmsg_type == RTM_DELLINK && has_stats;
        *ret = link;
        return true;
}

/* One dump at a time: the kernel refuses a second one. */
static int ask_for_dump(struct link_watch *watch) {
        struct {
                struct nlmsghdr header;
                struct ifinfomsg info;
        } request = {
                .header =
                        {
                                .nlmsg_len = sizeof(request),
                                .nlmsg_type = RTM_GETLINK,
                                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                                .nlmsg_seq = ++watch->last_sequence,
                        },
                .info = {.ifi_family = AF_UNSPEC},
        };
        for (size_t i = 0; i < watch->n; i++)
                watch->entries[i].seen = false;
        watch->dump = request.header.nlmsg_seq;
        watch->dump_due = false;
        return send(watch->fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

static void end_dump(struct link_watch *watch, link_watch_each *each, void *context) {
        watch->dump = 0;
        if (!watch->dump_due)
                sweep(watch, each, context);
}

static int take_message(struct link_watch *watch, struct nlmsghdr *message, link_watch_each *each, void *context) {
        struct link_info link;
        size_t at;
        bool of_dump = watch->dump && message->nlmsg_seq == watch->dump;
        if (of_dump && (message->nlmsg_flags & NLM_F_DUMP_INTR))
                watch->dump_due = true;
        switch (message->nlmsg_type) {
        case RTM_NEWLINK: return parse(message, &link) ? put(watch, &link, each, context) : 0;
        case RTM_DELLINK:
                at = parse(message, &link) ? place_of(watch, link.index) : watch->n;
                if (at < watch->n && watch->entries[at].link.index == link.index) {
                        watch->entries[at].link.has_counters = link.has_counters;
                        watch->entries[at].link.counters = link.counters;
                        remove_at(watch, at, each, context);
                }
                return 0;
        case NLMSG_DONE:
                if (of_dump)
                        end_dump(watch, each, context);
                return 0;
        case NLMSG_ERROR: return -EPROTO; /* the only request is a dump, and that is refused to nobody */
        default: return 0;
        }
}

static int take_messages(struct link_watch *watch, size_t bytes, link_watch_each *each, void *context) {
        int r = 0;
        for (struct nlmsghdr *at = (struct nlmsghdr *)(void *)watch->messages; r == 0 && NLMSG_OK(at, bytes);
             at = NLMSG_NEXT(at, bytes))
                r = take_message(watch, at, each, context);
        return r;
}

/* One read. 1, 0 where nothing is left, -errno. */
static int read_some(struct link_watch *watch, int flags, link_watch_each *each, void *context) {
        struct sockaddr_nl from = {.nl_family = AF_NETLINK};
        socklen_t from_bytes = sizeof(from);
        ssize_t n = recvfrom(watch->fd, watch->messages, MESSAGES_BYTES, flags, (struct sockaddr *)&from, &from_bytes);
        if (n < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
        int r = from.nl_pid == 0 ? take_messages(watch, (size_t)n, each, context) : 0;
        return r < 0 ? r : 1;
}

/* Reads until nothing is left and no dump runs. 0, 1 messages were lost, -errno. */
static int read_all(struct link_watch *watch, link_watch_each *each, void *context) {
        bool lost = false;
        for (;;) {
                int r = read_some(watch, watch->dump ? 0 : MSG_DONTWAIT, each, context);
                if (r == -ENOBUFS)
                        lost = watch->dump_due = true;
                else if (r < 0)
                        return r;
                else if (r == 0 && !watch->dump_due)
                        return lost;
                /* not before all is read: what is older than the dump must not pass for newer */
                if (r == 0 && (r = ask_for_dump(watch)) < 0)
                        return r;
        }
}

/* ---- its face -------------------------------------------------------------------------- */

static void ignore(const struct link_info *before, const struct link_info *now, void *context) {
        (void)before;
        (void)now;
        (void)context;
}

int link_watch_open(struct link_watch **ret, struct error *error) {
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
        struct link_watch *watch = calloc(1, sizeof(*watch));
        if (!watch)
                return error_set(error, -ENOMEM, "out of memory");
        watch->messages = malloc(MESSAGES_BYTES);
        watch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        int r = watch->messages ? 0 : -ENOMEM;
        if (r == 0 && (watch->fd < 0 || bind(watch->fd, (const struct sockaddr *)&address, sizeof(address)) != 0))
                r = -errno;
        if (r == 0)
                r = ask_for_dump(watch);
        if (r == 0)
                r = read_all(watch, ignore, NULL);
        if (r < 0) {
                link_watch_close(watch);
                return error_set(error, r, "cannot watch the interfaces: %s", strerror(-r));
        }
        *ret = watch;
        return 0;
}

void link_watch_close(struct link_watch *watch) {
        if (!watch)
                return;
        if (watch->fd >= 0)
                close(watch->fd);
        free(watch->entries);
        free(watch->messages);
        free(watch);
}

int link_watch_fd(const struct link_watch *watch) {
        return watch->fd;
}

void link_watch_list(const struct link_watch *watch, link_watch_each *each, void *context) {
        for (size_t i = 0; i < watch->n; i++)
                each(NULL, &watch->entries[i].link, context);
}

int link_watch_read(struct link_watch *watch, link_watch_each *each, void *context) {
        return read_all(watch, each, context);
}
