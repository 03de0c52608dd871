// SPDX-License-Identifier: BSD-3-Clause
//
// test_clock: the clocks run, in the unit they promise.

#include "base/clock.h"
#include "tests/unit/unit.h"

#include <time.h>

static void monotonic_counts_nanoseconds(void **state)
{
	uint64_t before = clock_now();

	usleep(2000);

	uint64_t passed = clock_now() - before;

	assert_true(passed >= 2 * NSEC_PER_MSEC);
	assert_true(passed < 60 * NSEC_PER_SEC);
}

static void wall_is_since_1970(void **state)
{
	uint64_t seconds = clock_wall() / NSEC_PER_SEC;
	uint64_t expected = (uint64_t)time(NULL);

	assert_true(seconds <= expected + 2 && expected <= seconds + 2);
}

static void units(void **state)
{
	assert_true(NSEC_PER_SEC == 1000 * NSEC_PER_MSEC && NSEC_PER_MSEC == 1000 * NSEC_PER_USEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monotonic_counts_nanoseconds),
		cmocka_unit_test(wall_is_since_1970),
		cmocka_unit_test(units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
