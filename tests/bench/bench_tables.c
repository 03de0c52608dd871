// SPDX-License-Identifier: BSD-3-Clause
//
// bench_tables: cycles of the time-stamp counter per lookup and insert of each table, by its size.
//
// A lookup's figure is the best of many short rounds over keys in random order, so that what the
// machine does besides is left out, and the cost of memory that is not in a cache is in; an
// insert's is the average of filling the table.

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/conn_table.h"
#include "datapath/fdb.h"
#include "datapath/flow_cache.h"
#include "datapath/lpm.h"
#include "datapath/pmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 100, LOOKUPS = 1 << 14, BATCH = 32, ORDER = 1 << 20 };

static const uint32_t sizes[] = {1, 10000, 1000000};

static uint32_t order[ORDER];  // Random numbers below the size in question.
static volatile uint64_t sink; // Keeps results from being optimised away.

// A counter at constant speed: the TSC, or nanoseconds where there is none.
static uint64_t cycles(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return clock_now();
#endif
}

static void shuffle(uint32_t size)
{
	for (uint32_t i = 0; i < ORDER; i++)
		order[i] = rand_below(size);
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t power = 64;

	while (power < least)
		power *= 2;
	return power;
}

static void need(bool done)
{
	if (done)
		return;
	perror("bench_tables");
	exit(1);
}

static void report(const char *what, uint32_t size, uint64_t insert, uint64_t lookup)
{
	printf("%-24s %8" PRIu32 " %10" PRIu64 " %10" PRIu64 "\n", what, size, insert, lookup);
}

// Calls `look` LOOKUPS times and returns the best round's cycles per call.
static uint64_t time_lookups(void *table, uint32_t size, uint64_t (*look)(void *table, uint32_t n))
{
	uint64_t best = UINT64_MAX;

	shuffle(size);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = cycles(), sum = 0;

		for (uint32_t i = 0; i < LOOKUPS; i++)
			sum += look(table, order[(round * LOOKUPS + i) % ORDER]);
		best = MIN(best, (cycles() - start) / LOOKUPS);
		sink += sum;
	}
	return best;
}

static struct mac mac_of(uint32_t n)
{
	return mac_from_u64(UINT64_C(0x020000000000) + n);
}

static uint64_t look_fdb(void *table, uint32_t n)
{
	struct mac mac = mac_of(n);
	uint32_t port = 0;

	fdb_lookup(table, 1, &mac, &port);
	return port;
}

static void bench_fdb(uint32_t size)
{
	uint32_t entries = power_of_two(size);
	void *memory = mem_block_new("bench", fdb_bytes(entries), MEM_HUGE);
	struct fdb *fdb = memory ? fdb_open(memory, entries, false) : NULL;

	need(fdb);

	uint64_t start = cycles();

	for (uint32_t n = 0; n < size; n++) {
		struct mac mac = mac_of(n);

		fdb_learn(fdb, 1, &mac, 1 + n % 100, 0, 0, 0);
	}

	uint64_t insert = (cycles() - start) / size;

	report("fdb", size, insert, time_lookups(fdb, size, look_fdb));
	fdb_close(fdb);
	mem_block_free(memory);
}

static void conn_keys(uint32_t n, struct conn_key keys[static 2])
{
	keys[0] = (struct conn_key){
		.src = ip_from4(htobe32(0x0a000000 + n)),
		.dst = ip_from4(htobe32(0xc0000201)),
		.src_port = (uint16_t)n,
		.dst_port = 80,
		.zone = 1,
		.proto = 6,
	};
	keys[1] = conn_key_reverse(&keys[0]);
}

static uint64_t look_conn(void *table, uint32_t n)
{
	enum conn_direction direction;
	struct conn_key keys[2];

	conn_keys(n, keys);
	return conn_lookup(table, &keys[n % 2], &direction).index;
}

static void bench_conn_table(uint32_t size)
{
	uint32_t conns = power_of_two(size);
	void *memory = mem_block_new("bench", conn_table_bytes(conns), MEM_HUGE);
	struct conn_table *table = memory ? conn_table_open(memory, conns, 1, false, 0) : NULL;

	need(table);

	uint64_t start = cycles();

	for (uint32_t n = 0; n < size; n++) {
		struct conn_key keys[2];
		struct conn_ref ref;

		conn_keys(n, keys);
		need(conn_insert(table, 0, keys, 0, 60, 0, 0, &ref, NULL) == 0);
	}

	uint64_t insert = (cycles() - start) / size;

	report("connections", size, insert, time_lookups(table, size, look_conn));
	conn_table_close(table);
	mem_block_free(memory);
}

