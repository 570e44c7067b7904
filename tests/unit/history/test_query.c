/* The flow table: every sort order against qsort, every filter against a plain one, cut to any
 * number of rows. */
#include "lib/check.h"

#include <errno.h>
#include <stdlib.h>

#include "base/parse.h"
#include "lib/ticks.h"

#define START 1700000000
#define FLOWS 700u

static struct history *history;

static struct flow_key random_key(uint64_t *seed) {
        struct packet packet = {
                .family = random_one_in(seed, 3) ? 6 : 4,
                .vlan = (uint16_t)random_below(seed, 3),
                .proto = random_one_in(seed, 2)   ? PROTO_TCP
                         : random_one_in(seed, 2) ? 58
                                                  : 1,
                .src_port = (uint16_t)random_below(seed, 5),
                .dst_port = (uint16_t)random_below(seed, 3),
        };
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        memcpy(packet.src, mapped, 12);
        memcpy(packet.dst, mapped, 12);
        packet.src[12] = packet.dst[12] = 10;
        packet.src[14] = (uint8_t)random_below(seed, 4);
        packet.src[15] = (uint8_t)random_below(seed, 256);
        packet.dst[15] = (uint8_t)random_below(seed, 8);
        struct flow_key key;
        flow_key_from_packet(&packet, (uint8_t)random_below(seed, 2), &key);
        return key;
}

/* Many equal values, so that ties are met; some flows ended, some silent in the last second. */
static int fill(void **state) {
        (void)state;
        uint64_t seed = 5;
        const struct history_options options = history_options_with(1000);
        history = history_new(&options);
        for (int64_t s = 0; s < 50; s++) {
                struct history_tick tick = ticks_begin(history, START + s);
                for (unsigned i = 0; i < 40; i++) {
                        struct flow_delta delta = delta_of((uint16_t)random_below(&seed, 1000), random_below(&seed, 4));
                        const struct flow_key key = random_key(&seed);
                        delta.ba_packets = random_below(&seed, 4);
                        delta.ba_bytes = random_below(&seed, 4);
                        delta.tcp_flags = (uint8_t)random_below(&seed, 4);
                        delta.rst = random_one_in(&seed, 5);
                        ticks_add_key(history, &key, delta, &tick);
                }
                history_tick_end(history, &tick);
        }
        return 0;
}

static int empty(void **state) {
        (void)state;
        history_free(history);
        return 0;
}

/* ---- sorting --------------------------------------------------------------------------------- */

static int64_t value_of(const struct flow_row *row, enum flow_sort sort) {
        switch (sort) {
        case FLOW_SORT_BYTES: return (int64_t)(row->ab.bytes + row->ba.bytes);
        case FLOW_SORT_PACKETS: return (int64_t)(row->ab.packets + row->ba.packets);
        case FLOW_SORT_AB_BYTES: return (int64_t)row->ab.bytes;
        case FLOW_SORT_BA_BYTES: return (int64_t)row->ba.bytes;
        case FLOW_SORT_AB_PACKETS: return (int64_t)row->ab.packets;
        case FLOW_SORT_BA_PACKETS: return (int64_t)row->ba.packets;
        case FLOW_SORT_BPS: return (int64_t)row->last.bytes;
        case FLOW_SORT_PPS: return (int64_t)row->last.packets;
        case FLOW_SORT_FIRST_SEEN: return row->first_seen_ms;
        case FLOW_SORT_LAST_SEEN: return row->last_seen_ms;
        case FLOW_SORT_ID: return (int64_t)row->id;
        case FLOW_SORT_A_PORT: return row->key.a_port;
        case FLOW_SORT_B_PORT: return row->key.b_port;
        case FLOW_SORT_PROTO_NUMBER: return row->key.proto;
        case FLOW_SORT_VLAN: return flow_key_vlan(&row->key);
        case FLOW_SORT_TCP_FLAGS: return row->tcp_flags;
        case FLOW_SORTS: break;
        }
        return 0;
}

static enum flow_sort order_sort;
static bool order_ascending;

static int in_order(const void *x, const void *y) {
        const struct flow_row *a = x, *b = y;
        int64_t va = value_of(a, order_sort), vb = value_of(b, order_sort);
        if (va != vb)
                return (va < vb) == order_ascending ? -1 : 1;
        return a->id < b->id ? -1 : a->id > b->id;
}

static struct flow_result query(const struct flow_query *query) {
        struct flow_result result;
        assert_int_equal(history_query_flows(history, query, NULL, NULL, &result), 0);
        return result;
}

