// SPDX-License-Identifier: BSD-3-Clause
//
// rand: random numbers that an outsider cannot foresee without great effort, cheap enough for packets.
//
// Each thread has its own state, seeded from the kernel when it first asks. Any thread. Not for keys
// that protect secrets: those come from getrandom(2).

#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t rand_u64(void);

// Even over 0..bound-1. => The bound is not 0.
uint32_t rand_below(uint32_t bound);

void rand_bytes(void *bytes, size_t size);

// Makes what follows on this thread repeatable.
void rand_seed_for_tests(uint64_t seed);
