// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_memory: the memory of a guest: regions of memfds in one range of addresses with holes.
//
// Guest address X lies at base + X here, so that regions which touch for the guest touch for us too. What is
// allocated lies between guards; whoever writes past it is found by vguest_memory_check(). One thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct fail;

enum { VGUEST_REGIONS = 32, VGUEST_GUARD = 64 };

// Sizes, addresses and offsets are multiples of 4096.
struct vguest_region {
	uint64_t guest;
	uint64_t size;
	uint64_t offset; // Where it begins in its memfd; what is before is a hole.
	int fd;          // Set by vguest_memory_init().
	uint64_t taken;  // Bytes allocated from its beginning.
};

struct vguest_memory {
	uint8_t *base;
	uint64_t span; // Bytes of address space from base on.
	struct vguest_region regions[VGUEST_REGIONS];
	unsigned region_count;
	uint8_t **guards;
	size_t guard_count;
};

// Regions for about `size` bytes: the first two touch, as around a hole that was plugged; the others stand
// apart; all but the first begin inside their memfd.
void vguest_memory_plan(struct vguest_region *regions, unsigned count, uint64_t size);

int vguest_memory_init(struct vguest_memory *memory, const struct vguest_region *regions,
                       unsigned count, struct fail *fail);
void vguest_memory_fini(struct vguest_memory *memory);

// Zeroed bytes of one region, between guards; NULL when the region is full. They are never given back.
void *vguest_memory_alloc(struct vguest_memory *memory, unsigned region, size_t size, size_t align);

// Returns 0, or -EFAULT when bytes of a guard were written; *ret_guest is their guest address.
int vguest_memory_check(const struct vguest_memory *memory, uint64_t *ret_guest);

static inline uint64_t vguest_memory_address(const struct vguest_memory *memory, const void *bytes)
{
	return (uint64_t)((const uint8_t *)bytes - memory->base);
}

static inline void *vguest_memory_at(const struct vguest_memory *memory, uint64_t guest)
{
	return memory->base + guest;
}
