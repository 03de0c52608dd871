// SPDX-License-Identifier: BSD-3-Clause
//
// Tables of regions: every address against the end of its region, what is refused and with which words, mappings
// that outlive their table, files that are cut under our feet, and the log of dirty pages to the bit.

#include "test.h"
#include "vnic/vhost/dirty_log.h"
#include "vnic/vhost/mapping.h"
#include "vnic/vhost/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, FILE_SIZE = 64 * PAGE };

static int file_of(size_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static const struct vhost_region_claim two[] = {
	{.guest = 0x100000000, .size = 16 * PAGE, .user = 0x7f0000000000, .offset = 32 * PAGE},
	{.guest = 0, .size = 32 * PAGE, .user = 0x7e0000000000, .offset = 0},
};

static struct vhost_memory *table_of(const struct vhost_region_claim *claims, unsigned count,
                                     int fd, const struct vhost_memory *old)
{
	struct vhost_memory *memory = NULL;
	struct fail fail = {0};
	int fds[8];

	for (unsigned i = 0; i < count; i++)
		fds[i] = fd;
	assert_int_equal(vhost_memory_new(claims, fds, count, old, &memory, &fail), 0);
	return memory;
}

// Pages of the test's file that are mapped; the kernel may show two neighbours as one.
static unsigned mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned count = 0;

	while (fgets(line, sizeof(line), maps)) {
		char *dash = NULL;
		unsigned long start = strtoul(line, &dash, 16);

		if (strstr(line, "memfd:guest"))
			count += (unsigned)((strtoul(dash + 1, NULL, 16) - start) / PAGE);
	}
	fclose(maps);
	return count;
}

static void test_addresses(void **state)
{
	int fd = file_of(FILE_SIZE);
	struct vhost_memory *memory = table_of(two, 2, fd, NULL);
	uint32_t hint = 0;
	uint8_t byte = 0;

	assert_int_equal(memory->count, 2);
	assert_int_equal(memory->regions[0].guest, 0);
	assert_int_equal(pwrite(fd, "\x11", 1, 5), 1);
	assert_int_equal(pwrite(fd, "\x22", 1, 32 * PAGE + 7), 1);
	assert_int_equal(*vhost_memory_at(memory, 5, 1, &hint), 0x11);
	assert_int_equal(*vhost_memory_at(memory, 0x100000007, 1, &hint), 0x22);
	assert_int_equal(hint, 1);
	assert_int_equal(*vhost_memory_at_user(memory, 0x7f0000000007, 8), 0x22);
	*vhost_memory_at(memory, 31 * PAGE, PAGE, &hint) = 0x33;
	assert_int_equal(pread(fd, &byte, 1, 31 * PAGE), 1);
	assert_int_equal(byte, 0x33);

	// The way back.
	assert_int_equal(
		vhost_memory_guest_of(memory, vhost_memory_at(memory, 0x100000123, 1, &hint)),
		0x100000123);
	assert_int_equal(vhost_memory_run(memory, 0x100000001), 16 * PAGE - 1);
	assert_int_equal(vhost_memory_run(memory, 32 * PAGE), 0);
	vhost_memory_free(memory);
	close(fd);
	assert_int_equal(mappings(), 0);
}

