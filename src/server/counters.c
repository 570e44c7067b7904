#include "server/counters.h"

#include "render/render.h"

static void add_volume(struct volume *sum, struct volume more) {
        volume_add(sum, more.packets, more.bytes);
}

static void add_row(struct counters_point *p, const struct history_counters *row, bool first) {
        uint64_t bps = render_rate_bps(row->all.bytes, row->span_ms);
        uint64_t pps = render_rate_pps(row->all.packets, row->span_ms);
        p->min_bps = first || bps < p->min_bps ? bps : p->min_bps;
        p->peak_bps = bps > p->peak_bps ? bps : p->peak_bps;
        p->min_pps = first || pps < p->min_pps ? pps : p->min_pps;
        p->peak_pps = pps > p->peak_pps ? pps : p->peak_pps;

        add_volume(&p->all, row->all);
        classes_add(p->by_class, row->by_class);
        classes_add(p->in, row->in);
        classes_add(p->out, row->out);
        add_volume(&p->untracked, row->untracked);
        add_volume(&p->nonflow, row->nonflow);
        p->span_ms += row->span_ms;
        p->partial |= row->partial;
        p->drops += row->drops;
        p->new_flows += row->new_flows;
        p->active_flows = row->active_flows;
}

size_t counters_sum(const struct history_counters *rows, size_t n, int64_t start, int64_t step_s,
                    struct counters_point *ret) {
        struct counters_point point = {.second = start};
        size_t i = 0;
        for (; i < n && rows[i].second < start + step_s; i++)
                add_row(&point, &rows[i], i == 0);
        point.partial |= point.span_ms < (uint64_t)step_s * 1000;
        *ret = point;
        return i;
}

struct counters_gap counters_gap_at(const struct counters_bounds *bounds, int64_t from, int64_t to) {
        const struct {
                int64_t end;
                const char *reason;
        } eras[] = {
                {bounds->started, "not_started"},
                {bounds->held_from, "expired"},
                {bounds->held_to, "no_capture"},
                {INT64_MAX, "not_yet"},
        };
        unsigned i = 0;
        while (from >= eras[i].end)
                i++;
        return (struct counters_gap){
                .from = from,
                .to = eras[i].end < to ? eras[i].end : to,
                .reason = eras[i].reason,
        };
}

int64_t counters_row_end(const struct history_counters *row) {
        return row->merged ? row->second + (row->span_ms + 999) / 1000 : row->second + 1;
}
