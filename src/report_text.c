/* What somebody wants to know first of a capture file, from the whole to the particular: when,
 * how much, which protocols, who, what was not understood, and whether the file was whole.
 *
 * Sums stand there to the digit, so that they can be compared; rates, shares and the figures
 * of a flow are rounded. The name of the file comes from outside: what a terminal would obey
 * is not passed on. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/line.h"
#include "render/render.h"
#include "report_print.h"
#include "text_table.h"

#define TOP_FLOWS 20u
_Static_assert(2 * TOP_FLOWS <= TEXT_TABLE_ROWS, "two rows each where endpoints are stacked");

/* ---- small parts ---------------------------------------------------------------------- */

static void print_plain(const char *text) {
        char plain[PATH_MAX];
        (void)snprintf(plain, sizeof(plain), "%s", text);
        line_blank_controls(plain);
        line_mend_utf8(plain);
        (void)fputs(plain, stdout);
}

#define SHARE_BYTES 16
static const char *share_of(uint64_t part, uint64_t whole, char ret[SHARE_BYTES]) {
        double percent = whole ? 100 * (double)part / (double)whole : 0;
        if (part && percent < 0.1)
                (void)snprintf(ret, SHARE_BYTES, "<0.1 %%");
        else
                (void)snprintf(ret, SHARE_BYTES, "%.1f %%", percent);
        return ret;
}

#define TIME_BYTES 80
static const char *finish_time(const char *head, int64_t ms, const char *tail, char ret[TIME_BYTES]) {
        (void)snprintf(ret, TIME_BYTES, "%s.%03d%s", head, (int)(ms - floor_div(ms, MS_PER_S) * MS_PER_S), tail);
        return ret;
}

/* Local time with its date and zone. */
static const char *date_text(int64_t ms, char ret[TIME_BYTES]) {
        time_t s = (time_t)floor_div(ms, MS_PER_S);
        struct tm local = {0};
        char head[32], tail[16];
        (void)localtime_r(&s, &local);
        (void)strftime(head, sizeof(head), "%Y-%m-%d %H:%M:%S", &local);
        (void)strftime(tail, sizeof(tail), " %Z", &local);
        return finish_time(head, ms, tail, ret);
}

static const char *clock_text(int64_t ms, bool with_day, char ret[TIME_BYTES]) {
        time_t s = (time_t)floor_div(ms, MS_PER_S);
        struct tm local = {0};
        char head[32];
        (void)localtime_r(&s, &local);
        (void)strftime(head, sizeof(head), "%m-%d %H:%M:%S", &local);
        return finish_time(with_day ? head : head + strlen("mm-dd "), ms, "", ret);
}

/* ---- the whole ------------------------------------------------------------------------- */

struct span {
        int64_t first_ms, last_ms;
};

static struct span span_of(const struct tick_totals *totals) {
        return (struct span){floor_div(totals->first_ns, NS_PER_MS), floor_div(totals->last_ns, NS_PER_MS)};
}

static void print_span(const struct tick_totals *totals) {
        const struct span span = span_of(totals);
        char text[TIME_BYTES], lasted[RENDER_DURATION_BYTES];
        (void)printf("  from     %s\n", date_text(span.first_ms, text));
        (void)printf("  to       %s   %s\n", date_text(span.last_ms, text),
                     render_duration(span.last_ms - span.first_ms, lasted));
}

/* Sums, and what they come to a second where the file covers any time. */
static void print_totals(const struct tick_totals *totals) {
        char count[RENDER_COUNT_BYTES], bytes[RENDER_QUANTITY_BYTES], rate[RENDER_QUANTITY_BYTES];
        double span_s = ((double)totals->last_ns - (double)totals->first_ns) / 1e9;
        bool has_rate = span_s > 0;

        (void)printf("  packets  %s", render_count(totals->all.packets, count));
        if (has_rate)
                (void)printf("   %s", render_quantity((double)totals->all.packets / span_s, "pkt/s", rate));
        (void)printf("\n  bytes    %s", render_count(totals->all.bytes, count));
        if (totals->all.bytes >= 1000)
                (void)printf("   %s", render_quantity((double)totals->all.bytes, "B", bytes));
        if (has_rate)
                (void)printf("   %s", render_quantity(8 * (double)totals->all.bytes / span_s, "bit/s", rate));
        (void)printf("\n");
}

