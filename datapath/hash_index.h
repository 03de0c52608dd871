// SPDX-License-Identifier: BSD-3-Clause
//
// hash_index: finds things by the hash of one of their keys; the things stay where they are.
//
// Several values may stand under one hash: who looks compares the keys. Main thread only.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
	void *value; // borrowed
};

struct hash_index {
	struct hash_node **buckets;
	uint32_t bucket_count; // power of two, or 0 while empty
	uint32_t count;
	uint64_t seed;
};

void hash_index_init(struct hash_index *index, uint64_t seed);
void hash_index_fini(struct hash_index *index);
// The hash of a key; `salt` tells apart kinds of keys that share an index.
uint64_t hash_index_key(const struct hash_index *index, uint64_t salt, const void *key, size_t len);
// 0 or -ENOMEM. Under one hash the values keep the order in which they were added.
int hash_index_add(struct hash_index *index, uint64_t hash, void *value);
// Does nothing when it is not there.
void hash_index_remove(struct hash_index *index, uint64_t hash, const void *value);
// NULL at the end. => The index does not change between the two calls.
const struct hash_node *hash_index_first(const struct hash_index *index, uint64_t hash);
const struct hash_node *hash_index_next(const struct hash_node *node);
