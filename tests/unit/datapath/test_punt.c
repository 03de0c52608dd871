// SPDX-License-Identifier: BSD-3-Clause
//
// test_punt: a full ring refuses, records arrive in order, no record is slept through.

#include "datapath/punt.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 2, RECORDS = 200000 };

struct record {
	uint32_t number;
	uint32_t check;
	uint8_t rest[56];
};

static bool is_rung(const struct punt_bell *bell, int wait_ms)
{
	struct pollfd poll_fd = {.fd = bell->fd, .events = POLLIN};

	return poll(&poll_fd, 1, wait_ms) == 1;
}

static void a_full_ring_refuses(void **state)
{
	struct punt_bell bell;

	assert_int_equal(punt_bell_init(&bell), 0);

	struct punt_ring *ring = punt_ring_new("test", 4, sizeof(struct record), &bell);

	assert_non_null(ring);
	assert_null(punt_ring_peek(ring));
	// Three laps, so that the counters pass the size.
	for (unsigned lap = 0; lap < 3; lap++) {
		for (uint32_t i = 0; i < 4; i++) {
			struct record *record = punt_ring_reserve(ring);

			assert_non_null(record);
			record->number = i;
			punt_ring_publish(ring);
		}
		assert_null(punt_ring_reserve(ring));
		for (uint32_t i = 0; i < 4; i++) {
			const struct record *record = punt_ring_peek(ring);

			assert_non_null(record);
			assert_int_equal(record->number, i);
			punt_ring_release(ring);
		}
		assert_null(punt_ring_peek(ring));
	}
	punt_ring_free(ring);
	punt_ring_free(NULL);
	punt_bell_fini(&bell);
}

static void rings_only_who_sleeps(void **state)
{
	struct punt_bell bell;

	assert_int_equal(punt_bell_init(&bell), 0);
	punt_bell_ring(&bell);
	assert_false(is_rung(&bell, 0));

	punt_bell_arm(&bell);
	assert_false(is_rung(&bell, 0));
	punt_bell_ring(&bell);
	assert_true(is_rung(&bell, 0));
	punt_bell_ring(&bell);
	punt_bell_disarm(&bell);
	assert_false(is_rung(&bell, 0));

	punt_bell_arm(&bell);
	punt_bell_disarm(&bell);
	punt_bell_ring(&bell);
	assert_false(is_rung(&bell, 0));
	punt_bell_fini(&bell);
}

static void *write_records(void *user)
{
	struct punt_ring *ring = user;

	for (uint32_t i = 0; i < RECORDS;) {
		struct record *record = punt_ring_reserve(ring);

		if (!record) {
			usleep(10);
			continue;
		}
		record->number = i;
		record->check = ~i;
		punt_ring_publish(ring);
		// Pauses let the reader fall asleep.
		if (++i % 1000 == 0)
			usleep(20);
	}
	return NULL;
}

static unsigned drain(struct punt_ring *rings[], uint32_t next[])
{
	unsigned count = 0;

	for (unsigned i = 0; i < WRITERS; i++) {
		const struct record *record;

		while ((record = punt_ring_peek(rings[i]))) {
			assert_int_equal(record->number, next[i]);
			assert_int_equal(record->check, ~next[i]);
			next[i]++;
			count++;
			punt_ring_release(rings[i]);
		}
	}
	return count;
}

static void no_record_is_slept_through(void **state)
{
	struct punt_ring *rings[WRITERS];
	uint32_t next[WRITERS] = {0};
	pthread_t writers[WRITERS];
	struct punt_bell bell;
	unsigned sleeps = 0;

	assert_int_equal(punt_bell_init(&bell), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		rings[i] = punt_ring_new("test", 64, sizeof(struct record), &bell);
		assert_int_equal(pthread_create(&writers[i], NULL, write_records, rings[i]), 0);
	}
	while (next[0] + next[1] < WRITERS * RECORDS) {
		if (drain(rings, next))
			continue;
		punt_bell_arm(&bell);
		if (!drain(rings, next)) {
			// A minute is for ever: only a lost record takes that long.
			assert_true(is_rung(&bell, 60000));
			sleeps++;
		}
		punt_bell_disarm(&bell);
	}
	print_message("%u records, %u sleeps\n", WRITERS * RECORDS, sleeps);
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(writers[i], NULL);
		punt_ring_free(rings[i]);
	}
	punt_bell_fini(&bell);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_ring_refuses),
		cmocka_unit_test(rings_only_who_sleeps),
		cmocka_unit_test(no_record_is_slept_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
