// SPDX-License-Identifier: BSD-3-Clause
//
// test_mem: blocks and their accounting; segments that a peer cannot pull away.

#include "base/mem.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct sum {
	const char *name;
	size_t bytes;
	unsigned blocks, calls;
};

static void add_up(void *user, const char *name, size_t bytes, unsigned blocks)
{
	struct sum *sum = user;

	if (strcmp(name, sum->name) == 0) {
		sum->bytes += bytes;
		sum->blocks += blocks;
		sum->calls++;
	}
}

static struct sum reported(const char *name)
{
	struct sum sum = {.name = name};

	mem_report(add_up, &sum);
	return sum;
}

static void blocks_are_zero_and_counted(void **state)
{
	unsigned char *a = mem_block_new("pool", 10000, 0);
	unsigned char *b = mem_block_new("pool", 1, MEM_RESIDENT);
	unsigned char *c = mem_block_new("other", 1, 0);

	assert_true(a && b && c);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(a[i], 0);
	memset(a, 0xff, 10000);

	struct sum sum = reported("pool");

	assert_int_equal(sum.blocks, 2);
	assert_int_equal(sum.calls, 1);
	assert_true(sum.bytes >= 10001);

	mem_block_free(b);
	assert_int_equal(reported("pool").blocks, 1);
	mem_block_free(a);
	mem_block_free(c);
	mem_block_free(NULL);
	assert_int_equal(reported("pool").calls, 0);
	assert_int_equal(reported("other").calls, 0);
}

static void huge_blocks_are_aligned(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned char *block = mem_block_new("huge", 3 << 20, MEM_HUGE | MEM_RESIDENT);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % (2 << 20), 0);
		assert_int_equal(reported("huge").bytes, 4 << 20);
		block[0] = block[(4 << 20) - 1] = 1;
		mem_block_free(block);
	}
}

static void impossible_sizes_fail(void **state)
{
	assert_null(mem_block_new("none", 0, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mem_block_new("none", SIZE_MAX, MEM_HUGE));
	assert_int_equal(errno, ENOMEM);
	assert_null(mem_block_new("none", SIZE_MAX / 2, MEM_HUGE));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(reported("none").calls, 0);
}

static void segments_are_shared(void **state)
{
	int fd = -1;
	char *mine = mem_share_new("table", 8192, &fd);

	assert_true(mine && fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);

	char *other = mem_share_map(fd, 8192, true);

	assert_non_null(other);
	assert_int_equal(other[100], 0);
	strcpy(mine + 100, "seen");
	assert_string_equal(other + 100, "seen");

	// The size is fixed for everybody.
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	mem_share_unmap(other, 8192);
	mem_share_unmap(mine, 8192);
	mem_share_unmap(NULL, 0);
	close(fd);
}

static void doubtful_segments_are_refused(void **state)
{
	int fd = -1;
	char *mine = mem_share_new("table", 4096, &fd);

	assert_non_null(mine);
	assert_null(mem_share_map(fd, 4097, false));
	assert_int_equal(errno, EMSGSIZE);
	assert_null(mem_share_map(fd, 0, false));
	assert_int_equal(errno, EMSGSIZE);
	mem_share_unmap(mine, 4096);
	close(fd);

	fd = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_null(mem_share_map(fd, 4096, false));
	assert_int_equal(errno, EPERM);
	close(fd);

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_null(mem_share_map(fd, 4096, false));
	close(fd);
}

static void readers_cannot_write(void **state)
{
	int fd = -1;
	char *mine = mem_share_new("statistics", 4096, &fd);
	int reader = mem_share_reader(fd);

	assert_true(mine && reader >= 0);
	assert_null(mem_share_map(reader, 4096, true));
	assert_int_equal(errno, EACCES);

	const char *theirs = mem_share_map(reader, 4096, false);

	assert_non_null(theirs);
	strcpy(mine, "count");
	assert_string_equal(theirs, "count");
	mem_share_unmap((void *)theirs, 4096);
	mem_share_unmap(mine, 4096);
	close(reader);
	close(fd);
}

static void *churn(void *arg)
{
	for (unsigned i = 0; i < 500; i++) {
		void *a = mem_block_new("churn", 4096, 0);
		void *b = mem_block_new("churn", 8192, 0);

		mem_block_free(a);
		reported("churn");
		mem_block_free(b);
	}
	return NULL;
}

static void threads_share_the_list(void **state)
{
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(reported("churn").calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_zero_and_counted),
		cmocka_unit_test(huge_blocks_are_aligned),
		cmocka_unit_test(impossible_sizes_fail),
		cmocka_unit_test(segments_are_shared),
		cmocka_unit_test(doubtful_segments_are_refused),
		cmocka_unit_test(readers_cannot_write),
		cmocka_unit_test(threads_share_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
