// SPDX-License-Identifier: BSD-3-Clause
//
// model: what the random comparisons share: a seed that is printed and can be given back.
//
//	WEFT_SEED=1234 build/tests/model/test_fdb

#pragma once

#include "base/rand.h"
#include "tests/unit/unit.h"

#include <inttypes.h>

// Draws the seed of one test, unless WEFT_SEED gives it, and prints it. Seeds of tables follow from
// it too, as they are drawn on this thread.
static inline uint64_t model_seed(void)
{
	const char *given = getenv("WEFT_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : rand_u64();

	print_message("WEFT_SEED=%" PRIu64 "\n", seed);
	rand_seed_for_tests(seed);
	return seed;
}

// One in `n`.
static inline bool model_chance(uint32_t n)
{
	return rand_below(n) == 0;
}
