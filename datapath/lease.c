// SPDX-License-Identifier: BSD-3-Clause
//
// lease: an array of leases in shared memory, with two chained hash indexes beside it.
//
// A lease is replaced by writing the new one into a free slot and then freeing the old slot, for
// which there is one slot more than there are leases. Killed in between, both are there; the later
// serial wins. A check over the whole lease tells a half-written one. Slots are handed out from the
// low end, so that memory which was never needed is never touched; `used_end` bounds all walks.

#include "datapath/lease.h"

#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { NONE = -1, MAX_LEASES = 1 << 20 };

#define LEASE_MAGIC UINT64_C(0x3165736165746677)

struct header {
	uint64_t magic;
	uint64_t seed;
	uint32_t leases;
	uint32_t used_end; // No slot from here on was ever used.
	uint8_t spare[40];
};

// Slots that share a hash, chained.
struct chains {
	int32_t *heads; // Owned, as is
	int32_t *nexts;
};

struct lease_table {
	struct header *header; // Borrowed, as is all of the shared memory.
	struct lease *leases;
	struct chains by_ip, by_client;
	int32_t *free_slots; // Owned: a stack of those below used_end.
	uint32_t free_count;
	uint32_t slots;
	uint32_t hash_mask;
	uint32_t count;
	uint32_t last_serial;
};

size_t lease_bytes(uint32_t leases)
{
	return sizeof(struct header) + ((size_t)leases + 1) * sizeof(struct lease);
}

static uint32_t check_of(const struct lease_table *table, const struct lease *lease)
{
	struct lease copy = *lease;

	copy.check = 0;
	return (uint32_t)XXH3_64bits_withSeed(&copy, sizeof(copy), table->header->seed);
}

static uint32_t hash_ip(const struct lease_table *table, uint64_t scope, const struct ip_addr *ip)
{
	return (uint32_t)XXH3_64bits_withSeed(ip, sizeof(*ip), table->header->seed ^ scope) &
	       table->hash_mask;
}

static uint32_t hash_client(const struct lease_table *table, uint64_t scope, const struct mac *mac,
                            const uint8_t *id, size_t id_len)
{
	const void *key = id_len ? (const void *)id : mac;
	size_t size = id_len ? id_len : sizeof(*mac);

	return (uint32_t)XXH3_64bits_withSeed(key, size, table->header->seed ^ ~scope) &
	       table->hash_mask;
}

static int32_t *head_by_ip(struct lease_table *table, const struct lease *lease)
{
	return &table->by_ip.heads[hash_ip(table, lease->scope, &lease->ip)];
}

static int32_t *head_by_client(struct lease_table *table, const struct lease *lease)
{
	return &table->by_client.heads[hash_client(table, lease->scope, &lease->mac,
	                                           lease->client_id, lease->client_id_len)];
}

static void chain(struct chains *chains, int32_t *head, int32_t at)
{
	chains->nexts[at] = *head;
	*head = at;
}

static void unchain(struct chains *chains, int32_t *head, int32_t at)
{
	while (*head != at)
		head = &chains->nexts[*head];
	*head = chains->nexts[at];
}

struct lease *lease_by_ip(struct lease_table *table, uint64_t scope, const struct ip_addr *ip)
{
	int32_t at = table->by_ip.heads[hash_ip(table, scope, ip)];

	for (; at != NONE; at = table->by_ip.nexts[at])
		if (table->leases[at].scope == scope && ip_equal(table->leases[at].ip, *ip))
			return &table->leases[at];
	return NULL;
}

static bool is_of_client(const struct lease *lease, uint64_t scope, const struct mac *mac,
                         const uint8_t *id, size_t id_len)
{
	if (lease->scope != scope || lease->client_id_len != id_len)
		return false;
	return id_len ? memcmp(lease->client_id, id, id_len) == 0 : mac_equal(lease->mac, *mac);
}

struct lease *lease_by_client(struct lease_table *table, uint64_t scope, const struct mac *mac,
                              const uint8_t *client_id, size_t client_id_len)
{
	if (client_id_len > LEASE_CLIENT_ID)
		return NULL;

	uint32_t hash = hash_client(table, scope, mac, client_id, client_id_len);

	for (int32_t at = table->by_client.heads[hash]; at != NONE; at = table->by_client.nexts[at])
		if (is_of_client(&table->leases[at], scope, mac, client_id, client_id_len))
			return &table->leases[at];
	return NULL;
}

static int32_t take_slot(struct lease_table *table)
{
	if (table->free_count > 0)
		return table->free_slots[--table->free_count];
	assert(table->header->used_end < table->slots);
	return (int32_t)table->header->used_end++;
}

