// SPDX-License-Identifier: BSD-3-Clause
//
// flow_cache: one worker's exact-match cache from flow keys to compiled programs.
//
// A fixed number of entries in one block, taken at creation; nothing is allocated later. When all
// are taken, a new flow evicts a random one of the two buckets it could be in. The counters of an
// entry that goes are given to a callback first. Owning worker only, iteration and counts included.

#pragma once

#include "datapath/flow_key.h"
#include "datapath/program.h"

#include <stddef.h>
#include <stdint.h>

// A line for the key, one for what a bridged packet needs, then what a routed one needs besides.
struct flow_entry {
	struct flow_key key;
	uint64_t packets;
	uint64_t bytes;
	struct program program;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct flow_entry) == 192, "three lines");
_Static_assert(offsetof(struct flow_entry, program.dst_mac) <= 128, "two for a bridged packet");

struct flow_cache;

typedef void (*flow_evict_fn)(void *user, const struct flow_entry *entry);

// Room for `entries`, a power of two of 16 to 2^24. `evicted` may be NULL. NULL with errno.
struct flow_cache *flow_cache_new(uint32_t entries, flow_evict_fn evicted, void *user);
void flow_cache_free(struct flow_cache *cache); // Evicts nothing. NULL is fine.

// A batch: hash, then prefetch the buckets, then prefetch the entries they lead to, then find.
void flow_cache_hash_batch(const struct flow_key *keys, unsigned count, uint32_t *ret_hashes);
void flow_cache_prefetch(const struct flow_cache *cache, const uint32_t *hashes, unsigned count);
void flow_cache_prefetch_entries(const struct flow_cache *cache, const uint32_t *hashes,
                                 unsigned count);

// NULL when it is not there. `hash` is flow_key_hash(key).
struct flow_entry *flow_cache_find(const struct flow_cache *cache, const struct flow_key *key,
                                   uint32_t hash);

// All steps at once: entries[i] for keys[i], NULL when it is not there. Returns how many are.
unsigned flow_cache_find_batch(const struct flow_cache *cache, const struct flow_key *keys,
                               const uint32_t *hashes, unsigned count,
                               struct flow_entry **ret_entries);

// An entry with the key and zeroed counters, whose program is the caller's to fill; never NULL. May
// evict another one: pointers to entries found before do not last. A key that is there keeps its
// entry and its counters.
struct flow_entry *flow_cache_insert(struct flow_cache *cache, const struct flow_key *key,
                                     uint32_t hash);
void flow_cache_remove(struct flow_cache *cache, struct flow_entry *entry);
void flow_cache_clear(struct flow_cache *cache);

uint32_t flow_cache_count(const struct flow_cache *cache);
uint32_t flow_cache_capacity(const struct flow_cache *cache);

// The first entry at or behind *cursor (0 at first), which then stands behind it; NULL at the end.
struct flow_entry *flow_cache_next(const struct flow_cache *cache, uint32_t *cursor);
