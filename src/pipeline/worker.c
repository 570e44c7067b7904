/* A capture worker: source → decode → table → one mail a second.
 *
 *        second S            second S+1
 *   ├──────────────────┼──────────────────┤
 *   open ─────────────> closing ──> mail       a mail goes out when S+1 s + lag has passed
 *                       open ─────────────>
 *
 * A frame belongs to the second of its timestamp. `lag` is how long a frame may sit in the
 * source, so for that long two seconds are in work; what comes later still is `late`, and
 * counted in the open second. Closing is done in small steps between reads, so that a second
 * in which a million flows were active does not hold up the ring.
 *
 * A ring hands its frames over within the lag, unless the machine is too busy. So it is asked at the end of the second
 * how many have entered it, and what of them has not come when the second is due is waited for, up to HOLDS_MAX times.
 *
 * Live, seconds follow the clock (timeline.h) and the worker waits for nobody: with no empty mail it
 * goes on in the open one, which then covers several seconds. In a file they follow the
 * frames, or the pace that the file is kept to, and the worker waits for the rollup. Where the clock jumps, the second
 * ends there. */
#include "pipeline/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"

#define BURST FLOW_TABLE_BURST
#define CLOSE_STEP 512u
#define SWEEP_STEP 128u
#define SWEEP_SECONDS 16u /* the whole table is looked at in so many */
#define SILENT_SECONDS 10 /* live: a longer silence of the worker itself is a gap */
#define PREVIEW_NS (600 * NS_PER_MS)
#define HOLD_NS (10 * NS_PER_MS)
#define HOLDS_MAX 100u
#define STOP_HOLDS_MAX 50u

static int64_t second_of(int64_t time_ns) {
        return floor_div(time_ns, NS_PER_S);
}

static int64_t last_second(const struct mail *mail) {
        return mail->batch->last_second;
}

static bool is_live(const struct worker *worker) {
        return !capture_is_file(worker->capture);
}

/* When nothing more can come for the last second of a mail. */
static int64_t due_ns(const struct worker *worker, const struct mail *mail) {
        return (last_second(mail) + 1) * NS_PER_S + capture_lag_ns(worker->capture);
}

/* ---- mails ------------------------------------------------------------------------------ */

/* An empty mail; NULL where there is none and the source is live. */
static struct mail *take_mail(struct worker *worker) {
        struct mail *mail;
        while (!(mail = queue_pop(&worker->mailbox.empty)) && !is_live(worker)) {
                struct pollfd fd = {.fd = worker->mailbox.emptied_fd, .events = POLLIN};
                eventfd_t ignored;
                if (poll(&fd, 1, -1) > 0)
                        (void)eventfd_read(fd.fd, &ignored);
        }
        return mail;
}

static void send_mail(struct worker *worker, struct mail *mail) {
        struct capture_counts before = worker->counts;
        worker->counts = capture_counts(worker->capture);
        worker->frames += mail->batch->totals.frames;
        worker->late += mail->batch->totals.late;
        volume_add(&worker->seen, mail->batch->totals.all.packets, mail->batch->totals.all.bytes);

        struct flow_table_stats stats = flow_table_stats(worker->table);
        mail->drops = worker->counts.dropped - before.dropped;
        mail->figures = (struct history_worker){
                .iface = worker->iface,
                .segments_unknown = !capture_segments_known(worker->capture),
                .cpu = -1,
                .ring_bytes = worker->ring_bytes,
                .frames = worker->frames,
                .received = worker->counts.received,
                .dropped = worker->counts.dropped,
                .freezes = worker->counts.freezes,
                .link = worker->counts.link,
                .seen = worker->seen,
                .late = worker->late,
                .longest_pause_us = worker->longest_pause_us,
                .active = stats.active,
                .capacity = worker->max_flows,
                .evicted = stats.evicted,
                .untracked = stats.untracked,
        };
        bool sent = queue_push(&worker->mailbox.full, mail);
        assert(sent);
        (void)sent;
        (void)eventfd_write(worker->mailbox.filled_fd, 1);
}

