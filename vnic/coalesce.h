// SPDX-License-Identifier: BSD-3-Clause
//
// coalesce: joins TCP segments that follow each other into one super-packet (software GRO): the inverse of
// segment.
//
// For doors that receive frame by frame what a sender had in one piece. Owning worker.

#pragma once

#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct packet_pool;

// Pieces of payload that a joined packet borrows at most; every door gathers so many.
enum { COALESCE_PIECES = 60 };

// What was offered last. All zero: nothing.
struct coalescer {
	struct packet *packet; // to which the next frame may be joined; NULL: none
	uint16_t l4;           // its offsets and lengths, in bytes from `data`
	uint16_t headers;
	uint16_t size;    // payload of its first segment, which is that of each but the last
	uint32_t payload; // of all
	unsigned frames;
	bool is_sound; // its checksums were looked at
};

// Offers a frame that lies at `bytes` in one piece, of which the packet has a copy of the head and borrows the
// rest, by one entry of the pool's arena or none. Returns whether it became part of the frame offered before
// it: the packet is the caller's to give back, its bytes stay borrowed. Otherwise it is what the next may be
// joined to. => Frames are offered in the order in which they came; `bytes` are nobody's to change.
bool coalesce_join(struct coalescer *coalescer, struct packet_pool *pool, struct packet *frame,
                   const uint8_t *bytes);
// Ends what was begun: writes the headers of the packet that was offered last, if others were joined to it.
// => Called before anybody looks at that packet.
void coalesce_finish(struct coalescer *coalescer);
