// SPDX-License-Identifier: BSD-3-Clause
//
// test_digest: the hashes that travel between processes of different versions must never change.

#include "proto/digest.h"

// cmocka wants these first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <xxhash.h>

static void test_object_is_hash_of_concatenation(void **state)
{
	const char whole[] = "\0\0\0\x02\x01\x02\x03\x04\x05\x06\x07\x08hello";

	assert_int_equal(digest_object(2, UINT64_C(0x0102030405060708), "hello", 5),
	                 XXH3_64bits(whole, 17));
	assert_int_not_equal(digest_object(3, UINT64_C(0x0102030405060708), "hello", 5),
	                     XXH3_64bits(whole, 17));
}

static void test_bucket_is_top_byte_of_id_hash(void **state)
{
	const char id[] = "\x01\x02\x03\x04\x05\x06\x07\x08";
	unsigned seen = 0;

	assert_int_equal(digest_bucket(UINT64_C(0x0102030405060708)), XXH3_64bits(id, 8) >> 56);
	for (uint64_t n = 0; n < 4096; n++) {
		assert_in_range(digest_bucket(n), 0, DIGEST_BUCKETS - 1);
		seen |= 1U << (digest_bucket(n) >> 3);
	}
	assert_int_equal(seen, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_is_hash_of_concatenation),
		cmocka_unit_test(test_bucket_is_top_byte_of_id_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
