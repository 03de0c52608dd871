// SPDX-License-Identifier: BSD-3-Clause
//
// rand: xoshiro256++ (Blackman and Vigna), one state per thread, about 1 ns a number.
//
// Seeds come from getrandom(), or in tests from a number stretched by splitmix64. The state of the
// generator is never all zero, where it would stay for ever.

#include "base/rand.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static _Thread_local struct {
	uint64_t s[4];
	bool seeded;
} state;

static void seed_from_kernel(void)
{
	do {
		// Up to 256 bytes arrive whole, once the kernel's pool is ready at boot.
		if (getrandom(state.s, sizeof(state.s), 0) != sizeof(state.s))
			abort();
	} while (!(state.s[0] | state.s[1] | state.s[2] | state.s[3]));
	state.seeded = true;
}

void rand_seed_for_tests(uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		state.s[i] = z ^ z >> 31;
	}
	state.seeded = true;
}

static uint64_t rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

uint64_t rand_u64(void)
{
	uint64_t *s = state.s;

	if (!state.seeded)
		seed_from_kernel();

	uint64_t result = rotate(s[0] + s[3], 23) + s[0];
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

// Lemire's multiplication: the remainder is rejected, so that no value comes up more often; the
// division is reached in one call of 2^32 / bound.
uint32_t rand_below(uint32_t bound)
{
	assert(bound > 0);

	uint64_t product = (rand_u64() >> 32) * bound;

	if ((uint32_t)product < bound) {
		uint32_t reject = -bound % bound;

		while ((uint32_t)product < reject)
			product = (rand_u64() >> 32) * bound;
	}
	return (uint32_t)(product >> 32);
}

void rand_bytes(void *bytes, size_t size)
{
	uint8_t *to = bytes;

	while (size > 0) {
		uint64_t value = rand_u64();
		size_t step = size < sizeof(value) ? size : sizeof(value);

		memcpy(to, &value, step);
		to += step;
		size -= step;
	}
}
