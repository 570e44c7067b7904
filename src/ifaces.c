/* An interface is known by its number for as long as it lives, so the capture follows it through a
 * rename. When it is deleted or moved to another namespace only its name is left: the next one that
 * bears the name it had last, or the one it was asked for by, takes its place, and the ring joins it.
 *
 *            ┌── renamed, MTU ──┐
 *   up <──> down / no carrier   │      each arrow is an event; the history learns the state,
 *    └────────┴──> gone ──> back ┘     from which it tells gaps from zeros
 *
 * Nothing here needs a privilege: the sockets were opened before they were dropped. */
#include "ifaces.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct iface {
        struct link_info link; /* index 0: gone; the name stays */
        char asked[16];
        bool refused; /* it is there, but cannot be captured */
        struct capture *capture;
        uint64_t twice_with; /* a bit for each other one that was said to show the same packets */
};

struct ifaces {
        struct iface list[OPTIONS_IFACES_MAX];
        unsigned n;
        bool all; /* --iface=any */
        bool released;
        char text[OPTIONS_IFACES_MAX * 18];
        struct link_watch *watch;
        struct capture_filter *filter; /* of all rings */
        struct history *history;       /* both since ifaces_report */
        struct pipeline *pipeline;
        int64_t now_ns, now_wall_ns; /* of what is being told: a state and the event about it bear one time */
};

/* ---- which they are ----------------------------------------------------------------------- */

struct name_list {
        char text[256];
};

static void append_name(const struct iface_info *info, void *context) {
        struct name_list *names = context;
        size_t n = strlen(names->text);
        (void)snprintf(names->text + n, sizeof(names->text) - n, "%s%s (%s)", n ? ", " : "", info->name,
                       info->up ? "up" : "down");
}

static void add(struct ifaces *ifaces, const struct link_info *link) {
        struct iface *iface = &ifaces->list[ifaces->n++];
        *iface = (struct iface){.link = *link};
        memcpy(iface->asked, link->name, sizeof(iface->asked));
        size_t n = strlen(ifaces->text);
        (void)snprintf(ifaces->text + n, sizeof(ifaces->text) - n, "%s%s", n ? ", " : "", link->name);
}

static void add_any(const struct link_info *before, const struct link_info *link, void *context) {
        struct ifaces *ifaces = context;
        (void)before;
        if (!capture_supports(link))
                log_warn("%s is left out: its link type %u is not supported", link->name, link->hardware);
        else if (ifaces->n == OPTIONS_IFACES_MAX)
                log_warn("%s is left out: %d interfaces are captured at most", link->name, OPTIONS_IFACES_MAX);
        else
                add(ifaces, link);
}

struct wanted {
        const char *name;
        struct link_info found; /* index 0: not there */
};

static void match_name(const struct link_info *before, const struct link_info *link, void *context) {
        struct wanted *wanted = context;
        (void)before;
        if (!strcmp(link->name, wanted->name))
                wanted->found = *link;
}

static int add_named(struct ifaces *ifaces, const char *name, struct error *error) {
        struct wanted wanted = {.name = name};
        link_watch_list(ifaces->watch, match_name, &wanted);
        if (!wanted.found.index)
                return error_set(error, -ENODEV, "no interface '%s' (see --list-ifaces)", name);
        add(ifaces, &wanted.found);
        return 0;
}

static int choose(struct ifaces *ifaces, const struct options *options, struct error *error) {
        char name[16];
        int r = 0;
        for (unsigned i = 0; r == 0 && i < options->n_ifaces; i++)
                r = add_named(ifaces, options->ifaces[i], error);
        if (r < 0 || options->n_ifaces)
                return r;
        if (options->all_ifaces) {
                link_watch_list(ifaces->watch, add_any, ifaces);
                return ifaces->n ? 0 : error_set(error, -ENODEV, "there is no interface that can be captured");
        }
        if (iface_default(name) == 0)
                return add_named(ifaces, name, error);
        struct name_list names = {.text = ""};
        (void)iface_list(append_name, &names);
        return error_set(error, -ENODEV, "no default route: choose an interface with --iface: %s", names.text);
}

int ifaces_choose(const struct options *options, struct ifaces **ret, struct error *error) {
        struct ifaces *ifaces = calloc(1, sizeof(*ifaces));
        if (!ifaces)
                return error_set(error, -ENOMEM, "out of memory");
        ifaces->all = options->all_ifaces;
        int r = link_watch_open(&ifaces->watch, error);
        if (r == 0)
                r = choose(ifaces, options, error);
        if (r < 0) {
                ifaces_free(ifaces);
                return r;
        }
        *ret = ifaces;
        return 0;
}

unsigned ifaces_count(const struct ifaces *ifaces) {
        return ifaces->n;
}

const char *ifaces_text(const struct ifaces *ifaces) {
        return ifaces->text;
}

int ifaces_fd(const struct ifaces *ifaces) {
        return link_watch_fd(ifaces->watch);
}

/* ---- their rings ---------------------------------------------------------------------------- */

