// SPDX-License-Identifier: BSD-3-Clause
//
// digest: hashes of objects, tables and buckets.
//
// Sums make a table's hash independent of order, and let both ends keep it up to date at the cost of
// one addition or subtraction for each object that changes.

#include "proto/digest.h"

#include "base/bytes.h"

// The layout of the state, so that it can live on the stack.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

uint64_t digest_object(uint32_t kind, uint64_t id, const void *packed, size_t len)
{
	uint8_t head[12];
	XXH3_state_t state;

	store_be32(head, kind);
	store_be64(head + 4, id);
	XXH3_INITSTATE(&state);
	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, head, sizeof(head));
	XXH3_64bits_update(&state, packed, len);
	return XXH3_64bits_digest(&state);
}

unsigned digest_bucket(uint64_t id)
{
	uint8_t bytes[8];

	store_be64(bytes, id);
	return (unsigned)(XXH3_64bits(bytes, sizeof(bytes)) >> 56);
}
