// SPDX-License-Identifier: BSD-3-Clause
//
// flow_cache: an index of one-line buckets before an array of entries.
//
// A bucket has eight slots of a 16-bit tag and the number of an entry; tag 0 is a free slot. There
// are two slots an entry, so a bucket is half full on average: nearly all flows are in the first of
// their two buckets, and a lookup that hits reads one line of the index and no entry but its own,
// save one false tag in a thousand. A flow whose buckets are both full, or that comes when all
// entries are taken, evicts a random one of its buckets: an outsider cannot choose whom.
//
// Free entries are chained through their packet counters. Entries that were never used are behind
// `fresh`, so that memory is not touched before it is needed.

#include "datapath/flow_cache.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/tag_match.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
	SLOTS = TAG_MATCH_TAGS, // A bucket's.
	ENTRIES_PER_BUCKET = 4,
	MIN_ENTRIES = 16,
	MAX_ENTRIES = 1 << 24,
	TAG_SHIFT = 16,
	SPARED = 3, // With fewer free slots than this, the other bucket is looked at.
};

#define NONE UINT32_MAX

struct bucket {
	uint16_t tags[SLOTS];
	uint32_t entries[SLOTS];
	uint8_t spare[16];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct bucket) == 64, "one line");

struct flow_cache {
	struct bucket *buckets;     // Owned, a block,
	struct flow_entry *entries; // as is this one.
	uint32_t bucket_mask;
	uint32_t capacity;
	uint32_t count;
	uint32_t fresh;      // The first entry that was never used.
	uint32_t free_first; // Head of the chain of those that were, or NONE.
	flow_evict_fn evicted;
	void *user; // Borrowed.
};

struct flow_cache *flow_cache_new(uint32_t entries, flow_evict_fn evicted, void *user)
{
	if (entries < MIN_ENTRIES || entries > MAX_ENTRIES || entries & (entries - 1)) {
		errno = EINVAL;
		return NULL;
	}

	struct flow_cache *cache = calloc(1, sizeof(*cache));
	uint32_t buckets = entries / ENTRIES_PER_BUCKET;

	if (!cache)
		return NULL;
	cache->buckets =
		mem_block_new("flow cache index", buckets * sizeof(struct bucket), MEM_HUGE);
	cache->entries = mem_block_new("flow cache", entries * sizeof(struct flow_entry), MEM_HUGE);
	if (!cache->buckets || !cache->entries) {
		flow_cache_free(cache);
		errno = ENOMEM;
		return NULL;
	}
	cache->bucket_mask = buckets - 1;
	cache->capacity = entries;
	cache->free_first = NONE;
	cache->evicted = evicted;
	cache->user = user;
	return cache;
}

void flow_cache_free(struct flow_cache *cache)
{
	if (!cache)
		return;
	mem_block_free(cache->buckets);
	mem_block_free(cache->entries);
	free(cache);
}

static uint16_t tag_of(uint32_t hash)
{
	uint16_t tag = (uint16_t)(hash >> TAG_SHIFT);

	return tag ? tag : 1;
}

static uint32_t first_bucket(const struct flow_cache *cache, uint32_t hash)
{
	return hash & cache->bucket_mask;
}

// Never the first one. The product spreads all bits of the hash; its high half is taken.
static uint32_t second_bucket(const struct flow_cache *cache, uint32_t hash)
{
	uint32_t spread = (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 40);
	uint32_t step = spread & cache->bucket_mask;

	return first_bucket(cache, hash) ^ (step ? step : 1);
}

static uint32_t match_tags(const struct bucket *bucket, uint16_t tag)
{
	return tag_match(bucket->tags, tag);
}

static struct flow_entry *find_in(const struct flow_cache *cache, uint32_t at, uint16_t tag,
                                  const struct flow_key *key)
{
	const struct bucket *bucket = &cache->buckets[at];

	for (uint32_t left = match_tags(bucket, tag); left; left &= left - 1) {
		struct flow_entry *entry = &cache->entries[bucket->entries[__builtin_ctz(left)]];

		if (flow_key_equal(&entry->key, key))
			return entry;
	}
	return NULL;
}

void flow_cache_hash_batch(const struct flow_key *keys, unsigned count, uint32_t *ret_hashes)
{
	for (unsigned i = 0; i < count; i++)
		ret_hashes[i] = flow_key_hash(&keys[i]);
}

void flow_cache_prefetch(const struct flow_cache *cache, const uint32_t *hashes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		__builtin_prefetch(&cache->buckets[first_bucket(cache, hashes[i])]);
}

void flow_cache_prefetch_entries(const struct flow_cache *cache, const uint32_t *hashes,
                                 unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct bucket *bucket = &cache->buckets[first_bucket(cache, hashes[i])];
		uint32_t matches = match_tags(bucket, tag_of(hashes[i]));

		if (!matches)
			continue;

		const uint8_t *entry =
			(const uint8_t *)&cache->entries[bucket->entries[__builtin_ctz(matches)]];

		__builtin_prefetch(entry);
		__builtin_prefetch(entry + 64, 1);
		__builtin_prefetch(entry + 128);
	}
}

struct flow_entry *flow_cache_find(const struct flow_cache *cache, const struct flow_key *key,
                                   uint32_t hash)
{
	uint16_t tag = tag_of(hash);
	struct flow_entry *entry = find_in(cache, first_bucket(cache, hash), tag, key);

	return entry ? entry : find_in(cache, second_bucket(cache, hash), tag, key);
}

