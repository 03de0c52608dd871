// SPDX-License-Identifier: BSD-3-Clause
//
// test_fail: sentence, code and hint, cut visibly when they do not fit.

#include "base/fail.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void sets_code_and_sentence(void **state)
{
	struct fail fail = {.hint = "old"};

	assert_int_equal(fail_set(&fail, -EINVAL, "port '%s': MTU %d", "web0", 99), -EINVAL);
	assert_int_equal(fail.code, -EINVAL);
	assert_string_equal(fail.what, "port 'web0': MTU 99");
	assert_string_equal(fail.hint, "");

	assert_int_equal(fail_set(&fail, ENOENT, "none"), -ENOENT);
	assert_int_equal(fail.code, -ENOENT);
}

static void nobody_may_listen(void **state)
{
	assert_int_equal(fail_set(NULL, -EPERM, "x"), -EPERM);
	assert_int_equal(fail_errno(NULL, EPERM, "x"), -EPERM);
	fail_prefix(NULL, "x");
	fail_hint(NULL, "x");
}

static void hint_prefix_and_system_words(void **state)
{
	struct fail fail = {0};

	assert_int_equal(fail_errno(&fail, -ENOENT, "cannot open '%s'", "f"), -ENOENT);
	assert_string_equal(fail.what, "cannot open 'f': No such file or directory");
	fail_hint(&fail, "make %s first", "it");
	fail_prefix(&fail, "port '%s'", "web0");
	assert_string_equal(fail.what, "port 'web0': cannot open 'f': No such file or directory");
	assert_string_equal(fail.hint, "make it first");

	fail_errno(&fail, -100000, "odd");
	assert_string_equal(fail.what, "odd: unknown error");
}

static void assert_cut(const char *text, size_t size)
{
	assert_int_equal(strlen(text), size - 1);
	assert_string_equal(text + size - 4, "...");
}

static void long_text_is_cut(void **state)
{
	char longer[2000];
	struct fail fail = {0};

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';

	fail_set(&fail, -EINVAL, "%s", longer);
	assert_cut(fail.what, sizeof(fail.what));
	fail_hint(&fail, "%s", longer);
	assert_cut(fail.hint, sizeof(fail.hint));
	fail_errno(&fail, -EINVAL, "%s", longer);
	assert_cut(fail.what, sizeof(fail.what));
	fail_set(&fail, -EINVAL, "%.505s", longer);
	fail_prefix(&fail, "port 'web0'");
	assert_cut(fail.what, sizeof(fail.what));

	// One byte more than fits, and exactly what fits.
	fail_set(&fail, -EINVAL, "%.512s", longer);
	assert_cut(fail.what, sizeof(fail.what));
	fail_set(&fail, -EINVAL, "%.511s", longer);
	assert_int_equal(strlen(fail.what), 511);
	assert_int_equal(fail.what[510], 'x');
}

static void text_has_both(void **state)
{
	struct fail fail = {0};
	char text[FAIL_TEXT];

	fail_set(&fail, -EINVAL, "port 'web0': no");
	assert_string_equal(fail_text(&fail, text), "port 'web0': no");
	fail_hint(&fail, "say yes");
	assert_string_equal(fail_text(&fail, text), "port 'web0': no; say yes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_code_and_sentence),
		cmocka_unit_test(nobody_may_listen),
		cmocka_unit_test(hint_prefix_and_system_words),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(text_has_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
