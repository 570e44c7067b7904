#include "server/guesses.h"

#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"

/* splitmix64's finish: with a seed nobody can choose who shares a slot with whom. */
static uint64_t mix(uint64_t z) {
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

static unsigned slot_of(const struct guesses *guesses, const struct sockaddr *address) {
        uint64_t key = 0;
        if (address && address->sa_family == AF_INET) {
                struct sockaddr_in ip4;
                memcpy(&ip4, address, sizeof(ip4));
                key = ip4.sin_addr.s_addr;
        } else if (address && address->sa_family == AF_INET6) {
                struct sockaddr_in6 ip6;
                memcpy(&ip6, address, sizeof(ip6));
                /* a v4-mapped address tells apart by its end, any other by its network */
                memcpy(&key, ip6.sin6_addr.s6_addr + (IN6_IS_ADDR_V4MAPPED(&ip6.sin6_addr) ? 8 : 0), sizeof(key));
        }
        return (unsigned)(mix(key + guesses->seed) % GUESSES_SLOTS);
}

bool guesses_allowed(const struct guesses *guesses, const struct sockaddr *address, int64_t now_ns) {
        unsigned slot = slot_of(guesses, address);
        int64_t oldest_ns = guesses->slots[slot].wrong_ns[guesses->slots[slot].next];
        return !oldest_ns || now_ns - oldest_ns >= NS_PER_S;
}

void guesses_wrong(struct guesses *guesses, const struct sockaddr *address, int64_t now_ns) {
        unsigned slot = slot_of(guesses, address);
        guesses->slots[slot].wrong_ns[guesses->slots[slot].next] = now_ns;
        guesses->slots[slot].next = (guesses->slots[slot].next + 1) % GUESSES_MAX;
}
