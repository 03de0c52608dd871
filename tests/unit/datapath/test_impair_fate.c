// SPDX-License-Identifier: BSD-3-Clause

#include "datapath/impair_fate.h"

#include "tests/unit/unit.h"

enum { FRAMES = 50000, PERCENT = IMPAIR_PPB / 100 };

static struct impair_fate draw(const struct impair_effects *effects, uint64_t seed, uint64_t number)
{
	struct impair_fate fate;
	bool bad = false;

	impair_fate_draw(effects, seed, number, &bad, &fate);
	return fate;
}

static void chances_are_what_they_say(void **state)
{
	const struct impair_effects effects = {.loss = PERCENT,
	                                       .duplicate = 50 * PERCENT,
	                                       .corrupt = PERCENT / 10,
	                                       .reorder = 99 * PERCENT};
	unsigned lost = 0, doubled = 0, damaged = 0, reordered = 0;

	for (uint64_t i = 0; i < FRAMES; i++) {
		struct impair_fate fate = draw(&effects, 4711, i);

		lost += fate.loss != IMPAIR_KEPT;
		doubled += fate.duplicated;
		damaged += fate.corrupted;
		reordered += fate.reordered;
	}
	assert_in_range(lost, 400, 600);
	assert_in_range(doubled, 24500, 25500);
	assert_in_range(damaged, 20, 85);
	assert_in_range(reordered, 49380, 49620);
}

static void never_and_always_are_just_that(void **state)
{
	const struct impair_effects always = {.loss = IMPAIR_PPB, .duplicate = IMPAIR_PPB};
	const struct impair_effects never = {.delay_ns = 5};

	for (uint64_t i = 0; i < FRAMES; i++) {
		struct impair_fate fate = draw(&always, i, i);

		assert_int_equal(fate.loss, IMPAIR_LOST);
		assert_true(fate.duplicated);
		fate = draw(&never, i, i);
		assert_false(fate.loss || fate.duplicated || fate.corrupted || fate.reordered);
		assert_int_equal(fate.extra_ns, 5);
	}
}

static void one_effect_leaves_the_draws_of_others(void **state)
{
	const struct impair_effects one = {.loss = 10 * PERCENT};
	const struct impair_effects both = {
		.loss = 10 * PERCENT, .duplicate = 30 * PERCENT, .delay_ns = 100, .jitter_ns = 50};
	unsigned differing = 0;

	for (uint64_t i = 0; i < FRAMES; i++) {
		assert_int_equal(draw(&one, 1, i).loss, draw(&both, 1, i).loss);
		differing += draw(&one, 1, i).loss != draw(&one, 2, i).loss;
	}
	// Seeds that are neighbours have nothing in common.
	assert_in_range(differing, FRAMES * 16 / 100, FRAMES * 20 / 100);
}

static void no_delay_is_below_nothing_or_beyond_its_bound(void **state)
{
	struct impair_effects effects = {.delay_ns = 1000, .jitter_ns = 1000};

	for (int shape = IMPAIR_UNIFORM; shape <= IMPAIR_PARETO; shape++) {
		effects.shape = (enum impair_shape)shape;
		for (uint64_t i = 0; i < FRAMES; i++)
			assert_true(impair_fate_delay(&effects, 9, i, i % 2) <= 21000);
	}
}

static void a_plan_is_where_its_time_says(void **state)
{
	struct impair_plan plan = {.step_count = 3, .steps = {{100, {0}}, {20, {0}}, {3, {0}}}};
	uint64_t left;

	assert_int_equal(impair_plan_at(&plan, 0, &left), 0);
	assert_int_equal(left, 100);
	assert_int_equal(impair_plan_at(&plan, 99, &left), 0);
	assert_int_equal(left, 1);
	assert_int_equal(impair_plan_at(&plan, 100, &left), 1);
	assert_int_equal(impair_plan_at(&plan, 122, &left), 2);
	assert_int_equal(impair_plan_at(&plan, 123 * 1000 + 121, &left), 3002);
	assert_int_equal(left, 2);
	// The last for ever: it does not come round.
	plan.steps[2].duration_ns = 0;
	assert_int_equal(impair_plan_at(&plan, 123000, &left), 2);
	assert_int_equal(left, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chances_are_what_they_say),
		cmocka_unit_test(never_and_always_are_just_that),
		cmocka_unit_test(one_effect_leaves_the_draws_of_others),
		cmocka_unit_test(a_plan_is_where_its_time_says),
		cmocka_unit_test(no_delay_is_below_nothing_or_beyond_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
