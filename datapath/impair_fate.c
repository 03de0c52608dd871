// SPDX-License-Identifier: BSD-3-Clause
//
// impair_fate: numbers by counting: the n-th draw of an effect is a hash of seed, n and the effect.
//
// The hash is splitmix64's: the state after k steps is seed + k * gamma, so any step can be had without
// those before. Jitter has the delay as its mean whatever its shape; it is cut off at 20 times its size
// above the delay, which a normal one never meets and one frame of 6 600 of a Pareto one does, and at
// nothing below.

#include "datapath/impair_fate.h"

#include <math.h>

enum stream {
	STREAM_LOSS,
	STREAM_BURST_MOVE,
	STREAM_BURST_LOSS,
	STREAM_DUPLICATE,
	STREAM_CORRUPT,
	STREAM_CORRUPT_AT,
	STREAM_REORDER,
	STREAM_JITTER,
	STREAM_JITTER_TWO,
	STREAM_JITTER_AGAIN, // of the duplicate
	STREAM_JITTER_AGAIN_TWO,
	STREAMS = 16,
};

enum { JITTER_MOST = 20 };

static uint64_t draw(uint64_t seed, uint64_t number, enum stream stream)
{
	uint64_t z = seed + (number * STREAMS + stream + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool happens(uint32_t ppb, uint64_t seed, uint64_t number, enum stream stream)
{
	return ppb && ((draw(seed, number, stream) >> 32) * IMPAIR_PPB >> 32) < ppb;
}

// Above 0, up to 1.
static double unit(uint64_t seed, uint64_t number, enum stream stream)
{
	return (double)((draw(seed, number, stream) >> 11) + 1) * 0x1p-53;
}

// Mean 0; uniform: from -1 to 1, the others of standard deviation 1.
static double deviate(enum impair_shape shape, uint64_t seed, uint64_t number, enum stream first)
{
	double u = unit(seed, number, first);

	if (shape == IMPAIR_UNIFORM)
		return 2 * u - 1;
	// Box and Muller.
	if (shape == IMPAIR_NORMAL)
		return sqrt(-2 * log(u)) * cos(2 * M_PI * unit(seed, number, first + 1));
	// Pareto with the index 3, whose mean is 1.5 and whose variance is 0.75.
	return (1 / cbrt(u) - 1.5) / 0.86602540378443865;
}

uint64_t impair_fate_delay(const struct impair_effects *effects, uint64_t seed, uint64_t number,
                           bool duplicate)
{
	double by;
	int64_t delay;

	if (!effects->jitter_ns)
		return effects->delay_ns;
	by = deviate(effects->shape, seed, number, duplicate ? STREAM_JITTER_AGAIN : STREAM_JITTER);
	if (by > JITTER_MOST)
		by = JITTER_MOST;
	delay = (int64_t)effects->delay_ns + (int64_t)(by * (double)effects->jitter_ns);
	return delay > 0 ? (uint64_t)delay : 0;
}

static enum impair_loss draw_loss(const struct impair_effects *effects, uint64_t seed,
                                  uint64_t number, bool *bad)
{
	if (effects->bad_enter) {
		if (happens(*bad ? effects->bad_leave : effects->bad_enter, seed, number,
		            STREAM_BURST_MOVE))
			*bad = !*bad;
		if (happens(*bad ? effects->bad_loss : effects->good_loss, seed, number,
		            STREAM_BURST_LOSS))
			return IMPAIR_LOST_IN_BURST;
	}
	return happens(effects->loss, seed, number, STREAM_LOSS) ? IMPAIR_LOST : IMPAIR_KEPT;
}

void impair_fate_draw(const struct impair_effects *effects, uint64_t seed, uint64_t number,
                      bool *bad, struct impair_fate *ret)
{
	ret->loss = draw_loss(effects, seed, number, bad);
	ret->duplicated = happens(effects->duplicate, seed, number, STREAM_DUPLICATE);
	ret->corrupted = happens(effects->corrupt, seed, number, STREAM_CORRUPT);
	ret->corrupt_at = draw(seed, number, STREAM_CORRUPT_AT);
	ret->reordered = happens(effects->reorder, seed, number, STREAM_REORDER);
	ret->extra_ns = ret->reordered ? 0 : impair_fate_delay(effects, seed, number, false);
}

bool impair_fate_is_single(const struct impair_effects *effects)
{
	return effects->jitter_ns || effects->loss || effects->bad_enter || effects->duplicate ||
	       effects->corrupt || effects->reorder;
}

// A plan whose last step is for ever does not come round.
static uint64_t round_of(const struct impair_plan *plan)
{
	uint64_t sum = 0;

	if (!plan->steps[plan->step_count - 1].duration_ns)
		return 0;
	for (unsigned i = 0; i < plan->step_count; i++)
		sum += plan->steps[i].duration_ns;
	return sum;
}

uint64_t impair_plan_at(const struct impair_plan *plan, uint64_t into_ns, uint64_t *ret_left_ns)
{
	uint64_t round = round_of(plan), rounds = round ? into_ns / round : 0;
	uint64_t duration;
	unsigned step = 0;

	into_ns -= rounds * round;
	while ((duration = plan->steps[step].duration_ns) && into_ns >= duration) {
		into_ns -= duration;
		step++;
	}
	*ret_left_ns = duration ? duration - into_ns : UINT64_MAX;
	return rounds * plan->step_count + step;
}
