// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_virtq: a guest that writes anything into its ring, at any moment between two looks of ours.

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/virtq_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	virtq_world_run(input, size);
	return 0;
}
