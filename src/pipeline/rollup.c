/* Merges the workers' mails into ticks, second by second, and writes them into the history.
 *
 * A second is complete when every worker that still runs has sent a mail for it or for a later
 * one. A live worker that is late is waited for only so long; what it brings then goes into
 * the tick that is current, which says `merged`. So does what others bring of the seconds of a
 * mail that is of several.
 *
 * Worker-local flow numbers (slots) become flows of the directory here. A worker sends a
 * flow's key with its first delta, whenever the directory may have ended it since, and now and
 * then, so that one for which there was no room gets in later. */
#include "pipeline/rollup.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/clock.h"

#define PATIENCE_NS (500 * NS_PER_MS)

static uint16_t later_ms(uint16_t ms, int64_t by_ms) {
        return ms + by_ms < UINT16_MAX ? (uint16_t)(ms + by_ms) : UINT16_MAX;
}

/* Adds the deltas of a mail whose second is `by_ms` after that of the tick; what finds no flow is taken to the tick's
 * untracked. */
static void apply_deltas(struct rollup *rollup, unsigned w, const struct flow_batch *batch, int64_t by_ms,
                         struct tick_totals *totals) {
        struct history_flow *flows = rollup->flows[w];
        uint32_t next_key = 0;
        for (uint32_t i = 0; i < batch->n_deltas; i++) {
                struct flow_delta shifted = batch->deltas[i];
                const struct flow_delta *delta = &shifted;
                shifted.first_ms = later_ms(shifted.first_ms, by_ms);
                shifted.last_ms = later_ms(shifted.last_ms, by_ms);
                struct history_flow flow = {0};
                bool known = true;
                if (delta->has_key)
                        known = history_flow_of(rollup->history, &batch->keys[next_key++], delta->ab_direction, &flow);
                else
                        flow = flows[delta->slot];
                if (!known || !history_tick_add(rollup->history, &flow, delta)) {
                        volume_add(&totals->untracked, (uint64_t)delta->ab_packets + delta->ba_packets,
                                   (uint64_t)delta->ab_bytes + delta->ba_bytes);
                        flow = (struct history_flow){0};
                }
                if (delta->slot != FLOW_SLOT_NONE)
                        flows[delta->slot] = flow;
        }
}

/* The second of the next tick, if it is complete or waited for long enough. */
static bool next_second(struct rollup *rollup, int64_t *ret_second) {
        int64_t second = INT64_MAX;
        bool all_there = true, can_wait = true;
        for (unsigned w = 0; w < rollup->n_workers; w++) {
                struct worker *worker = &rollup->workers[w];
                bool finished = atomic_load_explicit(&worker->mailbox.finished, memory_order_acquire);
                const struct mail *mail = queue_peek(&worker->mailbox.full);
                if (mail && mail->batch->second < second)
                        second = mail->batch->second;
                if (!mail && !finished) {
                        all_there = false;
                        can_wait &= !capture_is_file(worker->capture);
                }
        }
        if (second == INT64_MAX)
                return false;

        int64_t now = clock_boot_ns();
        if (!rollup->first_mail_boot_ns)
                rollup->first_mail_boot_ns = now;
        if (!all_there && !(can_wait && now - rollup->first_mail_boot_ns > PATIENCE_NS))
                return false;
        *ret_second = second;
        return true;
}

/* Drops that go on for a while are one event; the seconds themselves have the counts. */
static void note_drops(struct rollup *rollup, int64_t second, uint64_t drops) {
        if (drops && !rollup->is_dropping) {
                char detail[128];
                (void)snprintf(detail, sizeof(detail), "the ring was full: the kernel dropped %" PRIu64 " frame%s",
                               drops, drops == 1 ? "" : "s");
                history_add_event(rollup->history, second * MS_PER_S, "drops", detail);
        }
        rollup->is_dropping = drops != 0;
}

