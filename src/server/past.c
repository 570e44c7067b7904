#include "server/past.h"

#include <errno.h>

#include "base/clock.h"
#include "render/render.h"
#include "server/times.h"

static bool parse_at(const struct params *params, int64_t now_ms, struct history_range *range,
                     struct problem *problem) {
        int64_t at_ms;
        if (params_get(params, "from") || params_get(params, "to"))
                return problem_set(problem, 400, "at", "does not go with from and to");
        if (!times_parse(params_get(params, "at"), now_ms, &at_ms))
                return problem_set(problem, 400, "at", TIMES_ACCEPTED);
        range->from = floor_div(at_ms, MS_PER_S);
        range->to = range->from + 1;
        return true;
}

/* What is held. Where the clock was set back, times beyond that of the newest second are held, too: up to `end`. */
struct held {
        int64_t from, to;
        int64_t end;
};

static struct held held_of(struct history *history, int64_t now_ms) {
        struct held held;
        if (!history_span(history, &held.from, &held.to))
                held.from = held.to = now_ms / MS_PER_S;
        held.end = history_end(history);
        if (held.end < held.to)
                held.end = held.to;
        return held;
}

/* An end that is not given is that of what is held. */
static bool parse_range(const struct params *params, int64_t now_ms, const struct held *held,
                        struct history_range *range, struct problem *problem) {
        struct times_range given;
        if (!times_range(params, now_ms, &given, problem))
                return false;
        range->from = given.has_from ? given.from : held->from;
        range->to = given.has_to ? given.to : range->from < held->to ? held->to : held->end;
        return true;
}

static bool check(const struct params *params, const struct held *held, const struct history_range *range,
                  struct problem *problem) {
        const char *first = params_get(params, "at") ? "at" : params_get(params, "from") ? "from" : "to";
        const char *last = params_get(params, "at") ? "at" : params_get(params, "to") ? "to" : "from";
        if (range->from >= held->end)
                return problem_set(problem, 400, first, "has not been captured yet");
        if (range->to <= held->from)
                return problem_set(problem, 410, last, "is before all that is held");
        return range->from < range->to || problem_set(problem, 400, first, "must be earlier than to");
}

bool past_parse(const struct route_call *call, bool *ret_has_range, struct history_range *ret_range,
                struct problem *problem) {
        const struct params *params = call->params;
        int64_t now_ms = route_now_ms(call);
        struct history_range range = {0};
        *ret_has_range = params_get(params, "at") || params_get(params, "from") || params_get(params, "to");
        if (!*ret_has_range)
                return true;
        const struct held held = held_of(call->server->history, now_ms);
        bool good = params_get(params, "at") ? parse_at(params, now_ms, &range, problem)
                                             : parse_range(params, now_ms, &held, &range, problem);
        if (!good || !check(params, &held, &range, problem))
                return false;
        *ret_range = range;
        return true;
}

bool past_is_open(const struct params *params) {
        static const char *const names[] = {PAST_PARAMS};
        bool is_given = false;
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *text = params_get(params, names[i]);
                if (text && *text == '-')
                        return true;
                is_given |= text != NULL;
        }
        return !is_given;
}

void past_problem(const struct route_call *call, int error, struct problem *problem) {
        if (error == -ECANCELED)
                watch_problem(call->watch, problem);
        else if (error == -E2BIG)
                problem_set(problem, 503, NULL,
                            "the query needs more memory than queries may take; ask for a shorter range, or raise "
                            "--memory");
        else if (error == -EBUSY)
                problem_set(problem, 503, NULL, "other queries have taken the memory that this one needs");
        else
                problem_set(problem, 503, NULL, "out of memory");
}

json_t *past_summary(const struct history_seen *seen, uint64_t matched_flows, struct volume matched,
                     uint64_t unmatched_flows, struct volume unmatched) {
        return json_pack("{so so so so so}", "matched", render_share(matched_flows, matched), "unmatched",
                         render_share(unmatched_flows, unmatched), "thinned",
                         render_share(seen->thinned_flows, seen->thinned), "untracked", render_volume(seen->untracked),
                         "nonflow", render_volume(seen->nonflow));
}