/* Emits up to `budget` deltas of the closing second; sends it off when there are no more. */
static void close_step(struct worker *worker, uint32_t budget) {
        if (worker->closing && flow_table_close(worker->table, budget)) {
                send_mail(worker, worker->closing);
                worker->closing = NULL;
        }
}

/* Tells a mail which wall time its seconds bear. */
static void label(const struct worker *worker, struct mail *mail) {
        mail->era = worker->time.version;
        mail->ahead_s = worker->time.era.ahead_s;
        mail->step_ns = worker->time.era.step_ns;
        mail->sleep_ns = worker->time.era.sleep_ns;
}

/* Begins a second, from `start_ns` on; the open one becomes the closing one. */
static void open_second(struct worker *worker, int64_t second, int64_t start_ns) {
        close_step(worker, UINT32_MAX);

        struct mail *mail = take_mail(worker);
        if (!mail) {
                worker->open->batch->last_second = second;
                worker->open->batch->end_ns = (second + 1) * NS_PER_S;
                return;
        }
        struct flow_batch *batch = mail->batch;
        batch->second = batch->last_second = second;
        batch->start_ns = start_ns;
        batch->end_ns = (second + 1) * NS_PER_S;
        batch->n_deltas = batch->n_keys = batch->reserved = 0;
        batch->totals = (struct tick_totals){0};
        label(worker, mail);
        flow_table_open(worker->table, batch);

        worker->closing = worker->open;
        worker->open = mail;
        worker->sweep_left = flow_table_slots(worker->max_flows) / SWEEP_SECONDS;
}

/* Goes on to a later second. Live, the seconds between were silent: they are zeros, and get a
 * tick each; unless it was this thread that slept. */
static void advance(struct worker *worker, int64_t second) {
        int64_t at = last_second(worker->open) + 1;
        if (!is_live(worker) || second - at > SILENT_SECONDS)
                at = second;
        for (; at <= second; at++)
                open_second(worker, at, at * NS_PER_S);
}

/* ---- frames -------------------------------------------------------------------------------- */

enum place {
        PLACE_OPEN,
        PLACE_CLOSING,
        PLACE_LATE, /* its second is over: counted in the open one */
        PLACE_NEXT, /* a second that has not begun */
};

static enum place place_of(const struct worker *worker, const struct packet *packet) {
        int64_t second = second_of(packet->time_ns);
        if (!worker->open || second > last_second(worker->open))
                return PLACE_NEXT;
        if (second >= worker->open->batch->second)
                return PLACE_OPEN;
        bool is_closing =
                worker->closing && second >= worker->closing->batch->second && second <= last_second(worker->closing);
        return is_closing ? PLACE_CLOSING : PLACE_LATE;
}

/* Adds a run of packets that have one place. */
static void add_run(struct worker *worker, enum place place, const struct packet *packets, unsigned n) {
        if (place == PLACE_LATE)
                for (unsigned i = 0; i < n; i++)
                        worker->open->batch->totals.late += packets[i].packets;
        flow_table_add(worker->table, place == PLACE_CLOSING ? FLOW_SECOND_CLOSING : FLOW_SECOND_OPEN, packets, n);
}

