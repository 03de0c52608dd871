// SPDX-License-Identifier: BSD-3-Clause
//
// A predecessor dies at each step of a publish, and the next one opens the ring on what it left: its mark and
// the guest's memory. Every chain comes back once and in order: given ones with their length where the guest
// had seen them or the journal tells, the rest unsent, or filled anew.

#include "base/bytes.h"
#include "driver.h"
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOG = 1 << 14, RINGS = 1 << 20, CHAINS = 20, TAKEN = 12, GIVEN = 7 };

// How far the publish came.
enum step { BEFORE, FIRST_UNSEEN, NOT_NOTED, DONE, STEPS };

struct left {
	struct virtq_mark mark;
	uint8_t *rings;
};

static void keep(const struct driver *driver, const struct virtq_mark *mark, struct left *left)
{
	left->mark = *mark;
	left->rings = malloc(RINGS);
	assert_non_null(left->rings);
	memcpy(left->rings, driver->bytes, RINGS);
}

// What the guest looks at first: the used index, or the flags of the first descriptor.
static size_t seen_at(const struct driver *driver, uint32_t start)
{
	if (driver->config.packed)
		return driver->desc_at - DRIVER_GUEST_LOW + 16 * (size_t)start + 14;
	return driver->used_at - DRIVER_GUEST_LOW + 2;
}

// Puts things as they were when the predecessor died at this step.
static void die_at(const struct driver *driver, struct virtq_mark *mark, enum step step,
                   const struct left *before, const struct left *after, uint32_t start)
{
	const struct left *memory = step == BEFORE ? before : after;

	*mark = step == BEFORE ? before->mark : after->mark;
	memcpy(driver->bytes, memory->rings, RINGS);
	if (step == FIRST_UNSEEN || step == NOT_NOTED)
		mark->returned = before->mark.returned;
	if (step == FIRST_UNSEEN) {
		size_t at = seen_at(driver, start);

		memcpy(driver->bytes + at, before->rings + at, 2);
	}
}

static void expect_back(struct driver *driver, unsigned from, unsigned to, bool with_length)
{
	struct driver_chain chain;

	for (unsigned i = from; i < to; i++) {
		assert_true(driver_get(driver, &chain));
		assert_int_equal(chain.written, with_length ? i + 1 : 0);
	}
}

static void add_chains(struct driver *driver)
{
	for (unsigned i = 0; i < CHAINS; i++) {
		struct driver_piece pieces[3];

		for (unsigned k = 0; k < 3; k++)
			pieces[k] = (struct driver_piece){driver_buffer(driver, 100), 100};
		assert_true(driver_add(driver, pieces, 1 + i % 3, false));
	}
}

// The successor: what must be back at once is; the rest is taken and comes back, too.
static void succeed(struct driver *driver, enum step step)
{
	bool writable = driver->config.writable;
	bool was_given = step >= NOT_NOTED || (step == FIRST_UNSEEN && driver->config.packed);
	unsigned back = was_given ? GIVEN : 0;
	struct virtq *queue = virtq_open(&driver->config, NULL);
	struct virtq_chain chains[VIRTQ_TAKE_MAX];
	struct virtq_counts counts;
	struct driver_chain chain;

	assert_non_null(queue);
	assert_true(driver_calls(driver) > 0);
	virtq_counts(queue, &counts);
	assert_int_equal(counts.in_flight_lost, writable ? 0 : TAKEN - back);
	expect_back(driver, 0, back, writable);
	if (!writable) {
		expect_back(driver, back, TAKEN, false);
		back = TAKEN;
	}
	assert_false(driver_get(driver, &chain));

	unsigned count = virtq_take(queue, chains, VIRTQ_TAKE_MAX);

	assert_int_equal(count, CHAINS - back);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(chains[i].len, 100 * (1 + (back + i) % 3));
		virtq_give(queue, &chains[i], writable ? back + i + 1 : 0);
	}
	virtq_publish(queue);
	expect_back(driver, back, CHAINS, writable);
	assert_false(driver_get(driver, &chain));
	virtq_close(queue);
}

