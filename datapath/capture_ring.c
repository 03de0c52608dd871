// SPDX-License-Identifier: BSD-3-Clause
//
// capture_ring: a block of bytes, a head and a tail that only rise.
//
// A record lies behind a word with its length and never wraps: where the end of the block is too near, a
// word without length sends the reader to the beginning. Both positions are published with release and read
// with acquire, so what stands before them is complete. Either end remembers the other's last position and
// looks again only when that does not suffice.

#include "datapath/capture_ring.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { WORD = 8 };

struct capture_ring {
	uint8_t *block;
	uint64_t size;
	// The writer's.
	_Alignas(64) _Atomic uint64_t head;
	uint64_t reserved; // where the reserved record begins
	uint64_t room;     // what was reserved
	uint64_t seen_tail;
	// The reader's.
	_Alignas(64) _Atomic uint64_t tail;
	uint64_t seen_head;
};

struct capture_ring *capture_ring_new(size_t bytes)
{
	struct capture_ring *ring = aligned_alloc(64, ALIGN_UP(sizeof(*ring), (size_t)64));

	assert(bytes >= 4096 && (bytes & (bytes - 1)) == 0);
	if (!ring)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->size = bytes;
	ring->block = mem_block_new("capture", bytes, MEM_RESIDENT);
	if (!ring->block) {
		free(ring);
		errno = ENOMEM;
		return NULL;
	}
	return ring;
}

void capture_ring_free(struct capture_ring *ring)
{
	if (!ring)
		return;
	mem_block_free(ring->block);
	free(ring);
}

static uint64_t *word_at(struct capture_ring *ring, uint64_t position)
{
	return (uint64_t *)(void *)(ring->block + (position & (ring->size - 1)));
}

void *capture_ring_reserve(struct capture_ring *ring, size_t bytes)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t need = WORD + ALIGN_UP((uint64_t)bytes, (uint64_t)WORD);
	uint64_t left = ring->size - (head & (ring->size - 1));
	uint64_t skip = left < need ? left : 0;

	if (head + skip + need - ring->seen_tail > ring->size)
		ring->seen_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (need > ring->size || head + skip + need - ring->seen_tail > ring->size)
		return NULL;
	// Positions are multiples of a word, so there is always room for this one.
	if (skip)
		*word_at(ring, head) = 0;
	ring->reserved = head + skip;
	ring->room = need;
	return word_at(ring, ring->reserved) + 1;
}

void capture_ring_commit(struct capture_ring *ring, size_t bytes)
{
	uint64_t took = WORD + ALIGN_UP((uint64_t)bytes, (uint64_t)WORD);

	assert(took <= ring->room && bytes > 0);
	*word_at(ring, ring->reserved) = took;
	atomic_store_explicit(&ring->head, ring->reserved + took, memory_order_release);
}

// Where the next record begins, or the reader has read all.
static uint64_t find_next(struct capture_ring *ring, uint64_t tail)
{
	if (tail == ring->seen_head)
		ring->seen_head = atomic_load_explicit(&ring->head, memory_order_acquire);
	if (tail != ring->seen_head && *word_at(ring, tail) == 0)
		tail += ring->size - (tail & (ring->size - 1));
	return tail;
}

const void *capture_ring_peek(struct capture_ring *ring)
{
	uint64_t tail = find_next(ring, atomic_load_explicit(&ring->tail, memory_order_relaxed));

	return tail == ring->seen_head ? NULL : word_at(ring, tail) + 1;
}

void capture_ring_release(struct capture_ring *ring)
{
	uint64_t tail = find_next(ring, atomic_load_explicit(&ring->tail, memory_order_relaxed));

	assert(tail != ring->seen_head);
	atomic_store_explicit(&ring->tail, tail + *word_at(ring, tail), memory_order_release);
}
