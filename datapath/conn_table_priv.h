// SPDX-License-Identifier: BSD-3-Clause
//
// conn_table_priv: what the table is made of, for its files; conn_table.c explains it.

#pragma once

#include "datapath/conn_table.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WHEEL_SLOTS = 512 };

struct header {
	uint64_t magic;
	uint64_t seed;
	uint32_t connections;
	_Atomic uint32_t fresh; // Slots from here on were never handed out.
	uint8_t spare[40];
};

_Static_assert(sizeof(struct header) == 64, "one line");

// What a worker owns.
struct owner {
	pthread_mutex_t lock;
	uint32_t free_first; // Chained by wheel_next.
	uint32_t time;       // Wheel slots up to this second's are done.
	uint32_t heads[WHEEL_SLOTS];
} __attribute__((aligned(64)));

struct conn_table {
	struct header *header; // Borrowed, as is all of the shared memory.
	struct conn *conns;
	struct conn_index *index; // Owned.
	uint64_t seed;
	uint32_t capacity;
	unsigned workers;
	_Atomic uint32_t count;
	struct owner owners[];
};

static inline uint32_t version_of(const struct conn *conn)
{
	return atomic_load_explicit(&conn->version, memory_order_acquire);
}

static inline void lock(struct owner *owner)
{
	pthread_mutex_lock(&owner->lock);
}

static inline void unlock(struct owner *owner)
{
	pthread_mutex_unlock(&owner->lock);
}

// Ends the life of the object. Returns whether it was this call that did, who then frees the slot.
bool conn_kill(struct conn_table *table, struct conn_ref ref);

void conn_wheel_init(struct conn_table *table, uint32_t now);

// A free slot, of the worker's own, a fresh one, or one that another worker can spare; armed on the
// worker's wheel for the second `due`. CONN_NONE: full.
uint32_t conn_wheel_take(struct conn_table *table, unsigned worker, uint32_t due);

// Ends the slot's use. => Its version is even, made so by the caller.
void conn_wheel_release(struct conn_table *table, uint32_t at);

// Puts the object on the wheel for the second `due`, or as near as the wheel reaches. => The
// owner's lock is held, or nobody else uses the table yet; as for the next.
void conn_wheel_arm(struct conn_table *table, struct owner *owner, uint32_t at, uint32_t due);
// Puts a slot that is on no wheel on the owner's free list.
void conn_wheel_give(struct conn_table *table, struct owner *owner, uint32_t at);
