// SPDX-License-Identifier: BSD-3-Clause
//
// fdb_priv: what the table is made of, for its files; fdb.c explains it.

#pragma once

#include "datapath/fdb.h"
#include "datapath/fdb_entry.h"
#include "datapath/generation.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	SLOTS = 4, // A bucket's.
	FDB_STRIPES = 64,
};

struct bucket {
	struct slot slots[SLOTS];
};

_Static_assert(sizeof(struct bucket) == 64, "one line");
_Static_assert(MAX_DOMAINS <= 1 << 16 && MAX_PORTS <= 1 << PORT_BITS, "fields of the words");

struct stripe {
	pthread_mutex_t lock;
} __attribute__((aligned(64)));

struct fdb {
	struct bucket *buckets; // Borrowed, as is all of the shared memory.
	uint64_t seed;
	uint32_t bucket_mask;
	uint32_t stripe_mask;
	uint32_t limit; // Entries.
	uint32_t age_cursor;
	_Atomic uint32_t count;
	struct stripe stripes[FDB_STRIPES];
	_Atomic uint32_t epochs[MAX_DOMAINS];
	_Atomic uint32_t domain_counts[MAX_DOMAINS];
	_Atomic uint32_t port_counts[MAX_PORTS];
};

// Where a key may be: its two buckets and their stripe.
struct place {
	uint64_t key;
	uint32_t buckets[2];
	uint32_t stripe;
};

static inline struct slot *slot_at(const struct fdb *fdb, uint32_t at)
{
	return &fdb->buckets[at / SLOTS].slots[at % SLOTS];
}

static inline struct place place_of(const struct fdb *fdb, uint64_t key)
{
	uint64_t hash = XXH3_64bits_withSeed(&key, sizeof(key), fdb->seed);
	uint32_t first = (uint32_t)hash & fdb->bucket_mask;
	uint32_t step = (uint32_t)(hash >> 32) & fdb->bucket_mask & ~fdb->stripe_mask;

	// Tables of one stripe of buckets still get a second one, as long as there are two.
	if (step == 0)
		step = (fdb->stripe_mask + 1) & fdb->bucket_mask;
	return (struct place){
		.key = key,
		.buckets = {first, first ^ step},
		.stripe = first & fdb->stripe_mask,
	};
}

// The slot of the place's key, its info in *info; NULL when it is not there.
static inline struct slot *find(const struct fdb *fdb, const struct place *place, uint64_t *info)
{
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct slot *slot = &fdb->buckets[place->buckets[i / SLOTS]].slots[i % SLOTS];
		uint64_t key;

		if (atomic_load_explicit(&slot->key, memory_order_relaxed) != place->key)
			continue;
		*info = read_slot(slot, fdb->seed, &key);
		if (*info && key == place->key)
			return slot;
	}
	return NULL;
}

static inline void lock(struct fdb *fdb, const struct place *place)
{
	pthread_mutex_lock(&fdb->stripes[place->stripe].lock);
}

static inline void unlock(struct fdb *fdb, const struct place *place)
{
	pthread_mutex_unlock(&fdb->stripes[place->stripe].lock);
}

static inline uint32_t read_counter(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

// Counts a new entry in all three counters, or in none when a limit (0: none) is reached.
bool fdb_count_entry(struct fdb *fdb, uint64_t key, uint32_t port, uint32_t domain_limit,
                     uint32_t port_limit);

// Takes the entry out and uncounts it. => The stripe is locked.
void fdb_clear(struct fdb *fdb, struct slot *slot, uint64_t key);

// Counts what verifies, clears the rest. => Nobody else uses the table yet.
void fdb_recover(struct fdb *fdb);
