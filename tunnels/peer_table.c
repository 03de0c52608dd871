// SPDX-License-Identifier: BSD-3-Clause
//
// peer_table: open addressing, at most half full, hashed with a seed of the process: who sends to our port cannot
// choose addresses that all lie in one chain. A change costs one pass over the peers; a look-up two lines.

#include "tunnels/peer_table.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <stdlib.h>

struct entry {
	struct ip_addr addr;
	uint32_t slot; // 0: free
};

struct peer_table {
	uint64_t seed;
	uint32_t count, mask;
	struct entry entries[];
};

static uint32_t place_of(const struct peer_table *table, const struct ip_addr *addr)
{
	uint64_t hash = (load_be64(addr->b) ^ table->seed) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 29 ^ load_be64(addr->b + 8)) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(hash >> 32) & table->mask;
}

static void put(struct peer_table *table, struct ip_addr addr, uint32_t slot)
{
	uint32_t at = place_of(table, &addr);

	while (table->entries[at].slot)
		at = (at + 1) & table->mask;
	table->entries[at] = (struct entry){.addr = addr, .slot = slot};
	table->count++;
}

struct peer_table *peer_table_with(const struct peer_table *from, struct ip_addr addr,
                                   uint32_t slot)
{
	uint32_t count = (from ? from->count : 0) + 1;
	uint32_t size = 8;
	struct peer_table *table;

	while (size < 2 * count)
		size *= 2;
	table = calloc(1, sizeof(*table) + size * sizeof(table->entries[0]));
	if (!table)
		return NULL;
	table->seed = from ? from->seed : rand_u64();
	table->mask = size - 1;
	for (uint32_t i = 0; from && i <= from->mask; i++)
		if (from->entries[i].slot && !ip_equal(from->entries[i].addr, addr))
			put(table, from->entries[i].addr, from->entries[i].slot);
	if (slot)
		put(table, addr, slot);
	return table;
}

uint32_t peer_table_find(const struct peer_table *table, const struct ip_addr *addr)
{
	uint32_t at;

	if (!table)
		return 0;
	for (at = place_of(table, addr); table->entries[at].slot; at = (at + 1) & table->mask)
		if (ip_equal(table->entries[at].addr, *addr))
			return table->entries[at].slot;
	return 0;
}