static void index_slot(struct lease_table *table, int32_t at)
{
	chain(&table->by_ip, head_by_ip(table, &table->leases[at]), at);
	chain(&table->by_client, head_by_client(table, &table->leases[at]), at);
	table->count++;
}

static void free_slot(struct lease_table *table, int32_t at)
{
	table->leases[at].state = LEASE_FREE;
	table->free_slots[table->free_count++] = at;
}

void lease_remove(struct lease_table *table, struct lease *lease)
{
	int32_t at = (int32_t)(lease - table->leases);

	unchain(&table->by_ip, head_by_ip(table, lease), at);
	unchain(&table->by_client, head_by_client(table, lease), at);
	table->count--;
	free_slot(table, at);
}

struct lease *lease_put(struct lease_table *table, const struct lease *lease)
{
	struct lease *old = lease_by_ip(table, lease->scope, &lease->ip);
	struct lease copy = *lease;

	assert(lease->state != LEASE_FREE && lease->client_id_len <= LEASE_CLIENT_ID);
	if (!old && table->count >= table->header->leases)
		return NULL;

	int32_t at = take_slot(table);

	copy.serial = ++table->last_serial;
	copy.check = check_of(table, &copy);
	table->leases[at] = copy;
	// The compiler keeps the order; nothing else can come between, as seen after a kill.
	atomic_signal_fence(memory_order_seq_cst);
	if (old)
		lease_remove(table, old);
	index_slot(table, at);
	return &table->leases[at];
}

uint32_t lease_count(const struct lease_table *table)
{
	return table->count;
}

struct lease *lease_next(struct lease_table *table, uint32_t *cursor)
{
	for (uint32_t at = *cursor; at < table->header->used_end; at++) {
		if (table->leases[at].state == LEASE_FREE)
			continue;
		*cursor = at + 1;
		return &table->leases[at];
	}
	*cursor = table->header->used_end;
	return NULL;
}

// Takes one slot over: into the indexes if it verifies and is the latest of its address.
static void recover_slot(struct lease_table *table, int32_t at)
{
	struct lease *lease = &table->leases[at];

	if (lease->state == LEASE_FREE || lease->check != check_of(table, lease) ||
	    lease->client_id_len > LEASE_CLIENT_ID) {
		free_slot(table, at);
		return;
	}

	struct lease *other = lease_by_ip(table, lease->scope, &lease->ip);

	if (other && (int32_t)(lease->serial - other->serial) < 0) {
		free_slot(table, at);
		return;
	}
	if (other)
		lease_remove(table, other);
	if ((int32_t)(lease->serial - table->last_serial) > 0)
		table->last_serial = lease->serial;
	index_slot(table, at);
}

// Room for the indexes; *table is whole or zeroed inside afterwards.
static int make_indexes(struct lease_table *table, uint32_t leases)
{
	uint32_t hashes = 16;
	struct chains *chains[] = {&table->by_ip, &table->by_client};

	while (hashes < leases)
		hashes *= 2;
	table->slots = leases + 1;
	table->hash_mask = hashes - 1;
	table->free_slots = calloc(table->slots, sizeof(*table->free_slots));
	if (!table->free_slots)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++) {
		chains[i]->heads = malloc(hashes * sizeof(int32_t));
		chains[i]->nexts = calloc(table->slots, sizeof(int32_t));
		if (!chains[i]->heads || !chains[i]->nexts)
			return -ENOMEM;
		for (uint32_t hash = 0; hash < hashes; hash++)
			chains[i]->heads[hash] = NONE;
	}
	return 0;
}

struct lease_table *lease_open(void *memory, uint32_t leases, bool recover)
{
	struct lease_table *table = calloc(1, sizeof(*table));
	struct header *header = memory;
	bool known = recover && header->magic == LEASE_MAGIC && header->leases == leases &&
	             header->used_end <= leases + 1;

	if (!table || leases == 0 || leases > MAX_LEASES || make_indexes(table, leases) < 0) {
		errno = table && (leases == 0 || leases > MAX_LEASES) ? EINVAL : ENOMEM;
		lease_close(table);
		return NULL;
	}
	if (recover && !known)
		memset(memory, 0, lease_bytes(leases));
	if (!known)
		*header =
			(struct header){.magic = LEASE_MAGIC, .seed = rand_u64(), .leases = leases};
	table->header = header;
	table->leases = (struct lease *)(header + 1);
	for (uint32_t at = 0; at < header->used_end; at++)
		recover_slot(table, (int32_t)at);
	return table;
}

void lease_close(struct lease_table *table)
{
	if (!table)
		return;
	free(table->by_ip.heads);
	free(table->by_ip.nexts);
	free(table->by_client.heads);
	free(table->by_client.nexts);
	free(table->free_slots);
	free(table);
}
