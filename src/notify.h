/* Word to the service manager: sd_notify(3) without its library. */
#ifndef NETWATCH_NOTIFY_H
#define NETWATCH_NOTIFY_H

#include <stdint.h>

/* Sends a state such as NOTIFY_READY to NOTIFY_SOCKET, a path or @abstract name; never waits.
 * Returns 1 sent, 0 nobody asked (no NOTIFY_SOCKET), -errno. Any thread that does not meet setenv. */
int notify_send(const char *state);

#define NOTIFY_READY "READY=1"
#define NOTIFY_STOPPING "STOPPING=1"
#define NOTIFY_WATCHDOG "WATCHDOG=1"

/* STATUS=…, the line that systemctl status shows. As notify_send. */
int notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often NOTIFY_WATCHDOG is due: half of WATCHDOG_USEC, in ns; 0 where no watchdog is
 * set, or not for this process (WATCHDOG_PID). */
int64_t notify_watchdog_interval_ns(void);

#endif
