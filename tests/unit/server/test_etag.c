/* Answers over the past keep their tag only as long as they are the same to the byte: a history in which flows end and
 * go on, seconds are thinned, cut off by the retention and forgotten, the clock is set and an interface renamed; and
 * questions about it that are asked again and again, through the paths that a client asks. */
#include "lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ticks.h"
#include "server/etag.h"
#include "server/internal.h"
#include "server/routes.h"

#define START 1699999980 /* a minute begins */
#define SECONDS 900
#define RETENTION 300
#define KEYS 150u
#define QUESTIONS 400u

static struct server_file file = {.name = "test", .started_ns = START * NS_PER_S}; /* times count from its end */
static const struct server_facts facts = {.file = &file, .retention_s = RETENTION};
static struct server server = {.facts = &facts};
static int64_t ahead_s; /* of the clock */

/* ---- the history -------------------------------------------------------------------------------- */

static void name_iface(const char *name) {
        struct history_iface iface = {.state = HISTORY_IFACE_UP};
        (void)snprintf(iface.name, sizeof(iface.name), "%s", name);
        history_set_iface(server.history, 0, &iface, 0);
}

static void open_history(size_t segment_bytes, uint32_t max_flows) {
        struct history_options options = history_options_with(max_flows);
        const int64_t ttl_ms[PACKET_CLASSES] = {20000, 5000, 5000, 5000};
        memcpy(options.ttl_ms, ttl_ms, sizeof(ttl_ms));
        options.retention_s = RETENTION;
        options.segment_bytes = segment_bytes;
        server.history = history_new(&options);
        server.pins = pins_new(1 << 20);
        ahead_s = 0;
        name_iface("eth0");
}

static int close_history(void **state) {
        (void)state;
        pins_free(server.pins);
        history_free(server.history);
        return 0;
}

/* A few flows each second; some keys speak nearly always, most are silent for long enough to end. */
static void second(int64_t s, uint64_t *seed) {
        struct history_tick tick = ticks_begin(server.history, START + s);
        for (uint32_t i = 0; i < 6; i++) {
                uint32_t number = random_one_in(seed, 4) ? random_below(seed, 3) : random_below(seed, KEYS);
                const struct flow_key key = key_of(number, number % 2 ? PROTO_TCP : PROTO_UDP);
                struct flow_delta delta = delta_of((uint16_t)random_below(seed, 1000), 60 + random_below(seed, 900));
                delta.tcp_flags = (uint8_t)random_below(seed, 32);
                delta.initiator_rank = random_below(seed, 3) & 3;
                delta.initiator_b = random_below(seed, 2) & 1;
                (void)ticks_add_key(server.history, &key, delta, &tick);
        }
        history_tick_end(server.history, &tick);
}

static void set_clock(int64_t s, int64_t step_s) {
        ahead_s += step_s;
        history_set_wall(server.history, START + s, ahead_s, HISTORY_GAP_CLOCK_STEP);
}

/* ---- questions ------------------------------------------------------------------------------------ */

struct question {
        const char *path;
        char query[160];
        char etag[ETAG_BYTES]; /* and the answer that bore it */
        char *body;
};

struct tally {
        unsigned tagged, kept, changed, untagged;
};

static struct question questions[QUESTIONS];
static struct tally tally;

static unsigned ask(const struct question *question, const char *if_none_match, struct reply *reply) {
        const struct route *route = route_find(question->path);
        struct params params;
        struct problem problem;
        struct watch watch = watch_begin(&server.stopping, -1);
        char text[sizeof(question->query)];
        memcpy(text, question->query, sizeof(text));
        *reply = (struct reply){.status = 200};
        assert_true(params_parse(text, route->params, &params, &problem));
        const struct route_call call = {
                .server = &server,
                .params = &params,
                .path = question->path,
                .if_none_match = if_none_match,
                .watch = &watch,
        };
        if (!route->answer(&call, reply, &problem))
                return problem.status;
        if (reply->status == 200)
                text_add(&reply->body, "", 1);
        return reply->status;
}

/* About a time up to now, by the clock of now. */
static void make_question(struct question *question, int64_t now, uint64_t *seed) {
        static const struct {
                const char *path, *more;
        } kinds[] = {
                {"/api/flows", "limit=1000"},
                {"/api/flows", "limit=1000&state=ended"},
                {"/api/flows", "limit=1000&filter=duration+%3E+3s+or+flags+syn"},
                {"/api/flows", "limit=1000&filter=age+%3E+30s"},
                {"/api/flows", "limit=1000&spark=20&port=443"},
                {"/api/flows", "limit=1000&iface=eth0"},
                {"/api/flows", "limit=2"},
                {"/api/top", "by=flow"},
                {"/api/top", "by=host&filter=udp"},
                {"/api/top", "by=port&limit=1000"},
                {"/api/top", "by=iface"},
                {"/api/top", "by=proto&filter=state+active"},
                {"/api/series", "by=flow"},
                {"/api/series", "by=port&step=7s"},
                {"/api/counters", "step=5s"},
                {"/api/counters", "step=1s"},
        };
        unsigned kind = random_below(seed, sizeof(kinds) / sizeof(kinds[0]));
        int64_t to = START + ahead_s + now - random_below(seed, 60), from = to - 1 - random_below(seed, 30);
        free(question->body);
        *question = (struct question){.path = kinds[kind].path};
        (void)snprintf(question->query, sizeof(question->query), "from=%lld&to=%lld&%s", (long long)from * MS_PER_S,
                       (long long)to * MS_PER_S, kinds[kind].more);
}

