// SPDX-License-Identifier: BSD-3-Clause
//
// driver: a guest's side of one ring, split or packed, as simple as it can be, with its memory around it.
//
// It does what the virtio text says of drivers and remembers every chain that it sent, so that each must come
// back once, in order, with the length that the device says. One thread at a time.

#pragma once

#include "vnic/vhost/virtq.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	DRIVER_MEMORY = 8 << 20, // in two regions of the same file, with a hole in the guest's view
	DRIVER_REGION = DRIVER_MEMORY / 2,
	DRIVER_CHAINS = 32768,
	DRIVER_PIECES = 1100,
};

#define DRIVER_GUEST_LOW UINT64_C(0x10000000)
#define DRIVER_GUEST_HIGH UINT64_C(0x7000000000)

// One descriptor's worth, as the guest says it.
struct driver_piece {
	uint64_t guest;
	uint32_t len;
};

struct driver_chain {
	uint16_t id;
	uint16_t slots; // split: descriptors of the table in use
	uint32_t written;
};

struct driver {
	struct virtq_config config; // what the device opens
	struct vhost_memory *memory;
	int memory_fd, call_fd;
	uint8_t *bytes; // the driver's own mapping of the same file
	uint64_t desc_at, avail_at, used_at, next_buffer;
	uint16_t avail, used; // indices (split) or slots (packed)
	bool avail_wrap, used_wrap;
	uint32_t free_slots;
	uint16_t free_ids[DRIVER_CHAINS]; // a ring of them
	uint32_t free_first, free_count;
	// Chains that are out, oldest first.
	struct driver_chain sent[DRIVER_CHAINS];
	uint32_t sent_first, sent_count;
	uint32_t batch; // in order: chains still to report of the element read last
	uint64_t kicks_wanted;
	uint16_t kicked_at; // split: available index when a kick was last looked at
	uint32_t unkicked;  // packed: slots added since
};

struct driver_options {
	uint32_t size;
	bool packed, event_idx, indirect, in_order, writable;
	uint32_t start; // split: both indices; packed: the slot
	bool start_wrap;
};

// Fails the running test when there is no memory.
struct driver *driver_new(const struct driver_options *options);
void driver_free(struct driver *driver);

// Our address of guest bytes: in the driver's mapping, and in the device's.
uint8_t *driver_at(const struct driver *driver, uint64_t guest);
const uint8_t *driver_device_at(const struct driver *driver, uint64_t guest);
// A place for `len` bytes that no recent buffer has; in either region.
uint64_t driver_buffer(struct driver *driver, uint32_t len);

// Makes a chain available; `table`: through an indirect table. False: the ring is full.
bool driver_add(struct driver *driver, const struct driver_piece *pieces, unsigned count,
                bool table);
// Takes one chain back that the device returned, the oldest. False: there is none.
bool driver_get(struct driver *driver, struct driver_chain *ret);
// Whether the device asked to be kicked for what was added since the last call of this.
bool driver_must_kick(struct driver *driver);
// Asks to be called at the next used chain, and says whether there is one already; or never.
bool driver_arm(struct driver *driver);
void driver_disarm(struct driver *driver);
// Calls since this was called last.
uint64_t driver_calls(struct driver *driver);