int ifaces_open(struct ifaces *ifaces, const struct options *options, uint64_t ring_bytes, struct error *error) {
        ifaces->filter = capture_filter_new(options->bpf, options->snaplen);
        int r = ifaces->filter ? 0 : error_set(error, -ENOMEM, "out of memory");
        for (unsigned i = 0; r == 0 && i < ifaces->n; i++) {
                const struct capture_ring_options ring = {
                        .iface = ifaces->list[i].link.name,
                        .filter = ifaces->filter,
                        .ring_bytes = ring_bytes,
                        .promiscuous = options->promiscuous,
                };
                r = capture_open_ring(&ring, &ifaces->list[i].capture, error);
        }
        return r;
}

struct capture *ifaces_capture(const struct ifaces *ifaces, unsigned iface) {
        return ifaces->list[iface].capture;
}

void ifaces_release(struct ifaces *ifaces) {
        ifaces->released = true;
}

void ifaces_free(struct ifaces *ifaces) {
        if (!ifaces)
                return;
        for (unsigned i = 0; i < ifaces->n && !ifaces->released; i++)
                capture_close(ifaces->list[i].capture);
        capture_filter_free(ifaces->filter);
        link_watch_close(ifaces->watch);
        free(ifaces);
}

/* ---- telling --------------------------------------------------------------------------------- */

static enum history_iface_state state_of(const struct iface *iface) {
        if (!iface->link.index)
                return HISTORY_IFACE_GONE;
        if (iface->refused)
                return HISTORY_IFACE_REFUSED;
        if (!iface->link.up)
                return HISTORY_IFACE_DOWN;
        return iface->link.carrier ? HISTORY_IFACE_UP : HISTORY_IFACE_NO_CARRIER;
}

static void look_at_clock(struct ifaces *ifaces) {
        ifaces->now_ns = pipeline_now_ns(ifaces->pipeline, &ifaces->now_wall_ns);
}

static void tell_state(struct ifaces *ifaces, const struct iface *iface) {
        struct history_iface now = {.state = state_of(iface)};
        look_at_clock(ifaces);
        memcpy(now.name, iface->link.name, sizeof(iface->link.name));
        history_set_iface(ifaces->history, (unsigned)(iface - ifaces->list), &now, ifaces->now_ns);
}

__attribute__((format(printf, 3, 4))) static void tell_event(const struct ifaces *ifaces, const char *event,
                                                             const char *format, ...) {
        char detail[160];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(detail, sizeof(detail), format, ap);
        va_end(ap);
        log_info("%s", detail);
        history_add_event(ifaces->history, ifaces->now_wall_ns / NS_PER_MS, event, detail);
}

/* A bridge or bond and its member, a VLAN and its parent, the two ends of one veth. */
static bool shows_the_same(const struct link_info *x, const struct link_info *y) {
        return x->index && y->index &&
               (x->master == y->index || y->master == x->index || x->lower == y->index || y->lower == x->index);
}

/* Says of each pair once that its packets are counted twice. */
static void tell_twice(struct ifaces *ifaces) {
        for (unsigned i = 0; i < ifaces->n; i++)
                for (unsigned j = i + 1; j < ifaces->n; j++) {
                        struct iface *x = &ifaces->list[i], *y = &ifaces->list[j];
                        uint64_t bit = UINT64_C(1) << j;
                        if (!shows_the_same(&x->link, &y->link)) {
                                x->twice_with &= ~bit;
                        } else if (!(x->twice_with & bit)) {
                                x->twice_with |= bit;
                                tell_event(ifaces, "iface_twice",
                                           "%s and %s show the same packets: what passes both is counted twice",
                                           x->link.name, y->link.name);
                        }
                }
}

void ifaces_report(struct ifaces *ifaces, struct history *history, struct pipeline *pipeline) {
        ifaces->history = history;
        ifaces->pipeline = pipeline;
        for (unsigned i = 0; i < ifaces->n; i++) {
                const struct iface *iface = &ifaces->list[i];
                tell_state(ifaces, iface);
                if (!iface->link.up)
                        tell_event(ifaces, "iface_down", "%s is down: nothing is captured there until it is up",
                                   iface->link.name);
                else if (!iface->link.carrier)
                        tell_event(ifaces, "carrier_lost", "%s has no carrier", iface->link.name);
        }
        tell_twice(ifaces);
}

/* ---- following ------------------------------------------------------------------------------- */

static void tell_gone(const struct ifaces *ifaces, const struct iface *iface) {
        tell_event(ifaces, "iface_gone", "%s is gone: deleted, or moved to another namespace", iface->link.name);
}

/* Up, down, and the carrier. */
static void tell_change(const struct ifaces *ifaces, const struct link_info *before, const struct link_info *now) {
        if (before->mtu != now->mtu)
                tell_event(ifaces, "iface_mtu", "the MTU of %s is now %u, it was %u", now->name, now->mtu, before->mtu);
        if (before->up && !now->up)
                tell_event(ifaces, "iface_down", "%s is down: nothing is captured there until it is up", now->name);
        else if (!before->up && now->up)
                tell_event(ifaces, "iface_up", "%s is up again%s", now->name,
                           now->carrier ? "" : ", but has no carrier");
        else if (now->up && before->carrier != now->carrier)
                tell_event(ifaces, now->carrier ? "carrier_back" : "carrier_lost", "%s has %s", now->name,
                           now->carrier ? "its carrier back" : "lost its carrier");
}

