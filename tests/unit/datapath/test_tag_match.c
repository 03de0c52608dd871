// SPDX-License-Identifier: BSD-3-Clause
//
// test_tag_match: both forms say the same.

#include "base/rand.h"
#include "datapath/tag_match.h"
#include "tests/unit/unit.h"

static void finds_each_place(void **state)
{
	_Alignas(16) uint16_t tags[TAG_MATCH_TAGS] = {1, 2, 3, 0x8000, 0xffff, 0, 2, 0x7fff};

	assert_int_equal(tag_match(tags, 2), 1 << 1 | 1 << 6);
	assert_int_equal(tag_match(tags, 0), 1 << 5);
	assert_int_equal(tag_match(tags, 0xffff), 1 << 4);
	assert_int_equal(tag_match(tags, 0x8000), 1 << 3);
	assert_int_equal(tag_match(tags, 99), 0);
}

static void like_the_plain_form(void **state)
{
	_Alignas(16) uint16_t tags[TAG_MATCH_TAGS];

	for (unsigned i = 0; i < 20000; i++) {
		uint16_t tag = (uint16_t)(rand_below(4) << rand_below(15));

		for (unsigned at = 0; at < TAG_MATCH_TAGS; at++)
			tags[at] = (uint16_t)(rand_below(4) << rand_below(15));
		assert_int_equal(tag_match(tags, tag), tag_match_plain(tags, tag));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_place),
		cmocka_unit_test(like_the_plain_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
