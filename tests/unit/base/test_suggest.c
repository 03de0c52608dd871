// SPDX-License-Identifier: BSD-3-Clause
//
// test_suggest: near words are found, far ones are not.

#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *best_of(const char *typed)
{
	struct suggest suggest;

	suggest_init(&suggest, typed);
	suggest_consider(&suggest, "subnet");
	suggest_consider(&suggest, "status");
	suggest_consider(&suggest, "net");
	return suggest.best;
}

static void test_distance(void **state)
{
	assert_int_equal(suggest_distance("net", "net"), 0);
	assert_int_equal(suggest_distance("net", "nett"), 1);
	assert_int_equal(suggest_distance("net", "ten"), 2);
	assert_int_equal(suggest_distance("port", "prot"), 1); // A swap is one mistake.
	assert_int_equal(suggest_distance("", "abc"), 3);
}

static void test_best(void **state)
{
	assert_string_equal(best_of("subnt"), "subnet");
	assert_string_equal(best_of("stauts"), "status");
	assert_string_equal(best_of("nte"), "net");
	assert_string_equal(best_of("sta"), "status"); // A beginning.
	assert_null(best_of("frobnicate"));
	assert_null(best_of("x"));
}

static void test_long_word(void **state)
{
	const char *word = "a-word-that-is-far-longer-than-any-command-or-flag-could-ever-be";

	assert_null(best_of(word));
	assert_int_equal(suggest_distance(word, word), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_best),
		cmocka_unit_test(test_long_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
