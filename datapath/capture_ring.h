// SPDX-License-Identifier: BSD-3-Clause
//
// capture_ring: records of any length from one worker to the main thread, in order, or not at all.
//
// One thread writes, one reads. The writer never waits: what finds no room is the caller's to count.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct capture_ring;

// `bytes` is a power of two; NULL with errno. Main thread.
struct capture_ring *capture_ring_new(size_t bytes);
void capture_ring_free(struct capture_ring *ring); // NULL is fine.

// The writer: room for a record of up to `bytes`, aligned to 8; NULL when the reader is behind. Nothing is
// written before capture_ring_commit() with the bytes that the record really took; without it the room
// is given back by the next reserve.
void *capture_ring_reserve(struct capture_ring *ring, size_t bytes);
void capture_ring_commit(struct capture_ring *ring, size_t bytes);

// The reader: the oldest record that it has not released, or NULL.
const void *capture_ring_peek(struct capture_ring *ring);
void capture_ring_release(struct capture_ring *ring);
