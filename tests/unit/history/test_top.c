/* Top talkers: every grouping and metric against a plain sum of the same second. */
#include "lib/check.h"

#include <stdlib.h>

#include "lib/ticks.h"

#define START 1700000000
#define FLOWS 400u

/* What the last second held: one row per flow. */
struct sent {
        struct flow_key key;
        struct volume volume;
        bool initiator_b;
};

static struct history *history;
static struct sent sent[FLOWS];
static unsigned n_sent;

static struct sent *sent_by(const struct flow_key *key) {
        for (unsigned i = 0; i < n_sent; i++)
                if (flow_key_equal(&sent[i].key, key))
                        return &sent[i];
        sent[n_sent] = (struct sent){.key = *key};
        return &sent[n_sent++];
}

static struct flow_key random_key(uint64_t *seed) {
        struct packet packet = {
                .family = random_one_in(seed, 3) ? 6 : 4,
                .vlan = (uint16_t)random_below(seed, 3),
                .proto = random_one_in(seed, 2) ? PROTO_TCP : PROTO_UDP,
                .src_port = (uint16_t)(2000 + random_below(seed, 4)),
                .dst_port = (uint16_t)(1500 + random_below(seed, 4)),
        };
        packet.src[15] = (uint8_t)random_below(seed, 12);
        packet.dst[15] = (uint8_t)random_below(seed, 12);
        struct flow_key key;
        flow_key_from_packet(&packet, (uint8_t)random_below(seed, 2), &key);
        return key;
}

static int fill(void **state) {
        (void)state;
        uint64_t seed = 3;
        const struct history_options options = history_options_with(1000);
        history = history_new(&options);
        ticks_one(history, START, 99, PROTO_UDP, delta_of(0, 1u << 30)); /* of the second before: not shown */
        struct history_tick tick = ticks_begin(history, START + 1);
        for (unsigned i = 0; i < FLOWS; i++) {
                struct flow_delta delta = delta_of(0, random_below(&seed, 50));
                const struct flow_key key = random_key(&seed);
                delta.ba_packets = random_below(&seed, 3);
                delta.ba_bytes = random_below(&seed, 50);
                delta.initiator_b = random_one_in(&seed, 2);
                struct sent *flow = sent_by(&key);
                if (!flow->volume.packets)
                        flow->initiator_b = delta.initiator_b;
                volume_add(&flow->volume, delta.ab_packets + delta.ba_packets, delta.ab_bytes + delta.ba_bytes);
                assert_true(ticks_add_key(history, &key, delta, &tick));
        }
        volume_add(&tick.totals.untracked, 3, 300);
        volume_add(&tick.totals.nonflow, 5, 500);
        history_tick_end(history, &tick);
        return 0;
}

static int empty(void **state) {
        (void)state;
        history_free(history);
        return 0;
}

/* The groups that a flow belongs to: one, or two hosts. */
static unsigned groups_of(const struct sent *flow, enum top_by by, struct flow_key ret[2]) {
        const struct flow_key *key = &flow->key;
        const uint16_t ip6 = key->vlan_family & FLOW_FAMILY_IP6;
        struct flow_key one = {0}, other = {0};
        unsigned n = 1;
        if (by == TOP_BY_FLOW)
                one = *key;
        if (by == TOP_BY_PAIR || by == TOP_BY_HOST) {
                memcpy(one.a_address, key->a_address, 16);
                one.vlan_family = other.vlan_family = ip6;
        }
        if (by == TOP_BY_PAIR)
                memcpy(one.b_address, key->b_address, 16);
        if (by == TOP_BY_HOST && memcmp(key->a_address, key->b_address, 16) != 0) {
                memcpy(other.a_address, key->b_address, 16);
                n = 2;
        }
        if (by == TOP_BY_PORT)
                one.a_port = flow->initiator_b ? key->a_port : key->b_port;
        if (by == TOP_BY_PORT || by == TOP_BY_PROTO)
                one.proto = key->proto;
        if (by == TOP_BY_VLAN)
                one.vlan_family = flow_key_vlan(key);
        if (by == TOP_BY_IFACE)
                one.iface = key->iface;
        ret[0] = one;
        ret[1] = other;
        return n;
}

static struct top_row sums[2 * FLOWS];
static unsigned n_sums;
static bool order_by_packets;

static void add_sum(const struct flow_key *key, struct volume volume) {
        unsigned i = 0;
        while (i < n_sums && !flow_key_equal(&sums[i].key, key))
                i++;
        if (i == n_sums)
                sums[n_sums++] = (struct top_row){.key = *key};
        volume_add(&sums[i].volume, volume.packets, volume.bytes);
}

