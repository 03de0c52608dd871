// SPDX-License-Identifier: BSD-3-Clause
//
// unit: what every unit test includes: cmocka with its prerequisites, and what a test may need
// of the machine.
//
// A test that lacks something is skipped, and says so; with WEFT_REQUIRE=all it fails instead, so
// that a skipped test cannot pass for a good one in CI.

#pragma once

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Leaves the test unless it has what it names.
static inline void require(bool have, const char *what)
{
	const char *wanted = getenv("WEFT_REQUIRE");

	if (have)
		return;
	if (wanted && strcmp(wanted, "all") == 0)
		fail_msg("needs %s, and WEFT_REQUIRE=all", what);
	print_message("needs %s\n", what);
	skip();
}

static inline void require_root(void)
{
	require(geteuid() == 0, "root");
}

static inline void require_tool(const char *name)
{
	const char *path = getenv("PATH");
	bool found = false;

	while (path && *path && !found) {
		const char *end = strchrnul(path, ':');
		char file[512];

		snprintf(file, sizeof(file), "%.*s/%s", (int)(end - path), path, name);
		found = access(file, X_OK) == 0;
		path = *end ? end + 1 : end;
	}
	require(found, name);
}

enum { UNIT_DIR = 64 };

// A fresh directory of the test's own. => Remove it with unit_remove_dir().
static inline const char *unit_make_dir(char buf[static UNIT_DIR])
{
	snprintf(buf, UNIT_DIR, "/tmp/weft-unit-XXXXXX");
	assert_non_null(mkdtemp(buf));
	return buf;
}

static inline int unit_remove_entry(const char *path, const struct stat *st, int kind,
                                    struct FTW *at)
{
	return remove(path);
}

static inline void unit_remove_dir(const char *dir)
{
	assert_int_equal(nftw(dir, unit_remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

// How many descriptors this process has open: equal before and after means none leaked.
static inline unsigned unit_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
