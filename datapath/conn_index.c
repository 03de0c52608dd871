// SPDX-License-Identifier: BSD-3-Clause
//
// conn_index: buckets of eight words, two buckets to choose from; a word is a tag and an entry.
//
// A word is written and read whole, so a reader needs nothing else. There are four words a
// connection, of which two are used at most. A hash goes to its first bucket, where a lookup finds
// it with one line, until that is nearly full, then to the emptier one; so both are practically
// never full. The two buckets of a hash share a stripe, which has many buckets, or a crowded stripe
// would be full before the table is. The tag, 32 bits of the hash, is never 0; a word of 0 is free.

#include "datapath/conn_index.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	SLOTS = 8, // A bucket's.
	WORDS_PER_CONN = 4,
	STRIPES = 256,
	STRIPE_BUCKETS = 64, // Small tables have fewer stripes, so that each offers a choice.
	TAG_SHIFT = 32,
	SPARED = 3, // With fewer free words than this, the other bucket is looked at.
};

struct bucket {
	_Atomic uint64_t words[SLOTS];
};

struct stripe {
	pthread_mutex_t lock;
} __attribute__((aligned(64)));

struct conn_index {
	struct bucket *buckets; // Owned, a block.
	uint32_t bucket_mask;
	uint32_t stripe_mask;
	struct stripe stripes[STRIPES];
};

struct conn_index *conn_index_new(uint32_t connections)
{
	struct conn_index *index = mem_block_new("connection index", sizeof(*index), 0);
	uint32_t buckets = connections / (SLOTS / WORDS_PER_CONN);

	if (!index)
		return NULL;
	index->buckets =
		mem_block_new("connection index", buckets * sizeof(struct bucket), MEM_HUGE);
	if (!index->buckets) {
		mem_block_free(index);
		return NULL;
	}
	index->bucket_mask = buckets - 1;
	index->stripe_mask = MIN(STRIPES, MAX(buckets / STRIPE_BUCKETS, 1)) - 1;
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_init(&index->stripes[i].lock, NULL);
	return index;
}

void conn_index_free(struct conn_index *index)
{
	if (!index)
		return;
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&index->stripes[i].lock);
	mem_block_free(index->buckets);
	mem_block_free(index);
}

static uint32_t tag_of(uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> TAG_SHIFT);

	return tag ? tag : 1;
}

// The i-th of the sixteen words where the hash may be.
static _Atomic uint64_t *word_of(const struct conn_index *index, uint64_t hash, unsigned i)
{
	uint32_t at = (uint32_t)hash & index->bucket_mask;

	if (i >= SLOTS) {
		uint32_t step = tag_of(hash) & index->bucket_mask & ~index->stripe_mask;

		at ^= step ? step : index->stripe_mask + 1;
	}
	return &index->buckets[at].words[i % SLOTS];
}

static uint32_t stripe_of(const struct conn_index *index, uint64_t hash)
{
	return (uint32_t)hash & index->stripe_mask;
}

void conn_index_lock(struct conn_index *index, const uint64_t hashes[static 2])
{
	uint32_t a = stripe_of(index, hashes[0]), b = stripe_of(index, hashes[1]);

	// Always in the same order, or two workers could wait for one another.
	pthread_mutex_lock(&index->stripes[MIN(a, b)].lock);
	if (a != b)
		pthread_mutex_lock(&index->stripes[MAX(a, b)].lock);
}

void conn_index_unlock(struct conn_index *index, const uint64_t hashes[static 2])
{
	uint32_t a = stripe_of(index, hashes[0]), b = stripe_of(index, hashes[1]);

	pthread_mutex_unlock(&index->stripes[a].lock);
	if (a != b)
		pthread_mutex_unlock(&index->stripes[b].lock);
}

static _Atomic uint64_t *find(const struct conn_index *index, uint64_t hash, uint64_t wanted)
{
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		_Atomic uint64_t *word = word_of(index, hash, i);

		if (atomic_load_explicit(word, memory_order_relaxed) == wanted)
			return word;
	}
	return NULL;
}

// A free word, and how many of the bucket's words are free.
static unsigned count_free(const struct conn_index *index, uint64_t hash, unsigned first,
                           _Atomic uint64_t **ret_free)
{
	unsigned count = 0;

	for (unsigned i = first; i < first + SLOTS; i++) {
		_Atomic uint64_t *word = word_of(index, hash, i);

		if (atomic_load_explicit(word, memory_order_relaxed))
			continue;
		*ret_free = word;
		count++;
	}
	return count;
}

int conn_index_add(struct conn_index *index, uint64_t hash, uint32_t entry)
{
	_Atomic uint64_t *word = NULL, *other = NULL;
	unsigned free_count = count_free(index, hash, 0, &word);

	if (free_count < SPARED && count_free(index, hash, SLOTS, &other) > free_count)
		word = other;
	if (!word)
		return -ENOSPC;
	atomic_store_explicit(word, (uint64_t)tag_of(hash) << TAG_SHIFT | entry,
	                      memory_order_release);
	return 0;
}

void conn_index_remove(struct conn_index *index, uint64_t hash, uint32_t entry)
{
	_Atomic uint64_t *word = find(index, hash, (uint64_t)tag_of(hash) << TAG_SHIFT | entry);

	if (word)
		atomic_store_explicit(word, 0, memory_order_release);
}

bool conn_index_next(struct conn_index_walk *walk, uint32_t *ret)
{
	while (walk->at < 2 * SLOTS) {
		uint64_t word = atomic_load_explicit(word_of(walk->index, walk->hash, walk->at++),
		                                     memory_order_acquire);

		if (word >> TAG_SHIFT != tag_of(walk->hash))
			continue;
		*ret = (uint32_t)word;
		return true;
	}
	return false;
}
