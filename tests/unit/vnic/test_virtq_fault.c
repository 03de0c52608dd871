// SPDX-License-Identifier: BSD-3-Clause
//
// Each way to break a ring, alone: the ring is lost with the reason that names it, gives nothing any more, whatever
// the guest does, and hurts no other; the next driver that comes finds the place as new.

#include "base/bytes.h"
#include "driver.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum {
	SIZE = 8,
	DESC = 16,
	NEXT = 1,
	WRITE = 2,
	INDIRECT = 4,
	AVAIL = 1 << 7,
	USED = 1 << 15,
	BUFFER = 100,
	LAST = VIRTQ_CHAIN_MAX,
};

// A descriptor in a slot of the ring: of the first lap, in a packed one.
static void put(struct driver *driver, unsigned slot, uint64_t guest, uint32_t len, uint16_t flags,
                uint16_t next)
{
	uint8_t *at = driver_at(driver, driver->desc_at) + (size_t)DESC * slot;
	bool packed = driver->config.packed;

	store_le64(at, guest);
	store_le32(at + 8, len);
	store_le16(at + 12, packed ? (uint16_t)slot : flags);
	store_le16(at + 14, packed ? flags | AVAIL : next);
}

static uint64_t good(struct driver *driver)
{
	return driver_buffer(driver, BUFFER);
}

// An entry of an indirect table, which follow each other by `next` in a split ring and in order in a packed one.
static void put_entry(struct driver *driver, uint64_t table, unsigned entry, uint64_t guest,
                      uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t *at = driver_at(driver, table) + (size_t)DESC * entry;
	bool packed = driver->config.packed;

	store_le64(at, guest);
	store_le32(at + 8, len);
	store_le16(at + 12, packed ? 0 : flags);
	store_le16(at + 14, packed ? flags & (uint16_t)~NEXT : next);
}

static uint64_t put_table(struct driver *driver, unsigned count, uint32_t len)
{
	uint64_t table = driver_buffer(driver, DESC * count), buffer = DRIVER_GUEST_HIGH;

	for (unsigned i = 0; i < count; i++)
		put_entry(driver, table, i, buffer, len, i + 1 < count ? NEXT : 0,
		          (uint16_t)(i + 1));
	return table;
}

// What a guest may write into slots 1 and on; the available index of a split ring comes to 2.

static void loop(struct driver *driver)
{
	for (unsigned slot = 0; slot < SIZE; slot++)
		put(driver, slot, good(driver), BUFFER, NEXT, (uint16_t)((slot + 1) % SIZE));
}

static void loop_of_one(struct driver *driver)
{
	put(driver, 1, good(driver), BUFFER, NEXT, 1);
}

static void next_outside(struct driver *driver)
{
	put(driver, 1, good(driver), BUFFER, NEXT, SIZE);
}

static void head_outside(struct driver *driver)
{
	store_le16(driver_at(driver, driver->avail_at) + 4 + 2, SIZE);
}

static void index_ran_away(struct driver *driver)
{
	store_le16(driver_at(driver, driver->avail_at) + 2, SIZE + 2);
}

static void index_went_back(struct driver *driver)
{
	store_le16(driver_at(driver, driver->avail_at) + 2, 0);
}

static void nothing_in_it(struct driver *driver)
{
	put(driver, 1, good(driver), 0, 0, 0);
}

static void in_the_hole(struct driver *driver)
{
	put(driver, 1, DRIVER_GUEST_LOW + DRIVER_REGION, BUFFER, 0, 0);
}

static void past_the_end(struct driver *driver)
{
	put(driver, 1, DRIVER_GUEST_HIGH + DRIVER_REGION - BUFFER + 1, BUFFER, 0, 0);
}

static void length_wraps(struct driver *driver)
{
	put(driver, 1, UINT64_MAX - BUFFER / 2, BUFFER, 0, 0);
}

static void longest_length(struct driver *driver)
{
	put(driver, 1, good(driver), UINT32_MAX, 0, 0);
}

static void second_outside(struct driver *driver)
{
	put(driver, 2, 0, BUFFER, 0, 0);
	put(driver, 1, good(driver), BUFFER, NEXT, 2);
}

static void wrong_direction(struct driver *driver)
{
	put(driver, 1, good(driver), BUFFER, WRITE, 0);
}

static void writable_before_readable(struct driver *driver)
{
	put(driver, 2, good(driver), BUFFER, 0, 0);
	put(driver, 1, good(driver), BUFFER, WRITE | NEXT, 2);
}

static void writable_behind_readable(struct driver *driver)
{
	put(driver, 2, good(driver), BUFFER, WRITE, 0);
	put(driver, 1, good(driver), BUFFER, NEXT, 2);
}

static void table_of_nothing(struct driver *driver)
{
	put(driver, 1, put_table(driver, 1, BUFFER), 0, INDIRECT, 0);
}

static void table_of_half(struct driver *driver)
{
	put(driver, 1, put_table(driver, 2, BUFFER), DESC + DESC / 2, INDIRECT, 0);
}

