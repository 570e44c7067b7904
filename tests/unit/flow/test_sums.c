/* What flow_table promises under any traffic: in each second, every packet is in a delta of
 * its own flow, untracked or nonflow, to the byte.
 *
 * Random traffic runs through a table that is far too small. The deltas are read as the
 * rollup reads them (slot → key, as keys come along) and compared, second by second and flow
 * by flow, with sums that the test keeps itself. */
#include "lib/check.h"

#include <stdlib.h>

#include "lib/packets.h"

#define FLOWS 200u
#define SECONDS 40
#define START_S 1700000000

struct sums {
        uint64_t ab_packets, ba_packets, ab_bytes, ba_bytes;
        uint8_t tcp_flags;
};

/* What went in, in one of the two seconds in work. */
struct expected {
        struct sums flows[FLOWS];
        struct volume all, in, out, nonflow, untracked;
        uint64_t frames;
};

struct rig {
        uint64_t random;
        uint32_t max_flows;
        bool in_bursts; /* then untracked packets cannot be told apart by flow */
        struct flow_table *table;
        struct flow_batch *batches[2];
        struct expected expected[2];
        struct flow_key *keys; /* slot → key */
        bool *known;
        uint64_t n_deltas;
        uint64_t untracked;
};

static uint32_t random_bytes(struct rig *rig) {
        switch (random_below(&rig->random, 40)) {
        case 0: return UINT32_MAX; /* a hostile file: 32 bits overflow with the next packet */
        case 1: return 0;
        default: return 60 + random_below(&rig->random, 1500);
        }
}

static struct packet random_packet(struct rig *rig, int64_t second) {
        static const uint8_t flags[] = {0x02, 0x12, 0x10, 0x18, 0x11, 0x14, 0x04, 0x10};
        uint32_t number = random_below(&rig->random, random_one_in(&rig->random, 2) ? 8 : FLOWS);
        int64_t ms = second * MS_PER_S + random_below(&rig->random, 1000);
        struct packet packet = packet_of(number, random_one_in(&rig->random, 2), number % 3 ? PROTO_TCP : PROTO_UDP,
                                         random_bytes(rig), ms);
        packet.direction = (uint8_t)random_below(&rig->random, 3);
        if (packet.proto == PROTO_TCP)
                packet.tcp_flags = flags[random_below(&rig->random, sizeof(flags))];
        if (random_one_in(&rig->random, 4))
                packet.packets = 1 + random_below(&rig->random, 65535); /* a super-packet */
        if (random_one_in(&rig->random, 50))
                packet = (struct packet){
                        .class = PACKET_CLASS_OTHER,
                        .verdict = PACKET_NOT_IP,
                        .packets = packet.packets,
                        .bytes = packet.bytes,
                        .time_ns = packet.time_ns,
                };
        return packet;
}

static void expect(struct rig *rig, struct expected *expected, const struct packet *packet, bool untracked) {
        expected->frames++;
        volume_add(&expected->all, packet->packets, packet->bytes);
        if (packet->direction == DIRECTION_IN)
                volume_add(&expected->in, packet->packets, packet->bytes);
        if (packet->direction == DIRECTION_OUT)
                volume_add(&expected->out, packet->packets, packet->bytes);
        if (packet->verdict >= PACKET_FLOW_VERDICTS) {
                volume_add(&expected->nonflow, packet->packets, packet->bytes);
                return;
        }
        if (untracked && !rig->in_bursts) {
                volume_add(&expected->untracked, packet->packets, packet->bytes);
                return;
        }
        struct flow_key key;
        bool from_a = flow_key_from_packet(packet, 0, &key);
        struct sums *sums = &expected->flows[number_of(&key)];
        *(from_a ? &sums->ab_packets : &sums->ba_packets) += packet->packets;
        *(from_a ? &sums->ab_bytes : &sums->ba_bytes) += packet->bytes;
        sums->tcp_flags |= packet->tcp_flags;
}

