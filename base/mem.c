// SPDX-License-Identifier: BSD-3-Clause
//
// mem: blocks are private mappings, listed under a lock with their names.
//
// There are tens of blocks, so the list is searched from the front. A block is mapped larger than
// asked when it must be aligned to a huge page, and trimmed at both ends. Segments are memfds with
// their size sealed; the mode 0600 keeps a watcher with a reading descriptor from reopening it for
// writing by way of /proc.

#include "base/mem.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGE_PAGE (UINT64_C(2) << 20)

enum { SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

struct block {
	struct block *next;
	const char *name; // Borrowed.
	void *start;
	size_t size; // As mapped.
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;

static void *map_aligned(size_t size, size_t align)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t slack = align > page ? align - page : 0;

	if (size > SIZE_MAX - slack) {
		errno = ENOMEM;
		return NULL;
	}

	uint8_t *at = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                   -1, 0);

	if (at == MAP_FAILED)
		return NULL;

	size_t before = ALIGN_UP((uintptr_t)at, align) - (uintptr_t)at;

	if (before > 0)
		munmap(at, before);
	if (slack > before)
		munmap(at + before + size, slack - before);
	return at + before;
}

// Brings all pages in; huge ones if so advised before. Kernels before 5.14 know no such advice.
static void populate(uint8_t *start, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (madvise(start, size, MADV_POPULATE_WRITE) == 0)
		return;
	for (size_t at = 0; at < size; at += page)
		*(volatile uint8_t *)(start + at) = 0;
}

void *mem_block_new(const char *name, size_t size, unsigned flags)
{
	size_t align = flags & MEM_HUGE ? HUGE_PAGE : (size_t)sysconf(_SC_PAGESIZE);

	if (size == 0 || size > SIZE_MAX - align) {
		errno = size ? ENOMEM : EINVAL;
		return NULL;
	}
	size = ALIGN_UP(size, align);

	struct block *block = malloc(sizeof(*block));
	void *start = block ? map_aligned(size, align) : NULL;

	if (!start) {
		free(block);
		errno = ENOMEM;
		return NULL;
	}
	if (flags & MEM_HUGE)
		madvise(start, size, MADV_HUGEPAGE);
	if (flags & MEM_RESIDENT)
		populate(start, size);

	pthread_mutex_lock(&lock);
	*block = (struct block){.next = blocks, .name = name, .start = start, .size = size};
	blocks = block;
	pthread_mutex_unlock(&lock);
	return start;
}

void mem_block_free(void *block)
{
	struct block **at = &blocks;

	if (!block)
		return;

	pthread_mutex_lock(&lock);
	while (*at && (*at)->start != block)
		at = &(*at)->next;
	struct block *found = *at;
	assert(found);
	*at = found->next;
	pthread_mutex_unlock(&lock);

	munmap(found->start, found->size);
	free(found);
}

// The first block of the list with the name. => There is one.
static const struct block *first_of(const char *name)
{
	const struct block *block = blocks;

	while (strcmp(block->name, name) != 0)
		block = block->next;
	return block;
}

void mem_report(mem_report_fn report, void *user)
{
	pthread_mutex_lock(&lock);
	for (const struct block *block = blocks; block; block = block->next) {
		size_t bytes = 0;
		unsigned count = 0;

		if (first_of(block->name) != block)
			continue; // Its name was reported before.
		for (const struct block *other = block; other; other = other->next) {
			if (strcmp(other->name, block->name) == 0) {
				bytes += other->size;
				count++;
			}
		}
		report(user, block->name, bytes, count);
	}
	pthread_mutex_unlock(&lock);
}

void *mem_share_new(const char *name, size_t size, int *ret_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return NULL;

	void *segment = NULL;

	if (fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, SIZE_SEALS) == 0)
		segment = mem_share_map(fd, size, true);
	if (!segment) {
		int code = errno;

		close(fd);
		errno = code;
		return NULL;
	}
	*ret_fd = fd;
	return segment;
}

void *mem_share_map(int fd, size_t size, bool writable)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!(seals & F_SEAL_SHRINK)) {
		errno = EPERM;
		return NULL;
	}
	if (size == 0 || (uint64_t)st.st_size < size) {
		errno = EMSGSIZE;
		return NULL;
	}

	void *segment =
		mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);

	return segment == MAP_FAILED ? NULL : segment;
}

void mem_share_unmap(void *segment, size_t size)
{
	if (segment)
		munmap(segment, size);
}

int mem_share_reader(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

	int reader = open(path, O_RDONLY | O_CLOEXEC);

	return reader < 0 ? -errno : reader;
}