static struct flow_key flow_key_of(uint32_t n)
{
	return (struct flow_key){
		.in_port = 1,
		.eth_type = 0x800,
		.ip_proto = 17,
		.src_port = (uint16_t)n,
		.dst_port = 80,
		.src = ip_from4(n),
		.dst = ip_from4(1),
	};
}

static uint64_t look_flow(void *table, uint32_t n)
{
	struct flow_key key = flow_key_of(n);

	return flow_cache_find(table, &key, flow_key_hash(&key))->packets++;
}

// As the pipeline does it: hash and find a batch at once.
static uint64_t time_flow_batches(struct flow_cache *cache, uint32_t size)
{
	static struct flow_key keys[ORDER];
	uint64_t best = UINT64_MAX;

	shuffle(size);
	for (uint32_t i = 0; i < ORDER; i++)
		keys[i] = flow_key_of(order[i]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = cycles();

		for (uint32_t i = 0; i < LOOKUPS; i += BATCH) {
			struct flow_entry *entries[BATCH];
			uint32_t hashes[BATCH];
			const struct flow_key *batch = &keys[(round * LOOKUPS + i) % ORDER];

			flow_cache_hash_batch(batch, BATCH, hashes);
			flow_cache_find_batch(cache, batch, hashes, BATCH, entries);
			for (unsigned j = 0; j < BATCH; j++)
				entries[j]->packets++;
		}
		best = MIN(best, (cycles() - start) / LOOKUPS);
	}
	return best;
}

static void bench_flow_cache(uint32_t size)
{
	struct flow_cache *cache = flow_cache_new(power_of_two(size), NULL, NULL);

	need(cache);

	uint64_t start = cycles();

	for (uint32_t n = 0; n < size; n++) {
		struct flow_key key = flow_key_of(n);

		flow_cache_insert(cache, &key, flow_key_hash(&key));
	}

	uint64_t insert = (cycles() - start) / size;

	report("flow cache", size, insert, time_lookups(cache, size, look_flow));
	report("flow cache, batch of 32", size, insert, time_flow_batches(cache, size));
	flow_cache_free(cache);
}

static uint64_t look_pmap(void *table, uint32_t n)
{
	return (uintptr_t)pmap_get(table, n);
}

static void bench_pmap(uint32_t size)
{
	struct edit *edit = edit_new();
	struct pmap map = {0};

	need(edit);

	uint64_t start = cycles();

	for (uint32_t n = 0; n < size; n++)
		need(pmap_set(&map, edit, n, &map) == 0);

	uint64_t insert = (cycles() - start) / size;

	report("pmap", size, insert, time_lookups(&map, size, look_pmap));
	edit_keep(edit);
	pmap_fini(&map);
}

static struct ip_prefix prefix_of(uint32_t n)
{
	return (struct ip_prefix){ip_from4(htobe32(n * 2654435761U)), (uint8_t)(16 + n % 17)};
}

static uint64_t look_lpm(void *table, uint32_t n)
{
	struct ip_addr addr = prefix_of(n).addr;

	return (uintptr_t)lpm_lookup(table, &addr);
}

static void bench_lpm(uint32_t size)
{
	struct edit *edit = edit_new();
	struct lpm lpm = {0};

	need(edit);

	uint64_t start = cycles();

	for (uint32_t n = 0; n < size; n++) {
		struct ip_prefix prefix = prefix_of(n);

		need(lpm_set(&lpm, edit, &prefix, &lpm) == 0);
	}

	uint64_t insert = (cycles() - start) / size;

	report("lpm", size, insert, time_lookups(&lpm, size, look_lpm));
	edit_keep(edit);
	lpm_fini(&lpm);
}

int main(void)
{
	printf("%-24s %8s %10s %10s\n", "cycles each", "entries", "insert", "lookup");
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_flow_cache(sizes[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_conn_table(sizes[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_fdb(sizes[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_lpm(sizes[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_pmap(sizes[i]);
	return 0;
}