static void add(struct rig *rig, enum flow_second which, int64_t second) {
        struct packet packets[FLOW_TABLE_BURST];
        unsigned n = rig->in_bursts ? 1 + random_below(&rig->random, FLOW_TABLE_BURST) : 1;
        for (unsigned i = 0; i < n; i++)
                packets[i] = random_packet(rig, second);
        flow_table_add(rig->table, which, packets, n);

        uint64_t untracked = flow_table_stats(rig->table).untracked;
        for (unsigned i = 0; i < n; i++)
                expect(rig, &rig->expected[second & 1], &packets[i], untracked != rig->untracked);
        rig->untracked = untracked;
}

/* Reads the deltas of a batch as the rollup does. */
static void replay(struct rig *rig, const struct flow_batch *batch, struct sums *ret) {
        uint32_t next_key = 0;
        for (uint32_t i = 0; i < batch->n_deltas; i++) {
                const struct flow_delta *delta = &batch->deltas[i];
                const struct flow_key *key;
                if (delta->has_key) {
                        assert_true(next_key < batch->n_keys);
                        key = &batch->keys[next_key++];
                        if (delta->slot != FLOW_SLOT_NONE) {
                                rig->keys[delta->slot] = *key;
                                rig->known[delta->slot] = true;
                        }
                } else {
                        assert_true(delta->slot < flow_table_slots(rig->max_flows));
                        assert_true(rig->known[delta->slot]);
                        key = &rig->keys[delta->slot];
                }
                assert_true(delta->ab_packets || delta->ba_packets);
                assert_true(delta->first_ms <= delta->last_ms && delta->last_ms < 1000);

                struct sums *sums = &ret[number_of(key)];
                sums->ab_packets += delta->ab_packets;
                sums->ba_packets += delta->ba_packets;
                sums->ab_bytes += delta->ab_bytes;
                sums->ba_bytes += delta->ba_bytes;
                sums->tcp_flags |= delta->tcp_flags;
        }
        assert_int_equal(next_key, batch->n_keys);
        assert_true(batch->n_deltas <= batch->capacity);
        rig->n_deltas += batch->n_deltas;
}

static void assert_volumes_equal(struct volume x, struct volume y) {
        assert_int_equal(x.packets, y.packets);
        assert_int_equal(x.bytes, y.bytes);
}

static void check_flow(const struct rig *rig, const struct sums *got, const struct sums *wanted) {
        if (!rig->in_bursts) {
                assert_int_equal(got->ab_packets, wanted->ab_packets);
                assert_int_equal(got->ba_packets, wanted->ba_packets);
                assert_int_equal(got->ab_bytes, wanted->ab_bytes);
                assert_int_equal(got->ba_bytes, wanted->ba_bytes);
                assert_int_equal(got->tcp_flags, wanted->tcp_flags);
        }
        assert_true(got->ab_packets <= wanted->ab_packets && got->ab_bytes <= wanted->ab_bytes);
        assert_true(got->ba_packets <= wanted->ba_packets && got->ba_bytes <= wanted->ba_bytes);
}

/* A second is closed: its batch against what went in. */
static void check_batch(struct rig *rig, const struct flow_batch *batch) {
        struct sums got[FLOWS] = {0};
        struct expected *wanted = &rig->expected[batch->second & 1];
        const struct tick_totals *totals = &batch->totals;
        replay(rig, batch, got);

        assert_volumes_equal(totals->all, wanted->all);
        assert_volumes_equal(classes_sum(totals->in), wanted->in);
        assert_volumes_equal(classes_sum(totals->out), wanted->out);
        assert_volumes_equal(totals->nonflow, wanted->nonflow);
        if (!rig->in_bursts)
                assert_volumes_equal(totals->untracked, wanted->untracked);

        struct volume flows = {0}, classes = {0};
        for (unsigned i = 0; i < FLOWS; i++) {
                check_flow(rig, &got[i], &wanted->flows[i]);
                volume_add(&flows, got[i].ab_packets + got[i].ba_packets, got[i].ab_bytes + got[i].ba_bytes);
        }
        for (unsigned i = 0; i < PACKET_CLASSES; i++)
                volume_add(&classes, totals->by_class[i].packets, totals->by_class[i].bytes);
        assert_volumes_equal(classes, totals->all);
        volume_add(&flows, totals->untracked.packets, totals->untracked.bytes);
        volume_add(&flows, totals->nonflow.packets, totals->nonflow.bytes);
        assert_volumes_equal(flows, totals->all);
        assert_int_equal(totals->frames, wanted->frames);
        *wanted = (struct expected){0};
}