static void set_volume(struct text_table *table, struct volume volume, const struct volume *whole) {
        char count[RENDER_COUNT_BYTES], share[SHARE_BYTES];
        text_table_set(table, 1, "%s", render_count(volume.packets, count));
        text_table_set(table, 2, "%s", share_of(volume.packets, whole->packets, share));
        text_table_set(table, 3, "%s", render_count(volume.bytes, count));
        text_table_set(table, 4, "%s", share_of(volume.bytes, whole->bytes, share));
}

#define VOLUME_COLUMNS(first)                 \
        .columns = {{first, false, false},    \
                    {"packets", true, false}, \
                    {"share", true, false},   \
                    {"bytes", true, false},   \
                    {"share", true, false}},  \
        .n_columns = 5

static void print_protocols(const struct tick_totals *totals) {
        struct text_table table = {VOLUME_COLUMNS("protocol")};
        for (unsigned class = 0; class < PACKET_CLASSES; class ++) {
                text_table_row(&table);
                text_table_set(&table, 0, "%s", packet_class_name(class));
                set_volume(&table, totals->by_class[class], &totals->all);
        }
        (void)printf("\nProtocols\n");
        text_table_print(&table);
}

/* ---- flows ------------------------------------------------------------------------------ */

enum {
        FLOW_PROTO,
        FLOW_VLAN,
        FLOW_CLIENT,
        FLOW_SERVER,
        FLOW_PACKETS,
        FLOW_BYTES,
        FLOW_SHARE,
        FLOW_BEGAN,
        FLOW_LASTED,
        FLOW_COLUMNS,
};

/* How a flow table is laid out: the widest of these that fits. */
struct layout {
        bool stacked; /* the server below the client */
        bool no_lasted;
        bool no_began;
        bool no_share;
};

