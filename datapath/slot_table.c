// SPDX-License-Identifier: BSD-3-Clause
//
// slot_table: an array of owners by slot, a chained hash from owner to slot, a queue of free slots.
//
// Only the array is shared. An entry counts once its check fits, which is written last and cleared
// first. The queue makes a freed slot wait longest for its next owner, so that what still knows the
// slot by its old meaning (a counter being read, an entry about to age) has time to go.

#include "datapath/slot_table.h"

#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SLOT_MAGIC UINT64_C(0x3174736c6f746677)

struct header {
	uint64_t magic;
	uint64_t seed;
	uint32_t max;
	uint8_t spare[44];
};

struct entry {
	uint64_t id;
	uint32_t sub;
	_Atomic uint32_t check; // 0: free.
};

struct slot_table {
	struct header *header; // Borrowed, as is all of the shared memory.
	struct entry *entries;
	uint32_t max;
	uint32_t hash_mask;
	uint32_t *heads; // Owned, as are the next two; 0 ends a chain.
	uint32_t *nexts;
	uint32_t *queue; // A ring of max free slots at most.
	uint32_t queue_first, queue_count;
};

size_t slot_table_bytes(uint32_t max)
{
	return sizeof(struct header) + max * sizeof(struct entry);
}

static uint64_t hash_of(const struct slot_table *table, uint64_t id, uint32_t sub)
{
	uint64_t key[2] = {id, sub};

	return XXH3_64bits_withSeed(key, sizeof(key), table->header->seed);
}

static uint32_t check_of(const struct slot_table *table, uint32_t slot)
{
	const struct entry *entry = &table->entries[slot];
	uint32_t check = (uint32_t)(hash_of(table, entry->id, entry->sub) >> 32) ^ slot;

	return check ? check : 1;
}

static uint32_t *head_of(const struct slot_table *table, uint64_t id, uint32_t sub)
{
	return &table->heads[hash_of(table, id, sub) & table->hash_mask];
}

static void chain(struct slot_table *table, uint32_t slot)
{
	uint32_t *head = head_of(table, table->entries[slot].id, table->entries[slot].sub);

	table->nexts[slot] = *head;
	*head = slot;
}

static void push_free(struct slot_table *table, uint32_t slot)
{
	table->queue[(table->queue_first + table->queue_count++) % table->max] = slot;
}

uint32_t slot_table_find(const struct slot_table *table, uint64_t id, uint32_t sub)
{
	uint32_t slot = *head_of(table, id, sub);

	while (slot && (table->entries[slot].id != id || table->entries[slot].sub != sub))
		slot = table->nexts[slot];
	return slot;
}

uint32_t slot_table_lease(struct slot_table *table, uint64_t id, uint32_t sub)
{
	uint32_t slot = slot_table_find(table, id, sub);

	if (slot || table->queue_count == 0)
		return slot;

	slot = table->queue[table->queue_first];
	table->queue_first = (table->queue_first + 1) % table->max;
	table->queue_count--;
	table->entries[slot].id = id;
	table->entries[slot].sub = sub;
	atomic_store_explicit(&table->entries[slot].check, check_of(table, slot),
	                      memory_order_release);
	chain(table, slot);
	return slot;
}

void slot_table_release(struct slot_table *table, uint32_t slot)
{
	assert(slot > 0 && slot < table->max);

	struct entry *entry = &table->entries[slot];
	uint32_t *link = head_of(table, entry->id, entry->sub);

	assert(entry->check);
	while (*link != slot)
		link = &table->nexts[*link];
	*link = table->nexts[slot];
	atomic_store_explicit(&entry->check, 0, memory_order_release);
	push_free(table, slot);
}

void slot_table_sweep(struct slot_table *table, slot_keep_fn keep, void *user)
{
	for (uint32_t slot = 1; slot < table->max; slot++) {
		const struct entry *entry = &table->entries[slot];

		if (entry->check && !keep(user, entry->id, entry->sub, slot))
			slot_table_release(table, slot);
	}
}

static void recover_slots(struct slot_table *table)
{
	for (uint32_t slot = 1; slot < table->max; slot++) {
		struct entry *entry = &table->entries[slot];

		if (entry->check && entry->check == check_of(table, slot) &&
		    !slot_table_find(table, entry->id, entry->sub)) {
			chain(table, slot);
			continue;
		}
		entry->check = 0;
		push_free(table, slot);
	}
}

struct slot_table *slot_table_open(void *memory, uint32_t max, bool recover)
{
	struct slot_table *table = calloc(1, sizeof(*table));
	struct header *header = memory;
	bool known = recover && header->magic == SLOT_MAGIC && header->max == max;
	uint32_t hashes = 16;

	assert(max > 1);
	while (hashes < max)
		hashes *= 2;
	if (table) {
		table->heads = calloc(hashes, sizeof(*table->heads));
		table->nexts = calloc(max, sizeof(*table->nexts));
		table->queue = calloc(max, sizeof(*table->queue));
	}
	if (!table || !table->heads || !table->nexts || !table->queue) {
		slot_table_close(table);
		errno = ENOMEM;
		return NULL;
	}
	if (recover && !known)
		memset(memory, 0, slot_table_bytes(max));
	if (!known)
		*header = (struct header){.magic = SLOT_MAGIC, .seed = rand_u64(), .max = max};
	table->header = header;
	table->entries = (struct entry *)(header + 1);
	table->max = max;
	table->hash_mask = hashes - 1;
	if (known)
		recover_slots(table);
	for (uint32_t slot = 1; slot < max && !known; slot++)
		push_free(table, slot);
	return table;
}

void slot_table_close(struct slot_table *table)
{
	if (!table)
		return;
	free(table->heads);
	free(table->nexts);
	free(table->queue);
	free(table);
}
