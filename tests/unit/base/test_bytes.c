// SPDX-License-Identifier: BSD-3-Clause
//
// test_bytes: every width and both orders, at an odd address.

#include "base/bytes.h"
#include "tests/unit/unit.h"

static const uint8_t bytes[] = {0, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88};

static void loads(void **state)
{
	assert_int_equal(load_be16(bytes + 1), 0x0102);
	assert_int_equal(load_le16(bytes + 1), 0x0201);
	assert_int_equal(load_be32(bytes + 1), 0x01020304);
	assert_int_equal(load_le32(bytes + 1), 0x04030201);
	assert_true(load_be64(bytes + 1) == UINT64_C(0x0102030405060788));
	assert_true(load_le64(bytes + 1) == UINT64_C(0x8807060504030201));
}

static void stores(void **state)
{
	uint8_t to[9] = {0};

	store_be64(to + 1, UINT64_C(0x0102030405060788));
	assert_memory_equal(to, bytes, sizeof(to));
	store_le64(to + 1, UINT64_C(0x8807060504030201));
	assert_memory_equal(to, bytes, sizeof(to));
	store_be32(to + 1, 0x01020304);
	assert_memory_equal(to, bytes, sizeof(to));
	store_le32(to + 1, 0x04030201);
	assert_memory_equal(to, bytes, sizeof(to));
	store_be16(to + 1, 0x0102);
	assert_memory_equal(to, bytes, sizeof(to));
	store_le16(to + 1, 0x0201);
	assert_memory_equal(to, bytes, sizeof(to));
}

static void sizes(void **state)
{
	assert_int_equal(ALIGN_UP(0, 8), 0);
	assert_int_equal(ALIGN_UP(1, 8), 8);
	assert_int_equal(ALIGN_UP(8, 8), 8);
	assert_int_equal(ALIGN_UP(4097, 4096), 8192);
	assert_int_equal(ARRAY_SIZE(bytes), 9);
	assert_int_equal(MIN(3, 2), 2);
	assert_int_equal(MAX(3, 2), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),
		cmocka_unit_test(stores),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