static const struct layout layouts[] = {
        {0},
        {.no_lasted = true},
        {.no_lasted = true, .no_began = true},
        {.stacked = true},
        {.stacked = true, .no_lasted = true},
        {.stacked = true, .no_lasted = true, .no_began = true},
        {.stacked = true, .no_lasted = true, .no_began = true, .no_share = true},
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

/* Without a port where the protocol has none. */
static void set_endpoint(struct text_table *table, unsigned column, const char *before, const struct flow_key *key,
                         bool is_a) {
        const uint8_t *address = is_a ? key->a_address : key->b_address;
        uint8_t family = flow_key_family(key);
        char text[56];
        if (key->a_port || key->b_port)
                render_endpoint(address, family, is_a ? key->a_port : key->b_port, text);
        else
                render_address(address, family, text);
        text_table_set(table, column, "%s%s", before, text);
}

static void set_figures(struct text_table *table, const struct flow_row *row, const struct tick_totals *totals) {
        const struct span span = span_of(totals);
        uint64_t packets = row->ab.packets + row->ba.packets, bytes = row->ab.bytes + row->ba.bytes;
        bool one_day = span.last_ms - span.first_ms < 86400 * MS_PER_S;
        char text[TIME_BYTES];
        text_table_set(table, FLOW_PACKETS, "%s", render_count(packets, text));
        text_table_set(table, FLOW_BYTES, "%s", render_quantity((double)bytes, "B", text));
        text_table_set(table, FLOW_SHARE, "%s", share_of(bytes, totals->all.bytes, text));
        text_table_set(table, FLOW_BEGAN, "%s", clock_text(row->first_seen_ms, !one_day, text));
        text_table_set(table, FLOW_LASTED, "%s", render_duration(row->last_seen_ms - row->first_seen_ms, text));
}

static void add_flow(struct text_table *table, const struct flow_row *row, const struct tick_totals *totals,
                     bool stacked) {
        const struct flow_key *key = &row->key;
        const char *name = packet_proto_name(key->proto);
        bool a_first = row->initiator != FLOW_INITIATOR_B;
        const char *arrow = row->initiator == FLOW_INITIATOR_NONE ? "-- " : "-> ";

        text_table_row(table);
        if (name)
                text_table_set(table, FLOW_PROTO, "%s", name);
        else
                text_table_set(table, FLOW_PROTO, "%u", key->proto);
        if (flow_key_vlan(key))
                text_table_set(table, FLOW_VLAN, "%u", flow_key_vlan(key));
        set_figures(table, row, totals);
        set_endpoint(table, FLOW_CLIENT, "", key, a_first);
        if (stacked)
                text_table_row(table);
        set_endpoint(table, stacked ? FLOW_CLIENT : FLOW_SERVER, arrow, key, !a_first);
}

static bool any_vlan(const struct flow_result *flows) {
        for (size_t i = 0; i < flows->n_rows; i++)
                if (flow_key_vlan(&flows->rows[i].key))
                        return true;
        return false;
}

static void fill_flows(struct text_table *table, const struct flow_result *flows, const struct tick_totals *totals,
                       const struct layout *layout) {
        *table = (struct text_table){
                .columns =
                        {
                                [FLOW_PROTO] = {"proto", false, false},
                                [FLOW_VLAN] = {"vlan", true, !any_vlan(flows)},
                                [FLOW_CLIENT] = {layout->stacked ? "endpoints" : "from", false, false},
                                [FLOW_SERVER] = {"to", false, layout->stacked},
                                [FLOW_PACKETS] = {"packets", true, false},
                                [FLOW_BYTES] = {"bytes", true, false},
                                [FLOW_SHARE] = {"share", true, layout->no_share},
                                [FLOW_BEGAN] = {"began", true, layout->no_began},
                                [FLOW_LASTED] = {"lasted", true, layout->no_lasted},
                        },
                .n_columns = FLOW_COLUMNS,
        };
        for (size_t i = 0; i < flows->n_rows; i++)
                add_flow(table, &flows->rows[i], totals, layout->stacked);
}

static void print_rest(const struct flow_result *flows, const struct tick_totals *totals) {
        struct volume rest = flows->matched_volume;
        for (size_t i = 0; i < flows->n_rows; i++) {
                rest.packets -= flows->rows[i].ab.packets + flows->rows[i].ba.packets;
                rest.bytes -= flows->rows[i].ab.bytes + flows->rows[i].ba.bytes;
        }
        char count[RENDER_COUNT_BYTES], packets[RENDER_QUANTITY_BYTES], bytes[RENDER_QUANTITY_BYTES],
                share[SHARE_BYTES];
        (void)printf("  and %s more: %s, %s, %s\n", render_count(flows->total - flows->n_rows, count),
                     render_quantity((double)rest.packets, "pkt", packets),
                     render_quantity((double)rest.bytes, "B", bytes), share_of(rest.bytes, totals->all.bytes, share));
}

static int print_flows(struct history *history, const struct tick_totals *totals, unsigned width) {
        const struct flow_query query = {.sort = FLOW_SORT_BYTES, .max_rows = TOP_FLOWS};
        struct flow_result flows;
        int r = history_query_flows(history, &query, NULL, NULL, &flows);
        if (r < 0)
                return r;

        char count[RENDER_COUNT_BYTES];
        (void)printf("\nFlows  %s", render_count(flows.total, count));
        (void)printf(flows.total > flows.n_rows ? ", those with most bytes\n" : "\n");
        if (flows.n_rows) {
                struct text_table table;
                for (unsigned i = 0; i < LAYOUTS; i++) {
                        fill_flows(&table, &flows, totals, &layouts[i]);
                        if (text_table_width(&table) <= width)
                                break;
                }
                text_table_print(&table);
        }
        if (flows.total > flows.n_rows)
                print_rest(&flows, totals);
        flow_result_fini(&flows);
        return 0;
}

/* ---- what is in no row ------------------------------------------------------------------ */

static void add_volume(struct text_table *table, const char *what, struct volume volume, const struct volume *whole) {
        if (!volume.packets)
                return;
        text_table_row(table);
        text_table_set(table, 0, "%s", what);
        set_volume(table, volume, whole);
}

static void print_elsewhere(const struct history_totals *sums) {
        const struct tick_totals *totals = &sums->totals;
        struct text_table table = {VOLUME_COLUMNS("because")};
        add_volume(&table, "without a valid IP header", totals->nonflow, &totals->all);
        add_volume(&table, "no room for the flow (--memory, --max-flows)", totals->untracked, &totals->all);
        add_volume(&table, "of ended flows that had to be forgotten (--memory)", sums->forgotten, &totals->all);
        if (!table.n_rows)
                return;
        (void)printf("\nNot among these flows\n");
        text_table_print(&table);
}

/* Why, in words. A verdict without any goes by its name alone. */
static const char *verdict_text(unsigned verdict) {
        static const char *const texts[PACKET_VERDICTS] = {
                [PACKET_L4_CUT] = "ports or TCP flags are not there in full; counts for a flow",
                [PACKET_IP6_EXT_CUT] = "the IPv6 extension headers are cut; counts for a flow",
                [PACKET_NOT_IP] = "neither IPv4 nor IPv6 (ARP, LLDP, ...)",
                [PACKET_LINK_UNSUPPORTED] = "a link type that is not decoded",
                [PACKET_LINK_CUT] = "the link header, a tag or a label is not there in full",
                [PACKET_IP_CUT] = "the IP header is not there in full",
                [PACKET_IP_VERSION] = "the IP version is not the one that the link layer names",
                [PACKET_IP_HEADER_LENGTH] = "the IP header claims to be shorter than it can be",
                [PACKET_IP_TOTAL_LENGTH] = "the IP packet claims to be shorter than its header",
        };
        return texts[verdict] ? texts[verdict] : "";
}

/* The text stands last, so that no width is needed for it. */
static void print_undecoded(const struct tick_totals *totals) {
        struct text_table table = {
                .columns = {{"reason", false, false}, {"frames", true, false}, {"", false, false}},
                .n_columns = 3,
        };
        char count[RENDER_COUNT_BYTES];
        for (unsigned verdict = PACKET_OK + 1; verdict < PACKET_VERDICTS; verdict++) {
                if (!totals->verdicts[verdict])
                        continue;
                text_table_row(&table);
                text_table_set(&table, 0, "%s", packet_verdict_name(verdict));
                text_table_set(&table, 1, "%s", render_count(totals->verdicts[verdict], count));
                text_table_set(&table, 2, "%s", verdict_text(verdict));
        }
        if (!table.n_rows)
                return;
        (void)printf("\nNot decoded\n");
        text_table_print(&table);
}

int report_print_text(const struct report *report, unsigned width) {
        struct history_totals sums;
        history_read_totals(report->history, &sums);
        const struct tick_totals *totals = &sums.totals;

        print_plain(report->path);
        (void)printf("\n");
        if (totals->all.packets)
                print_span(totals);
        print_totals(totals);

        int r = 0;
        if (totals->all.packets) {
                print_protocols(totals);
                r = print_flows(report->history, totals, width);
                print_elsewhere(&sums);
                print_undecoded(totals);
        }
        if (report->broken_off)
                (void)printf("\nNot read to its end\n  %s\n", report->broken_off);
        if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = errno ? -errno : -EIO;
        return r;
}
