#include "server/pins.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

struct pins {
        pthread_mutex_t lock;
        struct pin *newest; /* a list, newest first */
        uint64_t bytes, max_bytes;
};

static uint64_t pin_bytes(const struct pin *pin) {
        return sizeof(*pin) + pin->result.n_rows * sizeof(*pin->result.rows);
}

struct pins *pins_new(uint64_t max_bytes) {
        struct pins *pins = calloc(1, sizeof(*pins));
        if (!pins)
                return NULL;
        pthread_mutex_init(&pins->lock, NULL);
        pins->max_bytes = max_bytes;
        return pins;
}

/* A quarter of the cap each: two queries at work and their results stay within twice of it. */
size_t pins_rows_max(const struct pins *pins) {
        return (size_t)(pins->max_bytes / 4 / sizeof(struct flow_row));
}

struct pin *pins_make(void) {
        struct pin *pin = calloc(1, sizeof(*pin));
        if (pin)
                pin->refs = 1;
        return pin;
}

static void unref_locked(struct pin *pin) {
        assert(pin->refs > 0);
        if (--pin->refs == 0) {
                flow_result_fini(&pin->result);
                free(pin);
        }
}

static void drop_locked(struct pins *pins, struct pin **at) {
        struct pin *pin = *at;
        *at = pin->next;
        pins->bytes -= pin_bytes(pin);
        unref_locked(pin);
}

static void drop_expired_locked(struct pins *pins) {
        int64_t now_ns = clock_boot_ns();
        for (struct pin **at = &pins->newest; *at;)
                if ((*at)->expires_ns <= now_ns)
                        drop_locked(pins, at);
                else
                        at = &(*at)->next;
}

/* The oldest that was never paged through, else the oldest. */
static struct pin **victim_locked(struct pins *pins) {
        struct pin **oldest = NULL, **unused = NULL;
        for (struct pin **at = &pins->newest; *at; at = &(*at)->next) {
                oldest = at;
                if (!(*at)->used)
                        unused = at;
        }
        return unused ? unused : oldest;
}

static bool make_token(char ret[PIN_TOKEN_BYTES]) {
        uint8_t random[16];
        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return false;
        for (unsigned i = 0; i < sizeof(random); i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", random[i]);
        return true;
}

bool pins_add(struct pins *pins, struct pin *pin) {
        if (!make_token(pin->token))
                return false;
        pin->expires_ns = clock_boot_ns() + PIN_LIFE_MS * NS_PER_MS;

        pthread_mutex_lock(&pins->lock);
        drop_expired_locked(pins);
        while (pins->newest && pins->bytes + pin_bytes(pin) > pins->max_bytes)
                drop_locked(pins, victim_locked(pins));
        pin->refs++;
        pin->next = pins->newest;
        pins->newest = pin;
        pins->bytes += pin_bytes(pin);
        pthread_mutex_unlock(&pins->lock);
        return true;
}

struct pin *pins_get(struct pins *pins, const char *token) {
        pthread_mutex_lock(&pins->lock);
        drop_expired_locked(pins);
        struct pin *pin = pins->newest;
        while (pin && strcmp(pin->token, token) != 0)
                pin = pin->next;
        if (pin) {
                pin->refs++;
                pin->used = true;
        }
        pthread_mutex_unlock(&pins->lock);
        return pin;
}

void pins_unref(struct pins *pins, struct pin *pin) {
        if (!pin)
                return;
        pthread_mutex_lock(&pins->lock);
        unref_locked(pin);
        pthread_mutex_unlock(&pins->lock);
}

void pins_free(struct pins *pins) {
        if (!pins)
                return;
        while (pins->newest)
                drop_locked(pins, &pins->newest);
        pthread_mutex_destroy(&pins->lock);
        free(pins);
}
