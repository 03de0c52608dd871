// SPDX-License-Identifier: BSD-3-Clause
//
// test_hash_index: values under hashes, their order, growth and removal.

#include "datapath/hash_index.h"
#include "tests/unit/unit.h"

static void finds_what_was_added(void **state)
{
	struct hash_index index;
	static uint32_t values[1000];

	hash_index_init(&index, 7);
	assert_null(hash_index_first(&index, 1));
	for (uint32_t i = 0; i < 1000; i++) {
		values[i] = i;
		assert_int_equal(hash_index_add(&index, hash_index_key(&index, 0, &i, sizeof(i)),
		                                &values[i]),
		                 0);
	}
	assert_int_equal(index.count, 1000);
	assert_true(index.bucket_count >= 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t hash = hash_index_key(&index, 0, &i, sizeof(i));
		const struct hash_node *node = hash_index_first(&index, hash);

		assert_ptr_equal(node->value, &values[i]);
		hash_index_remove(&index, hash, &values[i]);
		assert_null(hash_index_first(&index, hash));
	}
	assert_int_equal(index.count, 0);
	hash_index_fini(&index);
}

static void order_under_one_hash_survives_growing(void **state)
{
	struct hash_index index;
	static int values[100];
	unsigned i = 0;

	hash_index_init(&index, 7);
	for (i = 0; i < 100; i++)
		assert_int_equal(hash_index_add(&index, i % 2 ? 5 : i * 16 + 5, &values[i]), 0);
	i = 1;
	for (const struct hash_node *node = hash_index_first(&index, 5); node;
	     node = hash_index_next(node)) {
		if (node->value == &values[0])
			continue;
		assert_ptr_equal(node->value, &values[i]);
		i += 2;
	}
	assert_int_equal(i, 101);
	hash_index_fini(&index);
}

static void removes_only_what_is_there(void **state)
{
	struct hash_index index;
	int one, two;

	hash_index_init(&index, 7);
	hash_index_remove(&index, 1, &one);
	hash_index_add(&index, 1, &one);
	hash_index_remove(&index, 1, &two);
	hash_index_remove(&index, 2, &one);
	assert_int_equal(index.count, 1);
	hash_index_fini(&index);
}

static void keys_depend_on_seed_and_salt(void **state)
{
	struct hash_index one = {.seed = 1}, two = {.seed = 2};

	assert_true(hash_index_key(&one, 0, "name", 4) == hash_index_key(&one, 0, "name", 4));
	assert_false(hash_index_key(&one, 0, "name", 4) == hash_index_key(&two, 0, "name", 4));
	assert_false(hash_index_key(&one, 0, "name", 4) == hash_index_key(&one, 1, "name", 4));
	assert_false(hash_index_key(&one, 0, "a\0", 2) == hash_index_key(&one, 0, "a", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(order_under_one_hash_survives_growing),
		cmocka_unit_test(removes_only_what_is_there),
		cmocka_unit_test(keys_depend_on_seed_and_salt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
