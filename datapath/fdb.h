// SPDX-License-Identifier: BSD-3-Clause
//
// fdb: (domain, MAC) -> port, learnt or static; pointer-free, in memory that outlives the process.
//
// Lookups take no lock and never see a torn entry (an entry is two words, the second carries a
// check of both). Changes lock one of FDB_STRIPES stripes, which lie outside the shared memory.
// Each domain has an epoch that changes whenever an answer that could have been cached changes
// (moved, aged, removed): cached programs compare it. A new entry changes no epoch, or a burst of
// new hosts would void the whole domain's cache again and again: who cached "unknown" looks again
// by himself. Any worker.
//
// Domains and ports are slots, below MAX_DOMAINS and MAX_PORTS (generation.h). Times are seconds of
// one clock that all workers share and that the next process goes on with.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FDB_STATIC = 1 << 0 };

enum fdb_result {
	FDB_KNOWN,    // Was there, same port (its age was renewed).
	FDB_NEW,      //
	FDB_MOVED,    // Learnt on another port than before.
	FDB_LIMITED,  // Domain, port or table is full: not learnt.
	FDB_CONFLICT, // A static entry says another port.
};

struct fdb_entry {
	uint32_t domain;
	uint32_t port;
	struct mac mac;
	uint8_t flags;
	uint32_t age_seconds;
};

struct fdb;

typedef uint32_t (*fdb_age_fn)(void *user, uint32_t domain);

// Bytes that a table of `entries` (a power of two) needs.
size_t fdb_bytes(uint32_t entries);

// Lays a table out in `memory` (64-aligned, fdb_bytes long). With `recover`, keeps every valid
// entry and clears the rest; static entries become ordinary ones until they are set again, so that
// those which nobody sets again age. => Without `recover`, the memory is zeroed. NULL with errno.
struct fdb *fdb_open(void *memory, uint32_t entries, bool recover);
void fdb_close(struct fdb *fdb);

// Whether (domain, mac) is known; sets *port only then.
bool fdb_lookup(const struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t *port);

// Limits of 0 mean none. They count learnt and static entries alike.
enum fdb_result fdb_learn(struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t port,
                          uint32_t now, uint32_t domain_limit, uint32_t port_limit);

// 0, or -ENOSPC when the table is full. A static entry may be set again, to another port too.
int fdb_set_static(struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t port);
void fdb_remove(struct fdb *fdb, uint32_t domain, const struct mac *mac);

// Both remove learnt entries only: static ones belong to who set them.
void fdb_flush_port(struct fdb *fdb, uint32_t port);
void fdb_flush_domain(struct fdb *fdb, uint32_t domain);

// Ages entries: looks at `slots` slots from where the last call stopped; age_of(domain) gives the
// limit in seconds (0: never). Returns how many were removed. One caller at a time.
unsigned fdb_age(struct fdb *fdb, uint32_t now, uint32_t slots, fdb_age_fn age_of, void *user);

// How many slots there are to look at: more than entries, so that full buckets are rare.
uint32_t fdb_slots(const struct fdb *fdb);

uint32_t fdb_epoch(const struct fdb *fdb, uint32_t domain);
// Makes who cached answers of the domain ask again, for what lies behind a port has changed.
void fdb_touch(struct fdb *fdb, uint32_t domain);
uint32_t fdb_count(const struct fdb *fdb);
uint32_t fdb_domain_count(const struct fdb *fdb, uint32_t domain);
uint32_t fdb_port_count(const struct fdb *fdb, uint32_t port);

// The first entry at or behind *cursor (0 at first), which then stands behind it; false at the end.
bool fdb_next(const struct fdb *fdb, uint32_t *cursor, uint32_t now, struct fdb_entry *ret);
