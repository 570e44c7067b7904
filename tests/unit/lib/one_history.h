/* The history of a test that needs but one, small and new for each. */
#ifndef NETWATCH_TESTS_ONE_HISTORY_H
#define NETWATCH_TESTS_ONE_HISTORY_H

#include "lib/ticks.h"

static struct history *history;

static int set_up(void **state) {
        (void)state;
        const struct history_options options = history_options_with(100);
        history = history_new(&options);
        return history ? 0 : -1;
}

static int tear_down(void **state) {
        (void)state;
        history_free(history);
        history = NULL;
        return 0;
}

#endif
