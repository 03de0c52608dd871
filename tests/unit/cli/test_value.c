// SPDX-License-Identifier: BSD-3-Clause
//
// test_value: the whole text is the value, or it is refused.

#include "cli/value.h"

#include "base/fail.h"
#include "cli/command.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_number(void **state)
{
	uint64_t number = 7;

	assert_int_equal(value_number("0", &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(value_number("18446744073709551615", &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(value_number("18446744073709551616", &number), -ERANGE);
	assert_int_equal(value_number("", &number), -EINVAL);
	assert_int_equal(value_number("-1", &number), -EINVAL);
	assert_int_equal(value_number(" 1", &number), -EINVAL);
	assert_int_equal(value_number("1x", &number), -EINVAL);
	assert_true(number == UINT64_MAX); // Untouched by failures.
}

static void test_seconds(void **state)
{
	uint64_t seconds;

	assert_int_equal(value_seconds("90", &seconds), 0);
	assert_int_equal(seconds, 90);
	assert_int_equal(value_seconds("90s", &seconds), 0);
	assert_int_equal(seconds, 90);
	assert_int_equal(value_seconds("5m", &seconds), 0);
	assert_int_equal(seconds, 300);
	assert_int_equal(value_seconds("2h", &seconds), 0);
	assert_int_equal(seconds, 7200);
	assert_int_equal(value_seconds("1d", &seconds), 0);
	assert_int_equal(seconds, 86400);
	assert_int_equal(value_seconds("5 m", &seconds), -EINVAL);
	assert_int_equal(value_seconds("5ms", &seconds), -EINVAL);
	assert_int_equal(value_seconds("m", &seconds), -EINVAL);
	assert_int_equal(value_seconds("99999999d", &seconds), -ERANGE);
}

static void test_numbers(void **state)
{
	uint32_t numbers[3];

	assert_int_equal(value_numbers("10", numbers, 3), 1);
	assert_int_equal(value_numbers("10,20,30", numbers, 3), 3);
	assert_int_equal(numbers[2], 30);
	assert_int_equal(value_numbers("1,2,3,4", numbers, 3), -E2BIG);
	assert_int_equal(value_numbers("10,", numbers, 3), -EINVAL);
	assert_int_equal(value_numbers(",10", numbers, 3), -EINVAL);
	assert_int_equal(value_numbers("10-20", numbers, 3), -EINVAL);
	assert_int_equal(value_numbers("", numbers, 3), -EINVAL);
	assert_int_equal(value_numbers("4294967296", numbers, 3), -ERANGE);
}

static void test_check(void **state)
{
	const struct flag mode = {
		.name = "mode", .kind = VALUE_CHOICE, .choices = "isolated nat routed"};
	const struct flag mtu = {.name = "mtu", .kind = VALUE_NUMBER};
	struct fail fail = {0};

	assert_int_equal(value_check(&mode, "nat", &fail), 0);
	assert_int_equal(value_check(&mode, "ruoted", &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "'ruoted'"));
	assert_non_null(strstr(fail.hint, "routed"));
	assert_int_equal(value_check(&mtu, "1500", &fail), 0);
	assert_int_equal(value_check(&mtu, "4294967296", &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "--mtu"));
}

static void times_become_microseconds(void **state)
{
	uint64_t time = 0;

	assert_int_equal(value_time("300ms", &time), 0);
	assert_int_equal(time, 300000);
	assert_int_equal(value_time("1.5s", &time), 0);
	assert_int_equal(time, 1500000);
	assert_int_equal(value_time("300", &time), -EINVAL);
	assert_int_equal(value_time("ms", &time), -EINVAL);
	assert_int_equal(value_time("99999h", &time), -ERANGE);
	assert_int_equal(time, 1500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_become_microseconds),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
