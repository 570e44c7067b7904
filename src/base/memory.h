/* Large zeroed memory, straight from the kernel, on huge pages where it grants them.
 *
 * The pages are not touched: what is never used never counts as resident. Any thread. */
#ifndef NETWATCH_BASE_MEMORY_H
#define NETWATCH_BASE_MEMORY_H

#include <stddef.h>

/* Returns zeroed memory, 2 MiB aligned, or NULL where the kernel has none. Owner: the caller. */
void *memory_map(size_t bytes);

/* Gives back what memory_map returned; `at` may be NULL, `bytes` as it was asked for. */
void memory_unmap(void *at, size_t bytes);

#endif
