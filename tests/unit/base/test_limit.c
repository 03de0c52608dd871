// SPDX-License-Identifier: BSD-3-Clause

#include "base/limit.h"
#include "tests/unit/unit.h"

#include <sys/resource.h>

static void test_descriptors_up_to_the_hard_limit(void **state)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	limit_raise_descriptors();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors_up_to_the_hard_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
