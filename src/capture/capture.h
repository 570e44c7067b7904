/* capture: where frames come from, behind one interface: an AF_PACKET ring or a capture file.
 *
 * A source is opened by main (privileges may be needed), then belongs to one worker thread. */
#ifndef NETWATCH_CAPTURE_CAPTURE_H
#define NETWATCH_CAPTURE_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "packet/packet.h"

struct capture;

/* Cumulative since the source was opened; read by its worker only, since the kernel
 * zeroes its counters on reading. */
struct capture_counts {
        uint64_t received; /* passed the filter; source: tp_packets of PACKET_STATISTICS, which includes drops */
        uint64_t dropped;  /* of those, lost for want of ring space; source: tp_drops */
        uint64_t freezes;  /* times the ring was full; source: tp_freeze_q_cnt */
        struct link_counters link;
};

/* A tcpdump expression ("" = everything) that also cuts frames to `snaplen` bytes, compiled for each kind of
 * link that a ring may come to have: an interface that is re-created can be of another kind, and by then there
 * is no privilege left to compile with. Filters for VLANs need CAP_NET_RAW and an interface that is up.
 *
 * NULL without memory. An expression that does not compile is an error of the ring that is opened with it.
 * Any number of rings may share it, as long as it lives. Main thread, before the others start. */
struct capture_filter;
struct capture_filter *capture_filter_new(const char *bpf, uint32_t snaplen);
void capture_filter_free(struct capture_filter *filter);

struct capture_ring_options {
        const char *iface;
        const struct capture_filter *filter; /* outlives the ring */
        uint64_t ring_bytes;                 /* rounded to blocks; at least eight of them */
        bool promiscuous;
};

/* Opens a TPACKET_V3 ring on an interface, up or down, and starts capturing
 * into it. Needs CAP_NET_RAW, now only.
 *
 * Returns 0 or -errno: -ENODEV no such interface, -EINVAL the filter does not compile
 * (the text is libpcap's), -EPERM no privilege; the error text says it all. */
int capture_open_ring(const struct capture_ring_options *options, struct capture **ret, struct error *error);

struct link_info;

/* Has a ring go on with an interface that was re-created or has come back from another namespace: binding,
 * filter and promiscuous mode are as at the start, counts go on. Where the ring captures it already nothing
 * changes. Needs no privilege. Any one thread, also while a worker reads.
 *
 * 0 or -errno: -ENODEV gone again, -EOPNOTSUPP or -EINVAL it came back with a link type that cannot be captured. */
int capture_rebind(const struct capture *capture, const struct link_info *link, struct error *error);

/* Tells a ring what the interface that it captured counted in the end, now that it is gone and cannot be asked any
 * more. To be called before the next capture_rebind, by the same thread. */
void capture_lose(struct capture *capture, const struct link_info *link);

/* Whether a ring can capture what has this link type. */
bool capture_supports(const struct link_info *link);

struct capture_file_options {
        const char *path; /* "-" = standard input */
        const char *bpf;
        uint32_t snaplen; /* 0 = whole frames */
        int give_up_fd;   /* readable once nobody wants to wait for a pipe any more; 0 = none. Outlives the capture */
};

/* Opens a pcap or pcapng file, and reads its first packet: waits for it, where a pipe's writer is silent. 0 or -errno:
 * -EBADMSG no capture file, -EINVAL a filter that does not compile, -EINTR given up. */
int capture_open_file(const struct capture_file_options *options, struct capture **ret, struct error *error);

/* Has a file come at `speed` times the pace of its own timestamps (1 = as it was captured). What nobody could follow
 * is not made up for; where its clock was set back it goes on from there. Takes `file` on success: 0 or -errno. */
int capture_pace(struct capture *file, double speed, struct capture **ret, struct error *error);

void capture_close(struct capture *capture);

/* Takes up to `max` frames, waiting until one is there or CLOCK_BOOTTIME passes `deadline_boot_ns`
 * (a file never waits; one that is paced does, but no longer than a second of its own time; a pipe waits for its
 * writer, whatever the deadline). Frames stay valid until the next call.
 *
 * Returns how many; 0 at the deadline or after capture_wake; -ENODATA at the end of a file
 * (capture_truncated tells how it ended); another -errno where the source failed. Worker thread. */
int capture_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns);

/* Ends a wait in capture_read, now or the next one; in a pipe for good: it is read no further. Any thread. */
void capture_wake(struct capture *capture);

/* Lets no more frames in; those that are in can still be read. capture_rebind undoes it. A file has its end anyway.
 * Any thread. */
void capture_silence(struct capture *capture);

/* True where ticks follow the frames' own clock (a file), false for the wall clock. */
bool capture_is_file(const struct capture *capture);

/* When a live source began to capture, or the time of a file's first packet (INT64_MIN: it has none). Unix time, ns. */
int64_t capture_started_ns(const struct capture *capture);

/* What time it is in a file that is paced, where capture_read has just returned 0; Unix time, ns. INT64_MIN for all
 * else. Worker thread. */
int64_t capture_now_ns(const struct capture *capture);

