/* The interfaces that are captured: which they are, their rings, and what becomes of them. Main thread. */
#ifndef NETWATCH_IFACES_H
#define NETWATCH_IFACES_H

#include <stdint.h>

#include "base/error.h"
#include "capture/capture.h"
#include "history/history.h"
#include "options.h"
#include "pipeline/pipeline.h"

struct ifaces;

/* Decides which interfaces are captured: those that --iface names, all that there are, or that of the
 * default route. Needs no privilege. 0 or -errno with the line for the user: -ENODEV there is none. */
int ifaces_choose(const struct options *options, struct ifaces **ret, struct error *error);

unsigned ifaces_count(const struct ifaces *ifaces);

/* Their names, as a list with commas; valid as long as `ifaces`. */
const char *ifaces_text(const struct ifaces *ifaces);

/* Opens a ring of `ring_bytes` on each. Needs CAP_NET_RAW, now only. 0 or -errno with the line. */
int ifaces_open(struct ifaces *ifaces, const struct options *options, uint64_t ring_bytes, struct error *error);

/* The ring of one of them, ifaces_release having been called: somebody else closes them then, and not before
 * ifaces_follow was called for the last time. */
struct capture *ifaces_capture(const struct ifaces *ifaces, unsigned iface);
void ifaces_release(struct ifaces *ifaces);

/* Tells the history how each of them is, and of what shows one packet twice; both are for ifaces_follow, too.
 * The pipeline is asked for the time. Once, before it starts. */
void ifaces_report(struct ifaces *ifaces, struct history *history, struct pipeline *pipeline);

/* Readable where ifaces_follow has something to do. */
int ifaces_fd(const struct ifaces *ifaces);

/* Takes in what has happened to the interfaces: re-binds those that are back, tells the history, which
 * gets an event for each change. 0, or -errno where the watch is lost. */
int ifaces_follow(struct ifaces *ifaces);

/* After whoever closes the rings. */
void ifaces_free(struct ifaces *ifaces);

#endif
