/* A query that is not wanted any more ends, and says why: with real sockets, over a real history, through the paths
 * that a client asks. */
#include "lib/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ticks.h"
#include "server/internal.h"
#include "server/routes.h"

#define START 1700000000

static struct server_file file = {.name = "test", .started_ns = START * NS_PER_S}; /* times count from its end */
static const struct server_facts facts = {.file = &file, .retention_s = 60};
static struct server server = {.facts = &facts};

static int fill(void **state) {
        (void)state;
        struct history_options options = history_options_with(100);
        options.segment_bytes = 1 << 20;
        server.history = history_new(&options);
        server.pins = pins_new(1 << 20);
        for (uint32_t s = 0; s < 20; s++)
                ticks_one(server.history, START + s, s, PROTO_TCP, delta_of(0, 100));
        return 0;
}

static int empty(void **state) {
        (void)state;
        pins_free(server.pins);
        history_free(server.history);
        return 0;
}

/* Asks with parameters; 200, or the status of the problem. */
static unsigned ask(const char *path, const char *query, struct watch *watch, struct problem *problem) {
        const struct route *route = route_find(path);
        struct params params;
        struct reply reply = {.status = 200};
        char text[100];
        (void)strncpy(text, query, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_true(params_parse(text, route->params, &params, problem));
        const struct route_call call = {.server = &server, .params = &params, .watch = watch};
        bool good = route->answer(&call, &reply, problem);
        reply_fini(&reply);
        return good ? reply.status : problem->status;
}

static const struct {
        const char *path, *query;
} questions[] = {
        {"/api/flows", "state=all"},         {"/api/flows", "from=-10s"},  {"/api/flows", "from=-10s&format=csv"},
        {"/api/flows", "state=all&spark=5"}, {"/api/top", "by=host"},      {"/api/top", "from=-10s"},
        {"/api/series", "by=host"},          {"/api/series", "from=-10s"},
};

static void test_time_is_up(void **state) {
        (void)state;
        server.export_rows_max = 10000;
        atomic_store(&server.export_rows_free, server.export_rows_max);
        for (unsigned i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
                struct problem problem;
                struct watch watch = watch_begin(&server.stopping, -1);
                assert_int_equal(watch.limit_ns, WATCH_LIMIT_S * NS_PER_S);
                assert_int_equal(ask(questions[i].path, questions[i].query, &watch, &problem), 200);
                watch = watch_begin(&server.stopping, -1);
                watch.begun_ns -= watch.limit_ns;
                assert_int_equal(ask(questions[i].path, questions[i].query, &watch, &problem), 503);
                assert_string_equal(problem.detail, "the query took longer than its limit of 10 s; ask for a shorter "
                                                    "range, or with a simpler filter");
                assert_string_equal(problem.param, "");
                assert_int_equal(server.export_rows_free, server.export_rows_max);
        }
}

static void test_the_server_stops(void **state) {
        (void)state;
        struct problem problem;
        struct watch watch = watch_begin(&server.stopping, -1);
        assert_false(watch_has_ended(&watch));
        atomic_store(&server.stopping, true);
        assert_int_equal(ask("/api/flows", "from=-10s", &watch, &problem), 503);
        assert_string_equal(problem.detail, "the server is stopping");
        atomic_store(&server.stopping, false);
        assert_true(watch_has_ended(&watch));
}

static void test_the_client_leaves(void **state) {
        (void)state;
        int ends[2];
        struct problem problem;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        struct watch watch = watch_begin(&server.stopping, ends[0]);
        assert_int_equal(ask("/api/top", "from=-10s", &watch, &problem), 200);
        close(ends[1]);
        assert_int_equal(ask("/api/top", "from=-10s", &watch, &problem), 503);
        assert_string_equal(problem.detail, "the client has gone");
        assert_int_equal(watch.end, WATCH_CLIENT_LEFT);
        close(ends[0]);
}

/* It may have left, or have said all it had to say. */
static void test_a_client_that_says_no_more_gets_a_moment(void **state) {
        (void)state;
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        struct watch watch = watch_begin(&server.stopping, ends[0]);
        assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
        watch.begun_ns += 60 * NS_PER_S; /* however long this takes, less than that moment */
        assert_false(watch_has_ended(&watch));
        watch.begun_ns -= 62 * NS_PER_S;
        assert_true(watch_has_ended(&watch));
        assert_int_equal(watch.end, WATCH_CLIENT_LEFT);
        close(ends[0]);
        close(ends[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_time_is_up),
                cmocka_unit_test(test_the_server_stops),
                cmocka_unit_test(test_the_client_leaves),
                cmocka_unit_test(test_a_client_that_says_no_more_gets_a_moment),
        };
        return cmocka_run_group_tests(tests, fill, empty);
}
