/* With one interface up there is a capture, so an outage begins when the last one goes and ends
 * when the first one comes back. */
#include "history/ifaces.h"

#include <assert.h>
#include <string.h>

#include "base/line.h"

static bool is_any(const struct ifaces_state *ifaces, enum history_iface_state state) {
        for (unsigned i = 0; i < ifaces->n; i++)
                if (ifaces->list[i].state == state)
                        return true;
        return false;
}

/* Where one is still there, that one being down is the reason. */
static enum history_gap reason_of(const struct ifaces_state *ifaces) {
        if (is_any(ifaces, HISTORY_IFACE_UP))
                return HISTORY_GAP_NONE;
        bool there = is_any(ifaces, HISTORY_IFACE_DOWN) || is_any(ifaces, HISTORY_IFACE_NO_CARRIER);
        return there ? HISTORY_GAP_IFACE_DOWN : HISTORY_GAP_IFACE_GONE;
}

void ifaces_set(struct ifaces_state *ifaces, unsigned iface, const struct history_iface *now, int64_t at_ns) {
        assert(iface < FLOW_IFACES && iface <= ifaces->n);
        enum history_gap before = ifaces->n ? reason_of(ifaces) : HISTORY_GAP_NONE;
        if (iface == ifaces->n) {
                ifaces->n++;
                at_ns = INT64_MIN; /* it was so before it was told of */
        }
        struct history_iface mended = *now;
        line_mend_utf8(mended.name);
        ifaces->namings += strcmp(ifaces->list[iface].name, mended.name) != 0;
        ifaces->list[iface] = mended;
        enum history_gap after = reason_of(ifaces);
        if (after == before)
                return;
        if (before != HISTORY_GAP_NONE)
                ifaces->outages[(ifaces->n_outages - 1) % OUTAGES_KEPT].to_ns = at_ns;
        if (after != HISTORY_GAP_NONE)
                ifaces->outages[ifaces->n_outages++ % OUTAGES_KEPT] =
                        (struct outage){.from_ns = at_ns, .to_ns = INT64_MAX, .reason = after};
}

int64_t ifaces_captured_ns(const struct ifaces_state *ifaces, int64_t from_ns, int64_t to_ns,
                           enum history_gap *ret_reason) {
        int64_t captured_ns = to_ns > from_ns ? to_ns - from_ns : 0;
        uint64_t i = ifaces->n_outages > OUTAGES_KEPT ? ifaces->n_outages - OUTAGES_KEPT : 0;
        for (; i < ifaces->n_outages; i++) {
                const struct outage *outage = &ifaces->outages[i % OUTAGES_KEPT];
                int64_t from = outage->from_ns > from_ns ? outage->from_ns : from_ns;
                int64_t to = outage->to_ns < to_ns ? outage->to_ns : to_ns;
                if (from >= to)
                        continue;
                captured_ns -= to - from;
                *ret_reason = outage->reason;
        }
        return captured_ns > 0 ? captured_ns : 0;
}
