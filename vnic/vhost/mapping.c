// SPDX-License-Identifier: BSD-3-Clause
//
// mapping: shared mappings, and the handler of SIGBUS that stands behind them.
//
// Seals against cutting would be the simple way, but the files of hugetlbfs, of User-Mode Linux and of
// most front ends have none, so nobody's memory could be required to be sealed. The handler may run in any
// worker in the middle of anything; it reads a fixed table of ranges (no list that could change under it),
// puts anonymous memory over the range by one system call and sets a flag. A range leaves the table before
// it is unmapped, and it is unmapped only when no worker uses it: the handler never meets a stranger's memory.
// A SIGBUS that is not ours goes to whoever had the signal before.

#include "vnic/vhost/mapping.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { RANGES = 4096 };

// What the handler knows of a mapping. A length of 0 means that the place is free.
struct range {
	_Atomic uintptr_t start;
	_Atomic size_t length;
	_Atomic bool lost;
};

struct mapping {
	struct mapping_key key;
	uint8_t *base;
	uint8_t *start; // of whole pages
	size_t length;
	struct range *range;
	unsigned holders;
};

static struct range ranges[RANGES];
static _Atomic unsigned losses;
static struct sigaction before; // whose signal it was

static struct range *range_at(uintptr_t address)
{
	for (unsigned i = 0; i < RANGES; i++) {
		size_t length = atomic_load(&ranges[i].length);

		if (length && address - atomic_load(&ranges[i].start) < length)
			return &ranges[i];
	}
	return NULL;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	// A signal that somebody sent has no address.
	struct range *range = info->si_code > 0 ? range_at((uintptr_t)info->si_addr) : NULL;
	void *start = range ? (void *)atomic_load(&range->start) : NULL;

	if (!range ||
	    mmap(start, atomic_load(&range->length), PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
		// The access is tried again, and meets the one who had the signal before.
		sigaction(SIGBUS, &before, NULL);
		if (info->si_code <= 0)
			raise(SIGBUS);
	} else {
		atomic_store(&range->lost, true);
		atomic_fetch_add(&losses, 1);
	}
	errno = saved;
}

static int watch(void)
{
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	struct sigaction now;

	// Somebody may have taken the signal since we did.
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &now) < 0)
		return -errno;
	if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_bus_error)
		return 0;
	before = now;
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

static struct range *range_enter(uint8_t *start, size_t length)
{
	for (unsigned i = 0; i < RANGES; i++) {
		if (atomic_load(&ranges[i].length))
			continue;
		atomic_store(&ranges[i].lost, false);
		atomic_store(&ranges[i].start, (uintptr_t)start);
		atomic_store(&ranges[i].length, length);
		return &ranges[i];
	}
	return NULL;
}

// Bytes of a page of the file: huge ones must be mapped and unmapped whole.
static uint64_t page_size(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

// Of shmem or hugetlbfs, which alone know of seals. A worker that touches a page of any other file waits for
// a disk, a network or whoever serves the file (FUSE), and so does everybody who asks for its size.
static bool is_in_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

static int check(int fd, uint64_t offset, uint64_t size, struct stat *st, struct fail *fail)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return fail_errno(fail, -errno, "the descriptor of shared memory");
	if (!is_in_memory(fd)) {
		fail_set(fail, -EINVAL,
		         "the descriptor of shared memory is not that of a file in memory");
		fail_hint(fail, "give the guest memory that can be shared: "
		                "memory-backend-memfd with share=on");
		return -EINVAL;
	}
	if (fstat(fd, st) < 0)
		return fail_errno(fail, -errno, "the descriptor of shared memory");
	if ((mode & O_ACCMODE) != O_RDWR)
		return fail_set(fail, -EACCES, "shared memory may not be written");
	if (size == 0 || offset > INT64_MAX || size > INT64_MAX - offset)
		return fail_set(fail, -EINVAL, "%llu bytes at %llu is no part of a file",
		                (unsigned long long)size, (unsigned long long)offset);
	if ((uint64_t)st->st_size < offset + size)
		return fail_set(
			fail, -EINVAL,
			"the file of shared memory has %llu bytes, not the %llu that are claimed",
			(unsigned long long)st->st_size, (unsigned long long)(offset + size));
	return 0;
}

static int map(struct mapping *mapping, int fd, struct fail *fail)
{
	uint64_t page = page_size(fd);
	uint64_t first = mapping->key.offset & ~(page - 1);
	uint64_t into = mapping->key.offset - first;

	mapping->length = ALIGN_UP(into + mapping->key.size, page);
	mapping->start =
		mmap(NULL, mapping->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)first);
	if (mapping->start == MAP_FAILED)
		return fail_errno(fail, -errno, "cannot map %zu bytes of shared memory",
		                  mapping->length);
	mapping->range = range_enter(mapping->start, mapping->length);
	if (!mapping->range) {
		munmap(mapping->start, mapping->length);
		return fail_set(fail, -ENOSPC, "there are %d mappings of guests' memory already",
		                RANGES);
	}
	// A dump of ours need not hold the guests' memory.
	madvise(mapping->start, mapping->length, MADV_DONTDUMP);
	mapping->base = mapping->start + into;
	return 0;
}

int mapping_new(int fd, uint64_t offset, uint64_t size, struct mapping **ret, struct fail *fail)
{
	struct stat st;
	int error = check(fd, offset, size, &st, fail);

	if (error)
		return error;
	error = watch();
	if (error)
		return fail_errno(fail, error, "cannot watch for cut files");

	struct mapping *mapping = calloc(1, sizeof(*mapping));

	if (!mapping)
		return fail_errno(fail, -ENOMEM, "shared memory");
	mapping->key = (struct mapping_key){st.st_dev, st.st_ino, offset, size};
	mapping->holders = 1;
	error = map(mapping, fd, fail);
	if (error) {
		free(mapping);
		return error;
	}
	*ret = mapping;
	return 0;
}

struct mapping *mapping_share(struct mapping *mapping)
{
	mapping->holders++;
	return mapping;
}

void mapping_drop(struct mapping *mapping)
{
	if (!mapping || --mapping->holders)
		return;
	atomic_store(&mapping->range->length, 0);
	munmap(mapping->start, mapping->length);
	free(mapping);
}

uint8_t *mapping_base(const struct mapping *mapping)
{
	return mapping->base;
}

const struct mapping_key *mapping_key(const struct mapping *mapping)
{
	return &mapping->key;
}

int mapping_key_of(int fd, uint64_t offset, uint64_t size, struct mapping_key *ret)
{
	struct stat st;

	if (!is_in_memory(fd))
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct mapping_key){st.st_dev, st.st_ino, offset, size};
	return 0;
}

bool mapping_is_lost(const struct mapping *mapping)
{
	return atomic_load(&mapping->range->lost);
}

unsigned mapping_losses(void)
{
	return atomic_load_explicit(&losses, memory_order_relaxed);
}