static void test_ends(void **state)
{
	int fd = file_of(FILE_SIZE);
	struct vhost_memory *memory = table_of(two, 2, fd, NULL);
	static const struct {
		uint64_t guest, len;
		bool inside;
	} cases[] = {
		{0, 32 * PAGE, true},
		{0, 32 * PAGE + 1, false},
		{32 * PAGE - 1, 1, true},
		{32 * PAGE - 1, 2, false},
		{32 * PAGE, 1, false},
		{0xffffffff, 1, false},
		{0xffffffff, 2, false},
		{0x100000000, 16 * PAGE, true},
		{0x100000000 + 16 * PAGE, 1, false},
		{0x100000000, UINT64_MAX, false},
		{0x100000001, UINT64_MAX, false},
		{UINT64_MAX, 2, false},
		{UINT64_MAX, UINT64_MAX, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint32_t hint = 0; hint < 2; hint++) {
			uint32_t its = hint;
			const uint8_t *at =
				vhost_memory_at(memory, cases[i].guest, cases[i].len, &its);

			assert_int_equal(at != NULL, cases[i].inside);
		}
	assert_null(vhost_memory_at_user(memory, 0x7e0000000000 + 32 * PAGE, 1));
	assert_null(vhost_memory_at_user(memory, 0x7f0000000000, 16 * PAGE + 1));
	vhost_memory_free(memory);
	close(fd);
}

static void refuse(const struct vhost_region_claim *claims, unsigned count, int fd, int error,
                   const char *words)
{
	struct vhost_memory *memory = (void *)1;
	struct fail fail = {0};
	int fds[VHOST_REGIONS_MAX + 1];

	for (unsigned i = 0; i <= VHOST_REGIONS_MAX; i++)
		fds[i] = fd;
	assert_int_equal(vhost_memory_new(claims, fds, count, NULL, &memory, &fail), error);
	assert_ptr_equal(memory, (void *)1);
	if (!strstr(fail.what, words) && !strstr(fail.hint, words))
		fail_msg("'%s' (%s) does not say '%s'", fail.what, fail.hint, words);
	assert_int_equal(mappings(), 0);
}

static void test_refusals(void **state)
{
	int fd = file_of(FILE_SIZE);
	int elsewhere = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char path[32];
	int reading, pipes[2];
	struct vhost_region_claim claims[VHOST_REGIONS_MAX + 1] = {two[0], two[1]};

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reading = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(reading >= 0);
	assert_int_equal(pipe(pipes), 0);
	refuse(claims, 0, fd, -EINVAL, "share=on");
	refuse(claims, 2, pipes[1], -EINVAL, "share=on");
	refuse(claims, 2, elsewhere, -EINVAL, "a file in memory");
	refuse(claims, 2, reading, -EACCES, "written");
	refuse(claims, 2, -1, -EBADF, "descriptor");
	refuse(claims, VHOST_REGIONS_MAX + 1, fd, -E2BIG, "65 regions");
	claims[1].guest = claims[0].guest + 16 * PAGE - 1;
	refuse(claims, 2, fd, -EINVAL, "overlaps");
	claims[1].guest = claims[0].guest - 1;
	refuse(claims, 2, fd, -EINVAL, "overlaps");
	claims[1] = claims[0];
	refuse(claims, 2, fd, -EINVAL, "overlaps");

	claims[0].size = 0;
	refuse(claims, 1, fd, -EINVAL, "0 bytes");
	claims[0].size = 33 * PAGE;
	refuse(claims, 1, fd, -EINVAL, "claimed");
	claims[0].size = UINT64_MAX - PAGE;
	refuse(claims, 1, fd, -EINVAL, "fit");
	claims[0] = two[0];
	claims[0].offset = UINT64_MAX - PAGE;
	refuse(claims, 1, fd, -EINVAL, "no part");
	claims[0] = two[0];
	claims[0].guest = UINT64_MAX - PAGE;
	refuse(claims, 1, fd, -EINVAL, "fit");
	claims[0] = two[0];
	claims[0].user = UINT64_MAX - PAGE;
	refuse(claims, 1, fd, -EINVAL, "fit");
	close(pipes[0]);
	close(pipes[1]);
	close(reading);
	close(elsewhere);
	close(fd);
}

// A table made from another shares what is the same, and each keeps it for itself.
static void test_sharing(void **state)
{
	int fd = file_of(FILE_SIZE);
	struct vhost_region_claim more[3] = {two[0], two[1]};
	const int unnamed[] = {-1, -1, fd};
	struct vhost_memory *old = table_of(two, 2, fd, NULL), *memory, *last;

	assert_int_equal(mappings(), 48);
	more[2] = (struct vhost_region_claim){0x200000000, PAGE, 0x7d0000000000, 50 * PAGE + 16};
	memory = table_of(more, 3, fd, old);
	assert_int_equal(mappings(), 50);
	assert_ptr_equal(memory->regions[0].base, old->regions[0].base);
	assert_ptr_equal(memory->regions[1].base, old->regions[1].base);
	vhost_memory_free(old);
	assert_int_equal(mappings(), 50);
	memory->regions[0].base[0] = 1;

	// A descriptor is not needed for what is there.
	assert_int_equal(vhost_memory_new(more, unnamed, 3, memory, &last, NULL), 0);
	assert_int_equal(mappings(), 50);
	vhost_memory_free(memory);
	vhost_memory_free(last);
	assert_int_equal(mappings(), 0);
	close(fd);
}

static void *read_it(void *user)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 16 * PAGE; i += PAGE / 2)
		sum += ((volatile uint8_t *)user)[i];
	return (void *)(uintptr_t)(sum + 1);
}

