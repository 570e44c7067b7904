#include "pipeline/timeline.h"

/* Less is noise of reading two clocks, or a step too small to matter: it is followed silently. */
#define JUMP_NS (20 * NS_PER_MS)

/* Frames stamped by the new clock before the jump was noticed: at most one wait of the worker. */
#define UNNOTICED_NS (1200 * NS_PER_MS)

#define FILE_JUMPS_MAX 64u

struct reading {
        int64_t wall_ns, mono_ns, boot_ns;
};

static int64_t distance(int64_t x, int64_t y) {
        return x > y ? x - y : y - x;
}

/* The three clocks as of one moment: read again where the thread was held up between them. */
static struct reading read_clocks(const struct clock_source *clock) {
        struct reading r;
        int64_t after_ns;
        unsigned tries = 8;
        do {
                r.mono_ns = clock->mono_ns(clock->context);
                r.wall_ns = clock->wall_ns(clock->context);
                r.boot_ns = clock->boot_ns(clock->context);
                after_ns = clock->mono_ns(clock->context);
        } while (after_ns - r.mono_ns > NS_PER_MS && --tries);
        return r;
}

void timeline_init(struct timeline *timeline, const struct clock_source *clock) {
        struct reading now = read_clocks(clock);
        *timeline = (struct timeline){
                .clock = clock,
                .era = {.start_ns = INT64_MIN, .end_ns = INT64_MIN},
                .wall_ahead_ns = now.wall_ns - now.mono_ns,
                .boot_ahead_ns = now.boot_ns - now.mono_ns,
        };
        pthread_mutex_init(&timeline->lock, NULL);
}

void timeline_fini(struct timeline *timeline) {
        pthread_mutex_destroy(&timeline->lock);
}

static void adopt(struct timeline_view *view) {
        const struct timeline *timeline = view->timeline;
        view->ahead_before_s = view->era.ahead_s;
        view->version = timeline->version;
        view->era = timeline->era;
        view->wall_ahead_ns = timeline->wall_ahead_ns;
        view->boot_ahead_ns = timeline->boot_ahead_ns;
}

void timeline_view_init(struct timeline_view *view, struct timeline *timeline) {
        *view = (struct timeline_view){.timeline = timeline, .strayed_from_ns = INT64_MAX};
        pthread_mutex_lock(&timeline->lock);
        adopt(view);
        view->ahead_before_s = view->era.ahead_s;
        pthread_mutex_unlock(&timeline->lock);
}

/* Line time goes on in the next second, at the fraction that the wall clock shows. A small step forward
 * needs none of that: line time skips as much. */
static void begin_era(struct timeline *timeline, const struct reading *now) {
        struct timeline_era *era = &timeline->era;
        int64_t moved_ns = now->wall_ns - now->mono_ns - timeline->wall_ahead_ns;
        int64_t slept_ns = now->boot_ns - now->mono_ns - timeline->boot_ahead_ns;
        int64_t end_ns = now->mono_ns + timeline->wall_ahead_ns - era->ahead_s * NS_PER_S;
        if (moved_ns < 0 || moved_ns > NS_PER_S)
                era->ahead_s = floor_div(now->wall_ns, NS_PER_S) - (floor_div(end_ns, NS_PER_S) + 1);
        era->start_ns = now->wall_ns - era->ahead_s * NS_PER_S;
        era->end_ns = end_ns;
        era->sleep_ns = slept_ns > JUMP_NS ? slept_ns : 0;
        era->step_ns = distance(moved_ns, slept_ns) > JUMP_NS ? moved_ns - slept_ns : 0;
        timeline->wall_ahead_ns = now->wall_ns - now->mono_ns;
        timeline->boot_ahead_ns = now->boot_ns - now->mono_ns;
        timeline->version++;
}

/* Joins the era that another worker has begun, or begins one. */
static bool catch_up(struct timeline_view *view, struct timeline *timeline, int64_t *wall_ns) {
        pthread_mutex_lock(&timeline->lock);
        struct reading now = read_clocks(timeline->clock);
        if (distance(now.wall_ns - now.mono_ns, timeline->wall_ahead_ns) > JUMP_NS)
                begin_era(timeline, &now);
        bool jumped = timeline->version != view->version;
        if (jumped)
                adopt(view);
        pthread_mutex_unlock(&timeline->lock);
        *wall_ns = now.wall_ns;
        return jumped;
}

bool timeline_look(struct timeline_view *view, int64_t *ret_line_ns) {
        const struct clock_source *clock = view->timeline->clock;
        int64_t mono_ns = clock->mono_ns(clock->context), wall_ns = clock->wall_ns(clock->context);
        bool parted = distance(wall_ns - mono_ns, view->wall_ahead_ns) > JUMP_NS;
        bool jumped = parted && catch_up(view, view->timeline, &wall_ns);
        *ret_line_ns = wall_ns - view->era.ahead_s * NS_PER_S;
        return jumped;
}

int64_t timeline_of(const struct timeline_view *view, int64_t wall_ns, int64_t line_ns) {
        const struct timeline_era *era = &view->era;
        int64_t at_ns = wall_ns - era->ahead_s * NS_PER_S;
        if (at_ns >= era->start_ns && at_ns <= line_ns)
                return at_ns;
        if (!view->version)
                return at_ns < line_ns ? at_ns : line_ns;
        if (at_ns <= line_ns && era->start_ns - at_ns <= UNNOTICED_NS)
                return era->end_ns - (era->start_ns - at_ns);
        int64_t before_ns = wall_ns - view->ahead_before_s * NS_PER_S;
        return before_ns < era->end_ns ? before_ns : era->end_ns;
}

void timeline_file_jump(struct timeline_view *view, int64_t wall_ns, int64_t newest_ns) {
        struct timeline_era *era = &view->era;
        view->frames_behind = 0;
        if (view->version == FILE_JUMPS_MAX || newest_ns > CLOCK_FILE_MAX_NS - 2 * NS_PER_S)
                return;
        int64_t newest_wall_ns = newest_ns + era->ahead_s * NS_PER_S;
        era->ahead_s = floor_div(wall_ns, NS_PER_S) - (floor_div(newest_ns, NS_PER_S) + 1);
        era->step_ns = wall_ns - newest_wall_ns;
        if (era->step_ns > 0)
                view->strayed_from_ns = INT64_MAX;
        else if (view->strayed_from_ns == INT64_MAX || newest_wall_ns > view->strayed_from_ns)
                view->strayed_from_ns = newest_wall_ns;
        view->version++;
}
