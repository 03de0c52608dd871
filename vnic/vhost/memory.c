// SPDX-License-Identifier: BSD-3-Clause
//
// memory: tables of regions over mappings that have several holders.
//
// A new table is made beside the old one while workers still use that; a region whose file, offset and
// size are the same shares its mapping, so that a guest to which a module of memory is added keeps the
// rest mapped where it is. Regions are sorted, which shows overlaps; a lookup is a walk of a few
// entries that starts at the caller's hint.

#include "vnic/vhost/memory.h"

#include "base/bytes.h"
#include "vnic/vhost/mapping.h"

#include <errno.h>
#include <stdlib.h>

// What the header shows lies first.
struct table {
	struct vhost_memory memory;
	struct mapping *mappings[VHOST_REGIONS_MAX];
};

static bool is_same_region(const struct vhost_region *region,
                           const struct vhost_region_claim *claim)
{
	return region->guest == claim->guest && region->size == claim->size &&
	       region->user == claim->user;
}

static struct mapping *find_old(const struct table *old, const struct vhost_region_claim *claim,
                                int fd)
{
	struct mapping_key key = {.offset = claim->offset, .size = claim->size};

	if (!old || (fd >= 0 && mapping_key_of(fd, claim->offset, claim->size, &key) < 0))
		return NULL;
	for (uint32_t i = 0; i < old->memory.count; i++) {
		const struct mapping_key *its = mapping_key(old->mappings[i]);
		bool same = its->offset == key.offset && its->size == key.size;

		if (fd >= 0)
			same = same && its->device == key.device && its->inode == key.inode;
		else
			same = same && is_same_region(&old->memory.regions[i], claim);
		// What was lost may have become whole again.
		if (same && !mapping_is_lost(old->mappings[i]))
			return old->mappings[i];
	}
	return NULL;
}

static int check_claim(const struct vhost_region_claim *claim, struct fail *fail)
{
	if (claim->size == 0 || claim->guest > UINT64_MAX - claim->size ||
	    claim->user > UINT64_MAX - claim->size)
		return fail_set(fail, -EINVAL, "a region of %llu bytes at 0x%llx does not fit",
		                (unsigned long long)claim->size, (unsigned long long)claim->guest);
	return 0;
}

// Puts the region where its address belongs.
static int insert(struct table *table, const struct vhost_region_claim *claim,
                  struct mapping *mapping, struct fail *fail)
{
	struct vhost_memory *memory = &table->memory;
	uint32_t at = memory->count;

	while (at > 0 && memory->regions[at - 1].guest > claim->guest)
		at--;

	const struct vhost_region *below = at ? &memory->regions[at - 1] : NULL;
	const struct vhost_region *above = at < memory->count ? &memory->regions[at] : NULL;

	if ((below && claim->guest - below->guest < below->size) ||
	    (above && above->guest - claim->guest < claim->size))
		return fail_set(fail, -EINVAL, "the region at 0x%llx overlaps another",
		                (unsigned long long)claim->guest);
	memmove(&memory->regions[at + 1], &memory->regions[at],
	        (memory->count - at) * sizeof(memory->regions[0]));
	memmove(&table->mappings[at + 1], &table->mappings[at],
	        (memory->count - at) * sizeof(table->mappings[0]));
	memory->regions[at] = (struct vhost_region){
		.guest = claim->guest,
		.size = claim->size,
		.user = claim->user,
		.base = mapping_base(mapping),
	};
	table->mappings[at] = mapping;
	memory->count++;
	return 0;
}

static int add(struct table *table, const struct vhost_region_claim *claim, int fd,
               const struct table *old, struct fail *fail)
{
	struct mapping *mapping = NULL;
	int error = check_claim(claim, fail);

	if (error)
		return error;

	struct mapping *known = find_old(old, claim, fd);

	if (known)
		mapping = mapping_share(known);
	else
		error = mapping_new(fd, claim->offset, claim->size, &mapping, fail);
	if (!error)
		error = insert(table, claim, mapping, fail);
	if (error)
		mapping_drop(mapping);
	return error;
}

int vhost_memory_new(const struct vhost_region_claim *claims, const int *fds, unsigned count,
                     const struct vhost_memory *old, struct vhost_memory **ret, struct fail *fail)
{
	if (count == 0) {
		fail_set(fail, -EINVAL, "the guest has no memory that is shared");
		fail_hint(fail, "start it with memory-backend-memfd and share=on");
		return -EINVAL;
	}
	if (count > VHOST_REGIONS_MAX)
		return fail_set(fail, -E2BIG, "%u regions of memory, more than %d", count,
		                VHOST_REGIONS_MAX);

	struct table *table = calloc(1, sizeof(*table));
	int error = 0;

	if (!table)
		return fail_errno(fail, -ENOMEM, "the table of memory regions");
	for (unsigned i = 0; i < count && !error; i++)
		error = add(table, &claims[i], fds[i], (const struct table *)old, fail);
	if (error) {
		vhost_memory_free(&table->memory);
		return error;
	}
	*ret = &table->memory;
	return 0;
}

void vhost_memory_free(struct vhost_memory *memory)
{
	struct table *table = (struct table *)memory;

	if (!memory)
		return;
	for (uint32_t i = 0; i < memory->count; i++)
		mapping_drop(table->mappings[i]);
	free(table);
}

uint8_t *vhost_memory_at_user(const struct vhost_memory *memory, uint64_t user, uint64_t len)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = &memory->regions[i];
		uint64_t into = user - region->user;

		if (into < region->size && len <= region->size - into)
			return region->base + into;
	}
	return NULL;
}

uint64_t vhost_memory_guest_of(const struct vhost_memory *memory, const uint8_t *at)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		uint64_t into = (uintptr_t)at - (uintptr_t)memory->regions[i].base;

		if (into < memory->regions[i].size)
			return memory->regions[i].guest + into;
	}
	return 0;
}

uint64_t vhost_memory_run(const struct vhost_memory *memory, uint64_t guest)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		uint64_t into = guest - memory->regions[i].guest;

		if (into < memory->regions[i].size)
			return memory->regions[i].size - into;
	}
	return 0;
}

unsigned vhost_memory_losses(void)
{
	return mapping_losses();
}

bool vhost_memory_is_lost(const struct vhost_memory *memory)
{
	const struct table *table = (const struct table *)memory;

	for (uint32_t i = 0; i < memory->count; i++)
		if (mapping_is_lost(table->mappings[i]))
			return true;
	return false;
}
