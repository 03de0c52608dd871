// SPDX-License-Identifier: BSD-3-Clause
//
// test_scalar: texts read by their kind, what is refused, and the way back.

#include "base/fail.h"
#include "cli/schema.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void reads(enum schema_kind kind, const char *text, uint64_t number)
{
	const struct schema_key key = {.name = "k", .kind = kind};
	struct scalar scalar;
	struct fail fail = {0};

	if (scalar_read(&key, text, &scalar, &fail) < 0)
		fail_msg("%s: %s", text, fail.what);
	assert_true(scalar.is_number);
	assert_int_equal(scalar.number, number);
}

static void refuses(enum schema_kind kind, const char *text)
{
	const struct schema_key key = {.name = "k", .kind = kind};
	struct scalar scalar;
	struct fail fail = {0};

	if (scalar_read(&key, text, &scalar, &fail) == 0)
		fail_msg("'%s' was read as kind %d", text, kind);
	assert_int_equal(strncmp(fail.what, "k: ", 3), 0);
	assert_true(fail.hint[0]);
}

static void test_numbers(void **state)
{
	reads(SCHEMA_NUMBER, "1500", 1500);
	reads(SCHEMA_NUMBER, "010", 10);
	refuses(SCHEMA_NUMBER, "0x10");
	refuses(SCHEMA_NUMBER, "1e3");
	refuses(SCHEMA_NUMBER, "-1");
	refuses(SCHEMA_NUMBER, "1_000");
	refuses(SCHEMA_NUMBER, "99999999999999999999");
	reads(SCHEMA_FLAG, "no", 0);
	reads(SCHEMA_FLAG, "true", 1);
	refuses(SCHEMA_FLAG, "True?");
	refuses(SCHEMA_FLAG, "1");
}

static void test_units(void **state)
{
	reads(SCHEMA_TIME, "5ms", 5000);
	reads(SCHEMA_TIME, "1.5s", 1500000);
	reads(SCHEMA_TIME, "200us", 200);
	reads(SCHEMA_TIME, "2m", 120000000);
	reads(SCHEMA_TIME, "0", 0);
	refuses(SCHEMA_TIME, "5");
	refuses(SCHEMA_TIME, "5 ms");
	refuses(SCHEMA_TIME, "5mbit");
	refuses(SCHEMA_TIME, "1.0005us"); // Finer than is kept.
	refuses(SCHEMA_TIME, "-5ms");
	refuses(SCHEMA_TIME, ".5ms");
	refuses(SCHEMA_TIME, "99999999999999999h");
	reads(SCHEMA_SHARE, "1%", 10000);
	reads(SCHEMA_SHARE, "0.05%", 500);
	refuses(SCHEMA_SHARE, "0.01");
	reads(SCHEMA_RATE, "10mbit", 10000000);
	reads(SCHEMA_RATE, "1.5Gbit", 1500000000);
	refuses(SCHEMA_RATE, "10mbps");
	refuses(SCHEMA_RATE, "10M");
	reads(SCHEMA_SECONDS, "1h", 3600);
	refuses(SCHEMA_SECONDS, "90");
	refuses(SCHEMA_SECONDS, "");
}

static void test_words(void **state)
{
	refuses(SCHEMA_MAC, "02:00:00:00:01");
	refuses(SCHEMA_IP, "10.1.0.256");
	refuses(SCHEMA_PREFIX, "10.1.0.0/33");
	refuses(SCHEMA_NAME, "-h1");
	refuses(SCHEMA_NAME, "h 1");
	refuses(SCHEMA_NAME, "");
}

static void test_choices(void **state)
{
	const struct schema_key mode = {
		.name = "mode", .kind = SCHEMA_CHOICE, .choices = "isolated nat routed"};
	const struct schema_key ip = {.name = "ip", .kind = SCHEMA_IP, .choices = "auto none"};
	struct scalar scalar;
	struct fail fail = {0};

	assert_int_equal(scalar_read(&mode, "nat", &scalar, &fail), 0);
	assert_string_equal(scalar.text, "nat");
	assert_int_equal(scalar_read(&mode, "rooted", &scalar, &fail), -EINVAL);
	assert_string_equal(fail.hint, "did you mean 'routed'?");
	// A part of a word, or two of them, is none.
	assert_int_equal(scalar_read(&mode, "iso", &scalar, &fail), -EINVAL);
	assert_int_equal(scalar_read(&mode, "isolated nat", &scalar, &fail), -EINVAL);
	assert_int_equal(scalar_read(&ip, "auto", &scalar, &fail), 0);
	assert_int_equal(scalar_read(&ip, "fd00::1", &scalar, &fail), 0);
	assert_int_equal(scalar_read(&ip, "never", &scalar, &fail), -EINVAL);
	assert_non_null(strstr(fail.hint, "auto none"));
}

static void test_range(void **state)
{
	const struct schema_key mtu = {
		.name = "mtu", .kind = SCHEMA_NUMBER, .least = 576, .most = 65521};
	struct scalar scalar;
	struct fail fail = {0};

	assert_int_equal(scalar_read(&mtu, "576", &scalar, &fail), 0);
	assert_int_equal(scalar_read(&mtu, "575", &scalar, &fail), -ERANGE);
	assert_string_equal(fail.what, "mtu: 575 is outside 576 to 65521");
}

static void formats(enum schema_kind kind, uint64_t number, const char *expected)
{
	const struct schema_key key = {.name = "k", .kind = kind};
	struct scalar scalar;
	struct fail fail = {0};
	char text[64];

	scalar_format(kind, number, text, sizeof(text));
	assert_string_equal(text, expected);
	assert_int_equal(scalar_read(&key, text, &scalar, &fail), 0);
	assert_int_equal(scalar.number, number);
}

static void test_format(void **state)
{
	formats(SCHEMA_TIME, 5000, "5ms");
	formats(SCHEMA_TIME, 1500, "1500us");
	formats(SCHEMA_TIME, 120000000, "120s");
	formats(SCHEMA_TIME, 0, "0us");
	formats(SCHEMA_SHARE, 10000, "1%");
	formats(SCHEMA_SHARE, 500, "0.05%");
	formats(SCHEMA_SHARE, 1000000, "100%");
	formats(SCHEMA_SHARE, 0, "0%");
	formats(SCHEMA_RATE, 10000000, "10mbit");
	formats(SCHEMA_RATE, 1500, "1500bit");
	formats(SCHEMA_SECONDS, 90, "90s");
	formats(SCHEMA_FLAG, 1, "true");
	formats(SCHEMA_NUMBER, 7, "7");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_units),
		cmocka_unit_test(test_words),   cmocka_unit_test(test_choices),
		cmocka_unit_test(test_range),   cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
