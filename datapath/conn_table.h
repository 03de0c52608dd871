// SPDX-License-Identifier: BSD-3-Clause
//
// conn_table: connections, each found by either of its two keys; pointer-free, in memory that
// outlives the process.
//
// One object, two index entries. Lookups take no lock; inserts and removals lock the two stripes of
// their keys, never the table. An object is written fully and sealed by a check before an index
// entry leads to it, and its version changes when it is freed, so that a torn or stale entry never
// matches. Recovery keeps what verifies and rebuilds index, free lists and timers. Expiry walks
// timer wheels, never the table. Slots are handed to workers (free list and wheel each); any worker
// may look up, refresh, insert and remove.
//
// Times are seconds of one clock that all workers share and that the next process goes on with.

#pragma once

#include "datapath/conn_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conn_direction { CONN_ORIGINAL, CONN_REPLY };

enum conn_flag {
	CONN_SNAT = 1 << 0,
	CONN_DNAT = 1 << 1,
	CONN_SEEN_REPLY = 1 << 2,
	CONN_DYING = 1 << 3,
	CONN_FIXED_FLAGS = CONN_SNAT | CONN_DNAT, // What an object is born with and keeps.
};

enum { CONN_KEY_WORDS = sizeof(struct conn_key) / sizeof(uint64_t) };

// 192 bytes, three lines, all that packets write on the second. key[ORIGINAL] is what the first
// packet looked like; key[REPLY] what an answer looks like when it arrives, NAT included. The fixed
// part (keys, rule, created, CONN_FIXED_FLAGS) may change under a reader whose connection another
// worker ends: what was read counts only if conn_is_live() says so afterwards.
struct conn {
	union {
		struct conn_key key[2];
		uint64_t words[2 * CONN_KEY_WORDS];
	};
	_Atomic uint32_t version;   // Odd: in use.
	_Atomic uint32_t state;     // Protocol's own state (conn_tcp.h).
	_Atomic uint32_t last_seen; // Seconds, written at most once a second.
	_Atomic uint32_t timeout;   // Seconds from last_seen.
	_Atomic uint64_t packets[2];
	_Atomic uint64_t bytes[2];
	// Line 2.
	uint64_t rule;          // Object id of the NAT rule or forward.
	_Atomic uint32_t flags; // enum conn_flag
	uint32_t created;       // Seconds.
	uint32_t check;         // Of the fixed part, keyed per table.
	uint32_t owner;         // Worker; this and the rest are under its lock.
	uint32_t wheel_next, wheel_prev;
	uint32_t wheel_slot;
	uint8_t spare[28];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct conn) == 192, "three lines");
_Static_assert(offsetof(struct conn, rule) == 128, "written part on one line");

struct conn_ref {
	uint32_t index; // CONN_NONE: nothing.
	uint32_t version;
};

#define CONN_NONE UINT32_MAX

struct conn_table;

// Bytes that a table of `connections` (a power of two) needs.
size_t conn_table_bytes(uint32_t connections);

// Lays a table out in `memory` (64-aligned, conn_table_bytes long) for `workers`. With `recover`,
// keeps what verifies. => Without `recover`, the memory is zeroed. NULL with errno.
struct conn_table *conn_table_open(void *memory, uint32_t connections, unsigned workers,
                                   bool recover, uint32_t now);
void conn_table_close(struct conn_table *table);

// Finds the connection of which `key` is a direction. Sets *direction only when found.
struct conn_ref conn_lookup(const struct conn_table *table, const struct conn_key *key,
                            enum conn_direction *direction);
bool conn_is_live(const struct conn_table *table, struct conn_ref ref);
struct conn *conn_get(const struct conn_table *table, struct conn_ref ref); // NULL when stale

// A copy that is whole, for who runs beside the workers. False when stale.
bool conn_read(const struct conn_table *table, struct conn_ref ref, struct conn *ret);

// Adds a connection. 0, -EEXIST when either key is taken (of which, unless `clash` is NULL, it
// tells the direction), or -ENOSPC. Of `flags`, the fixed ones are kept for good.
int conn_insert(struct conn_table *table, unsigned worker, const struct conn_key keys[static 2],
                uint32_t flags, uint32_t timeout, uint64_t rule, uint32_t now, struct conn_ref *ret,
                enum conn_direction *clash);
void conn_remove(struct conn_table *table, struct conn_ref ref); // Stale ones are ignored.

// Sets last_seen when the second has changed. Any worker.
void conn_touch(struct conn *conn, uint32_t now);

// Gives another timeout, at once when it is a shorter one; stale ones are ignored. Any worker.
void conn_set_timeout(struct conn_table *table, struct conn_ref ref, uint32_t timeout);

// Expires the worker's connections that are due: at most `limit` wheel entries are looked at.
// Returns how many ended. Owning worker.
unsigned conn_expire(struct conn_table *table, unsigned worker, uint32_t now, unsigned limit);

// Whether conn_expire stopped at its limit, and entries that are due by `now` wait. Owning worker.
bool conn_is_behind(const struct conn_table *table, unsigned worker, uint32_t now);

uint32_t conn_count(const struct conn_table *table);
uint32_t conn_capacity(const struct conn_table *table);

// The first live connection at or behind *cursor (0 at first), which then stands behind it;
// CONN_NONE index at the end.
struct conn_ref conn_next(const struct conn_table *table, uint32_t *cursor);
