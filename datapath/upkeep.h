// SPDX-License-Identifier: BSD-3-Clause
//
// upkeep: what time brings: MACs age, connections end, neighbours are asked again. Owning worker.

#pragma once

#include <stdint.h>

struct pipeline;

// => A turn was begun. Returns ns until it wants to be called again.
uint64_t upkeep_run(struct pipeline *pipeline);
