// SPDX-License-Identifier: BSD-3-Clause
//
// memory: a guest's memory as we see it: the regions that a front end shared, and the way from a guest's
// address to ours (vhost-user, "Memory region description").
//
// A table is immutable once workers see it: a change makes another table, which shares the mappings
// that stay. new and free run on the main thread; the rest on any. Every length is checked against its
// region, without ever adding what could wrap.
//
// A front end may cut the file under our feet: the access then finds zeros, and the guest is lost (mapping.h).

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VHOST_REGIONS_MAX = 64 };

// What the front end says of a region; native byte order, as the protocol has it.
struct vhost_region_claim {
	uint64_t guest;  // guest physical address, what descriptors use
	uint64_t size;   // bytes
	uint64_t user;   // the front end's own address, what ring addresses use
	uint64_t offset; // where the region starts in the file
};

struct vhost_region {
	uint64_t guest, size, user;
	uint8_t *base; // our address of its first byte
};

struct vhost_memory {
	uint32_t count;
	struct vhost_region regions[VHOST_REGIONS_MAX]; // sorted by guest address, none overlap
};

// Maps the regions; the fds stay the caller's. A file too short for its claim, overlapping regions,
// a size of 0, sums that wrap, memory that is private (not shared) are refused, with a sentence that says how
// to mend it. `old` (may be NULL) lends mappings of regions that are the very same; an fd may be -1 where the
// claim is one of old's. 0 or -errno.
int vhost_memory_new(const struct vhost_region_claim *claims, const int *fds, unsigned count,
                     const struct vhost_memory *old, struct vhost_memory **ret, struct fail *fail);
// => No worker uses the table any more. Mappings that another table shares stay. NULL is fine.
void vhost_memory_free(struct vhost_memory *memory);

// Our address of `len` bytes at a guest address, NULL unless they lie in one region whole. *hint is the
// index of the region found last, the caller's to keep (0 at first).
static inline uint8_t *vhost_memory_at(const struct vhost_memory *memory, uint64_t guest,
                                       uint64_t len, uint32_t *hint)
{
	uint32_t index = *hint;

	for (uint32_t tries = 0; tries <= memory->count; tries++) {
		const struct vhost_region *region = &memory->regions[index];
		uint64_t into = guest - region->guest; // wraps to something large below the region

		if (index < memory->count && into < region->size && len <= region->size - into) {
			*hint = index;
			return region->base + into;
		}
		index = tries;
	}
	return NULL;
}

// The same for an address of the front end's own (rings).
uint8_t *vhost_memory_at_user(const struct vhost_memory *memory, uint64_t user, uint64_t len);
// The way back: the guest address of one of our addresses within the table.
uint64_t vhost_memory_guest_of(const struct vhost_memory *memory, const uint8_t *at);
// Bytes from a guest address to the end of its region, 0 outside of all.
uint64_t vhost_memory_run(const struct vhost_memory *memory, uint64_t guest);

// The number of mappings of this process that were ever lost; while it stands still, so does
// vhost_memory_is_lost(), which says whether one of them is the table's.
unsigned vhost_memory_losses(void);
bool vhost_memory_is_lost(const struct vhost_memory *memory);
