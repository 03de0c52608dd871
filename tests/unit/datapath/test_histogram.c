// SPDX-License-Identifier: BSD-3-Clause

#include "datapath/histogram.h"

#include "tests/unit/unit.h"

static void buckets_follow_each_other_without_a_gap(void **state)
{
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++) {
		static struct histogram one;

		memset(&one, 0, sizeof(one));
		histogram_add(&one, histogram_end(i - 1) + 1);
		histogram_add(&one, histogram_end(i));
		assert_int_equal(one.buckets[i], 2);
		// No wider than a quarter of what it holds.
		assert_true(histogram_end(i) - histogram_end(i - 1) <= histogram_end(i) / 4 + 1);
	}
}

static void quantiles_are_those_of_what_was_added(void **state)
{
	static struct histogram times;

	assert_int_equal(histogram_quantile(&times, 500), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		histogram_add(&times, i * 1000);
	assert_int_equal(times.count, 1000);
	assert_int_equal(times.sum_ns, 500500000);
	assert_int_equal(times.most_ns, 1000000);
	assert_in_range(histogram_quantile(&times, 500), 500000, 625000);
	assert_in_range(histogram_quantile(&times, 990), 990000, 1240000);
	assert_in_range(histogram_quantile(&times, 1000), 1000000, 1250000);
	assert_in_range(histogram_within(&times, 500000), 375, 500);
	assert_int_equal(histogram_within(&times, 999), 0);
	assert_int_equal(histogram_within(&times, UINT64_MAX), 1000);
}

static void what_is_too_long_is_in_the_last(void **state)
{
	static struct histogram times;

	histogram_add(&times, UINT64_MAX);
	assert_int_equal(times.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_follow_each_other_without_a_gap),
		cmocka_unit_test(quantiles_are_those_of_what_was_added),
		cmocka_unit_test(what_is_too_long_is_in_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
