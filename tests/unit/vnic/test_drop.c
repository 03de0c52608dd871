// SPDX-License-Identifier: BSD-3-Clause
//
// Every reason has a name of its own in the form people type, and a sentence.

#include "test.h"
#include "vnic/drop.h"

#include <string.h>

static void test_names(void **state)
{
	for (unsigned i = 0; i < DROP_REASONS; i++) {
		const char *name = drop_name(i);
		const char *explain = drop_explain(i);

		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
		                 strlen(name));
		assert_true(strlen(explain) > 10);
		assert_non_null(strchr(".?", explain[strlen(explain) - 1]));
		for (unsigned other = 0; other < i; other++)
			assert_string_not_equal(name, drop_name(other));
	}
	assert_string_equal(drop_name(DROP_VLAN_NOT_ALLOWED), "vlan_not_allowed");
}

static void test_beyond_the_table(void **state)
{
	assert_string_equal(drop_name(DROP_REASONS), "unknown");
	assert_string_equal(drop_name((enum drop_reason)60000), "unknown");
	assert_non_null(drop_explain(DROP_REASONS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_beyond_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
