// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour: (interface, IP) -> MAC, with the states of RFC 4861 section 7.3 for both families (ARP is
// treated alike); pointer-free, in memory that outlives the process.
//
// Packets that wait for an answer are not kept here (see hold.h): this table knows addresses only. Any
// worker may look up and confirm; a change of an answer bumps the interface's epoch.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum neighbour_state {
	NEIGHBOUR_NONE,
	NEIGHBOUR_INCOMPLETE, // asked, no answer yet
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE,      // used as it is; asked again in the background
	NEIGHBOUR_PROBE,
	NEIGHBOUR_FAILED,     // nobody answered; refused until it times out
	NEIGHBOUR_STATIC,
};

struct neighbour {
	uint32_t interface; // slot
	struct ip_addr ip;
	struct mac mac;
	enum neighbour_state state;
	uint32_t age_ms;    // since confirmed (or first asked)
};

struct neighbour_table;

size_t neighbour_bytes(uint32_t entries);
struct neighbour_table *neighbour_open(void *memory, uint32_t entries, bool recover);
void neighbour_close(struct neighbour_table *table);

// What is known; *mac is set in the states REACHABLE, STALE, PROBE and STATIC. `now` in ms.
enum neighbour_state neighbour_lookup(const struct neighbour_table *table, uint32_t interface,
				      const struct ip_addr *ip, uint32_t now, struct mac *mac);
// Begins resolution: true when the caller must send a question now (first, or a retry is due: one a
// second, three times, then FAILED for NEIGHBOUR_FAILED_MS).
bool neighbour_ask(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
		   uint32_t now);
// An answer or another proof of the address. `solicited` makes it REACHABLE, otherwise STALE when new
// or changed. `create` false: only what exists is updated. Returns whether an answer changed.
bool neighbour_confirm(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
		       const struct mac *mac, bool solicited, bool create, uint32_t now);
int neighbour_set_static(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
			 const struct mac *mac);
void neighbour_remove(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip);
void neighbour_flush(struct neighbour_table *table, uint32_t interface);
uint32_t neighbour_epoch(const struct neighbour_table *table, uint32_t interface);
// Finds an address of the family that belongs to the MAC (not link-local). False: none.
bool neighbour_find_mac(const struct neighbour_table *table, uint32_t interface, const struct mac *mac,
			int family, struct ip_addr *ret);
// Calls `due` for entries whose question must be repeated now, removes the dead; `slots` slots a call.
unsigned neighbour_tick(struct neighbour_table *table, uint32_t now, uint32_t slots,
			void (*due)(void *user, const struct neighbour *neighbour), void *user);
bool neighbour_next(const struct neighbour_table *table, uint32_t *cursor, uint32_t now,
		    struct neighbour *ret);
