// SPDX-License-Identifier: BSD-3-Clause
//
// storm_virtq: a million rings that a guest has broken, half of them while it goes on writing to them.
//
// Inputs come from a generator with a fixed start, so that the first half is the same in every run. In the second
// half another thread writes into rings and tables all the time: what was checked may be something else when
// it is looked at again. Usage: storm_virtq [LOOKS]

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/fuzz/virtq_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT = 512, LOOKS = 1000000 };

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void run_until(uint64_t looks, uint64_t *state)
{
	uint64_t input[INPUT / 8];

	while (virtq_world_looks() < looks) {
		for (unsigned i = 0; i < ARRAY_SIZE(input); i++)
			input[i] = next(state);
		virtq_world_run((const uint8_t *)input, sizeof(input));
	}
}

struct writer {
	pthread_t thread;
	_Atomic bool ended;
	uint64_t words; // that it wrote
};

// Flips a bit here and copies a word there, as both make what was right nearly right.
static void *scribble(void *user)
{
	struct writer *writer = user;
	uint64_t state = 0x2545f4914f6cdd1d;
	size_t count;
	_Atomic uint16_t *words = (_Atomic uint16_t *)virtq_world_words(&count);

	for (; !atomic_load(&writer->ended); writer->words++) {
		uint64_t chance = next(&state);
		// Mostly the first descriptors and the indices.
		size_t at = chance & 1 ? chance >> 8 & 63 : (chance >> 8) % count;

		if (chance & 2)
			atomic_fetch_xor_explicit(&words[at], (uint16_t)(1U << (chance >> 40 & 15)),
			                          memory_order_relaxed);
		else
			atomic_store_explicit(&words[at], (uint16_t)(chance >> 48),
			                      memory_order_relaxed);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t looks = argc > 1 ? strtoull(argv[1], NULL, 0) : LOOKS;
	uint64_t start = clock_now(), state = 88172645463325252;
	struct writer writer = {0};

	run_until(looks / 2, &state);
	if (pthread_create(&writer.thread, NULL, scribble, &writer) != 0)
		return 1;
	run_until(looks, &state);
	atomic_store(&writer.ended, true);
	pthread_join(writer.thread, NULL);
	printf("%llu rings, %llu chains taken, %llu rings lost, %llu words written meanwhile, %.1f s\n",
	       (unsigned long long)virtq_world_looks(), (unsigned long long)virtq_world_chains(),
	       (unsigned long long)virtq_world_losses(), (unsigned long long)writer.words,
	       (double)(clock_now() - start) / NSEC_PER_SEC);
	// Neither a ring that takes all nor one that takes nothing would be a test.
	return virtq_world_chains() < looks / 8 || virtq_world_losses() < looks / 20 ||
	       writer.words == 0;
}
