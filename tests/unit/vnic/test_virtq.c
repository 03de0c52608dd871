// SPDX-License-Identifier: BSD-3-Clause
//
// The verbs of a ring in both layouts, against a driver that does as the virtio text says: random chains of
// any layout go both ways, and each comes back once, in order, with its length. A failure prints the seed:
// WEFT_SEED=1234 build/tests/unit/vnic/test_virtq

#include "base/bytes.h"
#include "driver.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t seed;

static uint32_t below(uint32_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % bound;
}

// What the device must see, and what the driver must get back.
struct expected {
	unsigned count;
	struct driver_piece pieces[48];
	uint32_t len, written;
};

struct traffic {
	struct driver *driver;
	struct virtq *queue;
	struct expected *ring; // of DRIVER_CHAINS
	uint64_t added, taken, given, got;
	uint64_t bytes_out; // buffers are used again once they are old; none may be out then
};

static struct expected *at(struct traffic *traffic, uint64_t number)
{
	return &traffic->ring[number % DRIVER_CHAINS];
}

static uint32_t random_len(void)
{
	switch (below(8)) {
	case 0:
		return 1 + below(16);
	case 1:
		return 4096;
	case 2:
		return 1 + below(20000);
	default:
		return 12 + below(1600);
	}
}

static uint64_t bytes_of(const struct expected *expected)
{
	return expected->len + expected->count * UINT64_C(16);
}

// Adds a random chain: mostly small ones, as guests do.
static bool add_random(struct traffic *traffic)
{
	struct expected *expected = at(traffic, traffic->added);
	unsigned count = below(4) ? 1 + below(2) : 1 + below(ARRAY_SIZE(expected->pieces));
	bool table = traffic->driver->config.indirect && below(2);

	if (traffic->bytes_out > DRIVER_REGION / 2)
		return false;
	*expected = (struct expected){.count = count};
	for (unsigned i = 0; i < count; i++) {
		// An empty piece is nothing to the device; a chain has one byte at least.
		uint32_t len = i && below(10) == 0 ? 0 : random_len();

		expected->pieces[i] =
			(struct driver_piece){driver_buffer(traffic->driver, len), len};
		expected->len += len;
	}
	if (!driver_add(traffic->driver, expected->pieces, count, table))
		return false;
	traffic->added++;
	traffic->bytes_out += bytes_of(expected);
	return true;
}

static void check_chain(struct traffic *traffic, const struct virtq_chain *chain, uint64_t number)
{
	const struct expected *expected = at(traffic, number);
	unsigned range = 0;

	assert_true(number < traffic->added);
	assert_int_equal(chain->len, expected->len);
	for (unsigned i = 0; i < expected->count; i++) {
		const struct driver_piece *piece = &expected->pieces[i];

		if (!piece->len)
			continue;
		assert_true(range < chain->range_count);
		assert_ptr_equal(chain->ranges[range].base,
		                 driver_device_at(traffic->driver, piece->guest));
		assert_int_equal(chain->ranges[range].len, piece->len);
		assert_int_equal(chain->ranges[range].guest, piece->guest);
		range++;
	}
	assert_int_equal(range, chain->range_count);
}

// Takes some, checks them, puts some back, gives the rest and publishes now and then.
static void serve(struct traffic *traffic)
{
	struct virtq_chain chains[VIRTQ_TAKE_MAX];
	unsigned max = 1 + below(VIRTQ_TAKE_MAX);
	bool had_work = virtq_has_work(traffic->queue);
	unsigned count = virtq_take(traffic->queue, chains, max);

	if (!had_work)
		assert_int_equal(count, 0);
	assert_true(count <= max);
	for (unsigned i = 0; i < count; i++)
		check_chain(traffic, &chains[i], traffic->taken + i);

	unsigned keep = below(3) ? count : below(count + 1);

	virtq_untake(traffic->queue, chains + keep, count - keep);
	for (unsigned i = 0; i < keep; i++) {
		struct expected *expected = at(traffic, traffic->taken++);

		expected->written = traffic->driver->config.writable ? below(expected->len + 1) : 0;
		virtq_give(traffic->queue, &chains[i], expected->written);
	}
	if (below(3)) {
		virtq_publish(traffic->queue);
		traffic->given = traffic->taken;
	}
}

static void collect(struct traffic *traffic)
{
	struct driver_chain chain;

	while (driver_get(traffic->driver, &chain)) {
		assert_true(traffic->got < traffic->given);
		assert_int_equal(chain.written, at(traffic, traffic->got)->written);
		traffic->bytes_out -= bytes_of(at(traffic, traffic->got++));
	}
	assert_int_equal(traffic->got, traffic->given);
}

static void run_traffic(const struct driver_options *options, unsigned chains)
{
	struct traffic traffic = {.driver = driver_new(options)};
	uint64_t start = seed;
	struct fail fail = {0};
	struct virtq_counts counts;

	traffic.ring = calloc(DRIVER_CHAINS, sizeof(*traffic.ring));
	traffic.queue = virtq_open(&traffic.driver->config, &fail);
	assert_non_null(traffic.queue);
	while (traffic.got < chains) {
		for (unsigned i = below(80); i > 0 && add_random(&traffic); i--)
			;
		serve(&traffic);
		if (virtq_fault(traffic.queue))
			fail_msg("seed %llu: %s", (unsigned long long)start,
			         virtq_fault_name(virtq_fault(traffic.queue)));
		if (below(4) == 0)
			collect(&traffic);
	}
	virtq_counts(traffic.queue, &counts);
	assert_int_equal(counts.chains, traffic.taken);
	assert_int_equal(counts.in_flight_lost, 0);
	virtq_close(traffic.queue);
	free(traffic.ring);
	driver_free(traffic.driver);
}

