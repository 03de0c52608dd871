// SPDX-License-Identifier: BSD-3-Clause
//
// guest_ring: one split ring of a guest with memory of its own, driven by hand, and the device that vhost_rx
// and vhost_tx see of it: no socket, no negotiation.

#pragma once

#include "vnic/vhost/device.h"

#include <stddef.h>

enum {
	GUEST_RING_SIZE = 1024,
	GUEST_RING_MEMORY = 24 << 20,
	GUEST_RING_BYTES = 32 << 10, // where buffers begin
	GUEST_PIECES = 300
};

struct guest_ring {
	struct vhost_ring ring;
	struct vhost_memory *memory;
	uint8_t *base;
	uint32_t next_desc, next_byte; // where the next chain goes; comes round
	uint16_t available, seen;      // indices
	bool writable;
	int call_fd;
};

// A device of two rings: what the guest sends by and what it receives by.
struct guest_device {
	struct guest_ring sends, receives;
	struct vhost_terms terms;
	int log_fd;
	unsigned lost; // calls of vhost_device_lost()
};

void guest_device_open(struct guest_device *device, uint32_t offloads, bool mergeable, bool logged);
void guest_device_close(struct guest_device *device);

// Makes a chain of pieces with these lengths available; `bytes` fill those the guest sends. Returns its head.
uint16_t guest_ring_put(struct guest_ring *ring, const uint32_t *lens, unsigned count,
                        const void *bytes, size_t len);
// The next chain that came back, in order; false: none.
bool guest_ring_take(struct guest_ring *ring, uint32_t *ret_head, uint32_t *ret_written);
// Copies `len` bytes of a chain out.
void guest_ring_read(const struct guest_ring *ring, uint32_t head, void *to, size_t len);
// How often the guest was called since it was asked last.
unsigned guest_ring_calls(struct guest_ring *ring);
// Whether the log has the page of this byte of a chain that the guest receives by.
bool guest_device_is_logged(const struct guest_device *device, uint32_t head, uint32_t at);
