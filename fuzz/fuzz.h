/* What every fuzz target provides: one function, which libFuzzer calls with inputs of its own
 * making, and replay.c with files. It ends the process where something does not hold. */
#ifndef NETWATCH_FUZZ_FUZZ_H
#define NETWATCH_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Any bytes. They belong to the caller and lie in a heap block of exactly that size, so that
 * AddressSanitizer sees a read beyond. Always 0. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
