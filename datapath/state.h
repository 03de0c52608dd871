// SPDX-License-Identifier: BSD-3-Clause
//
// state: the shared-memory segment that outlives a datapath process: FDB, neighbours, connections,
// DHCP leases, ports of routers, and the slots that tie small numbers to object ids.
//
// A header with magic, layout version and sizes is checked before anything is believed; a segment
// of another layout is refused and a new one made. Every table verifies its own entries. Memory
// that no entry needed yet takes no room. Main thread, the tables inside have rules of their own.

#pragma once

#include "datapath/conn_table.h"
#include "datapath/fdb.h"
#include "datapath/neighbour.h"
#include "datapath/router_ports.h"
#include "datapath/slot_table.h"

#include <stdbool.h>
#include <stdint.h>

struct lease_table; // lease.h

struct state_sizes {
	uint32_t fdb_entries;       // Power of two.
	uint32_t neighbour_entries; // Power of two.
	uint32_t connections;       // Power of two.
	uint32_t leases;
	unsigned workers; // May differ from those of the process before.
};

enum slot_kind { SLOT_PORT, SLOT_DOMAIN, SLOT_INTERFACE, SLOT_VRF, SLOT_KINDS };

struct state {
	struct fdb *fdb;
	struct neighbour_table *neighbours;
	struct conn_table *conns;
	struct lease_table *leases;
	struct router_ports *routers;
	struct slot_table *slots[SLOT_KINDS];
	int fd; // Memfd of the segment; the state's.
	bool recovered;
	uint64_t hash_secret[2]; // Seeds of keyed hashes, as old as the segment.
	void *segment;
	size_t size;
};

// Makes a segment, or takes over the one behind `fd` (owned from then on, closed on close, and on
// failure too). With an fd that does not verify, a new one is made and state->recovered is false.
// => The process that wrote to the segment has ended. NULL with errno.
struct state *state_open(const struct state_sizes *sizes, int fd, uint32_t now_seconds);
void state_close(struct state *state); // NULL is fine.

// The slot of (kind, id, sub): the one it had, or a free one; slots start at 1. 0: none is left.
// `sub` tells domains of one bridge apart (the vid).
uint32_t slot_lease(struct state *state, enum slot_kind kind, uint64_t id, uint32_t sub);
// 0 when it has none.
uint32_t slot_find(const struct state *state, enum slot_kind kind, uint64_t id, uint32_t sub);
// => Nothing published uses the slot any more.
void slot_release(struct state *state, enum slot_kind kind, uint32_t slot);
// Releases all slots for which `keep` says false: what the old process knew and the controller no
// longer.
void slot_sweep(struct state *state, enum slot_kind kind, slot_keep_fn keep, void *user);
