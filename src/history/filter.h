/* The filter language: tcpdump's words for flows, and words for what only a flow has (docs/filter.md).
 *
 * A flow has two directions, and a condition selects none, one or both of them: those in which a
 * packet of the flow would fit the same words of tcpdump. What is not about packets (bytes, age,
 * state, …) selects both or none. `and`, `or` and `not` work on each direction by itself. */
#ifndef NETWATCH_HISTORY_FILTER_H
#define NETWATCH_HISTORY_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"

/* Constant once it is parsed: any number of threads may use it at a time. */
struct filter;

/* The names that a filter may use and only the capture knows. */
struct filter_names {
        unsigned n_ifaces;         /* at most FLOW_IFACES */
        const char *const *ifaces; /* by index, as flows bear it */
};

struct filter_error {
        size_t pos;     /* byte of the text where it went wrong, 0..its length */
        char text[256]; /* what was expected there, in one line of ASCII */
};

/* Compiles a filter; an empty text selects everything. `names` may be NULL (no interfaces), and is not needed
 * afterwards. Time is linear in the text; memory is bounded, whatever the text is: parentheses nest 200 deep and
 * there are 500 conditions at most.
 *
 * Returns 0, -EINVAL with `*ret_error` filled, or -ENOMEM. To be freed by filter_free, which takes NULL. */
int filter_parse(const char *text, const struct filter_names *names, struct filter **ret,
                 struct filter_error *ret_error);
void filter_free(struct filter *filter);

/* True where there is no condition in it: it selects everything. NULL is such a filter, too. */
bool filter_is_empty(const struct filter *filter);

/* How many conditions are in it. */
unsigned filter_conditions(const struct filter *filter);

/* What a filter is told of a flow. */
struct filter_flow {
        const struct flow_key *key;
        struct volume ab; /* in the asked range, or since it was first seen */
        struct volume ba;
        uint64_t rate_bytes; /* both ways, over rate_span_ms: what the rate is made of */
        uint32_t rate_span_ms;
        int64_t first_seen_ms;
        int64_t last_seen_ms;
        int64_t now_ms;       /* the age counts to here */
        uint8_t ab_direction; /* enum direction of packets from A to B; those from B to A run the other way */
        uint8_t tcp_flags;    /* OR of all */
        bool ended;
};

#define FILTER_AB 1u
#define FILTER_BA 2u
#define FILTER_BOTH (FILTER_AB | FILTER_BA)

/* For how long a filter's verdict on a flow stands whose sums and rate do not change any more. */
enum filter_lasts {
        FILTER_LASTS,            /* for good */
        FILTER_LASTS_ONCE_ENDED, /* for good once the flow has ended */
        FILTER_LASTS_NOT,        /* it may be another one each second */
};
enum filter_lasts filter_lasts(const struct filter *filter);

/* The directions that the filter selects: FILTER_AB, FILTER_BA, both, or 0. Allocates nothing; some
 * nanoseconds for each condition that matters. */
unsigned filter_select(const struct filter *filter, const struct filter_flow *flow);

/* What kind of value may come at a place, beside the words: whoever knows values can offer some. */
enum filter_value {
        FILTER_VALUE_NONE,
        FILTER_VALUE_ADDRESS,
        FILTER_VALUE_NET,
        FILTER_VALUE_PORT,
        FILTER_VALUE_PORTRANGE,
        FILTER_VALUE_PROTO,
        FILTER_VALUE_VLAN,
        FILTER_VALUE_IFACE,
        FILTER_VALUE_QUANTITY, /* a number, with its unit */
};

#define FILTER_WORDS_MAX 384u

struct filter_completion {
        size_t start; /* where the word begins that is being typed: what is taken replaces [start, pos) */
        enum filter_value value;
        uint8_t family; /* that an address or a network has to be of: 4 or 6; 0: either */
        unsigned n_words;
        const char *words[FILTER_WORDS_MAX]; /* static, or out of `names`; in the order of the manual */
};

/* The words that may come at byte `pos` (at most the length of `text`) and begin as what stands right before it
 * does. None where the text before is wrong already. `ret` is always written in full. */
void filter_complete(const char *text, size_t pos, const struct filter_names *names, struct filter_completion *ret);

#endif
