// SPDX-License-Identifier: BSD-3-Clause
//
// virtq_world: one ring in a guest's memory, and a guest that writes to it what the input says.
//
// Input: two bytes that choose ring and position, then steps: one byte that says what to do, and its operands. Where the
// input ends, zeros follow. The device takes, gives and publishes as a port does, and every chain that it gets
// is judged by code that shares nothing with it: all its bytes lie in the shared memory.

#pragma once

#include <stddef.h>
#include <stdint.h>

void virtq_world_run(const uint8_t *input, size_t size);
// How many times the device looked at a ring that had changed.
uint64_t virtq_world_looks(void);
// How many chains it took, and how many rings were lost.
uint64_t virtq_world_chains(void);
uint64_t virtq_world_losses(void);

// The words that the device reads, for a second writer.
uint16_t *virtq_world_words(size_t *ret_count);
