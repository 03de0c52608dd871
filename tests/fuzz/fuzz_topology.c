// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_topology: any bytes as a topology file. Whatever they are, they are read or refused with a sentence,
// in bounded time and memory. Included files are not followed: there are none beside the seeds.

#include "base/fail.h"
#include "cli/topology.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct topology topology;
	struct fail fail = {0};
	int err = topology_parse("fuzz", input, size, &topology, &fail);

	// A refusal says why; what was taken has a lab.
	if (err < 0 ? !fail.what[0] : !topology.lab || topology.object_count == 0)
		abort();
	topology_fini(&topology);
	return 0;
}
