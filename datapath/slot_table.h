// SPDX-License-Identifier: BSD-3-Clause
//
// slot_table: small numbers that stand for (object id, sub), in memory that outlives the process.
//
// Slots start at 1. Main thread only.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot_table;

typedef bool (*slot_keep_fn)(void *user, uint64_t id, uint32_t sub, uint32_t slot);

// Bytes that a table of slots 1 to max - 1 needs.
size_t slot_table_bytes(uint32_t max);

// Lays a table out in `memory` (64-aligned, slot_table_bytes long). With `recover`, keeps what
// verifies. => Without `recover`, the memory is zeroed. NULL with errno.
struct slot_table *slot_table_open(void *memory, uint32_t max, bool recover);
void slot_table_close(struct slot_table *table); // NULL is fine.

// The slot it had, or the one that has been free longest; 0: none is left.
uint32_t slot_table_lease(struct slot_table *table, uint64_t id, uint32_t sub);
uint32_t slot_table_find(const struct slot_table *table, uint64_t id, uint32_t sub); // 0: none.
void slot_table_release(struct slot_table *table, uint32_t slot); // => It is leased.

// Releases all slots for which `keep` says false.
void slot_table_sweep(struct slot_table *table, slot_keep_fn keep, void *user);
