/* memory_source: a trace as a source of frames, so that the real pipeline can run over it. */
#ifndef NETWATCH_BENCH_MEMORY_SOURCE_H
#define NETWATCH_BENCH_MEMORY_SOURCE_H

#include "capture/capture.h"
#include "trace.h"

/* A source that yields the trace once, as a file would. The trace must outlive it. NULL without
 * memory; capture_close frees it. */
struct capture *memory_source_new(const struct trace *trace);

#endif
