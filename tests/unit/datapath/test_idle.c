// SPDX-License-Identifier: BSD-3-Clause
//
// test_idle: when a worker polls, looks, arms and sleeps; the test is the clock.

#include "datapath/idle.h"
#include "tests/unit/unit.h"

static const uint64_t start = 1000000000;

static void spins_then_arms_then_sleeps(void **state)
{
	struct idle idle;

	idle_init(&idle, 0, start);
	assert_int_equal(idle.spin_ns, IDLE_SPIN_NS);
	assert_int_equal(idle_next(&idle, start + 100, false, false), IDLE_LOOK);
	assert_int_equal(idle_next(&idle, start + IDLE_SPIN_NS - 1, false, false), IDLE_LOOK);
	assert_int_equal(idle_next(&idle, start + IDLE_SPIN_NS, false, false), IDLE_ARM);
	assert_int_equal(idle_next(&idle, start + IDLE_SPIN_NS + 500, false, false), IDLE_SLEEP);
	// Woken by the time alone, it does not spin again, but looks before it sleeps.
	assert_int_equal(idle_next(&idle, start + 9000000, false, false), IDLE_ARM);
	assert_int_equal(idle_next(&idle, start + 9000400, false, false), IDLE_SLEEP);
}

static void work_found_when_armed_goes_on(void **state)
{
	struct idle idle;
	uint64_t now = start + 60000;

	idle_init(&idle, 50000, start);
	assert_int_equal(idle_next(&idle, now, false, false), IDLE_ARM);
	assert_true(idle.armed);
	assert_int_equal(idle_next(&idle, now + 300, true, true), IDLE_POLL);
	assert_false(idle.armed);
	assert_int_equal(idle_next(&idle, now + 50000, false, true), IDLE_LOOK);
	assert_int_equal(idle_next(&idle, now + 50300, false, true), IDLE_ARM);
}

static void hot_queues_are_polled_between_looks(void **state)
{
	struct idle idle;
	uint64_t now = start;
	unsigned looks = 0;

	idle_init(&idle, 0, now);
	// A second of work in turns of a microsecond each.
	for (unsigned i = 0; i < 1000000; i++, now += 1000) {
		enum idle_action action = idle_next(&idle, now, true, true);

		assert_true(action == IDLE_POLL || action == IDLE_LOOK);
		looks += action == IDLE_LOOK;
	}
	assert_int_equal(looks, 1000000 * 1000 / IDLE_LOOK_NS);
}

static void a_wake_by_news_spins_again(void **state)
{
	struct idle idle;

	idle_init(&idle, 50000, start);
	idle_next(&idle, start + 50000, false, false);
	assert_int_equal(idle_next(&idle, start + 50001, false, false), IDLE_SLEEP);
	idle_woken(&idle, start + 5000000);
	assert_int_equal(idle_next(&idle, start + 5000100, false, true), IDLE_LOOK);
	assert_int_equal(idle_next(&idle, start + 5010000, false, true), IDLE_POLL);
	assert_int_equal(idle_next(&idle, start + 5050000, false, true), IDLE_ARM);
}

static void naps_grow_with_silence(void **state)
{
	assert_int_equal(idle_nap(0), IDLE_NAP_MIN_NS);
	assert_int_equal(idle_nap(16000000), 1000000);
	assert_int_equal(idle_nap(160000000), 10000000);
	assert_int_equal(idle_nap(UINT64_MAX), IDLE_NAP_MAX_NS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(spins_then_arms_then_sleeps),
		cmocka_unit_test(work_found_when_armed_goes_on),
		cmocka_unit_test(hot_queues_are_polled_between_looks),
		cmocka_unit_test(a_wake_by_news_spins_again),
		cmocka_unit_test(naps_grow_with_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