static void tell_back(const struct ifaces *ifaces, const struct iface *iface, const struct error *error) {
        const struct link_info *link = &iface->link;
        if (iface->refused)
                tell_event(ifaces, "iface_refused", "%s is back, but not captured: %.100s", link->name, error->text);
        else
                tell_event(ifaces, "iface_back", "%s is back%s", link->name,
                           !link->up       ? ", but down"
                           : link->carrier ? ""
                                           : ", but has no carrier");
}

/* Has the ring join the interface under its present number. False where that is gone again already: the
 * message that says so is on its way. */
static bool rejoin(struct iface *iface, const struct link_info *link, struct error *error) {
        int r = capture_rebind(iface->capture, link, error);
        if (r == -ENODEV)
                return false;
        iface->link = *link;
        iface->refused = r < 0;
        /* where only its type has changed, the socket would go on to hear it */
        if (iface->refused)
                capture_silence(iface->capture);
        return true;
}

static void come_back(struct ifaces *ifaces, struct iface *iface, const struct link_info *link) {
        struct error error = {.text = ""};
        if (!rejoin(iface, link, &error))
                return;
        tell_state(ifaces, iface);
        tell_back(ifaces, iface, &error);
}

static struct iface *find_by_index(struct ifaces *ifaces, unsigned index) {
        for (unsigned i = 0; i < ifaces->n; i++)
                if (ifaces->list[i].link.index == index)
                        return &ifaces->list[i];
        return NULL;
}

/* One that is gone and was called so, last or at the start. */
static struct iface *find_awaited(struct ifaces *ifaces, const char *name) {
        for (unsigned i = 0; i < ifaces->n; i++) {
                struct iface *iface = &ifaces->list[i];
                if (!iface->link.index && (!strcmp(iface->link.name, name) || !strcmp(iface->asked, name)))
                        return iface;
        }
        return NULL;
}

static void change(struct ifaces *ifaces, struct iface *iface, const struct link_info *now) {
        struct link_info before = iface->link;
        struct error error;
        /* it was refused perhaps for want of memory only; a bond takes the link type of its first member */
        if (iface->refused || before.hardware != now->hardware) {
                bool was_refused = iface->refused;
                if (!rejoin(iface, now, &error))
                        return;
                if (iface->refused != was_refused) {
                        tell_state(ifaces, iface);
                        tell_back(ifaces, iface, &error);
                }
                if (iface->refused || was_refused)
                        return;
        }
        iface->link = *now;
        tell_state(ifaces, iface);
        if (strcmp(before.name, now->name) != 0)
                tell_event(ifaces, "iface_renamed", "%s is now called %s; its capture goes on", before.name, now->name);
        tell_change(ifaces, &before, now);
}

static void lose(struct ifaces *ifaces, const struct link_info *last) {
        struct iface *iface = find_by_index(ifaces, last->index);
        if (!iface)
                return;
        capture_lose(iface->capture, last);
        iface->link.index = 0;
        tell_state(ifaces, iface);
        tell_gone(ifaces, iface);
}

/* One that is not captured, and is new or newly called so. */
static void meet(struct ifaces *ifaces, const struct link_info *link, bool is_new) {
        struct iface *iface = find_awaited(ifaces, link->name);
        if (iface)
                come_back(ifaces, iface, link);
        else if (is_new && ifaces->all)
                tell_event(ifaces, "iface_new", "%s has appeared; it is captured from the next start on", link->name);
}

static void take_change(const struct link_info *before, const struct link_info *now, void *context) {
        struct ifaces *ifaces = context;
        look_at_clock(ifaces);
        if (!now) {
                lose(ifaces, before);
        } else {
                struct iface *iface = find_by_index(ifaces, now->index);
                if (iface)
                        change(ifaces, iface, now);
                else if (!before || strcmp(before->name, now->name) != 0)
                        meet(ifaces, now, !before);
        }
        tell_twice(ifaces);
}

static void meet_again(const struct link_info *before, const struct link_info *link, void *context) {
        struct ifaces *ifaces = context;
        (void)before;
        if (!find_by_index(ifaces, link->index))
                meet(ifaces, link, false);
}

int ifaces_follow(struct ifaces *ifaces) {
        int r = link_watch_read(ifaces->watch, take_change, ifaces);
        if (r < 0)
                return r;
        /* Messages were lost: what has the number that it had may all the same not be what the ring is bound to. */
        struct error error;
        for (unsigned i = 0; r > 0 && i < ifaces->n; i++) {
                struct link_info link = ifaces->list[i].link;
                if (link.index && rejoin(&ifaces->list[i], &link, &error))
                        tell_state(ifaces, &ifaces->list[i]);
        }
        /* And what has gone is told last then: its successor was met before it was awaited. */
        if (r > 0) {
                link_watch_list(ifaces->watch, meet_again, ifaces);
                tell_twice(ifaces);
        }
        return 0;
}
