/* The time that ticks follow. Internal to pipeline/.
 *
 * Line time is the wall clock's (or a file's) less a whole number of seconds, `ahead_s`, that is 0 at
 * the start. Where the wall clock jumps, another number is taken, such that line time goes on with the
 * next second: it never runs backwards, and never skips more than two seconds. A machine that slept is a jump, too:
 * nothing happened meanwhile, so no flow grew old by it.
 *
 *   wall   …:07  :08  :09.4 | 06:30:00.1  :01  :02
 *   line   …:07  :08  :09.4 |      :10.1  :11  :12      the seconds :09 and :10 are partial
 *
 * The wall and the monotonic clock only part by a jump (both are slewed alike), so a jump is seen by
 * comparing them: no notice of the kernel is waited for. */
#ifndef NETWATCH_PIPELINE_TIMELINE_H
#define NETWATCH_PIPELINE_TIMELINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct timeline_era {
        int64_t ahead_s;  /* wall less line */
        int64_t start_ns; /* line */
        int64_t end_ns;   /* line: where the era before it ended */
        int64_t step_ns;  /* by how much the wall clock was set to begin it */
        int64_t sleep_ns; /* how long the machine slept before it */
};

/* One for all workers of a live pipeline, so that they agree. Any thread. */
struct timeline {
        const struct clock_source *clock;
        pthread_mutex_t lock;
        unsigned version;
        struct timeline_era era;
        int64_t wall_ahead_ns; /* of the monotonic clock */
        int64_t boot_ahead_ns;
};

void timeline_init(struct timeline *timeline, const struct clock_source *clock);
void timeline_fini(struct timeline *timeline);

/* One worker's knowledge of it. Its thread only. */
struct timeline_view {
        struct timeline *timeline;
        unsigned version;
        struct timeline_era era;
        int64_t ahead_before_s; /* ahead_s of the era before; valid where version is not 0 */
        int64_t wall_ahead_ns;
        int64_t boot_ahead_ns;
        unsigned frames_behind;  /* a file: how many frames in a row lie behind the newest */
        int64_t strayed_from_ns; /* a file that went back: how far it had come; else INT64_MAX */
};

void timeline_view_init(struct timeline_view *view, struct timeline *timeline);

/* Reads the clocks: `*ret_line_ns` is now. True where the clock has jumped since the last look; the
 * view's era is the new one then. */
bool timeline_look(struct timeline_view *view, int64_t *ret_line_ns);

/* The line time of a frame that a live source delivered before the last look at line_ns; never beyond it.
 * Frames that were stamped before a jump find their place before it. */
int64_t timeline_of(const struct timeline_view *view, int64_t wall_ns, int64_t line_ns);

/* ---- a file: its frames are the only clock ---- */

#define TIMELINE_DISORDER_NS (2 * NS_PER_S)
#define TIMELINE_DISORDER_FRAMES 3u

/* Within CLOCK_FILE_MAX_NS, as wall_ns has to be. */
static inline int64_t timeline_file_of(const struct timeline_view *view, int64_t wall_ns) {
        int64_t ahead_ns = view->era.ahead_s * NS_PER_S, at_ns;
        if (__builtin_sub_overflow(wall_ns, ahead_ns, &at_ns))
                at_ns = ahead_ns < 0 ? INT64_MAX : INT64_MIN;
        return at_ns > CLOCK_FILE_MAX_NS ? CLOCK_FILE_MAX_NS : at_ns < -CLOCK_FILE_MAX_NS ? -CLOCK_FILE_MAX_NS : at_ns;
}

/* Does time jump with this frame, seen from the newest line time before it? It does where several frames in
 * a row lie further back than disorder would have them (one alone is a stray), or where time
 * comes back after that to where it had been. Forward is only silence. */
static inline bool timeline_file_jumps(struct timeline_view *view, int64_t wall_ns, int64_t newest_ns) {
        int64_t at_ns = timeline_file_of(view, wall_ns);
        if (at_ns < newest_ns - TIMELINE_DISORDER_NS)
                return ++view->frames_behind >= TIMELINE_DISORDER_FRAMES;
        view->frames_behind = 0;
        return wall_ns >= view->strayed_from_ns && at_ns - newest_ns > TIMELINE_DISORDER_NS;
}

/* Begins an era with the second after `newest_ns`, in which the frame's time falls. After many
 * jumps, or at the end of time, there are no more: nothing happens then, and frames whose time goes back are late. */
void timeline_file_jump(struct timeline_view *view, int64_t wall_ns, int64_t newest_ns);

#endif
