// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour: (interface, IP) -> MAC, with the states of RFC 4861 section 7.3 for both families (ARP
// is treated alike); pointer-free, in memory that outlives the process.
//
// Packets that wait for an answer are not kept here (see hold.h): this table knows addresses only.
// Any worker may look up, ask and confirm. The interface's epoch changes when a MAC that was in use
// changes or is lost; an address that becomes known changes no epoch.
//
// REACHABLE lasts NEIGHBOUR_REACHABLE_MS, then the entry is STALE: whoever uses it asks again
// (neighbour_ask). What nobody asked for is asked by the tick after as long again, since packets of
// cached flows do not look here; so an entry lives only as long as its owner answers.
//
// Interfaces are slots, below MAX_INTERFACES (generation.h). Times are milliseconds of one clock
// that all workers share and that the next process goes on with; they may wrap.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NEIGHBOUR_REACHABLE_MS = 30000,
	NEIGHBOUR_RETRY_MS = 1000,
	NEIGHBOUR_TRIES = 3,
	NEIGHBOUR_FAILED_MS = 3000,
};

enum neighbour_state {
	NEIGHBOUR_NONE,
	NEIGHBOUR_INCOMPLETE, // Asked, no answer yet.
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE, // Used as it is; asked again in the background.
	NEIGHBOUR_PROBE,
	NEIGHBOUR_FAILED, // Nobody answered; refused until it times out.
	NEIGHBOUR_STATIC,
};

struct neighbour {
	uint32_t interface; // Slot.
	struct ip_addr ip;
	struct mac mac;
	enum neighbour_state state;
	uint32_t age_ms; // Since confirmed (or first asked).
};

struct neighbour_table;

typedef void (*neighbour_due_fn)(void *user, const struct neighbour *neighbour);

// Bytes that a table of `entries` (a power of two) needs.
size_t neighbour_bytes(uint32_t entries);

// Lays a table out in `memory` (64-aligned, neighbour_bytes long). With `recover`, keeps what
// verifies and has a MAC; static entries become STALE ones until they are set again. An entry whose
// MAC was being changed when the process was killed is lost, to be asked for again.
// => Without `recover`, the memory is zeroed. NULL with errno.
struct neighbour_table *neighbour_open(void *memory, uint32_t entries, bool recover);
void neighbour_close(struct neighbour_table *table);

// What is known; *mac is set in the states REACHABLE, STALE, PROBE and STATIC.
enum neighbour_state neighbour_lookup(const struct neighbour_table *table, uint32_t interface,
                                      const struct ip_addr *ip, uint32_t now, struct mac *mac);

// Begins resolution, or a probe of a STALE entry: true when the caller must send a question now
// (first, or a retry is due: one a second, NEIGHBOUR_TRIES in all; then an unknown address is
// FAILED for NEIGHBOUR_FAILED_MS, and a known one is forgotten). False also when the table is full.
bool neighbour_ask(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
                   uint32_t now);

// An answer or another proof of the address. `solicited` makes it REACHABLE, otherwise STALE when
// new or changed. `create` false: only what exists is updated. Static entries stand. Returns
// whether an answer changed: a MAC where there was none, or another one.
bool neighbour_confirm(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
                       const struct mac *mac, bool solicited, bool create, uint32_t now);

// 0 or -ENOSPC.
int neighbour_set_static(struct neighbour_table *table, uint32_t interface,
                         const struct ip_addr *ip, const struct mac *mac);
void neighbour_remove(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip);

// Removes all of the interface but static entries, which belong to who set them.
void neighbour_flush(struct neighbour_table *table, uint32_t interface);

uint32_t neighbour_epoch(const struct neighbour_table *table, uint32_t interface);
uint32_t neighbour_count(const struct neighbour_table *table);
uint32_t neighbour_slots(const struct neighbour_table *table);

// Finds an address of the family (AF_INET, AF_INET6) that belongs to the MAC (not link-local).
// False: none. Walks all entries.
bool neighbour_find_mac(const struct neighbour_table *table, uint32_t interface,
                        const struct mac *mac, int family, struct ip_addr *ret);

// Looks at `slots` slots from where the last call stopped: calls `due` for entries whose question
// must be sent now, removes the dead. Returns how many were removed. One caller at a time.
unsigned neighbour_tick(struct neighbour_table *table, uint32_t now, uint32_t slots,
                        neighbour_due_fn due, void *user);

// The first entry at or behind *cursor (0 at first), which then stands behind it; false at the end.
bool neighbour_next(const struct neighbour_table *table, uint32_t *cursor, uint32_t now,
                    struct neighbour *ret);
