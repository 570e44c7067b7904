/* Flow tables and directories are read at random, so a TLB miss per packet is what they
 * cost most; MADV_HUGEPAGE halves that. The kernel backs a range with huge pages only
 * where it is aligned to them, hence the spare 2 MiB that are given back at once. What is
 * behind the last whole 2 MiB keeps small pages: a huge one would take more than was asked for. */
#include "base/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES ((size_t)2 << 20)

static size_t rounded(size_t bytes) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        return (bytes + page - 1) & ~(page - 1);
}

void *memory_map(size_t bytes) {
        size_t need = rounded(bytes);
        if (need < bytes || need + HUGE_BYTES < need)
                return NULL;

        uint8_t *at = mmap(NULL, need + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
                return NULL;

        size_t head = (size_t)(-(uintptr_t)at & (HUGE_BYTES - 1)), huge = need & ~(HUGE_BYTES - 1);
        if (head)
                munmap(at, head);
        if (head < HUGE_BYTES)
                munmap(at + head + need, HUGE_BYTES - head);
        at += head;
        if (huge)
                (void)madvise(at, huge, MADV_HUGEPAGE);
        return at;
}

void memory_unmap(void *at, size_t bytes) {
        if (at)
                munmap(at, rounded(bytes));
}
