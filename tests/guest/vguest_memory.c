// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_memory: memfds mapped into one reservation, and a bump allocator with guards.
//
// The reservation has no access, so that we ourselves fault when we follow a bad address. The memfds have
// their offset's worth of bytes before the region: a back end that forgets the offset reads zeros there.
// Checking looks at every guard and is meant for the end of a test or for every few thousand frames.

#include "tests/guest/vguest_memory.h"

#include "base/bytes.h"
#include "base/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD_BYTE = 0xa5, PAGE = 4096 };

static const uint64_t HOLE = UINT64_C(1) << 30;

void vguest_memory_plan(struct vguest_region *regions, unsigned count, uint64_t size)
{
	uint64_t each = ALIGN_UP(size / count + 1, (uint64_t)PAGE), at = 0;

	for (unsigned i = 0; i < count; i++) {
		regions[i] = (struct vguest_region){
			.guest = at,
			.size = each,
			.offset = (uint64_t)i * 16 * PAGE,
		};
		at += each + (i ? HOLE : 0);
	}
}

static int add_region(struct vguest_memory *memory, const struct vguest_region *region)
{
	struct vguest_region *added = &memory->regions[memory->region_count];
	uint8_t *at = memory->base + region->guest;

	if (memory->region_count == VGUEST_REGIONS || region->guest + region->size > memory->span)
		return -ENOSPC;

	int fd = memfd_create("vguest", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)(region->offset + region->size)) < 0 ||
	    mmap(at, region->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
	         (off_t)region->offset) == MAP_FAILED) {
		int error = -errno;

		close(fd);
		return error;
	}
	*added = *region;
	added->fd = fd;
	added->taken = 0;
	return (int)memory->region_count++;
}

int vguest_memory_init(struct vguest_memory *memory, const struct vguest_region *regions,
                       unsigned count, struct fail *fail)
{
	const struct vguest_region *last = &regions[count - 1];

	// As much again, and more, for what is plugged in later. Valgrind has no room for much more.
	*memory = (struct vguest_memory){.span = 2 * (last->guest + last->size) + 8 * HOLE};
	memory->base = mmap(NULL, memory->span, PROT_NONE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory->base == MAP_FAILED) {
		memory->base = NULL;
		return fail_errno(fail, errno, "guest memory");
	}
	for (unsigned i = 0; i < count; i++) {
		int done = add_region(memory, &regions[i]);

		if (done < 0) {
			vguest_memory_fini(memory);
			return fail_errno(fail, done, "region %u of guest memory", i);
		}
	}
	return 0;
}

void vguest_memory_fini(struct vguest_memory *memory)
{
	for (unsigned i = 0; i < memory->region_count; i++)
		close(memory->regions[i].fd);
	if (memory->base)
		munmap(memory->base, memory->span);
	free(memory->guards);
	*memory = (struct vguest_memory){0};
}

static int guard(struct vguest_memory *memory, uint8_t *bytes)
{
	// Room for twice as many whenever the count reaches a power of two.
	if ((memory->guard_count & (memory->guard_count - 1)) == 0) {
		size_t room = memory->guard_count ? memory->guard_count * 2 : 1;
		uint8_t **more = reallocarray(memory->guards, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		memory->guards = more;
	}
	memory->guards[memory->guard_count++] = bytes;
	memset(bytes, GUARD_BYTE, VGUEST_GUARD);
	return 0;
}

void *vguest_memory_alloc(struct vguest_memory *memory, unsigned number, size_t size, size_t align)
{
	struct vguest_region *region = &memory->regions[number];
	uint64_t at = ALIGN_UP(region->taken + VGUEST_GUARD, (uint64_t)MAX(align, 1));
	uint64_t end = at + size + VGUEST_GUARD;
	uint8_t *bytes = memory->base + region->guest + at;

	if (end > region->size || guard(memory, bytes - VGUEST_GUARD) < 0 ||
	    guard(memory, bytes + size) < 0)
		return NULL;
	region->taken = end;
	return bytes;
}

int vguest_memory_check(const struct vguest_memory *memory, uint64_t *ret_guest)
{
	uint8_t whole[VGUEST_GUARD];

	memset(whole, GUARD_BYTE, sizeof(whole));
	for (size_t i = 0; i < memory->guard_count; i++)
		if (memcmp(memory->guards[i], whole, sizeof(whole)) != 0) {
			*ret_guest = vguest_memory_address(memory, memory->guards[i]);
			return -EFAULT;
		}
	return 0;
}
