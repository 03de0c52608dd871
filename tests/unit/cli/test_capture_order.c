// SPDX-License-Identifier: BSD-3-Clause

#include "cli/capture_order.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

static void put(struct capture_order *order, uint64_t wall_ns, uint64_t port)
{
	Weft__CapturedPacket *packet = malloc(sizeof(*packet));

	assert_non_null(packet);
	weft__captured_packet__init(packet);
	packet->wall_ns = wall_ns;
	packet->port = port;
	assert_int_equal(capture_order_put(order, packet), 0);
}

// The port of the next one, 0: there is none.
static uint64_t take(struct capture_order *order, uint64_t until_ns)
{
	Weft__CapturedPacket *packet = capture_order_take(order, until_ns);
	uint64_t port = packet ? packet->port : 0;

	if (packet)
		weft__captured_packet__free_unpacked(packet, NULL);
	return port;
}

static void what_comes_in_any_order_goes_out_by_time(void **state)
{
	enum { COUNT = 1000 };
	struct capture_order order = {0};

	// 617 and 1000 have no divisor in common, so every time from 0 to 999 comes once.
	for (uint64_t i = 0; i < COUNT; i++)
		put(&order, i * 617 % COUNT, i * 617 % COUNT + 1);
	assert_int_equal(take(&order, 0), 1);
	assert_int_equal(take(&order, 0), 0);
	for (uint64_t i = 1; i < COUNT / 2; i++)
		assert_int_equal(take(&order, COUNT / 2 - 1), i + 1);
	assert_int_equal(take(&order, COUNT / 2 - 1), 0);
	assert_int_equal(take(&order, UINT64_MAX), COUNT / 2 + 1);
	// The others go with it.
	capture_order_fini(&order);
}

static void those_of_one_time_keep_their_order(void **state)
{
	struct capture_order order = {0};

	for (uint64_t i = 1; i <= 100; i++)
		put(&order, i % 2, i);
	for (uint64_t i = 2; i <= 100; i += 2)
		assert_int_equal(take(&order, 1), i);
	for (uint64_t i = 1; i <= 100; i += 2)
		assert_int_equal(take(&order, 1), i);
	capture_order_fini(&order);
}

static void what_is_held_is_bounded(void **state)
{
	struct capture_order order = {0};

	for (uint64_t i = 0; i < CAPTURE_ORDER_MAX; i++)
		put(&order, 1000 + i, i + 1);
	assert_int_equal(take(&order, 5), 0);
	put(&order, 999, UINT64_MAX);
	assert_int_equal(take(&order, 5), UINT64_MAX);
	assert_int_equal(take(&order, 5), 0);
	capture_order_fini(&order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_any_order_goes_out_by_time),
		cmocka_unit_test(those_of_one_time_keep_their_order),
		cmocka_unit_test(what_is_held_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
