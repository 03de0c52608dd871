// SPDX-License-Identifier: BSD-3-Clause
//
// impair_fate: what an impairment does to the n-th frame: lost, doubled, damaged, late by how much.
//
// All draws for a frame follow from the seed and its number alone, each effect with draws of its own: the
// same frames in the same order meet the same fate whenever they come, and a change of one effect leaves
// the others' draws as they were. Knows no clock, no queue and no packet. Any thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { IMPAIR_STEPS_MAX = 64, IMPAIR_PPB = 1000000000 };

enum impair_shape { IMPAIR_UNIFORM, IMPAIR_NORMAL, IMPAIR_PARETO };

// One setting of every effect; all zero: frames pass. Probabilities are parts of 10^9 (ppb).
struct impair_effects {
	bool down;
	bool keep_order; // jitter makes no frame overtake another
	enum impair_shape shape;
	uint64_t delay_ns;
	uint64_t jitter_ns; // uniform: the most to either side; else the standard deviation
	uint32_t loss;
	// Gilbert-Elliott: chances, a frame, to enter and to leave the bad state, and of loss in either.
	uint32_t bad_enter, bad_leave, bad_loss, good_loss;
	uint32_t duplicate, corrupt, reorder;
	uint64_t rate_bps; // 0: as fast as it comes
	int32_t overhead;  // bytes that each frame takes on the wire besides its own
	// Of the queue before the rate; 0: no limit.
	uint32_t queue_frames;
	uint64_t queue_bytes;
};

// A part of a timeline, or all there is.
struct impair_step {
	uint64_t duration_ns; // 0: for ever
	struct impair_effects effects;
};

struct impair_plan {
	uint64_t seed;
	unsigned step_count; // 1 at least; after the last the first comes again
	struct impair_step steps[IMPAIR_STEPS_MAX];
};

// The step in which the plan is so long after its beginning, counted over all rounds: modulo step_count it is its
// place in the plan. *ret_left_ns: how long it still lasts, UINT64_MAX: for ever.
uint64_t impair_plan_at(const struct impair_plan *plan, uint64_t into_ns, uint64_t *ret_left_ns);

enum impair_loss { IMPAIR_KEPT, IMPAIR_LOST, IMPAIR_LOST_IN_BURST };

struct impair_fate {
	enum impair_loss loss;
	bool duplicated;
	bool corrupted;
	uint64_t corrupt_at; // uniform over 64 bits; a bit of the frame is chosen by it
	bool reordered;      // skips the delay
	uint64_t extra_ns;   // delay and jitter
};

// => `number` rises by one a frame; *bad is the state of the burst chain, false at first.
void impair_fate_draw(const struct impair_effects *effects, uint64_t seed, uint64_t number,
                      bool *bad, struct impair_fate *ret);
// Delay and jitter alone, by the jitter's draw; for a duplicate the second one.
uint64_t impair_fate_delay(const struct impair_effects *effects, uint64_t seed, uint64_t number,
                           bool duplicate);
// Whether single frames are treated differently, so that a super-packet must be cut first.
bool impair_fate_is_single(const struct impair_effects *effects);