/* The tag of last time with other bytes is what must never be. */
static void ask_again(struct question *question) {
        struct reply reply;
        uint64_t queries = server.queries;
        bool had_one = question->etag[0] != '\0';
        unsigned status = ask(question, had_one ? question->etag : NULL, &reply);
        if (status == 304) {
                assert_true(had_one);
                assert_string_equal(reply.etag, question->etag);
                assert_int_equal(server.queries, queries);
                status = ask(question, NULL, &reply);
                assert_int_equal(status, 200);
                assert_string_equal(reply.etag, question->etag);
                assert_string_equal(reply.body.at, question->body);
                tally.kept++;
        } else if (had_one) {
                assert_true(!reply.etag[0] || strcmp(reply.etag, question->etag) != 0);
                tally.changed++;
        }
        if (status != 200) {
                reply_fini(&reply);
                return;
        }
        tally.tagged += reply.etag[0] != '\0';
        tally.untagged += !reply.etag[0];
        free(question->body);
        question->body = reply.body.at;
        memcpy(question->etag, reply.etag, sizeof(reply.etag));
}

/* `happen` may be NULL. */
static void run(void (*happen)(int64_t s, uint64_t *seed)) {
        uint64_t seed = 11;
        memset(questions, 0, sizeof(questions));
        tally = (struct tally){0};
        for (int64_t s = 0; s < SECONDS; s++) {
                if (happen)
                        happen(s, &seed);
                second(s, &seed);
                for (unsigned i = 0; i < 6; i++)
                        make_question(&questions[random_below(&seed, QUESTIONS)], s + 1, &seed);
                for (unsigned i = 0; i < 12; i++) {
                        struct question *question = &questions[random_below(&seed, QUESTIONS)];
                        if (question->path)
                                ask_again(question);
                }
        }
        for (unsigned i = 0; i < QUESTIONS; i++)
                free(questions[i].body);
        print_message("          %u times a tag, %u times none; the same again %u times, another or none %u times\n",
                      tally.tagged, tally.untagged, tally.kept, tally.changed);
        assert_true(tally.tagged > 1000 && tally.untagged > 1000 && tally.kept > 100);
}

static void test_time_goes_on(void **state) {
        (void)state;
        open_history(64 << 20, 100000);
        run(NULL);
        assert_true(tally.kept > 1500);
}

/* The budget thins minutes, and there are too few places for the flows. */
static void test_thinned_and_forgotten(void **state) {
        (void)state;
        open_history(20000, 160);
        run(NULL);
        struct history_figures figures;
        history_read_figures(server.history, &figures);
        assert_true(figures.is_thinned && figures.flows_forgotten);
        assert_true(tally.changed > 400);
}

static void rename_now_and_then(int64_t s, uint64_t *seed) {
        if (random_one_in(seed, 40))
                name_iface(s % 2 ? "eth0" : "lan0");
}

static void test_renamed(void **state) {
        (void)state;
        open_history(64 << 20, 100000);
        run(rename_now_and_then);
        assert_true(tally.changed > 100);
}

static void step_now_and_then(int64_t s, uint64_t *seed) {
        if (s && random_one_in(seed, 40))
                set_clock(s, (int64_t)random_below(seed, 80) - 40);
}

static void test_the_clock_is_set(void **state) {
        (void)state;
        open_history(64 << 20, 100000);
        run(step_now_and_then);
        assert_true(tally.changed > 100);
}

/* ---- which are tagged at all ---------------------------------------------------------------------- */

