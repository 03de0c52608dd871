// SPDX-License-Identifier: BSD-3-Clause
//
// test_flow_cache: what was put in is there until its eviction was told, with its counters.
//
// The twin is an array indexed by the flow's number; evictions are the cache's choice, so the twin
// learns them from the callback.

#include "datapath/flow_cache.h"
#include "model.h"

enum { STEPS = 200000, ENTRIES = 256, FLOWS = 600, BATCH = 16 };

struct twin {
	bool there;
	uint64_t packets, bytes;
};

static struct twin twins[FLOWS];
static struct flow_cache *cache;
static uint32_t count;
static unsigned evictions;

static struct flow_key key_of(uint32_t n)
{
	struct flow_key key = {.in_port = 1 + n % 7, .src_port = (uint16_t)n};

	// Some flows are of L2 depth.
	if (n % 3 == 0)
		key.eth_type = 0x800;
	return key;
}

static void evicted(void *user, const struct flow_entry *entry)
{
	struct twin *twin = &twins[entry->key.src_port];

	assert_true(twin->there);
	assert_int_equal(entry->packets, twin->packets);
	assert_int_equal(entry->bytes, twin->bytes);
	*twin = (struct twin){0};
	count--;
	evictions++;
}

static struct flow_entry *find(uint32_t n)
{
	struct flow_key key = key_of(n);
	struct flow_entry *entry = flow_cache_find(cache, &key, flow_key_hash(&key));

	assert_int_equal(entry != NULL, twins[n].there);
	if (entry) {
		assert_true(flow_key_equal(&entry->key, &key));
		assert_int_equal(entry->packets, twins[n].packets);
		assert_int_equal(entry->program.out_port, n);
	}
	return entry;
}

static void insert(uint32_t n)
{
	struct flow_key key = key_of(n);
	bool was_there = twins[n].there;
	unsigned before = evictions;
	uint32_t room = ENTRIES - count;
	struct flow_entry *entry = flow_cache_insert(cache, &key, flow_key_hash(&key));

	assert_int_equal(entry->packets, twins[n].packets);
	assert_int_equal(entry->bytes, twins[n].bytes);
	entry->program.out_port = n;
	twins[n].there = true;
	count += !was_there;
	// While there is room, hardly anybody is evicted; at most one ever is.
	assert_in_range(evictions - before, 0, was_there || room > ENTRIES / 4 ? 0 : 1);
}

static void use(uint32_t n)
{
	struct flow_entry *entry = find(n);

	if (!entry)
		return;
	entry->packets++;
	entry->bytes += 60;
	twins[n].packets++;
	twins[n].bytes += 60;
}

static void use_batch(void)
{
	struct flow_entry *entries[BATCH];
	struct flow_key keys[BATCH];
	uint32_t flows[BATCH], hashes[BATCH];
	unsigned expected = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		flows[i] = rand_below(FLOWS);
		keys[i] = key_of(flows[i]);
		expected += twins[flows[i]].there;
	}
	flow_cache_hash_batch(keys, BATCH, hashes);
	assert_int_equal(flow_cache_find_batch(cache, keys, hashes, BATCH, entries), expected);
	for (unsigned i = 0; i < BATCH; i++)
		assert_ptr_equal(entries[i], find(flows[i]));
}

static void walk(void)
{
	struct flow_entry *entry;
	uint32_t cursor = 0, seen = 0;

	while ((entry = flow_cache_next(cache, &cursor))) {
		assert_true(twins[entry->key.src_port].there);
		seen++;
	}
	assert_int_equal(seen, count);
}

static void like_an_array(void **state)
{
	model_seed();
	cache = flow_cache_new(ENTRIES, evicted, NULL);
	assert_non_null(cache);
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t n = rand_below(FLOWS), choice = rand_below(10000);

		if (choice < 4000)
			insert(n);
		else if (choice < 8000)
			use(n);
		else if (choice < 9000 && find(n))
			flow_cache_remove(cache, find(n));
		else if (choice < 9990)
			use_batch();
		else if (choice < 9998)
			walk();
		else
			flow_cache_clear(cache);
		assert_int_equal(flow_cache_count(cache), count);
	}
	assert_true(evictions > STEPS / 100);
	flow_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(like_an_array)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
