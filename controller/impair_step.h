// SPDX-License-Identifier: BSD-3-Clause
//
// impair_step: a step of an impairment's timeline for a person. Any thread.

#pragma once

#include "proto/model.pb-c.h"

#include <stddef.h>
#include <stdint.h>

// "step 2 of 3: loss 30% 5s, besides delay 20ms (4 steps were passed over)"; `step` counts from 0.
const char *impair_step_text(const Weft__Impair *impair, uint32_t step, uint64_t passed, char *buf,
                             size_t size);
