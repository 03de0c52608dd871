// SPDX-License-Identifier: BSD-3-Clause
//
// bench_checksum: cycles of the time-stamp counter for the sum of so many bytes in cache, as this processor does it and
// in plain C. The best of many short rounds.

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include "vnic/checksum.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 2000, SUMS = 16 };

static uint8_t bytes[65536];
static volatile uint64_t sink; // Keeps results from being optimised away.

static uint64_t cycles(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return clock_now();
#endif
}

static double best(uint64_t (*sum)(const void *, size_t), size_t len)
{
	uint64_t least = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t begin = cycles();

		for (unsigned i = 0; i < SUMS; i++)
			sink += sum(bytes, len);
		least = MIN(least, cycles() - begin);
	}
	return (double)least / SUMS;
}

int main(void)
{
	static const size_t lens[] = {20, 64, 256, 1448, 65536};

	rand_bytes(bytes, sizeof(bytes));
	printf("%8s %10s %10s\n", "bytes", "sum", "plain");
	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++)
		printf("%8zu %10.0f %10.0f\n", lens[i], best(checksum_sum, lens[i]),
		       best(checksum_sum_plain, lens[i]));
	return 0;
}
