/* What a tick leaves behind for later: the segment of its second. Internal to history/. */
#ifndef NETWATCH_HISTORY_KEEP_H
#define NETWATCH_HISTORY_KEEP_H

#include "history/directory.h"

/* Packs the rows of the tick that is ending into a segment, and tells the directory which flows it lists. Where the
 * second takes more than its share, its smallest flows fold into the segment's `thinned`. NULL where nothing
 * happened, or without memory. */
struct segment *keep_rows(struct directory *directory, int64_t second, size_t cap);

#endif