unsigned flow_cache_find_batch(const struct flow_cache *cache, const struct flow_key *keys,
                               const uint32_t *hashes, unsigned count,
                               struct flow_entry **ret_entries)
{
	unsigned found = 0;

	flow_cache_prefetch(cache, hashes, count);
	flow_cache_prefetch_entries(cache, hashes, count);
	for (unsigned i = 0; i < count; i++) {
		ret_entries[i] = flow_cache_find(cache, &keys[i], hashes[i]);
		found += ret_entries[i] != NULL;
	}
	return found;
}

// Frees the slot; its entry is the caller's to use or to chain.
static uint32_t evict_slot(struct flow_cache *cache, struct bucket *bucket, unsigned slot)
{
	uint32_t at = bucket->entries[slot];

	if (cache->evicted)
		cache->evicted(cache->user, &cache->entries[at]);
	bucket->tags[slot] = 0;
	cache->count--;
	return at;
}

static void chain_entry(struct flow_cache *cache, uint32_t at)
{
	cache->entries[at].packets = cache->free_first;
	cache->free_first = at;
}

// NONE when all are taken.
static uint32_t take_entry(struct flow_cache *cache)
{
	uint32_t at = cache->free_first;

	if (at != NONE) {
		cache->free_first = (uint32_t)cache->entries[at].packets;
		return at;
	}
	return cache->fresh < cache->capacity ? cache->fresh++ : NONE;
}

// Evicts a random one of the 16 slots' flows, or of all when there is none in them.
static void evict_some(struct flow_cache *cache, uint32_t first, uint32_t second)
{
	uint32_t start = rand_below(2 * SLOTS);

	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		unsigned slot = (start + i) % (2 * SLOTS);
		struct bucket *bucket = &cache->buckets[slot < SLOTS ? first : second];

		if (bucket->tags[slot % SLOTS]) {
			chain_entry(cache, evict_slot(cache, bucket, slot % SLOTS));
			return;
		}
	}
	flow_cache_remove(cache, &cache->entries[rand_below(cache->capacity)]);
}

// A free slot of the flow's first bucket or, where few are left there, of the emptier one; evicts
// when there is none. Returns where the tag goes, in *ret_entry where the entry's number does.
static uint16_t *take_slot(struct flow_cache *cache, uint32_t hash, uint32_t **ret_entry)
{
	struct bucket *first = &cache->buckets[first_bucket(cache, hash)];
	struct bucket *second = &cache->buckets[second_bucket(cache, hash)];

	while (match_tags(first, 0) == 0 && match_tags(second, 0) == 0)
		evict_some(cache, first_bucket(cache, hash), second_bucket(cache, hash));

	uint32_t in_first = match_tags(first, 0), in_second = match_tags(second, 0);
	unsigned count = (unsigned)__builtin_popcount(in_first);
	bool take_first = count >= SPARED || count >= (unsigned)__builtin_popcount(in_second);
	struct bucket *bucket = take_first ? first : second;
	unsigned slot = (unsigned)__builtin_ctz(take_first ? in_first : in_second);

	*ret_entry = &bucket->entries[slot];
	return &bucket->tags[slot];
}

struct flow_entry *flow_cache_insert(struct flow_cache *cache, const struct flow_key *key,
                                     uint32_t hash)
{
	struct flow_entry *entry = flow_cache_find(cache, key, hash);
	uint32_t *number, at;

	if (entry)
		return entry;
	while ((at = take_entry(cache)) == NONE)
		evict_some(cache, first_bucket(cache, hash), second_bucket(cache, hash));

	*take_slot(cache, hash, &number) = tag_of(hash);
	*number = at;
	cache->count++;
	entry = &cache->entries[at];
	entry->key = *key;
	entry->packets = 0;
	entry->bytes = 0;
	return entry;
}

// => The entry is in the cache.
void flow_cache_remove(struct flow_cache *cache, struct flow_entry *entry)
{
	uint32_t hash = flow_key_hash(&entry->key), at = (uint32_t)(entry - cache->entries);
	uint32_t choices[2] = {first_bucket(cache, hash), second_bucket(cache, hash)};

	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct bucket *bucket = &cache->buckets[choices[i / SLOTS]];

		if (bucket->tags[i % SLOTS] && bucket->entries[i % SLOTS] == at) {
			chain_entry(cache, evict_slot(cache, bucket, i % SLOTS));
			return;
		}
	}
	assert(!"an entry that no slot leads to");
}

void flow_cache_clear(struct flow_cache *cache)
{
	for (uint32_t at = 0; at <= cache->bucket_mask && cache->count > 0; at++)
		for (unsigned slot = 0; slot < SLOTS; slot++)
			if (cache->buckets[at].tags[slot])
				evict_slot(cache, &cache->buckets[at], slot);
	cache->fresh = 0;
	cache->free_first = NONE;
}

uint32_t flow_cache_count(const struct flow_cache *cache)
{
	return cache->count;
}

uint32_t flow_cache_capacity(const struct flow_cache *cache)
{
	return cache->capacity;
}

struct flow_entry *flow_cache_next(const struct flow_cache *cache, uint32_t *cursor)
{
	uint32_t slots = (cache->bucket_mask + 1) * SLOTS;

	for (uint32_t at = *cursor; at < slots; at++) {
		const struct bucket *bucket = &cache->buckets[at / SLOTS];

		if (!bucket->tags[at % SLOTS])
			continue;
		*cursor = at + 1;
		return &cache->entries[bucket->entries[at % SLOTS]];
	}
	*cursor = slots;
	return NULL;
}
