// SPDX-License-Identifier: BSD-3-Clause
//
// test_cleanup: what is held is released once, and what is taken is not.

#include "base/cleanup.h"
#include "tests/unit/unit.h"

#include <fcntl.h>

static int open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void closes_at_the_end(void **state)
{
	unsigned before = unit_open_fds();
	int seen;

	{
		auto_close int fd = open_null();
		auto_close int none = -1;

		seen = fd;
		assert_int_equal(none, -1);
	}
	assert_int_equal(fcntl(seen, F_GETFD), -1);
	assert_int_equal(unit_open_fds(), before);
}

static int taken_fd(void)
{
	auto_close int fd = open_null();

	return TAKE_FD(fd);
}

static char *taken_text(void)
{
	auto_free char *text = strdup("kept");

	return TAKE_PTR(text);
}

static void taken_things_live_on(void **state)
{
	int fd = taken_fd();
	char *text = taken_text();

	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_string_equal(text, "kept");
	close(fd);
	free(text);
}

static int fails_with_errno(void)
{
	auto_close int fd = 1 << 20; // Closing it sets EBADF.

	errno = ENOSPC;
	return fd;
}

static void errno_survives(void **state)
{
	fails_with_errno();
	assert_int_equal(errno, ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_at_the_end),
		cmocka_unit_test(taken_things_live_on),
		cmocka_unit_test(errno_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
