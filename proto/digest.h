// SPDX-License-Identifier: BSD-3-Clause
//
// digest: the hashes by which a controller and a datapath find out whether they hold the same objects.
//
// Both ends must agree to the bit, hence one implementation. Any thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BUCKETS = 256 };

// Of one object: XXH3_64 over kind (u32, big-endian), id (u64, big-endian) and the packed bytes as they
// were sent. A table's hash, and a bucket's, is the sum of these mod 2^64.
uint64_t digest_object(uint32_t kind, uint64_t id, const void *packed, size_t len);

// The bucket of an id: the top byte of XXH3_64 over the id (u64, big-endian).
unsigned digest_bucket(uint64_t id);