// A driver whose device took some chains, gave back fewer, and died at this step.
static struct driver *die(struct driver_options options, enum step step)
{
	struct driver *driver = driver_new(&options);
	struct virtq_mark *mark = aligned_alloc(64, ALIGN_UP(sizeof(*mark), 64));
	struct virtq_chain chains[TAKEN];
	struct left before, after;
	struct virtq *queue;

	assert_non_null(mark);
	memset(mark, 0, sizeof(*mark));
	driver->config.mark = mark;
	queue = virtq_open(&driver->config, NULL);
	assert_non_null(queue);
	add_chains(driver);
	assert_int_equal(virtq_take(queue, chains, TAKEN), TAKEN);
	for (unsigned i = 0; i < GIVEN; i++)
		virtq_give(queue, &chains[i], options.writable ? i + 1 : 0);
	keep(driver, mark, &before);
	virtq_publish(queue);
	keep(driver, mark, &after);
	virtq_close(queue);
	driver_calls(driver);
	die_at(driver, mark, step, &before, &after, options.start);
	free(before.rings);
	free(after.rings);
	return driver;
}

static void bury(struct driver *driver)
{
	free(driver->config.mark);
	driver_free(driver);
}

static void crash(struct driver_options options, enum step step)
{
	struct driver *driver = die(options, step);

	succeed(driver, step);
	bury(driver);
}

static void test_every_step(void **state)
{
	static const struct driver_options layouts[] = {
		{.size = 64},
		{.size = 64, .start = 65530},
		{.size = 64, .in_order = true, .start = 60},
		{.size = 64, .packed = true, .start_wrap = true},
		{.size = 43, .packed = true, .start = 38},
		{.size = 43, .packed = true, .in_order = true, .start = 40, .start_wrap = true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		for (int writable = 0; writable < 2; writable++)
			for (enum step step = BEFORE; step < STEPS; step++) {
				struct driver_options options = layouts[i];

				options.writable = writable;
				crash(options, step);
			}
}

// What a guest was given by one who died before it marked that in the log: the machine migrates with it.
static void test_a_successor_marks_the_ring(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct driver *driver = die((struct driver_options){.size = 1024,
		                                                    .packed = packed,
		                                                    .start = 600,
		                                                    .start_wrap = true,
		                                                    .writable = true},
		                            NOT_NOTED);
		uint64_t at = packed ? driver->desc_at + 16 * UINT64_C(600)
		                     : driver->used_at + 4 + 8 * UINT64_C(600);
		int fd = memfd_create("log", MFD_CLOEXEC);
		struct virtq *queue;
		uint8_t bits;

		assert_int_equal(ftruncate(fd, LOG), 0);
		assert_int_equal(dirty_log_open(fd, 0, LOG, &driver->config.log, NULL), 0);
		queue = virtq_open(&driver->config, NULL);
		assert_non_null(queue);
		assert_int_equal(pread(fd, &bits, 1, (off_t)(at >> 15)), 1);
		assert_true(bits >> (at >> 12 & 7) & 1);
		virtq_close(queue);
		dirty_log_close(driver->config.log);
		close(fd);
		bury(driver);
	}
}

// A mark of a ring that was closed, or of another ring, is not believed.
static void test_stale_marks(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct driver *driver = driver_new(
			&(struct driver_options){.size = 64, .packed = packed, .start_wrap = true});
		struct virtq_mark mark = {.live = 1, .taken = 5000, .returned = 10, .returning = 9};
		struct virtq_chain chain;
		struct virtq_counts counts;

		driver->config.mark = &mark;

		struct virtq *queue = virtq_open(&driver->config, NULL);

		assert_non_null(queue);
		virtq_counts(queue, &counts);
		assert_int_equal(counts.in_flight_lost, 0);
		add_chains(driver);
		assert_int_equal(virtq_take(queue, &chain, 1), 1);
		assert_int_equal(chain.len, 100);
		assert_int_equal(mark.taken - mark.returned, 1);
		virtq_close(queue);
		assert_int_equal(mark.live, 0);
		driver_free(driver);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_a_successor_marks_the_ring),
		cmocka_unit_test(test_stale_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
