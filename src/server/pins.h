/* Pinned results: what a cursor of /api/flows pages through.
 *
 * A query whose answer does not fit on one page leaves its sorted rows here for 60 s and a little more, within a
 * cap on memory. A page that is asked for once a second pins anew each time, and never
 * comes back: so where the cap is reached, results that nobody has paged through go first. */
#ifndef NETWATCH_SERVER_PINS_H
#define NETWATCH_SERVER_PINS_H

#include <stddef.h>
#include <stdint.h>

#include "server/flow_request.h"
#include "server/sharing.h"

#define PIN_LIFE_MS (60000 + SHARING_LIFE_MS) /* for whoever is the last to get the page that names it */
#define PIN_TOKEN_BYTES 33

struct pins;

/* One sorted result and all that its pages share. Immutable once pinned; counted by reference. */
struct pin {
        char token[PIN_TOKEN_BYTES]; /* unguessable; set by pins_add */
        struct flow_request request;
        struct flow_result result;
        struct history_totals totals;
        bool is_final; /* nothing of it can change any more */

        struct pin *next;
        unsigned refs;
        int64_t expires_ns; /* CLOCK_BOOTTIME */
        bool used;
};

/* NULL without memory. Any thread may call what follows. */
struct pins *pins_new(uint64_t max_bytes);
void pins_free(struct pins *pins);

/* The rows that one result may hold. */
size_t pins_rows_max(const struct pins *pins);

/* A pin with one reference, the caller's, not yet listed; NULL without memory. */
struct pin *pins_make(void);

/* Lists a pin, so that pins_get finds it. False where the kernel has no random bytes. */
bool pins_add(struct pins *pins, struct pin *pin);

/* A reference to a live pin, or NULL: expired, pushed out, or never there. */
struct pin *pins_get(struct pins *pins, const char *token);
void pins_unref(struct pins *pins, struct pin *pin);

#endif
