// SPDX-License-Identifier: BSD-3-Clause
//
// test_program: programs are found beside this one first, then in PATH.

#include "cli/program.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_self(void **state)
{
	char path[PATH_MAX];

	assert_int_equal(program_self(path, sizeof(path)), 0);
	assert_non_null(strstr(path, "test_cli_program"));
}

static void test_beside(void **state)
{
	char self[PATH_MAX], found[PATH_MAX];

	assert_int_equal(program_self(self, sizeof(self)), 0);
	assert_int_equal(program_find("test_cli_program", found, sizeof(found)), 0);
	assert_string_equal(found, self);
}

static void test_in_path(void **state)
{
	char found[PATH_MAX];

	setenv("PATH", "::/nonexistent:/bin", 1);
	assert_int_equal(program_find("sh", found, sizeof(found)), 0);
	assert_string_equal(found, "/bin/sh");
	assert_int_equal(program_find("no-such-program", found, sizeof(found)), -ENOENT);
}

static void test_short_buffer(void **state)
{
	char found[4];

	setenv("PATH", "/bin", 1);
	assert_int_equal(program_find("sh", found, sizeof(found)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_in_path),
		cmocka_unit_test(test_short_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
