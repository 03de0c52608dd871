// SPDX-License-Identifier: BSD-3-Clause
//
// segment: cuts a super-packet into the frames that it stands for (software GSO), one after the other.
//
// Owning worker. The cuts borrow the payload of the packet they are made from.

#pragma once

#include "vnic/packet.h"

#include <stdbool.h>

struct segment_cutter {
	const struct packet *packet;
	unsigned l3;
	unsigned headers; // bytes that each cut repeats
	unsigned index;   // of the next cut's first frame
	unsigned
		frames; // in each cut: with more than one, cuts are super-packets again. 1 after segment_begin
	uint32_t done;    // payload bytes cut so far
	uint32_t payload; // in all
	unsigned piece;   // where the payload goes on: 0 the rest of the head, then the segments
	uint32_t skip;    // bytes of that piece that are used up
};

// => The packet has GSO as offload_read() checked it, and outlives the cutter and its cuts.
void segment_begin(struct segment_cutter *cutter, const struct packet *packet);
bool segment_is_done(const struct segment_cutter *cutter);
// Makes `cut`, a reset packet, the next frame: headers copied and corrected, checksum partial, payload in
// `room` entries at `storage`. Returns how many entries it took, or -ENOSPC and nothing has happened;
// 1 + packet->segment_count entries are always enough.
int segment_next(struct segment_cutter *cutter, struct packet *cut, struct segment *storage,
                 unsigned room);
