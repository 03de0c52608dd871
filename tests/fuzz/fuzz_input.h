// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_input: the bytes of an input, spent from the first to the last; behind that come zeros.

#pragma once

#include <stdint.h>

struct fuzz_input {
	const uint8_t *at, *end;
};

static inline uint8_t take8(struct fuzz_input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static inline uint16_t take16(struct fuzz_input *input)
{
	uint8_t low = take8(input);

	return (uint16_t)(low | take8(input) << 8);
}

static inline uint64_t take64(struct fuzz_input *input)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value = value << 16 | take16(input);
	return value;
}
