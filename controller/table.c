// SPDX-License-Identifier: BSD-3-Clause
//
// table: open addressing with linear probing.
//
// Removed keys leave a marker, so that a probe does not stop short; the table is rebuilt when three
// quarters of the slots are taken, markers included, so a probe stays short and always ends.

#include "controller/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <xxhash.h>

struct table_slot {
	void *key; // NULL: never used.
	size_t len;
	uint64_t hash;
	void *value; // NULL with a key: removed.
};

void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->size; i++)
		free(table->slots[i].key);
	free(table->slots);
	*table = (struct table){0};
}

// The slot of the key, or where it would be put; NULL only when there are no slots at all.
static struct table_slot *find(const struct table *table, const void *key, size_t len,
                               uint64_t hash)
{
	struct table_slot *spare = NULL;

	if (table->size == 0)
		return NULL;
	for (size_t i = hash & (table->size - 1);; i = (i + 1) & (table->size - 1)) {
		struct table_slot *slot = &table->slots[i];

		if (!slot->key)
			return spare ? spare : slot;
		if (!slot->value) {
			if (!spare)
				spare = slot;
			continue;
		}
		if (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0)
			return slot;
	}
}

void *table_get(const struct table *table, const void *key, size_t len)
{
	const struct table_slot *slot = find(table, key, len, XXH3_64bits(key, len));

	return slot ? slot->value : NULL;
}

// Rebuilds with room for as many keys again, without the markers.
static int grow(struct table *table)
{
	struct table wider = {.size = 16};

	while (wider.size < table->count * 4)
		wider.size *= 2;
	wider.slots = calloc(wider.size, sizeof(*wider.slots));
	if (!wider.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->size; i++) {
		struct table_slot *slot = &table->slots[i];

		if (!slot->value) {
			free(slot->key);
			continue;
		}
		*find(&wider, slot->key, slot->len, slot->hash) = *slot;
		wider.count++;
	}
	wider.used = wider.count;
	free(table->slots);
	*table = wider;
	return 0;
}

int table_put(struct table *table, const void *key, size_t len, void *value, void **ret_old)
{
	uint64_t hash = XXH3_64bits(key, len);
	struct table_slot *slot;
	void *copy;

	if ((table->used + 1) * 4 > table->size * 3 && grow(table) < 0)
		return -ENOMEM;
	slot = find(table, key, len, hash);
	if (slot->key && slot->value) {
		if (ret_old)
			*ret_old = slot->value;
		slot->value = value;
		return 0;
	}
	copy = malloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, key, len);
	if (!slot->key)
		table->used++;
	free(slot->key);
	*slot = (struct table_slot){.key = copy, .len = len, .hash = hash, .value = value};
	table->count++;
	if (ret_old)
		*ret_old = NULL;
	return 0;
}

void *table_remove(struct table *table, const void *key, size_t len)
{
	struct table_slot *slot = find(table, key, len, XXH3_64bits(key, len));
	void *value;

	if (!slot || !slot->value)
		return NULL;
	value = slot->value;
	slot->value = NULL;
	table->count--;
	return value;
}

void *table_next(const struct table *table, size_t *cursor, const void **key, size_t *len)
{
	while (*cursor < table->size) {
		const struct table_slot *slot = &table->slots[(*cursor)++];

		if (!slot->value)
			continue;
		if (key)
			*key = slot->key;
		if (len)
			*len = slot->len;
		return slot->value;
	}
	return NULL;
}