static void table_outside(struct driver *driver)
{
	put(driver, 1, DRIVER_GUEST_HIGH + DRIVER_REGION - DESC, 2 * DESC, INDIRECT, 0);
}

static void table_in_table(struct driver *driver)
{
	uint64_t inner = put_table(driver, 1, BUFFER), outer = put_table(driver, 1, BUFFER);

	put_entry(driver, outer, 0, inner, DESC, INDIRECT, 0);
	put(driver, 1, outer, DESC, INDIRECT, 0);
}

static void table_with_next(struct driver *driver)
{
	put(driver, 2, good(driver), BUFFER, 0, 0);
	put(driver, 1, put_table(driver, 1, BUFFER), DESC, INDIRECT | NEXT, 2);
}

static void table_leads_out(struct driver *driver)
{
	uint64_t table = put_table(driver, 2, BUFFER);

	put_entry(driver, table, 0, good(driver), BUFFER, NEXT, 2);
	put(driver, 1, table, 2 * DESC, INDIRECT, 0);
}

static void table_loops(struct driver *driver)
{
	uint64_t table = put_table(driver, 2, BUFFER);

	put_entry(driver, table, 1, good(driver), BUFFER, NEXT, 0);
	put(driver, 1, table, 2 * DESC, INDIRECT, 0);
}

static void table_too_long(struct driver *driver)
{
	put(driver, 1, put_table(driver, LAST + 1, BUFFER), DESC * (LAST + 1), INDIRECT, 0);
}

static void four_gigabytes(struct driver *driver)
{
	put(driver, 1, put_table(driver, LAST, DRIVER_REGION), DESC * LAST, INDIRECT, 0);
}

static void table_unasked(struct driver *driver)
{
	put(driver, 1, put_table(driver, 1, BUFFER), DESC, INDIRECT, 0);
}

enum { IN_SPLIT = 1, IN_PACKED = 2, IN_BOTH = 3, NO_TABLES = 4 };

static const struct breach {
	void (*commit)(struct driver *driver);
	enum virtq_fault fault;
	unsigned where;
} breaches[] = {
	{loop, VIRTQ_CHAIN_LOOP, IN_BOTH},
	{loop_of_one, VIRTQ_CHAIN_LOOP, IN_SPLIT},
	{next_outside, VIRTQ_HEAD_OUTSIDE, IN_SPLIT},
	{head_outside, VIRTQ_HEAD_OUTSIDE, IN_SPLIT},
	{index_ran_away, VIRTQ_AVAIL_RUNAWAY, IN_SPLIT},
	{index_went_back, VIRTQ_AVAIL_RUNAWAY, IN_SPLIT},
	{nothing_in_it, VIRTQ_CHAIN_EMPTY, IN_BOTH},
	{in_the_hole, VIRTQ_OUTSIDE_MEMORY, IN_BOTH},
	{past_the_end, VIRTQ_OUTSIDE_MEMORY, IN_BOTH},
	{length_wraps, VIRTQ_OUTSIDE_MEMORY, IN_BOTH},
	{longest_length, VIRTQ_OUTSIDE_MEMORY, IN_BOTH},
	{second_outside, VIRTQ_OUTSIDE_MEMORY, IN_BOTH},
	{wrong_direction, VIRTQ_DIRECTION_BAD, IN_BOTH},
	{writable_before_readable, VIRTQ_DIRECTION_BAD, IN_BOTH},
	{writable_behind_readable, VIRTQ_DIRECTION_BAD, IN_BOTH},
	{table_of_nothing, VIRTQ_INDIRECT_BAD, IN_BOTH},
	{table_of_half, VIRTQ_INDIRECT_BAD, IN_BOTH},
	{table_outside, VIRTQ_OUTSIDE_MEMORY, IN_BOTH},
	{table_in_table, VIRTQ_INDIRECT_BAD, IN_BOTH},
	{table_with_next, VIRTQ_INDIRECT_BAD, IN_BOTH},
	{table_leads_out, VIRTQ_INDIRECT_BAD, IN_SPLIT},
	{table_loops, VIRTQ_CHAIN_LOOP, IN_SPLIT},
	{table_too_long, VIRTQ_CHAIN_LONG, IN_BOTH},
	{four_gigabytes, VIRTQ_CHAIN_LONG, IN_BOTH},
	{table_unasked, VIRTQ_INDIRECT_BAD, IN_BOTH | NO_TABLES},
};

static struct virtq *open_queue(struct driver *driver)
{
	struct fail fail = {0};
	struct virtq *queue = virtq_open(&driver->config, &fail);

	if (!queue)
		fail_msg("%s", fail.what);
	return queue;
}

// One good chain there and back, of a driver that behaves.
static void expect_sound(struct driver *driver, struct virtq *queue)
{
	struct driver_piece piece = {good(driver), BUFFER};
	struct virtq_chain chain;
	struct driver_chain got;

	assert_true(driver_add(driver, &piece, 1, false));
	assert_int_equal(virtq_take(queue, &chain, 1), 1);
	assert_int_equal(chain.len, BUFFER);
	virtq_give(queue, &chain, 0);
	virtq_publish(queue);
	assert_true(driver_get(driver, &got));
	assert_int_equal(virtq_fault(queue), VIRTQ_SOUND);
}

