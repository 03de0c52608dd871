// SPDX-License-Identifier: BSD-3-Clause
//
// test_tunnel_option: options from text to the bytes of RFC 8926, section 3.5, and what is said of those that cannot be.

#include "controller/tunnel_option.h"

#include "base/bytes.h"
#include "tests/unit/unit.h"

#include <errno.h>

enum { DATA_MOST = 124 };

static void expect_canon(const char *text, const char *canon)
{
	struct refusal refusal = {0};
	char *copy = strdup(text);

	assert_int_equal(tunnel_option_canon("tunnel/t", &copy, &refusal), 0);
	assert_string_equal(copy, canon);
	free(copy);
}

static void expect_refused(const char *text, int code, const char *words)
{
	struct refusal refusal = {0};
	char *copy = strdup(text);

	assert_int_equal(tunnel_option_canon("tunnel/t", &copy, &refusal), code);
	assert_string_equal(copy, text);
	assert_string_equal(refusal.field, "options");
	assert_non_null(strstr(refusal.fail.what, words));
	free(copy);
}

// An option with so many bytes of data, to free.
static char *option_of(unsigned type, size_t bytes)
{
	char *text = malloc(2 * bytes + 16);
	int len = sprintf(text, "0x0102:%u:", type);

	memset(text + len, 'a', 2 * bytes);
	text[(size_t)len + 2 * bytes] = 0;
	return text;
}

static void texts_have_one_form(void **state)
{
	expect_canon("0x0102:0x80:aabbccdd", "0x0102:0x80:aabbccdd");
	expect_canon("258:128:AABBCCDD", "0x0102:0x80:aabbccdd");
	expect_canon("0XFFFF:255:", "0xffff:0xff:");
	expect_canon("0:0:0123456789abcdef", "0x0000:0x00:0123456789abcdef");
}

static void what_is_no_option_is_refused(void **state)
{
	const char *const wrong[] = {
		"",         "1",     "1:2",   ":2:",   "1::",  "1:2:xx",  "1:2:aabbccd",
		"0x:2:",    "-1:2:", " 1:2:", "1:+2:", "a:2:", "1:2:3:4", "1:2: aabbccd",
		"0x0x1:2:", "1 :2:"};

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_refused(wrong[i], -EINVAL, "is no option of Geneve");
	expect_refused("65536:0:", -ERANGE, "the class in '65536:0:' is not one of 0 to 0xffff");
	expect_refused("0:256:", -ERANGE, "the type in '0:256:' is not one of 0 to 0xff");
	expect_refused("99999999999999999999999:0:", -ERANGE, "the class");
	expect_refused("1:2:aabbcc", -EINVAL, "3 bytes of data in '1:2:aabbcc'");
}

static void data_has_a_most(void **state)
{
	char *most = option_of(3, DATA_MOST), *more = option_of(3, DATA_MOST + 4);
	struct refusal refusal = {0};

	assert_int_equal(tunnel_option_canon("tunnel/t", &most, &refusal), 0);
	assert_int_equal(strlen(most), strlen("0x0102:0x03:") + 2 * DATA_MOST);
	expect_refused(more, -E2BIG, "128 bytes of data; 124 are the most");
	free(most);
	free(more);
}

static void options_follow_each_other(void **state)
{
	char first[] = "0x0102:0x83:aabbccdd", second[] = "0x0102:4:";
	char *const texts[] = {first, second};
	static const uint8_t wire[] = {0x01, 0x02, 0x83, 0x01, 0xaa, 0xbb,
	                               0xcc, 0xdd, 0x01, 0x02, 0x04, 0x00};
	uint8_t bytes[TUNNEL_OPTIONS_MAX];
	struct refusal refusal = {0};
	size_t len;

	assert_int_equal(tunnel_options_pack("tunnel/t", texts, 2, bytes, &len, &refusal), 0);
	assert_int_equal(len, sizeof(wire));
	assert_memory_equal(bytes, wire, sizeof(wire));
}

static void all_of_them_have_a_most(void **state)
{
	char *texts[] = {option_of(1, DATA_MOST), option_of(2, DATA_MOST - 4), option_of(3, 0)};
	uint8_t bytes[TUNNEL_OPTIONS_MAX];
	struct refusal refusal = {0};
	size_t len;

	assert_int_equal(tunnel_options_pack("tunnel/t", texts, 2, bytes, &len, &refusal), 0);
	assert_int_equal(len, TUNNEL_OPTIONS_MAX);
	assert_int_equal(tunnel_options_pack("tunnel/t", texts, 3, bytes, &len, &refusal), -E2BIG);
	assert_non_null(strstr(refusal.fail.what, "more than the 252 bytes"));
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
}

static void one_class_and_type_is_there_once(void **state)
{
	char first[] = "1:3:aabbccdd", second[] = "1:4:", third[] = "1:3:";
	char *const texts[] = {first, second, third};
	uint8_t bytes[TUNNEL_OPTIONS_MAX];
	struct refusal refusal = {0};
	size_t len;

	assert_int_equal(tunnel_options_pack("tunnel/t", texts, 3, bytes, &len, &refusal), -EEXIST);
	assert_non_null(strstr(refusal.fail.what, "two options of class 0x0001 and type 0x03"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_have_one_form),
		cmocka_unit_test(what_is_no_option_is_refused),
		cmocka_unit_test(data_has_a_most),
		cmocka_unit_test(options_follow_each_other),
		cmocka_unit_test(all_of_them_have_a_most),
		cmocka_unit_test(one_class_and_type_is_there_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
