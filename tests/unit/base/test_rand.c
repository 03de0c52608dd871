// SPDX-License-Identifier: BSD-3-Clause
//
// test_rand: repeatable on demand, different otherwise, even, and each thread on its own.

#include "base/rand.h"
#include "tests/unit/unit.h"

#include <pthread.h>

enum { FACES = 6, THROWS = 60000 };

static void seeds_repeat(void **state)
{
	rand_seed_for_tests(7);

	uint64_t first = rand_u64(), second = rand_u64();

	assert_true(first != second);
	rand_seed_for_tests(7);
	assert_true(rand_u64() == first && rand_u64() == second);
	rand_seed_for_tests(8);
	assert_true(rand_u64() != first);
}

// Six faces, each within five standard deviations (91 throws) of its share.
static void below_is_even(void **state)
{
	unsigned seen[FACES] = {0};

	rand_seed_for_tests(0);
	for (unsigned i = 0; i < THROWS; i++)
		seen[rand_below(FACES)]++;
	for (unsigned i = 0; i < FACES; i++)
		assert_in_range(seen[i], THROWS / FACES - 500, THROWS / FACES + 500);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(rand_below(1), 0);
		assert_true(rand_below(UINT32_MAX) < UINT32_MAX);
		assert_true(rand_below(0x80000001) <= 0x80000000);
	}
}

static void bytes_fill_exactly(void **state)
{
	uint8_t bytes[32];

	for (size_t size = 0; size < sizeof(bytes); size++) {
		bool changed[sizeof(bytes)] = {false};

		for (unsigned round = 0; round < 8; round++) {
			memset(bytes, 0, sizeof(bytes));
			rand_bytes(bytes, size);
			for (size_t i = 0; i < sizeof(bytes); i++)
				changed[i] |= bytes[i] != 0;
		}
		for (size_t i = 0; i < sizeof(bytes); i++)
			assert_int_equal(changed[i], i < size);
	}
}

static void *draw(void *ret)
{
	*(uint64_t *)ret = rand_u64();
	return NULL;
}

static void threads_have_their_own(void **state)
{
	pthread_t threads[8];
	uint64_t drawn[8];

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, draw, &drawn[i]), 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 8; i++)
		for (unsigned j = 0; j < i; j++)
			assert_true(drawn[i] != drawn[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds_repeat),
		cmocka_unit_test(below_is_even),
		cmocka_unit_test(bytes_fill_exactly),
		cmocka_unit_test(threads_have_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
