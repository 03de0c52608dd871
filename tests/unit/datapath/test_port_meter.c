// SPDX-License-Identifier: BSD-3-Clause
//
// test_port_meter: the burst, the rate and the fairness between ports.

#include "datapath/port_meter.h"
#include "tests/unit/unit.h"

#define SECOND_NS UINT64_C(1000000000)

static unsigned take(struct port_meter *meter, uint32_t port, unsigned tries, uint64_t now_ns)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < tries; i++)
		taken += port_meter_take(meter, port, now_ns);
	return taken;
}

static void burst_then_rate(void **state)
{
	struct port_meter *meter = port_meter_new(60, 10);
	uint64_t now = 500 * SECOND_NS;

	assert_int_equal(take(meter, 1, 50, now), 10);
	assert_int_equal(take(meter, 1, 50, now + SECOND_NS - 1), 0);
	assert_int_equal(take(meter, 1, 50, now + SECOND_NS), 1);
	assert_int_equal(take(meter, 1, 50, now + 4 * SECOND_NS), 3);
	// However long it was quiet, no more than the burst is saved.
	assert_int_equal(take(meter, 1, 50, now + 1000 * SECOND_NS), 10);
	port_meter_free(meter);
}

static void ports_do_not_share(void **state)
{
	struct port_meter *meter = port_meter_new(60, 10);

	assert_int_equal(take(meter, 1, 50, 0), 10);
	assert_int_equal(take(meter, 2, 50, 0), 10);
	assert_int_equal(take(meter, UINT32_MAX, 50, 0), 10);
	port_meter_free(meter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(ports_do_not_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