/* Field by field: what lies between them is anybody's. */
static void assert_rows_equal(const struct flow_row *x, const struct flow_row *y, size_t n) {
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(x[i].id, y[i].id);
                assert_memory_equal(&x[i].key, &y[i].key, sizeof(x[i].key));
                assert_int_equal(x[i].first_seen_ms, y[i].first_seen_ms);
                assert_int_equal(x[i].last_seen_ms, y[i].last_seen_ms);
                assert_memory_equal(&x[i].ab, &y[i].ab, sizeof(x[i].ab));
                assert_memory_equal(&x[i].ba, &y[i].ba, sizeof(x[i].ba));
                assert_memory_equal(&x[i].last, &y[i].last, sizeof(x[i].last));
                assert_int_equal(x[i].last_span_ms, y[i].last_span_ms);
                assert_int_equal(x[i].tcp_flags, y[i].tcp_flags);
                assert_int_equal(x[i].state, y[i].state);
                assert_int_equal(x[i].initiator, y[i].initiator);
                assert_int_equal(x[i].direction, y[i].direction);
        }
}

static void test_every_order_and_any_number_of_rows(void **state) {
        (void)state;
        static const size_t limits[] = {0, 1, 2, 3, 10, 255, 256, 257, 100000, SIZE_MAX};
        struct flow_result all = ticks_rows(history);
        assert_true(all.n_rows > 300);
        for (unsigned sort = 0; sort < FLOW_SORTS; sort++)
                for (unsigned ascending = 0; ascending < 2; ascending++) {
                        order_sort = sort;
                        order_ascending = ascending;
                        qsort(all.rows, all.n_rows, sizeof(*all.rows), in_order);
                        for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
                                struct flow_result some = query(&(struct flow_query){
                                        .sort = sort, .ascending = ascending, .max_rows = limits[i]});
                                size_t wanted = limits[i] < all.n_rows ? limits[i] : all.n_rows;
                                assert_int_equal(some.n_rows, wanted);
                                assert_int_equal(some.matched, all.n_rows);
                                if (wanted)
                                        assert_rows_equal(some.rows, all.rows, wanted);
                                flow_result_fini(&some);
                        }
                }
        flow_result_fini(&all);
}

/* ---- filtering ----------------------------------------------------------------------------------- */

/* The same conditions, said with other words. */
static bool is_one_of(const struct flow_values *values, unsigned x) {
        unsigned found = 0;
        for (unsigned i = 0; i < values->n; i++)
                found |= values->list[i] == x;
        return found;
}

static bool has_end_inside(const struct flow_nets *nets, const struct flow_key *key) {
        bool any = false;
        for (unsigned i = 0; i < nets->n; i++) {
                bool a_inside = true, b_inside = true;
                for (unsigned bit = 0; bit < nets->list[i].bits; bit++) {
                        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
                        a_inside &= !((key->a_address[bit / 8] ^ nets->list[i].address[bit / 8]) & mask);
                        b_inside &= !((key->b_address[bit / 8] ^ nets->list[i].address[bit / 8]) & mask);
                }
                any |= flow_key_family(key) == nets->list[i].family && (a_inside || b_inside);
        }
        return any;
}

static bool is_met(unsigned n, bool none_of, bool has) {
        return n == 0 || (none_of ? !has : has);
}

static bool selects(const struct flow_filter *f, const struct flow_row *row) {
        const struct flow_key *key = &row->key;
        unsigned class = FLOW_FILTER_CLASS + packet_class_of(key->proto, flow_key_family(key));
        return is_met(f->protos.n, f->protos.none_of,
                      is_one_of(&f->protos, class) || is_one_of(&f->protos, key->proto)) &&
               is_met(f->vlans.n, f->vlans.none_of, is_one_of(&f->vlans, flow_key_vlan(key))) &&
               is_met(f->ports.n, f->ports.none_of,
                      is_one_of(&f->ports, key->a_port) || is_one_of(&f->ports, key->b_port)) &&
               is_met(f->nets.n, f->nets.none_of, has_end_inside(&f->nets, key)) &&
               (!f->ifaces || f->ifaces >> key->iface & 1) && (!f->has_id || row->id == f->id) &&
               (!f->has_state || row->state == f->state);
}

static struct flow_values random_values(uint64_t *seed, const uint16_t *from, unsigned n_from) {
        struct flow_values values = {
                .n = random_one_in(seed, 3) ? 1 + random_below(seed, FLOW_FILTER_VALUES) : 0,
                .none_of = random_one_in(seed, 2),
        };
        for (unsigned i = 0; i < values.n; i++)
                values.list[i] = from[random_below(seed, n_from)];
        return values;
}

