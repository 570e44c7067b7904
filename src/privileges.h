/* Giving up what only opening the sockets needed. Main thread, before any other thread exists. */
#ifndef NETWATCH_PRIVILEGES_H
#define NETWATCH_PRIVILEGES_H

#include "base/error.h"

/* Becomes an ordinary user for good: no group but that user's own, no capability in any set,
 * no new privilege by execve, no core dump, and root cannot be had back (which is tried).
 *
 * user  whom to become when started as root; NULL: `netwatch` if there is one, else who
 *       called sudo (SUDO_UID), else `nobody`. Who was started as somebody else stays that.
 *
 * Returns 0 or -errno with the line: -ENOENT no such user, -EINVAL a user that is root,
 * -EPERM not root and asked to become another, or something could not be given up. On
 * failure the process may be half-way: end it. */
int privileges_drop(const char *user, struct error *error);

/* After opening a ring failed with -EPERM: writes what to do about it. Returns -EPERM. */
int privileges_explain_capture(struct error *error);

#endif
