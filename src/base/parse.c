#include "base/parse.h"

#include <arpa/inet.h>
#include <string.h>

/* Digits at *at → value; false without a digit or beyond 64 bits. */
static bool take_digits(const char **at, uint64_t *ret) {
        const char *p = *at;
        uint64_t v = 0;
        if (*p < '0' || *p > '9')
                return false;
        for (; *p >= '0' && *p <= '9'; p++)
                if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
                        return false;
        *at = p;
        *ret = v;
        return true;
}

bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t v;
        if (!take_digits(&text, &v) || *text || v < min || v > max)
                return false;
        *ret = v;
        return true;
}

bool parse_decimal(const char *text, double min, double max, double *ret) {
        uint64_t whole;
        if (!take_digits(&text, &whole))
                return false;
        double value = (double)whole, unit = 0.1;
        if (*text == '.' && text[1])
                for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
                        value += unit * (*text - '0');
        if (*text || value < min || value > max)
                return false;
        *ret = value;
        return true;
}

bool parse_size(const char *text, uint64_t *ret_bytes) {
        uint64_t v;
        if (!take_digits(&text, &v))
                return false;

        unsigned shift = 0;
        switch (*text) {
        case 'K':
        case 'k': shift = 10; break;
        case 'M':
        case 'm': shift = 20; break;
        case 'G':
        case 'g': shift = 30; break;
        }
        if (shift)
                text++;
        if (*text || v > UINT64_MAX >> shift)
                return false;
        *ret_bytes = v << shift;
        return true;
}

bool parse_duration(const char *text, int64_t *ret_ms) {
        static const struct {
                const char *unit;
                int64_t ms;
        } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

        uint64_t v;
        if (!take_digits(&text, &v))
                return false;
        for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (!strcmp(text, units[i].unit)) {
                        if (v > (uint64_t)(INT64_MAX / units[i].ms))
                                return false;
                        *ret_ms = (int64_t)v * units[i].ms;
                        return true;
                }
        return false;
}

bool parse_cidr(const char *text, uint8_t ret_address[16], uint8_t *ret_bits, uint8_t *ret_family) {
        char host[INET6_ADDRSTRLEN];
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t)(slash - text) : strlen(text);
        if (n >= sizeof(host))
                return false;
        memcpy(host, text, n);
        host[n] = '\0';

        uint8_t address[16] = {[10] = 0xff, [11] = 0xff};
        unsigned offset, family;
        if (inet_pton(AF_INET, host, address + 12) == 1)
                offset = 96, family = 4;
        else if (inet_pton(AF_INET6, host, address) == 1)
                offset = 0, family = 6;
        else
                return false;

        uint64_t length = 128 - offset;
        if (slash && !parse_u64(slash + 1, 0, 128 - offset, &length))
                return false;

        unsigned bits = offset + (unsigned)length;
        for (unsigned i = bits; i < 128; i++)
                address[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        memcpy(ret_address, address, 16);
        *ret_bits = (uint8_t)bits;
        *ret_family = (uint8_t)family;
        return true;
}