static struct flow_nets random_nets(uint64_t *seed) {
        static const char *const texts[] = {
                "10.0.0.0/8", "10.0.1.0/24",         "10.0.0.3",  "10.0.2.0/23", "0.0.0.0/0",
                "::/0",       "::ffff:10.0.0.0/120", "9.0.0.0/8",
        };
        struct flow_nets nets = {
                .n = random_one_in(seed, 3) ? 1 + random_below(seed, 3) : 0,
                .none_of = random_one_in(seed, 2),
        };
        for (unsigned i = 0; i < nets.n; i++)
                assert_true(parse_cidr(texts[random_below(seed, 8)], nets.list[i].address, &nets.list[i].bits,
                                       &nets.list[i].family));
        return nets;
}

static struct flow_filter random_filter(uint64_t *seed) {
        static const uint16_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7}, protos[] = {PROTO_TCP,
                                                                                58,
                                                                                1,
                                                                                47,
                                                                                FLOW_FILTER_CLASS + PACKET_CLASS_TCP,
                                                                                FLOW_FILTER_CLASS + PACKET_CLASS_UDP,
                                                                                FLOW_FILTER_CLASS + PACKET_CLASS_ICMP,
                                                                                FLOW_FILTER_CLASS + PACKET_CLASS_OTHER};
        return (struct flow_filter){
                .protos = random_values(seed, protos, 8),
                .ports = random_values(seed, numbers, 6),
                .vlans = random_values(seed, numbers, 4),
                .nets = random_nets(seed),
                .has_state = random_one_in(seed, 3),
                .has_id = random_one_in(seed, 20),
                .state = random_one_in(seed, 2) ? FLOW_STATE_ENDED : FLOW_STATE_ACTIVE,
                .ifaces = random_one_in(seed, 4) ? random_below(seed, 8) : 0,
                .id = 1 + random_below(seed, FLOWS),
        };
}

static void test_filters(void **state) {
        (void)state;
        uint64_t seed = 9;
        unsigned selective = 0;
        struct flow_result all = ticks_rows(history);
        for (unsigned round = 0; round < 1000; round++) {
                const struct flow_query wanted = {
                        .filter = random_filter(&seed), .sort = FLOW_SORT_ID, .ascending = true, .max_rows = SIZE_MAX};
                struct flow_result some = query(&wanted);
                struct volume matched = {0}, unmatched = {0};
                uint64_t n = 0, total = 0;
                for (size_t i = 0; i < all.n_rows; i++) {
                        const struct flow_row *row = &all.rows[i];
                        if (wanted.filter.has_state && row->state != wanted.filter.state)
                                continue;
                        total++;
                        bool is_selected = selects(&wanted.filter, row);
                        if (is_selected)
                                assert_rows_equal(&some.rows[n++], row, 1);
                        volume_add(is_selected ? &matched : &unmatched, row->ab.packets + row->ba.packets,
                                   row->ab.bytes + row->ba.bytes);
                }
                assert_int_equal(some.n_rows, n);
                assert_int_equal(some.matched, n);
                assert_int_equal(some.unmatched, total - n);
                assert_int_equal(some.total, total);
                assert_memory_equal(&some.matched_volume, &matched, sizeof(matched));
                assert_memory_equal(&some.unmatched_volume, &unmatched, sizeof(unmatched));
                selective += n > 0 && n < total;
                flow_result_fini(&some);
        }
        assert_true(selective > 200);
        flow_result_fini(&all);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

static void test_asof_and_span(void **state) {
        (void)state;
        struct flow_result all = ticks_rows(history);
        assert_int_equal(all.asof_ms, (START + 50) * MS_PER_S);
        for (size_t i = 0; i < all.n_rows; i++)
                assert_int_equal(all.rows[i].last_span_ms, 1000);
        flow_result_fini(&all);
}

static bool is_cancelled(void *context) {
        unsigned *asked = context;
        ++*asked;
        return true;
}

static void test_cancelled(void **state) {
        (void)state;
        unsigned asked = 0;
        struct flow_result untouched = {.total = 42};
        const struct flow_query wanted = {.max_rows = 10};
        assert_int_equal(history_query_flows(history, &wanted, is_cancelled, &asked, &untouched), -ECANCELED);
        assert_int_equal(asked, 1);
        assert_int_equal(untouched.total, 42);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_order_and_any_number_of_rows),
                cmocka_unit_test(test_filters),
                cmocka_unit_test(test_asof_and_span),
                cmocka_unit_test(test_cancelled),
        };
        return cmocka_run_group_tests(tests, fill, empty);
}
