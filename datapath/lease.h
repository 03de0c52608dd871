// SPDX-License-Identifier: BSD-3-Clause
//
// lease: DHCP leases, pointer-free, in memory that outlives the process. Main thread only.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEASE_CLIENT_ID = 64, LEASE_HOSTNAME = 64 };

struct lease {
	uint64_t scope;
	struct ip_addr ip;
	struct mac mac;
	uint8_t client_id_len;
	uint8_t state; // enum lease_state
	uint8_t client_id[LEASE_CLIENT_ID];
	char hostname[LEASE_HOSTNAME];
	uint64_t expires; // Wall-clock seconds.
	uint32_t check;   // The table's,
	uint32_t serial;  // and this too.
};

_Static_assert(sizeof(struct lease) == 176, "no padding: checked whole");

enum lease_state { LEASE_FREE, LEASE_OFFERED, LEASE_BOUND, LEASE_DECLINED };

struct lease_table;

size_t lease_bytes(uint32_t leases);

// Lays a table out in `memory` (64-aligned, lease_bytes long). With `recover`, keeps what verifies.
// => Without `recover`, the memory is zeroed. NULL with errno.
struct lease_table *lease_open(void *memory, uint32_t leases, bool recover);
void lease_close(struct lease_table *table);

// What these return stays until the next lease_put() or lease_remove().
// => Changed by lease_put() of a copy only, never in place.
struct lease *lease_by_ip(struct lease_table *table, uint64_t scope, const struct ip_addr *ip);

// By client id when it has one (RFC 2131 section 4.2), else by MAC among those that have none.
struct lease *lease_by_client(struct lease_table *table, uint64_t scope, const struct mac *mac,
                              const uint8_t *client_id, size_t client_id_len);

// A copy is stored; replaces the entry of the same (scope, ip), wholly or, if the process is killed
// meanwhile, not at all. NULL: full.
struct lease *lease_put(struct lease_table *table, const struct lease *lease);
void lease_remove(struct lease_table *table, struct lease *lease);

uint32_t lease_count(const struct lease_table *table);

// The first lease at or behind *cursor (0 at first), which then stands behind it; NULL at the end.
struct lease *lease_next(struct lease_table *table, uint32_t *cursor);
