// SPDX-License-Identifier: BSD-3-Clause
//
// test_path: who decides about a directory, and directories made to order.

#include "base/path.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static void flag_then_environment_then_default(void **state)
{
	unsetenv("WEFT_RUN_DIR");
	unsetenv("WEFT_STATE_DIR");
	assert_string_equal(path_run_dir(NULL), "/run/weft");
	assert_string_equal(path_state_dir(""), "/var/lib/weft");
	setenv("WEFT_RUN_DIR", "/r", 1);
	setenv("WEFT_STATE_DIR", "/s", 1);
	assert_string_equal(path_run_dir(NULL), "/r");
	assert_string_equal(path_state_dir(NULL), "/s");
	assert_string_equal(path_run_dir("/flag"), "/flag");
	setenv("WEFT_RUN_DIR", "", 1);
	assert_string_equal(path_run_dir(NULL), "/run/weft");
}

static void joins_within_bounds(void **state)
{
	char buf[8];

	assert_int_equal(path_join(buf, sizeof(buf), "/ab", "cde"), 0);
	assert_string_equal(buf, "/ab/cde");
	assert_int_equal(path_join(buf, sizeof(buf), "/ab/", "cde"), 0);
	assert_string_equal(buf, "/ab/cde");
	assert_int_equal(path_join(buf, sizeof(buf), "/ab", "cdef"), -ENAMETOOLONG);
	assert_string_equal(buf, "/ab/cde");
	assert_int_equal(path_join(buf, sizeof(buf), "", "cde"), 0);
	assert_string_equal(buf, "cde");
}

static void makes_what_is_missing(void **state)
{
	char dir[UNIT_DIR], path[PATH_MAX + 10];
	struct stat st;
	mode_t umask_before = umask(077);

	unit_make_dir(dir);
	snprintf(path, sizeof(path), "%s/a//b/c/", dir);
	assert_int_equal(path_make_dirs(path, 0755), 0);
	assert_int_equal(path_make_dirs(path, 0700), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);

	snprintf(path, sizeof(path), "%s/file", dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(path_make_dirs(path, 0755), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/file/below", dir);
	assert_int_equal(path_make_dirs(path, 0755), -ENOTDIR);

	assert_int_equal(path_make_dirs("", 0755), -ENOENT);
	assert_int_equal(path_make_dirs("/", 0755), 0);
	memset(path, 'x', PATH_MAX);
	path[PATH_MAX] = '\0';
	assert_int_equal(path_make_dirs(path, 0755), -ENAMETOOLONG);

	umask(umask_before);
	unit_remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flag_then_environment_then_default),
		cmocka_unit_test(joins_within_bounds),
		cmocka_unit_test(makes_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