/* The kind of link that a file was captured on: "ethernet", or libpcap's name; NULL unknown or no file. Any thread. */
const char *capture_link(const struct capture *capture);

/* How long after its timestamp a frame may still come out of the source; ns. */
int64_t capture_lag_ns(const struct capture *capture);

/* Worker thread. */
struct capture_counts capture_counts(struct capture *capture);

/* How many frames there have been in a ring: those that capture_read has returned, and those that are still to come,
 * among them what the kernel has not handed over yet. 0 in a file. Worker thread. */
uint64_t capture_entered(struct capture *capture);

/* False where super-packets come without saying how many packets of the wire they are: each is
 * counted as one then, and as PACKET_SEGMENTS_UNKNOWN where it can be told from others. Any thread. */
bool capture_segments_known(const struct capture *capture);

/* After the end of a file: NULL where it was whole, else one line that says where it
 * broke off. Valid as long as the capture. */
const char *capture_truncated(const struct capture *capture);

/* Bytes of a file read so far, and its size (0 = unknown). Any thread. */
void capture_progress(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes);

/* ---- interfaces ------------------------------------------------------------------ */

/* Facts of an interface as the kernel tells them now, from sysfs. Unknown numbers are 0 and speed -1. */
struct iface_info {
        char name[16];
        char link[16]; /* "ethernet", "loopback", "none", … by ARPHRD */
        bool software; /* no device behind it (veth, lo, tun, bridge): its counters count a super-packet once */
        bool up;       /* IFF_UP and IFF_RUNNING */
        int64_t speed_bps;
        uint32_t rx_queues;
        uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_dropped;
};

/* Offloads that put several packets into one frame. */
enum iface_offload {
        IFACE_TSO = 1 << 0,
        IFACE_GSO = 1 << 1,
        IFACE_GRO = 1 << 2,
        IFACE_LRO = 1 << 3,
};
#define IFACE_OFFLOADS 4

/* Which of them are on, as a sum of enum iface_offload. 0, or -errno where the interface does not
 * tell. Any thread. Source: SIOCETHTOOL, linux/ethtool.h. */
int iface_offloads(const char *name, unsigned *ret);

/* "tso", "gso", "gro", "lro", as ethtool(8) calls them, for 0 .. IFACE_OFFLOADS - 1; static. */
const char *iface_offload_name(unsigned i);

/* Up, with its link there; false also where there is no such interface. Any thread; cheap. */
bool iface_is_up(const char *name);

/* 0, or -ENODEV. Any thread. */
int iface_read(const char *name, struct iface_info *ret);

/* The interface of the default route (IPv4 first, then IPv6), lowest metric first.
 * 0, or -ENOENT where there is none. Source: /proc/net/route, /proc/net/ipv6_route. */
int iface_default(char ret_name[16]);

/* Calls `each` for every interface that can be captured, in the kernel's order. */
int iface_list(void (*each)(const struct iface_info *info, void *context), void *context);

/* ---- links: interfaces as they come, change and go ------------------------------------- */

/* One interface as rtnetlink tells it. */
struct link_info {
        unsigned index; /* ifindex: stays through a rename, not through re-creation */
        char name[16];
        unsigned hardware; /* ARPHRD_… of net/if_arp.h */
        bool loopback;
        bool up;      /* switched on: IFF_UP */
        bool carrier; /* its link is there: IFF_LOWER_UP */
        uint32_t mtu;
        unsigned master;   /* index of the bridge or bond that it is a member of; 0: none */
        unsigned lower;    /* index of what it is stacked on (a VLAN's parent) or, of a veth, its peer; 0: none here */
        bool has_counters; /* where it has gone and the kernel said so: all that it ever counted */
        struct link_counters counters;
};

/* 0, or -ENODEV. Any thread. `master`, `lower` and counters are not read. */
int link_read(const char *name, struct link_info *ret);

/* Watches all interfaces of this network namespace: one rtnetlink socket and a table of what is there. One thread. */
struct link_watch;

/* Opens it and reads what is there now. Needs no privilege. 0 or -errno. */
int link_watch_open(struct link_watch **ret, struct error *error);
void link_watch_close(struct link_watch *watch);

/* Readable where link_watch_read has something to do. */
int link_watch_fd(const struct link_watch *watch);

/* What was and what is: `before` NULL for a new interface, `now` NULL for one that has gone. Valid during the call. */
typedef void link_watch_each(const struct link_info *before, const struct link_info *now, void *context);

/* Calls `each` for every interface that is there, lowest index first: `before` is NULL. */
void link_watch_list(const struct link_watch *watch, link_watch_each *each, void *context);

/* Takes in what has happened, and calls `each` for every change, in order; never waits.
 *
 * Returns 0; 1 where the kernel had to drop messages: the changes are those from what was known to what is
 * there now, what has gone last, and an interface may have been re-created unseen. -errno where it cannot go on. */
int link_watch_read(struct link_watch *watch, link_watch_each *each, void *context);

/* Packets that each CPU's backlog lost before any tap saw them, since boot. Column 2 of /proc/net/softnet_stat. */
uint64_t iface_backlog_drops(void);

#endif
