// SPDX-License-Identifier: BSD-3-Clause
//
// The choice between two ways, step by step: what is said of one of them, after so long, and which one is used then.

#include "tests/unit/unit.h"

#include "tunnels/failover.h"

#include "base/bytes.h"
#include "base/clock.h"

#define HOLD (5 * NSEC_PER_SEC)

struct step {
	unsigned seconds; // since the step before
	int way;          // -1: nothing is said
	enum bfd_verdict verdict;
	unsigned used;
};

static void run(unsigned ways, const struct step *steps, unsigned count)
{
	struct failover failover;
	uint64_t now = 1000 * NSEC_PER_SEC, due;

	failover_init(&failover, ways, HOLD, now);
	for (unsigned i = 0; i < count; i++) {
		unsigned before = failover.used;

		now += steps[i].seconds * NSEC_PER_SEC;
		if (steps[i].way >= 0)
			failover_judge(&failover, (unsigned)steps[i].way, steps[i].verdict, now);
		assert_int_equal(failover_run(&failover, now, &due), before != steps[i].used);
		assert_int_equal(failover.used, steps[i].used);
		assert_true(due > now);
		// Asking again changes nothing.
		assert_false(failover_run(&failover, now, &due));
	}
}

static void a_dead_way_is_left_at_once_and_taken_again_later(void **state)
{
	static const struct step steps[] = {
		{0, -1, 0, 0},        {0, 0, BFD_ALIVE, 0}, {0, 1, BFD_ALIVE, 0},
		{9, 0, BFD_DEAD, 1},  {1, 0, BFD_ALIVE, 1}, {4, -1, 0, 1},
		{0, 0, BFD_DEAD, 1},  {1, 0, BFD_ALIVE, 1}, {4, -1, 0, 1},
		{1, -1, 0, 0},        {9, 1, BFD_DEAD, 0},  {9, 0, BFD_DEAD, WAY_NONE},
		{0, 1, BFD_ALIVE, 1}, {0, 0, BFD_ALIVE, 1}, {0, 1, BFD_DEAD, 0},
	};

	run(2, steps, ARRAY_SIZE(steps));
}

static void what_is_not_judged_is_used_for_a_while(void **state)
{
	static const struct step steps[] = {
		{0, 1, BFD_ALIVE, 0},
		{4, -1, 0, 0},
		{1, -1, 0, 1},
		{60, -1, 0, 1},
		{0, 0, BFD_ALIVE, 1},
		{5, -1, 0, 0},
		{0, 0, BFD_UNJUDGED, 0},
		{1, 0, BFD_ALIVE, 0},
		{0, 1, BFD_UNJUDGED, 0},
		{0, 0, BFD_DEAD, 1},
		{0, 1, BFD_DEAD, WAY_NONE},
		{0, 0, BFD_UNJUDGED, 0},
	};

	run(2, steps, ARRAY_SIZE(steps));
}

static void one_way_is_used_unless_it_is_dead(void **state)
{
	static const struct step steps[] = {
		{60, -1, 0, 0},        {0, 0, BFD_ALIVE, 0},    {0, 0, BFD_DEAD, WAY_NONE},
		{60, -1, 0, WAY_NONE}, {0, 0, BFD_UNJUDGED, 0},
	};

	run(1, steps, ARRAY_SIZE(steps));
}

static void it_says_when_it_wants_to_be_asked(void **state)
{
	struct failover failover;
	uint64_t due;

	failover_init(&failover, 2, HOLD, 100);
	failover_judge(&failover, 1, BFD_ALIVE, 100);
	failover_run(&failover, 100, &due);
	assert_int_equal(due, 100 + HOLD);
	assert_false(failover_run(&failover, due - 1, &due));
	assert_true(failover_run(&failover, due, &due));
	assert_int_equal(due, UINT64_MAX);
	failover_judge(&failover, 0, BFD_ALIVE, HOLD + 200);
	failover_run(&failover, HOLD + 200, &due);
	assert_int_equal(due, 2 * HOLD + 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_way_is_left_at_once_and_taken_again_later),
		cmocka_unit_test(what_is_not_judged_is_used_for_a_while),
		cmocka_unit_test(one_way_is_used_unless_it_is_dead),
		cmocka_unit_test(it_says_when_it_wants_to_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
