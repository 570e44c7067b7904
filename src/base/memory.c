/* Flow tables and directories are read at random, so a TLB miss per packet is what they
 * cost most; MADV_HUGEPAGE halves that. The kernel backs a range with huge pages only
 * where it is aligned to them, hence the spare 2 MiB that are given back at once. */
#include "base/memory.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

static size_t rounded(size_t bytes) {
        return (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

void *memory_map(size_t bytes) {
        size_t need = rounded(bytes);
        if (need < bytes || need + HUGE_BYTES < need)
                return NULL;

        uint8_t *at = mmap(NULL, need + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
                return NULL;

        size_t head = (size_t)(-(uintptr_t)at & (HUGE_BYTES - 1));
        if (head)
                munmap(at, head);
        if (head < HUGE_BYTES)
                munmap(at + head + need, HUGE_BYTES - head);
        at += head;
        (void)madvise(at, need, MADV_HUGEPAGE);
        return at;
}

void memory_unmap(void *at, size_t bytes) {
        if (at)
                munmap(at, rounded(bytes));
}
