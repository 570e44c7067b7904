/* The live source: an AF_PACKET socket with a TPACKET_V3 ring, see packet(7) and
 * Documentation/networking/packet_mmap.rst of the kernel.
 *
 *   ring   | block 0 | block 1 | …                 a block: header, then frames back to back
 *            ^ taken   ^ the kernel fills it, and hands it over when it is full or old
 *
 * Frames point into the block; the block goes back to the kernel with the next read. Blocks
 * of 1 MiB need an order of magnitude fewer wake-ups than small ones; a block that is not
 * full is handed over after RETIRE_MS.
 *
 * Order matters at start: filter, ring and membership are in place before bind() lets the
 * first frame in. The socket needs CAP_NET_RAW to be opened, and nothing afterwards.
 *
 * An interface that goes down falls silent and resumes by itself. One that is deleted takes
 * binding and membership with it, and its successor of the same name is a stranger to the socket:
 * capture_rebind joins it, in the same way as at the start. It makes system calls only, so it
 * does not meet the worker that reads. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/block.h"
#include "capture/link_meter.h"
#include "capture/source.h"

#define RETIRE_MS 60
#define BLOCK_BYTES_MAX (1u << 20)
#define BLOCK_BYTES_MIN (1u << 16)
#define BLOCKS_MIN 8u
#define FRAME_BYTES 2048u /* only has to divide a block: V3 packs frames by their size */

struct ring {
        struct capture base;
        int socket_fd;
        int wake_fd;
        uint8_t *blocks;
        uint32_t block_bytes;
        uint32_t n_blocks;
        uint32_t block; /* the one in hand, or the next to come */
        bool in_hand;
        struct block_frames frames; /* of the block in hand, those not read yet */
        struct link_meter meter;
        bool promiscuous;
        const struct capture_filter *filter;
        struct capture_counts counts;
};

static struct tpacket_block_desc *current_block(const struct ring *ring) {
        return (struct tpacket_block_desc *)(void *)(ring->blocks + (size_t)ring->block * ring->block_bytes);
}

