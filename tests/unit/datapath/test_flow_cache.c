// SPDX-License-Identifier: BSD-3-Clause
//
// test_flow_cache: hits, evictions that hand their counters over, and entries that are used again.

#include "datapath/flow_cache.h"
#include "tests/unit/unit.h"

#include <errno.h>

enum { ENTRIES = 64, BATCH = 32 };

struct fixture {
	struct flow_cache *cache;
	uint64_t evicted_packets;
	unsigned evicted;
};

static void count_evicted(void *user, const struct flow_entry *entry)
{
	struct fixture *fixture = user;

	fixture->evicted++;
	fixture->evicted_packets += entry->packets;
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	fixture.cache = flow_cache_new(ENTRIES, count_evicted, &fixture);
	*state = &fixture;
	return fixture.cache ? 0 : -1;
}

static int teardown(void **state)
{
	flow_cache_free(((struct fixture *)*state)->cache);
	return 0;
}

static struct flow_key key_of(uint32_t n)
{
	return (struct flow_key){.in_port = 1, .src_port = (uint16_t)n, .vni = n >> 16};
}

static struct flow_entry *find(struct fixture *fixture, uint32_t n)
{
	struct flow_key key = key_of(n);

	return flow_cache_find(fixture->cache, &key, flow_key_hash(&key));
}

static struct flow_entry *insert(struct fixture *fixture, uint32_t n)
{
	struct flow_key key = key_of(n);

	return flow_cache_insert(fixture->cache, &key, flow_key_hash(&key));
}

static void finds_what_was_inserted(void **state)
{
	struct fixture *fixture = *state;

	assert_null(find(fixture, 1));

	struct flow_entry *entry = insert(fixture, 1);

	assert_int_equal(entry->packets, 0);
	entry->packets = 3;
	assert_ptr_equal(find(fixture, 1), entry);
	assert_null(find(fixture, 2));
	assert_ptr_equal(insert(fixture, 1), entry);
	assert_int_equal(entry->packets, 3);
	assert_int_equal(flow_cache_count(fixture->cache), 1);
	assert_int_equal(flow_cache_capacity(fixture->cache), ENTRIES);
}

static void removed_entries_are_used_again(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t round = 0; round < 10 * ENTRIES; round++) {
		struct flow_entry *entry = insert(fixture, round);

		entry->packets = 2;
		flow_cache_remove(fixture->cache, entry);
		assert_null(find(fixture, round));
	}
	assert_int_equal(flow_cache_count(fixture->cache), 0);
	assert_int_equal(fixture->evicted, 10 * ENTRIES);
	assert_int_equal(fixture->evicted_packets, 20 * ENTRIES);
}

static void a_full_cache_evicts_and_loses_no_count(void **state)
{
	struct fixture *fixture = *state;
	uint64_t kept = 0;
	uint32_t cursor = 0;

	for (uint32_t n = 0; n < 1000; n++) {
		struct flow_entry *entry = insert(fixture, n);

		entry->packets = 1;
		assert_ptr_equal(find(fixture, n), entry);
	}
	assert_in_range(flow_cache_count(fixture->cache), ENTRIES - 8, ENTRIES);
	for (struct flow_entry *entry; (entry = flow_cache_next(fixture->cache, &cursor));)
		kept += entry->packets;
	assert_int_equal(kept, flow_cache_count(fixture->cache));
	assert_int_equal(kept + fixture->evicted_packets, 1000);
}

static void clear_hands_all_over(void **state)
{
	struct fixture *fixture = *state;
	uint32_t cursor = 0;

	for (uint32_t n = 0; n < 40; n++)
		insert(fixture, n)->packets = 1;
	flow_cache_clear(fixture->cache);
	assert_int_equal(fixture->evicted_packets, 40);
	assert_int_equal(flow_cache_count(fixture->cache), 0);
	assert_null(flow_cache_next(fixture->cache, &cursor));
	assert_null(find(fixture, 5));
	assert_non_null(insert(fixture, 5));
}

static void batches_find_the_same(void **state)
{
	struct fixture *fixture = *state;
	struct flow_key keys[BATCH];
	struct flow_entry *entries[BATCH];
	uint32_t hashes[BATCH];

	for (uint32_t n = 0; n < BATCH; n++) {
		keys[n] = key_of(n);
		if (n % 3)
			insert(fixture, n);
	}
	flow_cache_hash_batch(keys, BATCH, hashes);
	assert_int_equal(flow_cache_find_batch(fixture->cache, keys, hashes, BATCH, entries), 21);
	for (uint32_t n = 0; n < BATCH; n++)
		assert_ptr_equal(entries[n], find(fixture, n));
}

static void odd_sizes_are_refused(void **state)
{
	assert_null(flow_cache_new(100, count_evicted, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(flow_cache_new(8, count_evicted, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_what_was_inserted, setup, teardown),
		cmocka_unit_test_setup_teardown(removed_entries_are_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_cache_evicts_and_loses_no_count, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(clear_hands_all_over, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_find_the_same, setup, teardown),
		cmocka_unit_test(odd_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
