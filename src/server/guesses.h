/* How often somebody may be wrong about the token: ten times within a second, then not even a right one is
 * looked at until a second has passed since the first of them. Else the answer to the eleventh
 * would still tell right from wrong.
 *
 * Counted by address (IPv6: by /64), so that one who guesses does not keep others out. Who shares an
 * address with him, behind a proxy for instance, may be kept from logging in for that second; a session
 * that was begun before goes on, since it is not guessed at. HTTP loop only. */
#ifndef NETWATCH_SERVER_GUESSES_H
#define NETWATCH_SERVER_GUESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define GUESSES_MAX 10u
#define GUESSES_SLOTS 256u
#define GUESSES_REFUSED "too many wrong tokens from this address; wait a second"

/* Zeroed and given a random seed it is ready. Addresses that meet in a slot share it. */
struct guesses {
        uint64_t seed;
        struct {
                int64_t wrong_ns[GUESSES_MAX]; /* the latest, in a circle; CLOCK_BOOTTIME */
                unsigned next;
        } slots[GUESSES_SLOTS];
};

/* May this address try? `address` may be NULL where it is not known. */
bool guesses_allowed(const struct guesses *guesses, const struct sockaddr *address, int64_t now_ns);

/* It has tried, and was wrong. */
void guesses_wrong(struct guesses *guesses, const struct sockaddr *address, int64_t now_ns);

#endif