static int in_order(const void *x, const void *y) {
        const struct top_row *a = x, *b = y;
        uint64_t va = order_by_packets ? a->volume.packets : a->volume.bytes;
        uint64_t vb = order_by_packets ? b->volume.packets : b->volume.bytes;
        return va != vb ? (va > vb ? -1 : 1) : memcmp(&a->key, &b->key, sizeof(a->key));
}

static void sum_up(enum top_by by, bool by_packets, uint8_t proto) {
        n_sums = 0;
        for (unsigned i = 0; i < n_sent; i++) {
                struct flow_key groups[2];
                if (proto && sent[i].key.proto != proto)
                        continue;
                for (unsigned g = groups_of(&sent[i], by, groups); g--;)
                        add_sum(&groups[g], sent[i].volume);
        }
        order_by_packets = by_packets;
        qsort(sums, n_sums, sizeof(*sums), in_order);
}

static void check_rows(const struct top_row *rows, size_t n, size_t limit) {
        assert_int_equal(n, n_sums < limit ? n_sums : limit);
        for (size_t i = 0; i < n; i++) {
                assert_memory_equal(&rows[i].key, &sums[i].key, sizeof(sums[i].key));
                assert_memory_equal(&rows[i].volume, &sums[i].volume, sizeof(sums[i].volume));
        }
}

static void test_every_grouping(void **state) {
        (void)state;
        static const unsigned limits[] = {1, 2, 10, TOP_ROWS_MAX};
        for (unsigned by = 0; by < TOP_BYS; by++)
                for (unsigned i = 0; i < 16; i++) {
                        const struct top_query query = {
                                .by = by,
                                .by_packets = i & 1,
                                .filter = {.protos = {.n = i & 2 ? 1 : 0, .list = {PROTO_TCP}}},
                                .limit = limits[i / 4],
                        };
                        struct top_result top;
                        sum_up(by, i & 1, i & 2 ? PROTO_TCP : 0);
                        assert_int_equal(history_query_top(history, &query, NULL, NULL, &top), 0);
                        check_rows(top.rows, top.n_rows, query.limit);
                        for (size_t r = 0; r < top.n_rows; r++)
                                assert_int_equal(top.rows[r].id != 0, by == TOP_BY_FLOW);
                        top_result_fini(&top);
                }
}

static void test_the_parts_add_up(void **state) {
        (void)state;
        struct history_counters last;
        struct top_result top;
        const struct top_query query = {.filter = {.protos = {.n = 1, .list = {PROTO_TCP}}}, .limit = 1};
        assert_true(history_latest(history, &last));
        assert_int_equal(history_query_top(history, &query, NULL, NULL, &top), 0);
        assert_int_equal(top.second, START + 1);
        assert_int_equal(top.span_ms, 1000);
        assert_int_equal(top.matched_flows + top.unmatched_flows, n_sent);
        assert_int_equal(top.matched.bytes + top.unmatched.bytes, last.all.bytes);
        assert_int_equal(top.matched.packets, last.by_class[PACKET_CLASS_TCP].packets);
        assert_int_equal(top.untracked.bytes, 300);
        assert_int_equal(top.nonflow.packets, 5);
        top_result_fini(&top);
}

static void test_what_each_tick_leaves_behind(void **state) {
        (void)state;
        struct top_row rows[20];
        struct history_counters second;
        sum_up(TOP_BY_FLOW, false, 0);
        size_t n = history_read_top(history, rows, 20, &second);
        check_rows(rows, n, 10);
        assert_int_equal(second.second, START + 1);
        assert_int_equal(history_read_top(history, rows, 3, &second), 3);
}

static void test_a_silent_second(void **state) {
        (void)state;
        struct top_row row;
        struct history_counters second;
        struct top_result top;
        const struct top_query query = {.limit = 10};
        ticks_none(history, START + 2);
        assert_int_equal(history_read_top(history, &row, 1, &second), 0);
        assert_int_equal(second.second, START + 2);
        assert_int_equal(history_query_top(history, &query, NULL, NULL, &top), 0);
        assert_int_equal(top.n_rows, 0);
        top_result_fini(&top);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_grouping), cmocka_unit_test(test_the_parts_add_up),
                cmocka_unit_test(test_what_each_tick_leaves_behind),
                cmocka_unit_test(test_a_silent_second), /* last: it is the last second from then on */
        };
        return cmocka_run_group_tests(tests, fill, empty);
}