static void open_second(struct rig *rig, int64_t second) {
        struct flow_batch *batch = rig->batches[second & 1];
        batch->second = batch->last_second = second;
        batch->n_deltas = batch->n_keys = batch->reserved = 0;
        batch->totals = (struct tick_totals){0};
        flow_table_open(rig->table, batch);
}

/* One second: its own frames mixed with late ones of the second before, which is closed in
 * small steps meanwhile. */
static void run_second(struct rig *rig, int64_t second) {
        open_second(rig, second);
        bool closing = second > START_S;
        for (unsigned i = 0, n = random_below(&rig->random, 400); i < n; i++) {
                if (closing && random_one_in(&rig->random, 2))
                        add(rig, FLOW_SECOND_CLOSING, second - 1);
                else
                        add(rig, FLOW_SECOND_OPEN, second);
                if (closing && random_one_in(&rig->random, 8) &&
                    flow_table_close(rig->table, 1 + random_below(&rig->random, 20))) {
                        closing = false;
                        check_batch(rig, rig->batches[(second - 1) & 1]);
                }
                if (random_one_in(&rig->random, 4))
                        flow_table_sweep(rig->table, (second * MS_PER_S + 500) * NS_PER_MS, 8);
                assert_true(flow_table_stats(rig->table).active <= rig->max_flows);
        }
        if (closing) {
                assert_true(flow_table_close(rig->table, UINT32_MAX));
                check_batch(rig, rig->batches[(second - 1) & 1]);
        }
}

static void run(uint64_t seed, uint32_t max_flows, uint32_t capacity, bool in_bursts) {
        struct rig *rig = calloc(1, sizeof(*rig));
        assert_non_null(rig);
        rig->random = seed;
        rig->max_flows = max_flows;
        rig->in_bursts = in_bursts;
        rig->keys = calloc(flow_table_slots(max_flows), sizeof(*rig->keys));
        rig->known = calloc(flow_table_slots(max_flows), sizeof(*rig->known));
        const struct flow_table_options options = {
                .max_flows = max_flows,
                .seed = seed,
                .ttl_ms = {3000, 2000, 1000, 1000},
        };
        rig->table = flow_table_new(&options);
        rig->batches[0] = flow_batch_new(capacity);
        rig->batches[1] = flow_batch_new(capacity);

        for (int64_t second = START_S; second < START_S + SECONDS; second++)
                run_second(rig, second);
        flow_table_finish(rig->table);
        assert_true(flow_table_close(rig->table, UINT32_MAX));
        check_batch(rig, rig->batches[(START_S + SECONDS - 1) & 1]);
        assert_true(rig->n_deltas > 0);

        flow_batch_free(rig->batches[0]);
        flow_batch_free(rig->batches[1]);
        flow_table_free(rig->table);
        free(rig->keys);
        free(rig->known);
        free(rig);
}

static void test_flow_by_flow(void **state) {
        (void)state;
        static const uint32_t sizes[] = {1, 2, 8, 30, 64, 500};
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
                for (uint64_t seed = 1; seed <= 8; seed++)
                        run(seed, sizes[i], sizes[i], false);
}

static void test_in_bursts(void **state) {
        (void)state;
        static const uint32_t sizes[] = {1, 8, 64, 500};
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
                for (uint64_t seed = 11; seed <= 14; seed++)
                        run(seed, sizes[i], sizes[i], true);
}

static void test_batches_that_are_full(void **state) {
        (void)state;
        for (uint64_t seed = 21; seed <= 28; seed++)
                run(seed, 64, 16, false);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_flow_by_flow),
                cmocka_unit_test(test_in_bursts),
                cmocka_unit_test(test_batches_that_are_full),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
