// SPDX-License-Identifier: BSD-3-Clause
//
// hash_index: chains of nodes under a power of two of buckets, doubled when they are as many as the
// values.
//
// Names in it may come from guests, so the hash takes a seed that they do not know: nobody can
// prepare names that all land in one chain.

#include "datapath/hash_index.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_BUCKETS = 16 };

void hash_index_init(struct hash_index *index, uint64_t seed)
{
	*index = (struct hash_index){.seed = seed};
}

void hash_index_fini(struct hash_index *index)
{
	for (uint32_t i = 0; i < index->bucket_count; i++) {
		struct hash_node *next;

		for (struct hash_node *node = index->buckets[i]; node; node = next) {
			next = node->next;
			free(node);
		}
	}
	free(index->buckets);
	*index = (struct hash_index){.seed = index->seed};
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

uint64_t hash_index_key(const struct hash_index *index, uint64_t salt, const void *key, size_t len)
{
	const uint8_t *bytes = key;
	uint64_t hash = mix(mix(index->seed, salt), len);

	for (; len >= 8; bytes += 8, len -= 8)
		hash = mix(hash, load_le64(bytes));
	for (; len > 0; bytes++, len--)
		hash = mix(hash, *bytes);
	return mix(hash, index->seed);
}

static struct hash_node **bucket_of(const struct hash_index *index, uint64_t hash)
{
	return &index->buckets[hash & (index->bucket_count - 1)];
}

// Appends, so that the order under one hash survives growing.
static void append(struct hash_index *index, struct hash_node *node)
{
	struct hash_node **end = bucket_of(index, node->hash);

	while (*end)
		end = &(*end)->next;
	node->next = NULL;
	*end = node;
}

static int grow(struct hash_index *index)
{
	struct hash_index old = *index;
	uint32_t count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
	struct hash_node **buckets = calloc(count, sizeof(struct hash_node *));

	if (!buckets)
		return -ENOMEM;
	index->buckets = buckets;
	index->bucket_count = count;
	for (uint32_t i = 0; i < old.bucket_count; i++) {
		struct hash_node *next;

		for (struct hash_node *node = old.buckets[i]; node; node = next) {
			next = node->next;
			append(index, node);
		}
	}
	free(old.buckets);
	return 0;
}

int hash_index_add(struct hash_index *index, uint64_t hash, void *value)
{
	struct hash_node *node = malloc(sizeof(*node));

	if (!node)
		return -ENOMEM;
	if (index->count >= index->bucket_count && grow(index) < 0) {
		free(node);
		return -ENOMEM;
	}
	*node = (struct hash_node){.hash = hash, .value = value};
	append(index, node);
	index->count++;
	return 0;
}

void hash_index_remove(struct hash_index *index, uint64_t hash, const void *value)
{
	if (index->bucket_count == 0)
		return;
	for (struct hash_node **at = bucket_of(index, hash); *at; at = &(*at)->next) {
		struct hash_node *node = *at;

		if (node->hash != hash || node->value != value)
			continue;
		*at = node->next;
		free(node);
		index->count--;
		return;
	}
}

static const struct hash_node *same_hash(const struct hash_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

const struct hash_node *hash_index_first(const struct hash_index *index, uint64_t hash)
{
	return index->bucket_count ? same_hash(*bucket_of(index, hash), hash) : NULL;
}

const struct hash_node *hash_index_next(const struct hash_node *node)
{
	return same_hash(node->next, node->hash);
}
