// SPDX-License-Identifier: BSD-3-Clause
//
// rewrite: changes header fields and mends the checksums that cover them (RFC 1624, equation 3).
//
// A delta is the one's complement sum of (new - old) of all words that changed; it is applied once to each
// checksum that covers them. Pure functions on bytes; any thread.

#pragma once

#include "base/addr.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

static inline uint16_t rewrite_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

// Stores a 16-bit field. Returns the delta.
static inline uint32_t rewrite_16(uint8_t *field, uint16_t value)
{
	uint16_t old = load_be16(field);

	store_be16(field, value);
	return (uint32_t)(uint16_t)~old + value;
}

// Stores an address of either family. Returns the delta.
static inline uint32_t rewrite_addr(uint8_t *field, const struct ip_addr *addr, bool is4)
{
	const uint8_t *from = is4 ? addr->b + 12 : addr->b;
	uint32_t delta = 0;

	for (unsigned i = 0; i < (is4 ? 4U : 16U); i += 2)
		delta += rewrite_16(field + i, load_be16(from + i));
	return rewrite_fold(delta);
}

// Applies a delta to a finished checksum.
static inline void rewrite_check(uint8_t *check, uint32_t delta)
{
	uint32_t sum = (uint16_t)~load_be16(check);

	store_be16(check, (uint16_t)~rewrite_fold(sum + rewrite_fold(delta)));
}

// Applies a delta to a partial checksum: the plain sum of a pseudo header.
static inline void rewrite_partial(uint8_t *check, uint32_t delta)
{
	store_be16(check, rewrite_fold((uint32_t)load_be16(check) + rewrite_fold(delta)));
}
