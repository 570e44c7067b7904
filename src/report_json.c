/* Flow rows are printed one by one, since there may be a million. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "render/render.h"
#include "report_print.h"

/* "name":value, and frees the value. */
static void print_member(const char *name, json_t *value, const char *after) {
        (void)printf("\"%s\":", name);
        (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)fputs(after, stdout);
        json_decref(value);
}

static json_t *time_or_null(const struct tick_totals *totals, int64_t time_ns) {
        return totals->all.packets ? json_integer((json_int_t)floor_div(time_ns, NS_PER_MS)) : json_null();
}

static json_t *by_proto(const struct tick_totals *totals) {
        json_t *object = json_object();
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                (void)json_object_set_new(object, packet_class_name(i), render_volume(totals->by_class[i]));
        return object;
}

/* 0, or -errno of the write that failed, or -ENOMEM. */
static int print_row(const struct flow_row *flow) {
        static const struct render_names no_names;
        json_t *row = render_flow(flow, &no_names);
        int r = row ? 0 : -ENOMEM;
        errno = 0;
        if (row && json_dumpf(row, stdout, JSON_COMPACT))
                r = ferror(stdout) && errno ? -errno : -ENOMEM;
        json_decref(row);
        return r;
}

static int print_flows(struct history *history) {
        const struct flow_query query = {.sort = FLOW_SORT_BYTES, .max_rows = SIZE_MAX};
        struct flow_result result;
        int r = history_query_flows(history, &query, NULL, NULL, &result);
        if (r < 0)
                return r;

        (void)fputs("\"flows\":[", stdout);
        for (size_t i = 0; r == 0 && i < result.n_rows; i++) {
                (void)fputs(i ? ",\n" : "\n", stdout);
                r = print_row(&result.rows[i]);
        }
        (void)fputs("],\n", stdout);
        flow_result_fini(&result);
        return r;
}

static json_t *text_or_null(const char *text) {
        return text ? json_string(text) : json_null();
}

int report_print_json(const struct report *report) {
        struct history_totals sums;
        history_read_totals(report->history, &sums);
        const struct tick_totals *totals = &sums.totals;

        (void)printf("{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\n", totals->all.packets, totals->all.bytes);
        print_member("by_proto", by_proto(totals), ",\n");
        print_member("nonflow", render_volume(totals->nonflow), ",\n");
        print_member("untracked", render_volume(totals->untracked), ",\n");
        print_member("forgotten", render_share(sums.flows_forgotten, sums.forgotten), ",\n");
        int r = print_flows(report->history);
        print_member("first_seen", time_or_null(totals, totals->first_ns), ",");
        print_member("last_seen", time_or_null(totals, totals->last_ns), ",\n");
        print_member("undecoded", render_undecoded(totals->verdicts), ",");
        print_member("truncated", json_boolean(report->broken_off), ",");
        print_member("broken_off", text_or_null(report->broken_off), "}\n");
        if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = errno ? -errno : -EIO;
        return r;
}
