// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_ring: the driver's side of one virtqueue, split or packed, and strict about the device.
//
// Buffers are added, published at once, and taken back when used. What the device does is held against what
// it was given: each buffer comes back once, by an id that is out, with no more bytes than it had room for.
// The first breach is kept as `fault`; from then on take() fails. One thread. All members may be read and
// written by hostile tests, which have the areas of the ring in guest memory as well.

#pragma once

#include "tests/guest/vguest_memory.h"

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	VGUEST_F_IN_ORDER = 35, // Not in the headers of the reference system.
	VGUEST_PIECES = 64,     // Of one buffer.
};

struct vguest_piece {
	uint64_t guest;
	uint32_t len;
};

enum vguest_how {
	VGUEST_DIRECT,
	VGUEST_INDIRECT, // All pieces in a table of their own.
	VGUEST_MIXED,    // The first piece direct, the rest in a table; split rings only.
};

// What is out at the device under one id.
struct vguest_held {
	uint64_t capacity; // Bytes that it may write.
	uint32_t token;
	uint16_t count; // Descriptors in the ring.
	uint16_t last;  // The last of these; split only.
	bool out;
};

struct vguest_used {
	uint64_t capacity;
	uint32_t token;
	uint32_t len;
};

struct vguest_ring;

struct vguest_ring_ops {
	int (*add)(struct vguest_ring *ring, const struct vguest_piece *pieces, unsigned out,
	           unsigned in, uint32_t token, enum vguest_how how);
	void (*publish)(struct vguest_ring *ring);
	bool (*wants_kick)(struct vguest_ring *ring);
	// Finds the id and length of the next used buffer: 1, or 0 when there is none.
	int (*next)(struct vguest_ring *ring, uint32_t *id, uint32_t *len);
	void (*release)(struct vguest_ring *ring, uint16_t id);
	// Asks for a call at the next used buffer, or for none.
	void (*arm)(struct vguest_ring *ring, bool armed);
	uint32_t (*base)(const struct vguest_ring *ring);
	void (*set_base)(struct vguest_ring *ring, uint32_t base);
	const char *(*check)(const struct vguest_ring *ring);
};

struct vguest_ring {
	const struct vguest_ring_ops *ops;
	struct vguest_memory *memory;
	uint16_t index; // Of the device: even ones receive.
	uint16_t size;
	bool event_idx;
	bool in_order;

	// Descriptor table, available and used ring; or ring, driver's and device's event suppression.
	void *desc, *driver, *device;
	struct vring_desc *tables; // One indirect table of VGUEST_PIECES an id.
	void *shadow;              // Of desc, as we wrote it.

	struct vguest_held *held; // By id.
	uint16_t *link;           // After each free descriptor or id, the next.
	uint16_t free_head, free_tail, free_count;

	uint16_t next_add,
		next_use;        // Where the next buffer is added, and the next used one appears.
	bool add_wrap, use_wrap; // Packed only.
	uint16_t asked, asked_count; // Where wants_kick() was last asked; descriptors added since.
	bool asked_wrap;
	uint16_t first, first_flags; // Packed: the head whose flags are held back until publish().
	bool unpublished;

	uint16_t *order; // Ids out, oldest first, when they are to be used in order.
	uint16_t order_head, order_tail;
	bool in_batch;
	uint16_t batch_id;
	uint32_t batch_len;

	int kick_fd, call_fd, error_fd;
	uint64_t added, taken, kicks, calls;
	char fault[192];
};

extern const struct vguest_ring_ops vguest_split_ops, vguest_packed_ops;

struct vguest_ring_setup {
	uint16_t index;
	uint16_t size;
	uint64_t features;
	unsigned region; // Of the memory for its areas.
};

// Areas lie in guest memory; a second init after fini takes new ones.
int vguest_ring_init(struct vguest_ring *ring, struct vguest_memory *memory,
                     const struct vguest_ring_setup *setup);
void vguest_ring_fini(struct vguest_ring *ring);

// Adds a buffer of `out` pieces to read and then `in` pieces to write. The device sees it after
// publish(). Returns 0; -ENOSPC when the ring has no room.
static inline int vguest_ring_add(struct vguest_ring *ring, const struct vguest_piece *pieces,
                                  unsigned out, unsigned in, uint32_t token, enum vguest_how how)
{
	return ring->ops->add(ring, pieces, out, in, token, how);
}

// Shows the device what was added and kicks it if it wants that. Returns whether it was kicked.
bool vguest_ring_publish(struct vguest_ring *ring);
void vguest_ring_kick(struct vguest_ring *ring);

// Takes the next used buffer: 1, 0 when there is none, -EPROTO after a breach.
int vguest_ring_take(struct vguest_ring *ring, struct vguest_used *used);

// Asks for a call; returns true when there is something to take already. Disarmed is how it starts.
bool vguest_ring_arm(struct vguest_ring *ring);
void vguest_ring_disarm(struct vguest_ring *ring);
// Adds the calls that came since to `calls`, and returns how many these were.
uint64_t vguest_ring_count_calls(struct vguest_ring *ring);

// What SET_VRING_BASE gets for the buffers that were not used yet to be seen (again).
uint32_t vguest_ring_base(const struct vguest_ring *ring);
// Nothing but free buffers again, beginning at what GET_VRING_BASE answered. The tokens that were out are lost.
void vguest_ring_restart(struct vguest_ring *ring, uint32_t base);

// Whether what only we may write is still as we wrote it; 0 or -EPROTO with a fault.
int vguest_ring_check(struct vguest_ring *ring);

int vguest_ring_fault(struct vguest_ring *ring, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