static bool is_tagged(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool is_tagged(const char *path, const char *format, ...) {
        struct question question = {.path = path};
        struct reply reply;
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(question.query, sizeof(question.query), format, ap);
        va_end(ap);
        assert_int_equal(ask(&question, NULL, &reply), 200);
        bool tagged = reply.etag[0] != '\0';
        reply_fini(&reply);
        return tagged;
}

static void test_what_gets_a_tag(void **state) {
        (void)state;
        open_history(64 << 20, 100000);
        ticks_one(server.history, START, 1, PROTO_UDP, delta_of(0, 100));
        for (int64_t s = 1; s < 30; s++)
                ticks_one(server.history, START + s, 2, PROTO_TCP, delta_of(0, 100)); /* alive all along */
        for (unsigned i = 0; i < 2; i++) {
                static const char *const paths[] = {"/api/top", "/api/series"};
                assert_true(is_tagged(paths[i], "at=%d000", START + 10));
                assert_true(is_tagged(paths[i], "at=%d000&by=host", START + 28));
                assert_false(is_tagged(paths[i], "at=%d000&by=port", START + 28));
                assert_true(is_tagged(paths[i], "at=%d000&by=port", START));
                assert_false(is_tagged(paths[i], "at=%d000&filter=state+active", START + 10));
                assert_true(is_tagged(paths[i], "at=%d000&filter=state+active", START));
                assert_false(is_tagged(paths[i], "at=%d000&filter=age+%%3E+5s", START));
                assert_false(is_tagged(paths[i], "at=%d000", START + 29)); /* not over before the next begins */
                assert_false(is_tagged(paths[i], "from=%d000", START + 10));
                assert_false(is_tagged(paths[i], "from=-20s&to=-10s"));
                assert_false(is_tagged(paths[i], "by=host"));
        }
        assert_true(is_tagged("/api/flows", "at=%d000", START));
        assert_false(is_tagged("/api/flows", "at=%d000", START + 10));
        assert_true(is_tagged("/api/flows", "at=%d000&proto=udp", START + 10));
        assert_false(is_tagged("/api/flows", "at=%d000&spark=20", START)); /* from before all that is held */
        assert_true(is_tagged("/api/flows", "from=%d000&to=%d000", START, START + 1));
        assert_false(is_tagged("/api/flows", "from=%d000&to=%d000", START - 1, START + 1));
        assert_false(is_tagged("/api/flows", "state=all"));
        assert_true(is_tagged("/api/counters", "from=%d000&to=%d000", START + 5, START + 29));
        assert_false(is_tagged("/api/counters", "from=%d000&to=%d000", START + 5, START + 30));
        assert_false(is_tagged("/api/counters", "from=-10s"));
        assert_false(is_tagged("/api/events", "from=%d000&to=%d000", START + 5, START + 10));
}

static void test_each_run_and_each_question_has_its_own(void **state) {
        (void)state;
        char tags[6][ETAG_BYTES];
        struct question asked[] = {
                {.path = "/api/top", .query = "at=1699999985000"},
                {.path = "/api/series", .query = "at=1699999985000"},
                {.path = "/api/top", .query = "at=1699999985000&by=host"},
                {.path = "/api/top", .query = "at=1699999986000"},
                {.path = "/api/top", .query = "at=1699999985000&limit=10"},
                {.path = "/api/top", .query = "at=1699999985000"}, /* in another run */
        };
        open_history(64 << 20, 100000);
        for (int64_t s = 0; s < 30; s++)
                ticks_one(server.history, START + s, 2, PROTO_TCP, delta_of(0, 100));
        for (unsigned i = 0; i < 6; i++) {
                struct reply reply;
                server.epoch[3] = i == 5;
                assert_int_equal(ask(&asked[i], NULL, &reply), 200);
                memcpy(tags[i], reply.etag, ETAG_BYTES);
                reply_fini(&reply);
                for (unsigned other = 0; other < i; other++)
                        assert_string_not_equal(tags[i], tags[other]);
        }
}

/* ---- If-None-Match ---------------------------------------------------------------------------------- */

static void test_if_none_match(void **state) {
        (void)state;
        static const char tag[] = "\"0123456789abcdef\"";
        static const char *const good[] = {
                "\"0123456789abcdef\"",
                "W/\"0123456789abcdef\"",
                "\"x\", \"0123456789abcdef\"",
                "\"x\",W/\"y\" ,\t\"0123456789abcdef\",\"z\"",
                ",, \"0123456789abcdef\"",
                "\"a,b\", \"0123456789abcdef\"",
                "*",
        };
        static const char *const bad[] = {
                "",        "0123456789abcdef",        "\"0123456789abcde\"",      "\"0123456789abcdef",
                "w/\"x\"", "\"x0123456789abcdef\"",   "\"0123456789ABCDEF\"",     "x, \"0123456789abcdef\"",
                "**",      "W/ \"0123456789abcdef\"", "\"\"0123456789abcdef\"\"", ",",
        };
        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_true(etag_is_named(good[i], tag));
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(etag_is_named(bad[i], tag));
        assert_false(etag_is_named(NULL, tag));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_time_goes_on, close_history),
                cmocka_unit_test_teardown(test_thinned_and_forgotten, close_history),
                cmocka_unit_test_teardown(test_renamed, close_history),
                cmocka_unit_test_teardown(test_the_clock_is_set, close_history),
                cmocka_unit_test_teardown(test_what_gets_a_tag, close_history),
                cmocka_unit_test_teardown(test_each_run_and_each_question_has_its_own, close_history),
                cmocka_unit_test(test_if_none_match),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
