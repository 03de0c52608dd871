// SPDX-License-Identifier: BSD-3-Clause
//
// frame_store: frames that must wait, with memory of their own: what a packet borrows is copied.
//
// One block in chunks of 2 KB, made at creation and touched only as far as it is used; what came back last
// goes out first. A frame of an Ethernet takes one chunk, a super-packet up to 33. One thread at a time;
// nothing is allocated after creation.

#pragma once

#include "vnic/packet.h"
#include "vnic/packet_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_CHUNK = 2048, FRAME_CHUNK_HEAD = 16, FRAME_HEAD = 128 };
#define FRAME_NONE UINT32_MAX

// What stands at the beginning of a frame's first chunk; the numbers are its keeper's.
struct stored_frame {
	uint32_t chain; // the next chunk, FRAME_NONE: the last
	uint32_t next;  // of a list of the keeper's
	uint64_t arrived_ns, extra_ns, due_ns;
	uint32_t len;
	uint32_t wire_bits; // what it takes on the wire; of all its frames, for a super-packet
	uint32_t frames;    // that it stands for
	uint8_t line[64];   // the packet's first line
};

struct frame_store {
	uint8_t *chunks;
	uint32_t count;
	uint32_t available;
	uint32_t free_first; // FRAME_NONE: none has come back
	uint32_t touched;    // chunks behind this one were never used
};

int frame_store_init(struct frame_store *store, uint32_t chunks); // 0 or -ENOMEM
void frame_store_fini(struct frame_store *store);

// Copies the packet in, payload and all. FRAME_NONE: there is no room.
uint32_t frame_store_put(struct frame_store *store, const struct packet *packet);
// Copies a stored frame once more, numbers and all. FRAME_NONE: there is no room.
uint32_t frame_store_copy(struct frame_store *store, uint32_t frame);
// Flips a bit of the frame, counted from its first byte. => It is within the frame.
void frame_store_flip(struct frame_store *store, uint32_t frame, uint64_t bit);
// A packet of the pool's whose payload is borrowed from the store. NULL: pool or arena are used up.
struct packet *frame_store_packet(struct frame_store *store, uint32_t frame,
                                  struct packet_pool *pool);
void frame_store_give(struct frame_store *store, uint32_t frame);

static inline struct stored_frame *frame_store_at(const struct frame_store *store, uint32_t frame)
{
	return (struct stored_frame *)(void *)(store->chunks + (size_t)frame * FRAME_CHUNK);
}
