/* A table that is full: who must leave, who stays, and that whoever came in is found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "flow/flow.h"

#define MAX_FLOWS 64u
#define SECOND 1000
#define START_NS (SECOND * NS_PER_S)

struct fixture {
        struct flow_table *table;
        struct flow_batch *batch, *spare;
};

static int set_up(void **state) {
        static struct fixture fixture;
        struct flow_table_options options = {.max_flows = MAX_FLOWS, .seed = 1};
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                options.ttl_ms[i] = 3600 * MS_PER_S;
        fixture.table = flow_table_new(&options);
        fixture.batch = flow_batch_new(MAX_FLOWS);
        fixture.spare = flow_batch_new(MAX_FLOWS);
        fixture.batch->second = fixture.spare->second = SECOND;
        flow_table_open(fixture.table, fixture.batch);
        *state = &fixture;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *fixture = *state;
        flow_table_free(fixture->table);
        flow_batch_free(fixture->batch);
        flow_batch_free(fixture->spare);
        return 0;
}

/* A packet of flow number `flow`. */
static struct flow_table_stats send(struct fixture *fixture, uint32_t flow, int64_t time_ns) {
        struct packet packet = {
                .family = 4, .proto = 17, .class = PACKET_CLASS_UDP, .packets = 1, .bytes = 100, .time_ns = time_ns};
        packet.src[10] = packet.src[11] = packet.dst[10] = packet.dst[11] = 0xff;
        packet.src[12] = (uint8_t)(flow >> 8);
        packet.src[13] = (uint8_t)flow;
        flow_table_add(fixture->table, FLOW_SECOND_OPEN, &packet, 1);
        return flow_table_stats(fixture->table);
}

/* The same into a new batch, so that room in it is never what is missing. */
static struct flow_table_stats add(struct fixture *fixture, uint32_t flow, int64_t time_ns) {
        struct flow_batch *next = fixture->spare;
        next->n_deltas = next->n_keys = next->reserved = 0;
        flow_table_open(fixture->table, next);
        assert_true(flow_table_close(fixture->table, UINT32_MAX));
        fixture->spare = fixture->batch;
        fixture->batch = next;
        return send(fixture, flow, time_ns);
}

/* Every fifth flow sends a second packet at once: it must meet its flow, whatever had to leave before. */
static void test_newcomer_is_found_again(void **state) {
        for (uint32_t flow = 1; flow < 3000; flow++) {
                int64_t now_ns = START_NS + flow * 100 * NS_PER_MS;
                struct flow_table_stats first = add(*state, flow, now_ns);
                if (flow % 5 != 0)
                        continue;
                struct flow_table_stats second = add(*state, flow, now_ns);
                assert_int_equal(second.active, first.active);
                assert_int_equal(second.evicted, first.evicted);
                assert_int_equal(second.untracked, first.untracked);
        }
}

/* A flood of one-packet flows leaves a flow that keeps sending in its place. */
static void test_flood_spares_busy_flow(void **state) {
        struct fixture *fixture = *state;
        add(fixture, 1, START_NS);
        add(fixture, 1, START_NS);
        for (uint32_t flow = 2; flow < 3000; flow++)
                add(fixture, flow, START_NS + flow * 10000);

        struct flow_table_stats before = flow_table_stats(fixture->table);
        struct flow_table_stats after = add(fixture, 1, START_NS + 3000 * 10000);
        assert_true(before.evicted > 1000);
        assert_true(before.active <= MAX_FLOWS);
        assert_int_equal(after.evicted, before.evicted);
        assert_int_equal(after.untracked, before.untracked);
}

/* More new flows in a second than a batch has places for: a slow flow keeps its own. */
static void test_flood_spares_slow_flow(void **state) {
        struct fixture *fixture = *state;
        send(fixture, 1, START_NS);
        send(fixture, 1, START_NS);

        struct flow_batch *next = flow_batch_new(MAX_FLOWS);
        next->second = SECOND + 1;
        flow_table_open(fixture->table, next);
        assert_true(flow_table_close(fixture->table, UINT32_MAX));
        for (uint32_t flow = 2; flow < 3000; flow++)
                send(fixture, flow, START_NS + NS_PER_S + flow);
        uint64_t untracked = flow_table_stats(fixture->table).untracked;
        assert_true(untracked > 0);
        assert_int_equal(send(fixture, 1, START_NS + NS_PER_S + 4000).untracked, untracked);

        flow_table_finish(fixture->table);
        assert_true(flow_table_close(fixture->table, UINT32_MAX));
        flow_batch_free(next);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_newcomer_is_found_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_flood_spares_busy_flow, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_flood_spares_slow_flow, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
