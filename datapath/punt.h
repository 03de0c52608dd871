// SPDX-License-Identifier: BSD-3-Clause
//
// punt: bounded rings of records between a worker and the main thread, and the bell that wakes the
// one who sleeps.
//
// A ring has one writer and one reader. A bell has one reader, who waits for any number of rings; a
// writer pays for a system call only while the reader said that it sleeps.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct punt_bell {
	int fd; // eventfd, polls readable once rung
	_Atomic bool asleep;
};

int punt_bell_init(struct punt_bell *bell); // 0 or -errno
void punt_bell_fini(struct punt_bell *bell);

// Reader: from now on writers ring. => Look at every ring once more before sleeping on fd.
void punt_bell_arm(struct punt_bell *bell);
// Reader: awake; takes back what was rung meanwhile.
void punt_bell_disarm(struct punt_bell *bell);
// Anyone: makes fd readable if the reader sleeps.
void punt_bell_ring(struct punt_bell *bell);

struct punt_ring;

// Room for `count` (a power of two) records of `size` bytes; NULL with errno. The bell is borrowed.
struct punt_ring *punt_ring_new(const char *name, uint32_t count, size_t size,
                                struct punt_bell *bell);
void punt_ring_free(struct punt_ring *ring); // NULL is fine.

// Writer: the record to fill, NULL when the ring is full; then publish it, which rings the bell.
void *punt_ring_reserve(struct punt_ring *ring);
void punt_ring_publish(struct punt_ring *ring);
// Reader: the oldest record, NULL when there is none; then give its room back.
const void *punt_ring_peek(struct punt_ring *ring);
void punt_ring_release(struct punt_ring *ring);