static const struct driver_options layouts[] = {
	{.size = 256},
	{.size = 256, .event_idx = true, .indirect = true},
	{.size = 1, .indirect = true},
	{.size = 2, .indirect = true, .start = 65535},
	{.size = 1024, .indirect = true, .in_order = true, .start = 65000},
	{.size = 32768, .event_idx = true, .indirect = true, .start = 60000},
	{.size = 256, .packed = true, .start_wrap = true},
	{.size = 256, .packed = true, .event_idx = true, .indirect = true},
	{.size = 1, .packed = true, .indirect = true, .start_wrap = true},
	{.size = 3, .packed = true, .indirect = true, .start = 2},
	{.size = 77, .packed = true, .event_idx = true, .start = 76, .start_wrap = true},
	{.size = 1000, .packed = true, .indirect = true, .in_order = true, .start = 999},
	{.size = 32768, .packed = true, .indirect = true, .start = 32767, .start_wrap = true},
};

static void test_traffic(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		for (int writable = 0; writable < 2; writable++) {
			struct driver_options options = layouts[i];

			options.writable = writable;
			run_traffic(&options, 3000);
		}
}

// 16-bit indices come round, and positions go on.
static void test_indices_wrap(void **state)
{
	run_traffic(&(struct driver_options){.size = 64, .indirect = true}, 140000);
	run_traffic(&(struct driver_options){.size = 61, .packed = true, .indirect = true}, 140000);
}

static void test_stop_and_go(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct driver *driver = driver_new(&layouts[i]);
		struct driver_piece piece = {driver_buffer(driver, 100), 100};

		// Each opening goes on where the one before was told to stop.
		for (unsigned round = 0; round < 50; round++) {
			struct virtq *queue = virtq_open(&driver->config, NULL);
			struct virtq_chain chain;
			struct driver_chain got;

			assert_true(driver_add(driver, &piece, 1, false));
			assert_int_equal(virtq_take(queue, &chain, 1), 1);
			virtq_give(queue, &chain, 0);
			virtq_publish(queue);
			assert_true(driver_get(driver, &got));
			driver->config.position = virtq_position(queue);
			virtq_close(queue);
		}
		driver_free(driver);
	}
}

static void test_out_is_bounded(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct driver *driver =
			driver_new(&(struct driver_options){.size = 512, .packed = packed});
		struct virtq *queue = virtq_open(&driver->config, NULL);
		struct driver_piece piece = {driver_buffer(driver, 100), 100};
		struct virtq_chain chains[VIRTQ_OUT_MAX];
		unsigned out = 0, count;

		while (driver_add(driver, &piece, 1, false))
			;
		while ((count = virtq_take(queue, chains + out, VIRTQ_TAKE_MAX)))
			out += count;
		assert_int_equal(out, VIRTQ_OUT_MAX);
		assert_true(virtq_has_work(queue));
		for (unsigned i = 0; i < out; i++)
			virtq_give(queue, &chains[i], 0);
		assert_int_equal(virtq_take(queue, chains, 1), 0);
		virtq_publish(queue);
		assert_int_equal(virtq_take(queue, chains, 1), 1);
		virtq_close(queue);
		driver_free(driver);
	}
}

static void test_config_refused(void **state)
{
	struct driver *driver = driver_new(&(struct driver_options){.size = 256});
	struct virtq_config config = driver->config;
	struct fail fail = {0};

	config.size = 255;
	assert_null(virtq_open(&config, &fail));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(fail.what, "power of two"));
	config.size = 0;
	assert_null(virtq_open(&config, &fail));
	config.size = 65536;
	assert_null(virtq_open(&config, &fail));
	config = driver->config;
	config.desc += 8;
	assert_null(virtq_open(&config, &fail));
	assert_non_null(strstr(fail.what, "aligned"));
	config = driver->config;
	config.used += 2;
	assert_null(virtq_open(&config, &fail));
	config = driver->config;
	config.avail = NULL;
	assert_null(virtq_open(&config, &fail));
	config = driver->config;
	config.packed = true;
	config.position = 256;
	assert_null(virtq_open(&config, &fail));
	assert_non_null(strstr(fail.what, "start"));
	driver_free(driver);
}

// The file is cut while the ring runs: the ring is lost, and says why.
static void test_memory_lost(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct driver *driver =
			driver_new(&(struct driver_options){.size = 256, .packed = packed});
		struct virtq *queue = virtq_open(&driver->config, NULL);
		struct driver_piece piece = {driver_buffer(driver, 100), 100};
		struct virtq_chain chains[2];

		assert_true(driver_add(driver, &piece, 1, false));
		assert_int_equal(virtq_take(queue, chains, 1), 1);
		assert_int_equal(ftruncate(driver->memory_fd, 0), 0);
		memset(chains[0].ranges[0].base, 1, 100);
		assert_int_equal(virtq_take(queue, chains + 1, 1), 0);
		assert_int_equal(virtq_fault(queue), VIRTQ_MEMORY_LOST);
		virtq_give(queue, &chains[0], 100);
		virtq_publish(queue);
		assert_false(virtq_has_work(queue));
		assert_false(virtq_arm(queue));
		virtq_close(queue);
		driver_free(driver);
	}
}

int main(void)
{
	const char *wanted = getenv("WEFT_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic),        cmocka_unit_test(test_indices_wrap),
		cmocka_unit_test(test_stop_and_go),    cmocka_unit_test(test_out_is_bounded),
		cmocka_unit_test(test_config_refused), cmocka_unit_test(test_memory_lost),
	};

	seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)getpid() << 20 | 1;
	printf("WEFT_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
