// SPDX-License-Identifier: BSD-3-Clause
//
// state: what a vhost device knows of its front end, as plain numbers in memory that may outlive the process,
// and the descriptors that belong to it.
//
// The device has no other copy: what stands here at the moment of a kill -9 is what a successor finds. Each
// descriptor has a slot, and is lent to the keeper under a name that is never used twice, so that a
// successor can tell a descriptor that is missing, or was replaced, from the right one. Main thread, but for
// the marks, which belong to the rings' workers.

#pragma once

#include "vnic/vhost/device.h"
#include "vnic/vhost/memory.h"
#include "vnic/vhost/virtq.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Which descriptor: one of a kind, or the first of so many.
enum vhost_slot {
	VHOST_SLOT_CONNECTION,
	VHOST_SLOT_REQUEST, // our own way to ask the front end
	VHOST_SLOT_LOG,
	VHOST_SLOT_INFLIGHT,
	VHOST_SLOT_REGION,
	VHOST_SLOT_KICK = VHOST_SLOT_REGION + VHOST_REGIONS_MAX,
	VHOST_SLOT_CALL = VHOST_SLOT_KICK + VHOST_RINGS_MAX,
	VHOST_SLOT_ERR = VHOST_SLOT_CALL + VHOST_RINGS_MAX,
	VHOST_SLOTS = VHOST_SLOT_ERR + VHOST_RINGS_MAX,
};

struct vhost_ring_state {
	uint64_t desc, avail, used; // the front end's addresses
	uint32_t size;              // 0: not told
	uint32_t base;              // position at which it was opened, or stopped
	bool addressed;             // the three addresses were told
	bool started;               // by SET_VRING_KICK, until GET_VRING_BASE
	bool polled;                // the guest does not kick
	bool enabled;               // by SET_VRING_ENABLE
	bool broken;                // by its guest; until it is set up anew
};

struct vhost_state {
	uint64_t magic; // and version
	uint64_t bytes; // of this struct
	// Set while a message is under way: what is found so cannot be gone on with.
	_Atomic bool busy;
	uint8_t status; // of the virtio device
	bool owned;     // SET_OWNER came
	bool asked;     // GET_FEATURES did
	bool plain;     // the guest itself sees what we offer
	uint64_t features, protocol;
	uint64_t log_size, log_offset;
	uint64_t inflight_size, inflight_offset;
	uint32_t inflight_queues;
	uint32_t serial;                                      // the last that was given
	uint32_t serials[VHOST_SLOTS];                        // 0: the slot is empty
	struct vhost_region_claim regions[VHOST_REGIONS_MAX]; // size 0: none
	struct vhost_ring_state rings[VHOST_RINGS_MAX];
	struct virtq_mark marks[VHOST_RINGS_MAX];
};

struct vhost_kept {
	const struct vhost_keeper *keeper; // NULL: nothing outlives us
	struct vhost_state *state;
	int state_fd;
	int fds[VHOST_SLOTS]; // -1: none
};

// Makes a new state, or takes up the one that a predecessor lent, with its descriptors, if all of them are
// there and nothing was under way: *ret_taken_up says which. What cannot be gone on with is closed,
// so that its front end connects anew. 0 or -errno.
int vhost_kept_open(struct vhost_kept *kept, const struct vhost_keeper *keeper, bool *ret_taken_up);
// `forget`: what was lent is dropped, too.
void vhost_kept_close(struct vhost_kept *kept, bool forget);

// The fd is the slot's from now on; what was there is closed. -1 empties it. A keeper that cannot take
// it costs only the taking up.
void vhost_kept_put(struct vhost_kept *kept, unsigned slot, int fd);
// Empties all slots and zeroes the rest. => No worker uses a mark.
void vhost_kept_reset(struct vhost_kept *kept);
