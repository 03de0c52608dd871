// SPDX-License-Identifier: BSD-3-Clause
//
// test_capture_ring: records of any length arrive whole and in order, at the end of the block too, and a
// full ring refuses.

#include "datapath/capture_ring.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>

enum { RING = 4096, RECORDS = 100000 };

struct record {
	uint32_t number, len;
	uint8_t bytes[];
};

static size_t len_of(uint32_t number)
{
	return number * 7919u % 900;
}

static bool put(struct capture_ring *ring, uint32_t number)
{
	size_t len = len_of(number);
	// More is asked for than is taken.
	struct record *record = capture_ring_reserve(ring, sizeof(*record) + len + 50);

	if (!record)
		return false;
	record->number = number;
	record->len = (uint32_t)len;
	memset(record->bytes, (int)(number & 0xff), len);
	capture_ring_commit(ring, sizeof(*record) + len);
	return true;
}

static bool take(struct capture_ring *ring, uint32_t number)
{
	const struct record *record = capture_ring_peek(ring);

	if (!record)
		return false;
	assert_int_equal(record->number, number);
	assert_int_equal(record->len, len_of(number));
	for (size_t i = 0; i < record->len; i++)
		assert_int_equal(record->bytes[i], number & 0xff);
	capture_ring_release(ring);
	return true;
}

static void order_and_bytes_survive_many_laps(void **state)
{
	struct capture_ring *ring = capture_ring_new(RING);
	uint32_t in = 0, out = 0;

	assert_non_null(ring);
	assert_null(capture_ring_peek(ring));
	while (in < 5000) {
		while (put(ring, in))
			in++;
		assert_true(in > out);
		while (take(ring, out))
			out++;
		assert_int_equal(out, in);
	}
	capture_ring_free(ring);
	capture_ring_free(NULL);
}

static void what_was_not_committed_never_was(void **state)
{
	struct capture_ring *ring = capture_ring_new(RING);

	for (unsigned i = 0; i < 100; i++) {
		uint8_t *room = capture_ring_reserve(ring, 3000);

		assert_non_null(room);
		memset(room, 0xff, 3000);
	}
	assert_null(capture_ring_peek(ring));
	assert_true(put(ring, 1));
	assert_true(take(ring, 1));
	assert_null(capture_ring_peek(ring));
	capture_ring_free(ring);
}

static void what_can_never_fit_is_refused(void **state)
{
	struct capture_ring *ring = capture_ring_new(RING);

	assert_null(capture_ring_reserve(ring, RING));
	assert_null(capture_ring_reserve(ring, SIZE_MAX / 2));
	assert_non_null(capture_ring_reserve(ring, RING - 8));
	capture_ring_free(ring);
}

// The ring holds a few records only. Where there are fewer processors than threads, whoever finds it full or empty
// must let the other one run, or a time slice goes by for each lap.
static void advance(uint32_t *number, bool has_moved)
{
	if (has_moved)
		(*number)++;
	else
		sched_yield();
}

static void *write_all(void *user)
{
	for (uint32_t number = 0; number < RECORDS;)
		advance(&number, put(user, number));
	return NULL;
}

static void two_threads_agree(void **state)
{
	struct capture_ring *ring = capture_ring_new(RING);
	pthread_t writer;

	assert_int_equal(pthread_create(&writer, NULL, write_all, ring), 0);
	for (uint32_t number = 0; number < RECORDS;)
		advance(&number, take(ring, number));
	pthread_join(writer, NULL);
	assert_null(capture_ring_peek(ring));
	capture_ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_bytes_survive_many_laps),
		cmocka_unit_test(what_was_not_committed_never_was),
		cmocka_unit_test(what_can_never_fit_is_refused),
		cmocka_unit_test(two_threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