static bool is_filled(const struct ring *ring) {
        return __atomic_load_n(&current_block(ring)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static void take_block(struct ring *ring) {
        const struct tpacket_block_desc *block = current_block(ring);
        ring->frames.left = block->hdr.bh1.num_pkts;
        ring->frames.next = (const uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
        ring->in_hand = true;
}

static void give_back(struct ring *ring) {
        __atomic_store_n(&current_block(ring)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        ring->block = ring->block + 1 == ring->n_blocks ? 0 : ring->block + 1;
        ring->in_hand = false;
}

/* Waits for a block, the wake-up or the deadline. 0, or -errno. */
static int wait_for_block(struct ring *ring, int64_t deadline_boot_ns, bool *ret_again) {
        int64_t left_ns = deadline_boot_ns - clock_boot_ns();
        if (left_ns < 0)
                left_ns = 0;
        struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
        struct pollfd fds[] = {
                {.fd = ring->socket_fd, .events = POLLIN},
                {.fd = ring->wake_fd, .events = POLLIN},
        };

        *ret_again = false;
        int n = ppoll(fds, 2, &left, NULL);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[1].revents) {
                eventfd_t ignored;
                (void)eventfd_read(ring->wake_fd, &ignored);
                return 0;
        }
        if (fds[0].revents & POLLERR) {
                /* the interface went down: said once, and cleared by asking; it may come back */
                int code = 0;
                socklen_t bytes = sizeof(code);
                (void)getsockopt(ring->socket_fd, SOL_SOCKET, SO_ERROR, &code, &bytes);
                if (code && code != ENETDOWN)
                        return -code;
        }
        *ret_again = n > 0;
        return 0;
}

/* Makes sure that a block is in hand. 1; 0 at the deadline or a wake-up; -errno. */
static int await_block(struct ring *ring, int64_t deadline_boot_ns) {
        if (ring->in_hand && !ring->frames.left)
                give_back(ring);
        for (bool again = true; !ring->in_hand;) {
                if (is_filled(ring)) {
                        take_block(ring);
                        if (!ring->frames.left)
                                give_back(ring);
                        continue;
                }
                if (!again)
                        return 0;
                int r = wait_for_block(ring, deadline_boot_ns, &again);
                if (r < 0)
                        return r;
        }
        return 1;
}

static int ring_read(struct capture *capture, struct frame *frames, unsigned max, int64_t deadline_boot_ns) {
        struct ring *ring = (struct ring *)capture;
        unsigned n = 0;
        while (!n) {
                int r = await_block(ring, deadline_boot_ns);
                if (r <= 0)
                        return r;
                n = block_frames_read(&ring->frames, frames, max);
        }
        return (int)n;
}

static void ring_wake(struct capture *capture) {
        (void)eventfd_write(((struct ring *)capture)->wake_fd, 1);
}

static void ring_silence(struct capture *capture) {
        struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
        const struct sock_fprog program = {.len = 1, .filter = &nothing};
        (void)setsockopt(((struct ring *)capture)->socket_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* The interface that the socket hears; 0 where that is gone. */
static unsigned bound_index(const struct ring *ring) {
        struct sockaddr_ll address = {.sll_ifindex = 0};
        socklen_t bytes = sizeof(address);
        if (getsockname(ring->socket_fd, (struct sockaddr *)&address, &bytes) != 0 || address.sll_ifindex < 0)
                return 0;
        return (unsigned)address.sll_ifindex;
}

/* The kernel begins anew with each reading. */
static void read_statistics(struct ring *ring) {
        struct tpacket_stats_v3 stats;
        socklen_t bytes = sizeof(stats);
        if (getsockopt(ring->socket_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &bytes) == 0) {
                ring->counts.received += stats.tp_packets;
                ring->counts.dropped += stats.tp_drops;
                ring->counts.freezes += stats.tp_freeze_q_cnt;
        }
}

static uint64_t ring_entered(struct capture *capture) {
        struct ring *ring = (struct ring *)capture;
        read_statistics(ring);
        return ring->counts.received - ring->counts.dropped;
}

static struct capture_counts ring_counts(struct capture *capture) {
        struct ring *ring = (struct ring *)capture;
        read_statistics(ring);
        ring->counts.link = link_meter_read(&ring->meter, bound_index(ring));
        return ring->counts;
}

static const char *ring_truncated(const struct capture *capture) {
        (void)capture;
        return NULL;
}

static void ring_progress(const struct capture *capture, uint64_t *ret_read_bytes, uint64_t *ret_size_bytes) {
        (void)capture;
        *ret_read_bytes = *ret_size_bytes = 0;
}

static void ring_close(struct capture *capture) {
        struct ring *ring = (struct ring *)capture;
        if (ring->blocks)
                munmap(ring->blocks, (size_t)ring->block_bytes * ring->n_blocks);
        if (ring->socket_fd >= 0)
                close(ring->socket_fd);
        if (ring->wake_fd >= 0)
                close(ring->wake_fd);
        link_meter_close(&ring->meter);
        free(ring);
}

static const struct capture_kind ring_kind = {
        .is_file = false,
        .lag_ns = RETIRE_MS * NS_PER_MS + 10 * NS_PER_MS,
        .read = ring_read,
        .wake = ring_wake,
        .silence = ring_silence,
        .counts = ring_counts,
        .entered = ring_entered,
        .truncated = ring_truncated,
        .progress = ring_progress,
        .close = ring_close,
};

/* ---- opening ------------------------------------------------------------------------- */

static int option_set(const struct ring *ring, const char *iface, const char *what, int option, const void *value,
                      socklen_t bytes, struct error *error) {
        if (setsockopt(ring->socket_fd, SOL_PACKET, option, value, bytes) == 0)
                return 0;
        return error_set(error, -errno, "cannot capture on %s: %s: %s", iface, what, strerror(errno));
}

/* `type` is SOCK_RAW, or SOCK_DGRAM for frames without their link header. */
static int open_socket(struct ring *ring, const char *iface, int type, struct error *error) {
        ring->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (ring->wake_fd < 0)
                return error_set(error, -errno, "cannot make an eventfd: %s", strerror(errno));
        ring->socket_fd = socket(AF_PACKET, type | SOCK_CLOEXEC, 0); /* protocol 0: deaf until bind() */
        if (ring->socket_fd < 0)
                return error_set(error, -errno, "cannot capture on %s: %s", iface, strerror(errno));
        int r = link_meter_open(&ring->meter);
        return r < 0 ? error_set(error, r, "cannot open a netlink socket: %s", strerror(-r)) : 0;
}

/* To be asked for before there is a ring. The kernel throws away what the header cannot express; of LRO's
 * super-packets it cannot say what they are, so with LRO they are better seen as they come. */
static void ask_for_virtio(struct ring *ring, const char *iface) {
        const int on = 1;
        unsigned offloads = 0;
        bool has_lro = iface_offloads(iface, &offloads) == 0 && (offloads & IFACE_LRO);
        ring->frames.has_virtio =
                !has_lro && setsockopt(ring->socket_fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0;
        ring->base.segments_unknown = !ring->frames.has_virtio;
}

static int map_ring(struct ring *ring, const struct capture_ring_options *options, struct error *error) {
        const int version = TPACKET_V3;
        int r = option_set(ring, options->iface, "TPACKET_V3", PACKET_VERSION, &version, sizeof(version), error);
        if (r < 0)
                return r;

        ring->block_bytes = BLOCK_BYTES_MAX;
        while (ring->block_bytes > BLOCK_BYTES_MIN && options->ring_bytes / ring->block_bytes < BLOCKS_MIN)
                ring->block_bytes /= 2;
        uint64_t blocks = options->ring_bytes / ring->block_bytes;
        ring->n_blocks = blocks < BLOCKS_MIN ? BLOCKS_MIN : (uint32_t)blocks;

        struct tpacket_req3 request = {
                .tp_block_size = ring->block_bytes,
                .tp_block_nr = ring->n_blocks,
                .tp_frame_size = FRAME_BYTES,
                .tp_frame_nr = ring->block_bytes / FRAME_BYTES * ring->n_blocks,
                .tp_retire_blk_tov = RETIRE_MS,
        };
        r = option_set(ring, options->iface, "ring memory", PACKET_RX_RING, &request, sizeof(request), error);
        if (r < 0)
                return r;

        void *at = mmap(NULL, (size_t)ring->block_bytes * ring->n_blocks, PROT_READ | PROT_WRITE, MAP_SHARED,
                        ring->socket_fd, 0);
        if (at == MAP_FAILED)
                return error_set(error, -errno, "cannot map the ring of %s: %s", options->iface, strerror(errno));
        ring->blocks = at;
        return 0;
}

/* The filter also cuts frames to the snaplen: it is what the program returns. */
static int attach_filter(const struct ring *ring, const struct link_info *link, struct error *error) {
        enum frame_link kind = ring->frames.is_cooked ? FRAME_LINK_RAW : block_link_of(link->hardware);
        if (kind == FRAME_LINK_UNSUPPORTED || ring->frames.is_cooked != block_is_cooked(link->hardware))
                return error_set(error, -EOPNOTSUPP, "cannot capture on %s: its link type %u is not supported",
                                 link->name, link->hardware);
        const struct bpf_program *program = filter_program(ring->filter, kind, error);
        if (!program)
                return -EINVAL;
        struct sock_fprog kernel = {.len = (unsigned short)program->bf_len,
                                    .filter = (struct sock_filter *)program->bf_insns};
        if (setsockopt(ring->socket_fd, SOL_SOCKET, SO_ATTACH_FILTER, &kernel, sizeof(kernel)) != 0)
                return error_set(error, -errno, "cannot attach the filter to %s: %s", link->name, strerror(errno));
        return 0;
}

/* Begins to capture an interface; the socket may have captured another before. */
static int join(const struct ring *ring, const struct link_info *link, struct error *error) {
        int r = attach_filter(ring, link, error);
        if (r < 0)
                return r;

        /* every packet of lo passes twice, sent and received: once is enough */
        const int ignore = link->loopback;
        r = option_set(ring, link->name, "PACKET_IGNORE_OUTGOING", PACKET_IGNORE_OUTGOING, &ignore, sizeof(ignore),
                       error);
        if (r == 0 && ring->promiscuous) {
                struct packet_mreq membership = {.mr_ifindex = (int)link->index, .mr_type = PACKET_MR_PROMISC};
                r = option_set(ring, link->name, "promiscuous mode", PACKET_ADD_MEMBERSHIP, &membership,
                               sizeof(membership), error);
        }
        if (r < 0)
                return r;

        struct sockaddr_ll address = {
                .sll_family = AF_PACKET,
                .sll_protocol = htons(ETH_P_ALL),
                .sll_ifindex = (int)link->index,
        };
        if (bind(ring->socket_fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
                return error_set(error, -errno, "cannot bind to %s: %s", link->name, strerror(errno));
        return 0;
}

int capture_open_ring(const struct capture_ring_options *options, struct capture **ret, struct error *error) {
        struct link_info link;
        if (link_read(options->iface, &link) < 0)
                return error_set(error, -ENODEV, "no interface '%s'", options->iface);

        struct ring *ring = calloc(1, sizeof(*ring));
        if (!ring)
                return error_set(error, -ENOMEM, "out of memory");
        ring->base = (struct capture){.kind = &ring_kind};
        ring->promiscuous = options->promiscuous;
        ring->filter = options->filter;
        ring->frames.is_cooked = block_is_cooked(link.hardware);
        ring->socket_fd = ring->wake_fd = ring->meter.fd = -1;

        int r = open_socket(ring, options->iface, ring->frames.is_cooked ? SOCK_DGRAM : SOCK_RAW, error);
        if (r == 0) {
                ask_for_virtio(ring, options->iface);
                r = map_ring(ring, options, error);
        }
        link_meter_begin(&ring->meter, link.index);
        ring->base.started_ns = clock_wall_ns();
        if (r == 0)
                r = join(ring, &link, error);
        if (r < 0) {
                ring_close(&ring->base);
                return r;
        }
        *ret = &ring->base;
        return 0;
}

int capture_rebind(const struct capture *capture, const struct link_info *link, struct error *error) {
        return join((const struct ring *)capture, link, error);
}

void capture_lose(struct capture *capture, const struct link_info *link) {
        if (link->has_counters)
                link_meter_end(&((struct ring *)capture)->meter, link->index, &link->counters);
}

bool capture_supports(const struct link_info *link) {
        return block_link_of(link->hardware) != FRAME_LINK_UNSUPPORTED || block_is_cooked(link->hardware);
}
