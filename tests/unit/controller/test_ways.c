// SPDX-License-Identifier: BSD-3-Clause
//
// test_ways: downwards at once, upwards after a while, and the same after a restart.

#include "controller/ways.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

enum { HOLD = 10 };

struct world {
	char dir[UNIT_DIR];
	struct store *store;
	struct ways ways;
	uint64_t now, due;
};

static void open_ways(struct world *world)
{
	struct fail fail = {0};

	world->ways = (struct ways){.hold_ns = HOLD * NSEC_PER_SEC};
	assert_int_equal(store_open(world->dir, false, &world->store, &fail), 0);
	assert_int_equal(ways_open(&world->ways, world->store, &fail), 0);
}

static void close_ways(struct world *world)
{
	ways_close(&world->ways);
	store_close(world->store);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	unit_make_dir(world->dir);
	open_ways(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	close_ways(world);
	unit_remove_dir(world->dir);
	free(world);
	return 0;
}

static bool tell(struct world *world, uint32_t most, const char *peer, uint32_t mtu)
{
	struct way_list list = {.most = most};

	if (peer)
		assert_int_equal(way_list_add(&list, peer, mtu), 0);
	return ways_tell(&world->ways, "a", &list, world->now);
}

// After so many seconds, whether something else counts.
static bool grows(struct world *world, unsigned seconds)
{
	world->now += seconds * NSEC_PER_SEC;
	if (!ways_grow(&world->ways, world->now, &world->due))
		return false;
	assert_null(ways_grow(&world->ways, world->now, &world->due));
	return true;
}

static void narrower_counts_at_once_and_wider_later(void **state)
{
	struct world *world = *state;

	assert_int_equal(ways_most(&world->ways, "a"), 0);
	assert_true(tell(world, 1450, NULL, 0));
	assert_false(tell(world, 1450, NULL, 0));
	assert_false(grows(world, 100));
	assert_int_equal(world->due, UINT64_MAX);
	assert_true(tell(world, 1450, "host/b", 1350));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1350);
	assert_int_equal(ways_mtu(&world->ways, "a", "host/c"), 1450);
	assert_true(ways_have_narrow(&world->ways, "a"));
	assert_false(tell(world, 1450, NULL, 0));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1350);
	assert_false(grows(world, HOLD - 1));
	assert_int_equal(world->due, world->now + NSEC_PER_SEC);
	assert_true(grows(world, 1));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1450);
	assert_false(ways_have_narrow(&world->ways, "a"));
}

static void unsteady_way_stays_narrow(void **state)
{
	struct world *world = *state;

	tell(world, 1450, "host/b", 1350);
	for (unsigned i = 0; i < 5; i++) {
		assert_false(tell(world, 1450, NULL, 0));
		assert_false(grows(world, HOLD / 2));
		assert_false(tell(world, 1450, "host/b", 1350));
		assert_false(grows(world, HOLD / 2));
		assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1350);
	}
}

// One peer's way grows while another's shrinks, and all of them together.
static void each_way_counts_by_itself(void **state)
{
	struct world *world = *state;

	tell(world, 1450, "host/b", 1350);
	assert_true(tell(world, 1450, "host/c", 1250));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1350);
	assert_int_equal(ways_mtu(&world->ways, "a", "host/c"), 1250);
	assert_true(grows(world, HOLD));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1450);
	assert_true(tell(world, 1300, NULL, 0));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1300);
	assert_int_equal(ways_mtu(&world->ways, "a", "host/c"), 1250);
	assert_true(grows(world, HOLD));
	assert_int_equal(ways_mtu(&world->ways, "a", "host/c"), 1300);
}

static void host_without_peers_says_nothing(void **state)
{
	struct world *world = *state;

	tell(world, 1300, NULL, 0);
	assert_false(tell(world, 0, NULL, 0));
	assert_false(grows(world, 100));
	assert_int_equal(ways_most(&world->ways, "a"), 1300);
}

static void restart_finds_what_counted(void **state)
{
	struct world *world = *state;

	tell(world, 1450, "host/b", 1350);
	close_ways(world);
	open_ways(world);
	assert_int_equal(ways_mtu(&world->ways, "a", "host/b"), 1350);
	assert_int_equal(ways_most(&world->ways, "a"), 1450);
	assert_false(tell(world, 1450, "host/b", 1350));
	ways_forget(&world->ways, "a");
	close_ways(world);
	open_ways(world);
	assert_int_equal(ways_most(&world->ways, "a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(narrower_counts_at_once_and_wider_later, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(unsteady_way_stays_narrow, setup, teardown),
		cmocka_unit_test_setup_teardown(each_way_counts_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(host_without_peers_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(restart_finds_what_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