static void note_jump(struct rollup *rollup, const struct mail *mail) {
        int64_t ts_ms = (mail->batch->second + mail->ahead_s) * MS_PER_S;
        char detail[128];
        if (mail->step_ns) {
                int64_t by_ns = mail->step_ns < 0 ? -mail->step_ns : mail->step_ns;
                (void)snprintf(detail, sizeof(detail), "the wall clock was set %s by %.3f s",
                               mail->step_ns < 0 ? "back" : "forward", (double)by_ns / NS_PER_S);
                history_add_event(rollup->history, ts_ms, "clock_step", detail);
        }
        if (mail->sleep_ns) {
                (void)snprintf(detail, sizeof(detail), "the machine slept for %.3f s",
                               (double)mail->sleep_ns / NS_PER_S);
                history_add_event(rollup->history, ts_ms, "sleep", detail);
        }
}

/* Has the wall time of a second that is about to begin not followed from that of the last? */
static void follow_clock(struct rollup *rollup, int64_t second) {
        for (unsigned w = 0; w < rollup->n_workers; w++) {
                const struct mail *mail = queue_peek(&rollup->workers[w].mailbox.full);
                if (!mail || mail->batch->second != second || mail->era <= rollup->era)
                        continue;
                rollup->era = mail->era;
                rollup->ahead_s = mail->ahead_s;
                history_set_wall(rollup->history, second, mail->ahead_s,
                                 mail->sleep_ns ? HISTORY_GAP_SLEEP : HISTORY_GAP_CLOCK_STEP);
                note_jump(rollup, mail);
        }
}

/* One tick from the mails that belong to it. */
static void make_tick(struct rollup *rollup, int64_t second) {
        struct history_tick tick = {.start_ns = INT64_MAX, .end_ns = INT64_MIN};
        const int64_t due = second;
        rollup->first_mail_boot_ns = 0;

        if (second <= rollup->covered && second != rollup->last_second) {
                second = rollup->last_second; /* somebody was later than our patience, or merged some seconds */
                tick.merged = true;
        }
        if (second > rollup->covered)
                follow_clock(rollup, second);
        rollup->last_second = second;
        history_tick_begin(rollup->history, second);
        for (unsigned w = 0; w < rollup->n_workers; w++) {
                struct worker *worker = &rollup->workers[w];
                struct mail *mail = queue_peek(&worker->mailbox.full);
                if (!mail || mail->batch->second > due)
                        continue;
                (void)queue_pop(&worker->mailbox.full);

                const struct flow_batch *batch = mail->batch;
                int64_t after_s = batch->second > second ? batch->second - second : 0;
                tick_totals_add(&tick.totals, &batch->totals);
                apply_deltas(rollup, w, batch, after_s * MS_PER_S, &tick.totals);
                tick.drops += mail->drops;
                tick.merged |= batch->last_second != batch->second;
                if (batch->last_second > rollup->covered)
                        rollup->covered = batch->last_second;
                if (batch->start_ns < tick.start_ns)
                        tick.start_ns = batch->start_ns;
                if (batch->end_ns > tick.end_ns)
                        tick.end_ns = batch->end_ns;
                history_set_worker(rollup->history, w, &mail->figures);

                (void)queue_push(&worker->mailbox.empty, mail);
                (void)eventfd_write(worker->mailbox.emptied_fd, 1);
        }
        history_tick_end(rollup->history, &tick);
        note_drops(rollup, second + rollup->ahead_s, tick.drops);
}

/* All workers have ended and nothing of theirs is left. */
static bool is_done(struct rollup *rollup) {
        for (unsigned w = 0; w < rollup->n_workers; w++) {
                struct mailbox *mailbox = &rollup->workers[w].mailbox;
                if (!atomic_load_explicit(&mailbox->finished, memory_order_acquire) || queue_peek(&mailbox->full))
                        return false;
        }
        return true;
}

void *rollup_run(void *context) {
        struct rollup *rollup = context;
        rollup->last_second = rollup->covered = INT64_MIN;
        for (;;) {
                int64_t second;
                while (next_second(rollup, &second))
                        make_tick(rollup, second);
                if (is_done(rollup))
                        break;

                struct pollfd fd = {.fd = rollup->filled_fd, .events = POLLIN};
                eventfd_t ignored;
                int patience_ms = rollup->first_mail_boot_ns ? (int)(PATIENCE_NS / NS_PER_MS / 5) : -1;
                if (poll(&fd, 1, patience_ms) > 0)
                        (void)eventfd_read(fd.fd, &ignored);
        }
        if (rollup->done_fd >= 0)
                (void)eventfd_write(rollup->done_fd, 1);
        return NULL;
}
