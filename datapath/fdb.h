// SPDX-License-Identifier: BSD-3-Clause
//
// fdb: (domain, MAC) -> port, learnt or static; pointer-free, in memory that outlives the process.
//
// Lookups take no lock and never see a torn entry (an entry is two words, the second carries a check of
// both). Changes lock one of FDB_STRIPES stripes, which lie outside the shared memory. Each domain
// has an epoch that changes whenever an answer that could have been cached changes (moved, aged, removed,
// limit evicted): cached programs compare it. Any worker.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FDB_STATIC = 1 << 0 };

enum fdb_result {
	FDB_KNOWN,     // was there, same port (its age was renewed)
	FDB_NEW,
	FDB_MOVED,     // learnt on another port than before
	FDB_LIMITED,   // domain, port or table is full: not learnt
	FDB_CONFLICT,  // a static entry says another port
};

struct fdb_entry {
	uint32_t domain;
	uint32_t port;
	struct mac mac;
	uint8_t flags;
	uint32_t age_seconds;
};

struct fdb;

// Bytes that a table of `entries` (a power of two) needs.
size_t fdb_bytes(uint32_t entries);
// Lays a table out in `memory` (64-aligned, fdb_bytes long). With `recover`, keeps every valid entry and
// clears the rest. NULL with errno.
struct fdb *fdb_open(void *memory, uint32_t entries, bool recover);
void fdb_close(struct fdb *fdb);

// Whether (domain, mac) is known; sets *port only then. `now` in seconds of the worker's clock.
bool fdb_lookup(const struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t *port);
// Limits of 0 mean none.
enum fdb_result fdb_learn(struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t port,
			  uint32_t now, uint32_t domain_limit, uint32_t port_limit);
int fdb_set_static(struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t port);
void fdb_remove(struct fdb *fdb, uint32_t domain, const struct mac *mac);
void fdb_flush_port(struct fdb *fdb, uint32_t port);
void fdb_flush_domain(struct fdb *fdb, uint32_t domain);
// Ages entries: looks at `slots` slots from where the last call stopped; age_of(domain) gives the
// limit in seconds (0: never). Returns how many were removed.
unsigned fdb_age(struct fdb *fdb, uint32_t now, uint32_t slots, uint32_t (*age_of)(void *user, uint32_t domain),
		 void *user);
uint32_t fdb_epoch(const struct fdb *fdb, uint32_t domain);
uint32_t fdb_count(const struct fdb *fdb);
uint32_t fdb_domain_count(const struct fdb *fdb, uint32_t domain);
// The first entry at or behind *cursor; false at the end.
bool fdb_next(const struct fdb *fdb, uint32_t *cursor, uint32_t now, struct fdb_entry *ret);
