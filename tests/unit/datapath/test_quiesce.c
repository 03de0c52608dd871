// SPDX-License-Identifier: BSD-3-Clause
//
// test_quiesce: nothing is freed under a reader; sleepers are not waited for.

#include "datapath/quiesce.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

enum { READERS = 3, ROUNDS = 2000, ALIVE = 0x600d, DEAD = 0xdead };

struct thing {
	int life;
};

static _Atomic(struct thing *) published;
static _Atomic bool stop;
static _Atomic unsigned reads;
static unsigned freed;

static void bury(void *piece)
{
	struct thing *thing = piece;

	thing->life = DEAD;
	free(thing);
	freed++;
}

static struct thing *make(void)
{
	struct thing *thing = malloc(sizeof(*thing));

	thing->life = ALIVE;
	return thing;
}

static void *read_all_the_time(void *user)
{
	unsigned turns = 0;

	quiesce_register();
	while (!atomic_load(&stop)) {
		const struct thing *thing = atomic_load(&published);

		for (unsigned i = 0; i < 10; i++)
			if (thing->life != ALIVE)
				abort();
		atomic_fetch_add_explicit(&reads, 1, memory_order_relaxed);
		quiesce_point();
		// Every so often it goes to sleep, as a worker does.
		if (++turns % 64 == 0) {
			quiesce_offline();
			usleep(50);
			quiesce_online();
		}
	}
	quiesce_unregister();
	return NULL;
}

static void frees_only_what_nobody_sees(void **state)
{
	pthread_t readers[READERS];

	atomic_store(&published, make());
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, NULL), 0);
	// On a busy machine all rounds may be over before the first reader runs.
	while (atomic_load(&reads) == 0)
		usleep(100);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct thing *old = atomic_exchange(&published, make());

		quiesce_free(old, bury);
		// Several may wait for one grace period.
		if (round % 4 == 3) {
			assert_int_equal(freed, round - 3);
			quiesce_synchronize();
			assert_int_equal(freed, round + 1);
		}
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	assert_true(atomic_load(&reads) > 0);
	free(atomic_load(&published));
}

static void *sleep_offline(void *user)
{
	int *fds = user;
	char byte = 0;

	quiesce_register();
	quiesce_offline();
	assert_int_equal(write(fds[3], &byte, 1), 1);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	quiesce_online();
	quiesce_unregister();
	return NULL;
}

static void a_sleeper_is_not_waited_for(void **state)
{
	pthread_t sleeper;
	int fds[4];
	char byte = 0;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(fds + 2), 0);
	assert_int_equal(pthread_create(&sleeper, NULL, sleep_offline, fds), 0);
	assert_int_equal(read(fds[2], &byte, 1), 1);
	// Would hang otherwise: the sleeper wakes only after it.
	quiesce_synchronize();
	assert_int_equal(write(fds[1], &byte, 1), 1);
	pthread_join(sleeper, NULL);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frees_only_what_nobody_sees),
		cmocka_unit_test(a_sleeper_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
