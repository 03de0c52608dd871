// SPDX-License-Identifier: BSD-3-Clause
//
// fdb_entry: the two words of an entry: how they are made, read, and believed; fdb.c explains it. Any thread.
//
// `key` is a MAC and a domain; `info`, from its low end, is a port, the second it was seen, flags, and a check of all
// that with the table's seed. The layout is that of memory which outlives the process: a change needs a new magic.

#pragma once

#include "datapath/fdb.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// The fields of info, from the low end.
enum {
	PORT_BITS = 16,
	SEEN_SHIFT = 16,
	SEEN_BITS = 24,
	FLAGS_SHIFT = 40,
	CHECK_SHIFT = 48,
};

enum { FLAG_USED = 1 << 7 };

#define SEEN_MASK ((UINT64_C(1) << SEEN_BITS) - 1)

struct slot {
	_Atomic uint64_t key;
	_Atomic uint64_t info;
};

static inline uint32_t domain_of(uint64_t key)
{
	return key & 0xffff;
}

static inline uint32_t port_of(uint64_t info)
{
	return info & ((1 << PORT_BITS) - 1);
}

static inline uint32_t seen_of(uint64_t info)
{
	return info >> SEEN_SHIFT & SEEN_MASK;
}

static inline bool is_static(uint64_t info)
{
	return info >> FLAGS_SHIFT & FDB_STATIC;
}

static inline uint64_t check_of(uint64_t seed, uint64_t key, uint64_t info)
{
	uint64_t low = info & ((UINT64_C(1) << CHECK_SHIFT) - 1);
	uint64_t mixed = (key ^ seed) * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32 ^ low) * UINT64_C(0xd6e8feb86659fd93);
	return mixed >> CHECK_SHIFT;
}

static inline uint64_t info_of(uint64_t seed, uint64_t key, uint32_t port, uint32_t seen,
                               uint32_t flags)
{
	uint64_t info = port | (seen & SEEN_MASK) << SEEN_SHIFT |
	                (uint64_t)(flags | FLAG_USED) << FLAGS_SHIFT;

	return info | check_of(seed, key, info) << CHECK_SHIFT;
}

static inline bool is_valid(uint64_t seed, uint64_t key, uint64_t info)
{
	return info >> FLAGS_SHIFT & FLAG_USED && info >> CHECK_SHIFT == check_of(seed, key, info);
}

// Seconds since the entry was seen; the clock of another worker may be ahead, which is no age.
static inline uint32_t age_of_info(uint64_t info, uint32_t now)
{
	uint32_t age = (now - seen_of(info)) & SEEN_MASK;

	return age >> (SEEN_BITS - 1) ? 0 : age;
}

// Reads a slot that others may be changing. Returns its info, or 0 when nothing valid is there.
// Renewals take no lock, so even under it info may change between the two looks at it; that is no
// free slot, but one to look at again. Each further look means that another thread got on.
static inline uint64_t read_slot(struct slot *slot, uint64_t seed, uint64_t *key)
{
	uint64_t info, again = atomic_load_explicit(&slot->info, memory_order_acquire);

	do {
		info = again;
		if (!info)
			return 0;
		*key = atomic_load_explicit(&slot->key, memory_order_acquire);
		again = atomic_load_explicit(&slot->info, memory_order_acquire);
	} while (again != info);
	return is_valid(seed, *key, info) ? info : 0;
}
