// SPDX-License-Identifier: BSD-3-Clause
//
// Who wakes whom: one call a publish and none that the guest did not ask for, kicks only while armed, and two
// threads that sleep on each other's bells without ever missing one.

#include "base/bytes.h"
#include "driver.h"
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct driver_options layouts[] = {
	{.size = 256},
	{.size = 256, .event_idx = true, .start = 65500},
	{.size = 256, .packed = true, .start_wrap = true},
	{.size = 255, .packed = true, .event_idx = true, .start = 250},
};

static void add(struct driver *driver, unsigned count)
{
	struct driver_piece piece = {driver_buffer(driver, 60), 60};

	while (count--)
		assert_true(driver_add(driver, &piece, 1, false));
}

static void serve(struct virtq *queue, unsigned count)
{
	struct virtq_chain chains[VIRTQ_TAKE_MAX];

	assert_int_equal(virtq_take(queue, chains, count), count);
	for (unsigned i = 0; i < count; i++)
		virtq_give(queue, &chains[i], 0);
	virtq_publish(queue);
}

static void drain(struct driver *driver)
{
	struct driver_chain chain;

	while (driver_get(driver, &chain))
		;
}

static void test_calls(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct driver *driver = driver_new(&layouts[i]);
		struct virtq *queue = virtq_open(&driver->config, NULL);
		struct virtq_counts counts;

		driver_arm(driver);
		add(driver, 40);
		serve(queue, 20);
		assert_int_equal(driver_calls(driver), 1);
		drain(driver);
		// It polls: over a whole lap nobody calls it.
		driver_disarm(driver);
		for (unsigned round = 0; round < 30; round++) {
			serve(queue, 20);
			drain(driver);
			add(driver, 20);
		}
		assert_int_equal(driver_calls(driver), 0);
		driver_arm(driver);
		serve(queue, 1);
		assert_int_equal(driver_calls(driver), 1);
		// With an event index, once; with flags, until it says otherwise.
		serve(queue, 1);
		assert_int_equal(driver_calls(driver), layouts[i].event_idx ? 0 : 1);
		virtq_publish(queue);
		assert_int_equal(driver_calls(driver), 0);
		virtq_counts(queue, &counts);
		assert_int_equal(counts.calls, layouts[i].event_idx ? 2 : 3);
		virtq_close(queue);
		driver_free(driver);
	}
}

static void test_kicks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct driver *driver = driver_new(&layouts[i]);
		struct virtq *queue = virtq_open(&driver->config, NULL);

		// A readable ring opens armed.
		assert_false(virtq_arm(queue));
		add(driver, 3);
		assert_true(driver_must_kick(driver));
		assert_true(virtq_has_work(queue));
		virtq_disarm(queue);
		for (unsigned round = 0; round < 300; round++) {
			serve(queue, 3);
			drain(driver);
			add(driver, 3);
			assert_false(driver_must_kick(driver));
		}
		assert_true(virtq_arm(queue));
		serve(queue, 3);
		assert_false(virtq_arm(queue));
		drain(driver);
		add(driver, 1);
		assert_true(driver_must_kick(driver));
		virtq_close(queue);
		driver_free(driver);
	}
}

enum { PASSES = 20000 };

struct pair {
	struct driver *driver;
	struct virtq *queue;
	int kick_fd;
};

// False: nobody rang for a very long time.
static bool sleep_on(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	uint64_t rings;

	return poll(&poller, 1, 60000) == 1 && read(fd, &rings, sizeof(rings)) == sizeof(rings);
}

static void *device_thread(void *user)
{
	struct pair *pair = user;
	unsigned done = 0;

	while (done < PASSES) {
		struct virtq_chain chains[VIRTQ_TAKE_MAX];
		unsigned count = virtq_take(pair->queue, chains, VIRTQ_TAKE_MAX);

		for (unsigned i = 0; i < count; i++) {
			chains[i].ranges[0].base[1] = chains[i].ranges[0].base[0];
			virtq_give(pair->queue, &chains[i], 2);
		}
		virtq_publish(pair->queue);
		done += count;
		if (count)
			virtq_disarm(pair->queue);
		else if (!virtq_arm(pair->queue) && !sleep_on(pair->kick_fd))
			return "the device was not woken";
	}
	return NULL;
}

// Each chain carries a number in and must bring it back in the byte that the device wrote.
static const char *drive(struct pair *pair, const struct driver_piece *pieces)
{
	const uint64_t one = 1;
	unsigned added = 0, got = 0;

	while (got < PASSES) {
		struct driver_chain chain;
		unsigned before = got;

		driver_disarm(pair->driver);
		while (added < PASSES && added - got < 64) {
			uint8_t *bytes = driver_at(pair->driver, pieces[added % 64].guest);

			bytes[0] = (uint8_t)added;
			if (!driver_add(pair->driver, &pieces[added % 64], 1, false))
				break;
			added++;
		}
		if (driver_must_kick(pair->driver) &&
		    write(pair->kick_fd, &one, sizeof(one)) != sizeof(one))
			return "no kick";
		for (; driver_get(pair->driver, &chain); got++)
			if (driver_at(pair->driver, pieces[got % 64].guest)[1] != (uint8_t)got)
				return "the wrong byte";
		if (got == before && !driver_arm(pair->driver) && !sleep_on(pair->driver->call_fd))
			return "the driver was not woken";
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct driver_options options = layouts[i];
		struct driver_piece pieces[64];
		struct pair pair;
		void *failed = NULL;
		pthread_t thread;

		options.writable = true;
		pair.driver = driver_new(&options);
		pair.queue = virtq_open(&pair.driver->config, NULL);
		pair.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		for (unsigned k = 0; k < 64; k++)
			pieces[k] = (struct driver_piece){driver_buffer(pair.driver, 64), 64};
		assert_int_equal(pthread_create(&thread, NULL, device_thread, &pair), 0);

		const char *wrong = drive(&pair, pieces);

		pthread_join(thread, &failed);
		if (wrong || failed)
			fail_msg("layout %zu: %s", i, wrong ? wrong : (const char *)failed);
		virtq_close(pair.queue);
		close(pair.kick_fd);
		driver_free(pair.driver);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
