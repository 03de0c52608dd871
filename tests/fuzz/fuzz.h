// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz: the entry of a fuzz target, as libFuzzer and replay.c call it.

#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
