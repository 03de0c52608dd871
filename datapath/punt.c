// SPDX-License-Identifier: BSD-3-Clause
//
// punt: single writer, single reader; two counters that only grow, each on a line of its own.
//
// The bell is Dekker's game: a writer publishes, then asks whether the reader sleeps; the reader
// says that it sleeps, then looks at the rings. Both do so in one order that all agree on (seq_cst),
// so that at least one of them sees the other, and no record is slept through. Who takes `asleep`
// back owes or saves the system call.

#include "datapath/punt.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct punt_ring {
	uint32_t count;
	size_t size;
	uint8_t *records;
	struct punt_bell *bell;
	_Atomic uint32_t written __attribute__((aligned(64)));
	_Atomic uint32_t read __attribute__((aligned(64)));
};

int punt_bell_init(struct punt_bell *bell)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	bell->fd = fd;
	atomic_init(&bell->asleep, false);
	return 0;
}

void punt_bell_fini(struct punt_bell *bell)
{
	close(bell->fd);
	bell->fd = -1;
}

void punt_bell_arm(struct punt_bell *bell)
{
	atomic_store(&bell->asleep, true);
}

void punt_bell_disarm(struct punt_bell *bell)
{
	uint64_t rung;

	// One who has just taken the flag may not have written yet: then fd polls readable once
	// without need.
	if (!atomic_exchange(&bell->asleep, false) && read(bell->fd, &rung, sizeof(rung)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}

void punt_bell_ring(struct punt_bell *bell)
{
	static const uint64_t one = 1;

	if (atomic_load(&bell->asleep) && atomic_exchange(&bell->asleep, false) &&
	    write(bell->fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}

struct punt_ring *punt_ring_new(const char *name, uint32_t count, size_t size,
                                struct punt_bell *bell)
{
	struct punt_ring *ring = aligned_alloc(64, sizeof(*ring));

	assert(count && (count & (count - 1)) == 0);
	if (!ring)
		return NULL;
	ring->count = count;
	ring->size = size;
	ring->bell = bell;
	atomic_init(&ring->written, 0);
	atomic_init(&ring->read, 0);
	ring->records = mem_block_new(name, count * size, 0);
	if (!ring->records) {
		free(ring);
		errno = ENOMEM;
		return NULL;
	}
	return ring;
}

void punt_ring_free(struct punt_ring *ring)
{
	if (!ring)
		return;
	mem_block_free(ring->records);
	free(ring);
}

static void *record_at(struct punt_ring *ring, uint32_t position)
{
	return ring->records + (position & (ring->count - 1)) * ring->size;
}

void *punt_ring_reserve(struct punt_ring *ring)
{
	uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
	uint32_t read_up_to = atomic_load_explicit(&ring->read, memory_order_acquire);

	return written - read_up_to < ring->count ? record_at(ring, written) : NULL;
}

void punt_ring_publish(struct punt_ring *ring)
{
	uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

	atomic_store(&ring->written, written + 1);
	punt_bell_ring(ring->bell);
}

const void *punt_ring_peek(struct punt_ring *ring)
{
	uint32_t read_up_to = atomic_load_explicit(&ring->read, memory_order_relaxed);

	return atomic_load(&ring->written) != read_up_to ? record_at(ring, read_up_to) : NULL;
}

void punt_ring_release(struct punt_ring *ring)
{
	uint32_t read_up_to = atomic_load_explicit(&ring->read, memory_order_relaxed);

	atomic_store_explicit(&ring->read, read_up_to + 1, memory_order_release);
}