static void add_frames(struct worker *worker, const struct frame *frames, unsigned n) {
        struct packet packets[BURST];
        for (unsigned i = 0; i < n; i++) {
                packet_decode(&frames[i], &packets[i]);
                if (worker->local_nets->count)
                        packets[i].direction = (uint8_t)local_nets_direction(worker->local_nets, &packets[i]);
        }

        for (unsigned from = 0, to; from < n; from = to) {
                enum place place = place_of(worker, &packets[from]);
                if (place == PLACE_NEXT) {
                        int64_t second = second_of(packets[from].time_ns);
                        if (worker->open)
                                advance(worker, second);
                        else
                                open_second(worker, second, second * NS_PER_S);
                        place = PLACE_OPEN;
                }
                for (to = from + 1; to < n && place_of(worker, &packets[to]) == place;)
                        to++;
                add_run(worker, place, &packets[from], to - from);
        }
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Closes what is due by now_ns, in steps. True where there is more to do at once. */
static bool keep_time(struct worker *worker) {
        if (!worker->open)
                return false;
        bool is_preview = worker->now_ns >= worker->preview_ns;
        if (is_preview)
                worker->preview_ns = INT64_MAX;
        if (is_preview && second_of(worker->now_ns) == worker->open->batch->second) { /* not where we were held up */
                worker->open->batch->end_ns = worker->now_ns;
                open_second(worker, second_of(worker->now_ns), worker->now_ns);
                close_step(worker, UINT32_MAX);
        } else if (worker->now_ns >= due_ns(worker, worker->open)) {
                advance(worker, second_of(worker->now_ns - capture_lag_ns(worker->capture)));
        }
        if (worker->closing && worker->now_ns >= due_ns(worker, worker->closing))
                close_step(worker, CLOSE_STEP);
        if (worker->sweep_left) {
                uint32_t step = worker->sweep_left < SWEEP_STEP ? worker->sweep_left : SWEEP_STEP;
                flow_table_sweep(worker->table, worker->now_ns, step);
                worker->sweep_left -= step;
        }
        return worker->sweep_left || (worker->closing && worker->now_ns >= due_ns(worker, worker->closing));
}

/* The mail that goes out next. */
static const struct mail *next_due(const struct worker *worker) {
        return worker->closing ? worker->closing : worker->open;
}

/* Live, where nothing came to be read: is there in the source what belongs to a second that would be closed now? */
static bool must_hold(struct worker *worker, int64_t line_ns) {
        int64_t lag_ns = capture_lag_ns(worker->capture), due = due_ns(worker, next_due(worker));
        int64_t end_ns = line_ns < due ? due - lag_ns : second_of(line_ns - lag_ns) * NS_PER_S;
        if (line_ns < end_ns)
                return false;
        if (worker->entered_ns < end_ns) {
                worker->n_entered = capture_entered(worker->capture);
                worker->entered_ns = line_ns;
                worker->holds = 0;
        }
        return line_ns >= due && worker->n_read < worker->n_entered && worker->holds++ < HOLDS_MAX;
}

/* How long capture_read may wait, as boot time; `line_ns` was the line time at `boot_ns`. */
static int64_t deadline_boot_ns(const struct worker *worker, int64_t boot_ns, int64_t line_ns) {
        int64_t due = due_ns(worker, next_due(worker)), end_ns = due - capture_lag_ns(worker->capture);
        if (worker->entered_ns < end_ns)
                due = end_ns;
        if (worker->preview_ns < due)
                due = worker->preview_ns;
        return boot_ns + (due - line_ns);
}

static void note_pause(struct worker *worker, int64_t since_boot_ns) {
        uint64_t pause_us = (uint64_t)(clock_boot_ns() - since_boot_ns) / 1000;
        if (pause_us > worker->longest_pause_us)
                worker->longest_pause_us = pause_us;
}

/* The clock has jumped: what has been of the second is all there will be, and the new time begins another. */
static void jump(struct worker *worker) {
        const struct timeline_era *era = &worker->time.era;
        if (second_of(era->end_ns) > last_second(worker->open))
                advance(worker, second_of(era->end_ns));
        if (worker->open->batch->end_ns > era->end_ns)
                worker->open->batch->end_ns = era->end_ns;
        open_second(worker, second_of(era->start_ns), era->start_ns);
        worker->preview_ns = INT64_MAX;
}

/* Begins with the second in which the source began to capture. */
static void begin_live(struct worker *worker) {
        int64_t started_ns = capture_started_ns(worker->capture) - worker->time.era.ahead_s * NS_PER_S;
        open_second(worker, second_of(started_ns), started_ns);
        worker->preview_ns = started_ns + PREVIEW_NS;
        if (worker->preview_ns > worker->open->batch->end_ns - 2 * capture_lag_ns(worker->capture))
                worker->preview_ns = INT64_MAX; /* its end comes soon enough */
}

static int run_live(struct worker *worker) {
        struct frame frames[BURST];
        int64_t line_ns = INT64_MIN, boot_ns = 0, stop_boot_ns = INT64_MAX;
        unsigned stop_holds = 0;
        begin_live(worker);

        for (bool more = true, held = false;;) {
                int64_t deadline = more   ? boot_ns
                                   : held ? boot_ns + HOLD_NS
                                          : deadline_boot_ns(worker, boot_ns, line_ns);
                int n = capture_read(worker->capture, frames, BURST, deadline < stop_boot_ns ? deadline : stop_boot_ns);
                if (n < 0)
                        return n;
                boot_ns = clock_boot_ns();
                if (timeline_look(&worker->time, &line_ns))
                        jump(worker);
                for (int i = 0; i < n; i++)
                        frames[i].time_ns = timeline_of(&worker->time, frames[i].time_ns, line_ns);
                /* As long as the source has frames, theirs is the time: after a pause of this thread the
                 * clock would close seconds whose frames still wait in the ring. */
                worker->n_read += (unsigned)n;
                held = n == 0 && must_hold(worker, line_ns);
                if (!held)
                        worker->now_ns = n ? frames[n - 1].time_ns : line_ns;
                add_frames(worker, frames, (unsigned)n);
                more = keep_time(worker);
                note_pause(worker, boot_ns);

                if (!atomic_load_explicit(&worker->stop, memory_order_relaxed))
                        continue;
                /* what the kernel still holds has been seen once a read comes back with nothing */
                if (stop_boot_ns == INT64_MAX) {
                        capture_silence(worker->capture);
                        stop_boot_ns = boot_ns + capture_lag_ns(worker->capture);
                } else if (n == 0 && boot_ns >= stop_boot_ns) {
                        if (worker->n_read >= capture_entered(worker->capture) || stop_holds++ == STOP_HOLDS_MAX)
                                break;
                        stop_boot_ns = boot_ns + HOLD_NS;
                }
        }
        if (worker->open->batch->end_ns > worker->now_ns)
                worker->open->batch->end_ns = worker->now_ns;
        return 0;
}

/* Adds frames of a file; where time jumps, what came before is added first. */
static void add_file_frames(struct worker *worker, struct frame *frames, unsigned n) {
        struct timeline_view *time = &worker->time;
        unsigned added = 0;
        for (unsigned i = 0; i < n; i++) {
                int64_t wall_ns = frames[i].time_ns;
                if (worker->now_ns != INT64_MIN && timeline_file_jumps(time, wall_ns, worker->now_ns)) {
                        add_frames(worker, frames + added, i - added);
                        added = i;
                        timeline_file_jump(time, wall_ns, worker->now_ns);
                }
                frames[i].time_ns = timeline_file_of(time, wall_ns);
                if (frames[i].time_ns > worker->now_ns)
                        worker->now_ns = frames[i].time_ns;
        }
        add_frames(worker, frames + added, n - added);
}

/* A file that is paced says what time it is also while it is silent. */
static void follow_pace(struct worker *worker) {
        int64_t wall_ns = capture_now_ns(worker->capture);
        if (wall_ns == INT64_MIN || !worker->open)
                return;
        int64_t line_ns = timeline_file_of(&worker->time, wall_ns);
        if (line_ns > worker->now_ns)
                worker->now_ns = line_ns;
}

static int run_file(struct worker *worker) {
        struct frame frames[BURST];
        while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
                int n = capture_read(worker->capture, frames, BURST, 0);
                if (n < 0)
                        return n == -ENODATA ? 0 : n;
                add_file_frames(worker, frames, (unsigned)n);
                if (n == 0)
                        follow_pace(worker);
                while (keep_time(worker) && n == 0)
                        ;
        }
        return 0;
}

void *worker_run(void *context) {
        struct worker *worker = context;
        worker->now_ns = INT64_MIN;
        worker->preview_ns = INT64_MAX;
        worker->entered_ns = INT64_MIN;
        worker->failed = is_live(worker) ? run_live(worker) : run_file(worker);

        close_step(worker, UINT32_MAX);
        if (worker->open) {
                flow_table_finish(worker->table);
                worker->closing = worker->open;
                worker->open = NULL;
                close_step(worker, UINT32_MAX);
        }
        atomic_store_explicit(&worker->mailbox.finished, true, memory_order_release);
        (void)eventfd_write(worker->mailbox.filled_fd, 1);
        return NULL;
}