// Who cuts the file loses it; we read zeros and live, and so does everybody else's memory.
static void test_cut_file(void **state)
{
	int fd = file_of(FILE_SIZE), other_fd = file_of(FILE_SIZE);
	struct vhost_memory *memory = table_of(two, 2, fd, NULL);
	struct vhost_memory *other = table_of(two, 2, other_fd, NULL);
	unsigned losses = vhost_memory_losses();
	pthread_t thread;
	void *sum = NULL;

	memset(memory->regions[1].base, 0xff, 16 * PAGE);
	other->regions[1].base[0] = 0x77;
	assert_int_equal(ftruncate(fd, 33 * PAGE), 0);
	assert_false(vhost_memory_is_lost(memory));
	assert_int_equal(pthread_create(&thread, NULL, read_it, memory->regions[1].base), 0);
	pthread_join(thread, &sum);
	// The page that was left was read, then the rest is zeros.
	assert_int_equal((uintptr_t)sum, 2 * 0xff + 1);
	assert_true(vhost_memory_is_lost(memory));
	assert_true(vhost_memory_losses() > losses);
	assert_false(vhost_memory_is_lost(other));
	assert_int_equal(other->regions[1].base[0], 0x77);

	// It may be written, too, and goes as any other; and the next table has it whole.
	memory->regions[1].base[9] = 9;
	assert_int_equal(ftruncate(fd, FILE_SIZE), 0);

	struct vhost_memory *again = table_of(two, 2, fd, memory);

	assert_false(vhost_memory_is_lost(again));
	vhost_memory_free(again);
	vhost_memory_free(memory);
	vhost_memory_free(other);
	assert_int_equal(mappings(), 0);
	close(fd);
	close(other_fd);
}

static void expect_bits(const uint8_t *bits, size_t size, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < 8 * size; i++)
		if ((bits[i / 8] >> i % 8 & 1) != (i >= from && i < to))
			fail_msg("page %u", i);
}

static void test_dirty_log(void **state)
{
	enum { SIZE = 32, OFFSET = 100 };
	static const struct {
		uint64_t guest, len;
		unsigned from, to;
	} cases[] = {
		{0, 1, 0, 1},
		{PAGE - 1, 2, 0, 2},
		{PAGE, PAGE, 1, 2},
		{5 * PAGE, 3 * PAGE, 5, 8},
		{5 * PAGE, 3 * PAGE + 1, 5, 9},
		{3 * PAGE + 9, 65536, 3, 20},
		{0, 256 * PAGE, 0, 256},
		{250 * PAGE, 100 * PAGE, 250, 256},
		{255 * PAGE, PAGE, 255, 256},
		{256 * PAGE, 1, 0, 0},
		{7, 0, 0, 0},
		{UINT64_MAX, 1, 0, 0},
		{255 * PAGE, UINT64_MAX, 255, 256},
		{UINT64_MAX - 5, 100, 0, 0},
	};
	int fd = file_of(PAGE);
	struct dirty_log *log = NULL;
	struct fail fail = {0};
	uint8_t bits[PAGE];

	assert_int_equal(dirty_log_open(fd, OFFSET, SIZE, &log, &fail), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(bits, 0, sizeof(bits));
		assert_int_equal(pwrite(fd, bits, sizeof(bits), 0), PAGE);
		dirty_log_mark(log, cases[i].guest, cases[i].len);
		assert_int_equal(pread(fd, bits, sizeof(bits), 0), PAGE);
		expect_bits(bits, OFFSET, 0, 0);
		expect_bits(bits + OFFSET, SIZE, cases[i].from, cases[i].to);
		expect_bits(bits + OFFSET + SIZE, PAGE - OFFSET - SIZE, 0, 0);
	}
	// What is set stays set.
	dirty_log_mark(log, 0, 1);
	dirty_log_mark(log, 7 * PAGE, 1);
	assert_int_equal(pread(fd, bits, 1, OFFSET), 1);
	assert_int_equal(bits[0], 0x81);
	dirty_log_close(log);
	assert_int_equal(dirty_log_open(fd, 0, PAGE + 1, &log, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "log of dirty pages"));
	close(fd);
	assert_int_equal(mappings(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_cut_file),  cmocka_unit_test(test_dirty_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
