// SPDX-License-Identifier: BSD-3-Clause
//
// conn_table: connections, each found by either of its two keys; pointer-free, in memory that outlives
// the process.
//
// One object, two index entries. Lookups take no lock; inserts and removals lock the two stripes of their
// buckets, never the table. An object is written fully and sealed by a check before an index entry leads
// to it, and its version changes when it is freed, so that a torn or stale entry never matches. Recovery
// keeps what verifies and rebuilds index, free lists and timers. Expiry walks timer wheels, never the
// table. Slots belong to workers (free list and wheel each); any worker may look up and refresh.

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
};

// 192 bytes, three lines. key[ORIGINAL] is what the first packet looked like; key[REPLY] what an
// answer looks like when it arrives, NAT included.
struct conn {
	struct conn_key key[2];
	_Atomic uint32_t state;        // protocol's own state (conn_tcp.h)
	_Atomic uint32_t last_seen;    // seconds, written at most once a second
	_Atomic uint32_t timeout;      // seconds from last_seen
	uint32_t version;              // odd: in use
	uint32_t flags;                // enum conn_flag
	uint32_t created;              // seconds
	uint64_t rule;                 // object id of the NAT rule or forward
	uint32_t check;                // of the immutable part, keyed per table
	uint32_t owner;                // worker
	uint32_t wheel_next, wheel_prev;
	uint32_t wheel_slot;
	uint32_t spare;
	_Atomic uint64_t packets[2];
	_Atomic uint64_t bytes[2];
	uint8_t spare_line[24];
};

struct conn_ref {
	uint32_t index;   // CONN_NONE: nothing
	uint32_t version;
};

enum { CONN_NONE = UINT32_MAX };

struct conn_table;

size_t conn_table_bytes(uint32_t connections);
// `workers` share the slots. With `recover`, keeps what verifies. NULL with errno.
struct conn_table *conn_table_open(void *memory, uint32_t connections, unsigned workers, bool recover,
				   uint32_t now);
void conn_table_close(struct conn_table *table);

// Finds the connection of which `key` is a direction. Sets *direction only when found.
struct conn_ref conn_lookup(const struct conn_table *table, const struct conn_key *key,
			    enum conn_direction *direction);
bool conn_is_live(const struct conn_table *table, struct conn_ref ref);
struct conn *conn_get(const struct conn_table *table, struct conn_ref ref); // NULL when stale

// Adds a connection. 0, -EEXIST when either key is taken (of which, unless `clash` is NULL, it tells the
// direction), or -ENOSPC.
int conn_insert(struct conn_table *table, unsigned worker, const struct conn_key keys[2], uint32_t flags,
		uint32_t timeout, uint64_t rule, uint32_t now, struct conn_ref *ret,
		enum conn_direction *clash);
void conn_remove(struct conn_table *table, struct conn_ref ref);
// Sets last_seen when the second has changed. Any worker.
void conn_touch(struct conn *conn, uint32_t now);
// Expires the worker's connections that are due: at most `limit` wheel entries are looked at. Returns
// how many ended. Owning worker.
unsigned conn_expire(struct conn_table *table, unsigned worker, uint32_t now, unsigned limit);
uint32_t conn_count(const struct conn_table *table);
uint32_t conn_capacity(const struct conn_table *table);
// The first live connection at or behind *cursor; CONN_NONE index at the end.
struct conn_ref conn_next(const struct conn_table *table, uint32_t *cursor);