static void expect_lost(struct driver *driver, struct virtq *queue, enum virtq_fault fault)
{
	struct virtq_chain chains[VIRTQ_TAKE_MAX];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(virtq_take(queue, chains, VIRTQ_TAKE_MAX), 0);
		assert_string_equal(virtq_fault_name(virtq_fault(queue)), virtq_fault_name(fault));
		assert_false(virtq_has_work(queue));
		assert_false(virtq_arm(queue));
		// Behaving now is too late.
		put(driver, 1, good(driver), BUFFER, 0, 0);
		store_le16(driver_at(driver, driver->avail_at) + 2, 2);
	}
}

static void commit(const struct breach *breach, bool packed)
{
	const struct driver_options options = {.size = SIZE,
	                                       .packed = packed,
	                                       .indirect = !(breach->where & NO_TABLES),
	                                       .start_wrap = true};
	struct driver *driver = driver_new(&options), *other = driver_new(&options);
	struct virtq_mark *mark = calloc(1, sizeof(*mark));

	assert_non_null(mark);
	driver->config.mark = mark;

	struct virtq *queue = open_queue(driver), *neighbour = open_queue(other);

	expect_sound(driver, queue);
	breach->commit(driver);
	if (!packed && breach->commit != head_outside)
		store_le16(driver_at(driver, driver->avail_at) + 4 + 2, 1);
	if (!packed && breach->fault != VIRTQ_AVAIL_RUNAWAY)
		store_le16(driver_at(driver, driver->avail_at) + 2, 2);
	expect_lost(driver, queue, breach->fault);
	expect_sound(other, neighbour);
	virtq_close(queue);
	driver_free(driver);

	driver = driver_new(&options);
	driver->config.mark = mark;
	queue = open_queue(driver);
	expect_sound(driver, queue);
	virtq_close(queue);
	virtq_close(neighbour);
	driver_free(driver);
	driver_free(other);
	free(mark);
}

static void every_breach_is_named_and_hurts_nobody_else(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(breaches); i++) {
		if (breaches[i].where & IN_SPLIT)
			commit(&breaches[i], false);
		if (breaches[i].where & IN_PACKED)
			commit(&breaches[i], true);
	}
}

// What was good before the bad chain is taken, and goes back.
static void good_chains_before_a_bad_one_are_served(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct driver *driver = driver_new(&(struct driver_options){
			.size = SIZE, .packed = packed, .start_wrap = true});
		struct virtq *queue = open_queue(driver);
		struct driver_piece piece = {good(driver), BUFFER}, bad = {1, BUFFER};
		struct virtq_chain chains[VIRTQ_TAKE_MAX];
		struct driver_chain got;

		assert_true(driver_add(driver, &piece, 1, false));
		assert_true(driver_add(driver, &bad, 1, false));
		assert_int_equal(virtq_take(queue, chains, VIRTQ_TAKE_MAX), 1);
		assert_int_equal(virtq_fault(queue), VIRTQ_OUTSIDE_MEMORY);
		virtq_give(queue, &chains[0], 0);
		virtq_publish(queue);
		assert_true(driver_get(driver, &got));
		assert_false(driver_get(driver, &got));
		virtq_close(queue);
		driver_free(driver);
	}
}

// A packed chain that reaches into slots that we hold, and one that says it is of another lap.
static void laps_of_a_packed_ring_are_kept(void **state)
{
	const struct driver_options options = {.size = SIZE, .packed = true, .start_wrap = true};
	struct driver *driver = driver_new(&options);
	struct virtq *queue = open_queue(driver);
	struct virtq_chain chains[SIZE];
	uint8_t *last = driver_at(driver, driver->desc_at) + (size_t)DESC * (SIZE - 1) + 14;

	for (unsigned slot = 0; slot < SIZE; slot++)
		put(driver, slot, good(driver), BUFFER, 0, 0);
	// Of the lap before, or used already: not available, and nobody's fault.
	store_le16(last, USED);
	assert_int_equal(virtq_take(queue, chains, SIZE), SIZE - 1);
	store_le16(last, AVAIL | USED);
	assert_int_equal(virtq_take(queue, chains, 1), 0);
	store_le16(last, 0);
	assert_int_equal(virtq_take(queue, chains, 1), 0);
	assert_int_equal(virtq_fault(queue), VIRTQ_SOUND);
	store_le16(last, AVAIL | NEXT);
	assert_int_equal(virtq_take(queue, chains, 1), 0);
	assert_int_equal(virtq_fault(queue), VIRTQ_AVAIL_RUNAWAY);
	virtq_close(queue);
	driver_free(driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_breach_is_named_and_hurts_nobody_else),
		cmocka_unit_test(good_chains_before_a_bad_one_are_served),
		cmocka_unit_test(laps_of_a_packed_ring_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
