/* Strict text → value conversions, shared by the command line and the HTTP parameters.
 *
 * The whole string must match: no leading blank, no sign where none is named, no rest.
 * Out-parameters stay untouched on failure. Any thread; no allocation. */
#ifndef NETWATCH_BASE_PARSE_H
#define NETWATCH_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, min..max. */
bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Decimal digits with or without a point among them: "0.5"; min..max. */
bool parse_decimal(const char *text, double min, double max, double *ret);

/* Digits with an optional K, M or G (powers of 1024): "64M". Bytes. */
bool parse_size(const char *text, uint64_t *ret_bytes);

/* Digits with ms, s, m or h: "60m"; a bare number is seconds. Milliseconds. */
bool parse_duration(const char *text, int64_t *ret_ms);

/* An IPv4 or IPv6 address, with or without /length. Addresses are 16 bytes, IPv4 as
 * v4-mapped; `ret_bits` counts within the 128 (so 10.0.0.0/8 gives 104).
 * Host bits below the length are cleared. */
bool parse_cidr(const char *text, uint8_t ret_address[16], uint8_t *ret_bits, uint8_t *ret_family);

#endif
