// SPDX-License-Identifier: BSD-3-Clause
//
// test_delay_wheel: the timing wheel beside a list that is searched from end to end.

#include "datapath/delay_wheel.h"

#include "tests/model/model.h"

#include "base/bytes.h"
#include "base/clock.h"

enum { ENTRIES = 300, STEPS = 200000, TICK = 1 << DELAY_TICK_SHIFT };

// The twin: what is in, by due time and then by the order of coming.
struct twin {
	bool in;
	uint64_t tick;
	uint64_t came;
};

static struct delay_link links[ENTRIES];
static struct twin twins[ENTRIES];

static uint32_t twin_next(void)
{
	uint32_t best = DELAY_NONE;

	for (uint32_t i = 0; i < ENTRIES; i++)
		if (twins[i].in &&
		    (best == DELAY_NONE || twins[i].tick < twins[best].tick ||
		     (twins[i].tick == twins[best].tick && twins[i].came < twins[best].came)))
			best = i;
	return best;
}

// From nothing to minutes, as often short as long.
static uint64_t some_time(void)
{
	return rand_u64() >> (25 + rand_below(39));
}

static void add(struct delay_wheel *wheel, uint64_t now, uint64_t came)
{
	uint32_t entry = rand_below(ENTRIES);
	uint64_t due = now + some_time();

	if (twins[entry].in)
		return;
	if (model_chance(10))
		due = now - MIN(now, some_time());
	twins[entry] = (struct twin){
		.in = true, .tick = MAX((due + TICK - 1) / TICK, wheel->now), .came = came};
	delay_wheel_add(wheel, entry, due);
}

static void wheel_is_like_its_twin(void **state)
{
	static struct delay_wheel wheel;
	uint64_t now = 1000 * NSEC_PER_SEC + 17;

	model_seed();
	delay_wheel_init(&wheel, links, ENTRIES, now);
	for (uint64_t step = 0; step < STEPS; step++) {
		uint32_t next = twin_next();

		assert_int_equal(delay_wheel_next(&wheel),
		                 next == DELAY_NONE ? UINT64_MAX : twins[next].tick * TICK);
		if (model_chance(2)) {
			add(&wheel, now, step);
			continue;
		}
		if (model_chance(2) && next != DELAY_NONE)
			now = MAX(now, twins[next].tick * TICK - rand_below(2));
		else if (model_chance(3))
			now += some_time() / 16;
		if (next != DELAY_NONE && twins[next].tick > now / TICK)
			next = DELAY_NONE;
		assert_int_equal(delay_wheel_take(&wheel, now), next);
		if (next != DELAY_NONE)
			twins[next].in = false;
	}
}

static void far_times_come_round_the_highest_digit(void **state)
{
	static struct delay_wheel wheel;
	// Just before the highest digit of the four turns over.
	uint64_t now = ((UINT64_C(7) << 32) - 2) << DELAY_TICK_SHIFT;

	delay_wheel_init(&wheel, links, ENTRIES, now);
	delay_wheel_add(&wheel, 0, now + 3600 * NSEC_PER_SEC);
	delay_wheel_add(&wheel, 1, now + 2 * TICK);
	delay_wheel_add(&wheel, 2, UINT64_MAX - TICK);
	assert_int_equal(delay_wheel_take(&wheel, now + TICK), DELAY_NONE);
	assert_int_equal(delay_wheel_take(&wheel, now + 2 * TICK), 1);
	assert_int_equal(delay_wheel_take(&wheel, now + 3599 * NSEC_PER_SEC), DELAY_NONE);
	assert_int_equal(delay_wheel_take(&wheel, now + 3601 * NSEC_PER_SEC), 0);
	assert_true(delay_wheel_next(&wheel) > now + 4000 * NSEC_PER_SEC);
	assert_int_equal(delay_wheel_take(&wheel, now + 5000 * NSEC_PER_SEC), 2);
	assert_int_equal(delay_wheel_next(&wheel), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wheel_is_like_its_twin),
		cmocka_unit_test(far_times_come_round_the_highest_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
