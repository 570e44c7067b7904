/* The frames in one block of a ring; ring.c's own business. */
#ifndef NETWATCH_CAPTURE_BLOCK_H
#define NETWATCH_CAPTURE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

struct block_frames {
        const uint8_t *next; /* in the block */
        uint32_t left;
        bool is_cooked;  /* the kernel has taken the link header off, and says what followed it */
        bool has_virtio; /* a virtio header stands before each frame */
};

/* Takes up to `max` frames of those that are left; fewer than `max`, even none, where the block has no more. */
unsigned block_frames_read(struct block_frames *frames, struct frame *ret, unsigned max);

/* What a frame begins with, by the ARPHRD number of its interface (net/if_arp.h). */
enum frame_link block_link_of(unsigned hardware);

/* Is its link header one that is not opened here, or not there in both directions? Then the kernel has to take it off.
 */
bool block_is_cooked(unsigned hardware);

#endif
