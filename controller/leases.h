// SPDX-License-Identifier: BSD-3-Clause
//
// leases: the addresses that DHCP has given, in memory and in the store. Main thread.

#pragma once

#include "controller/desired.h"
#include "controller/store.h"
#include "controller/table.h"
#include "proto/channel.pb-c.h"

struct leases {
	struct store *store; // Borrowed.
	struct table rows;   // scope and MAC -> struct lease_row
};

int leases_open(struct leases *leases, struct store *store, struct fail *fail);
void leases_close(struct leases *leases);

// As the datapath tells it. 0 or -errno.
int leases_note(struct leases *leases, const Weft__Lease *message, struct fail *fail);

// The packed Leases message of those whose scope the host has; to be freed.
uint8_t *leases_pack(const struct leases *leases, const struct desired *host, size_t *ret_len);

// The same of the scopes given, as many as one frame takes from *cursor on (0 at first); NULL: that was all.
// The first message names the scopes.
uint8_t *leases_pack_scopes(const struct leases *leases, const uint64_t *scopes, size_t count,
                            bool first, size_t *cursor, size_t *ret_len);
// The same of one alone.
uint8_t *leases_pack_one(const Weft__Lease *lease, size_t *ret_len);

const struct lease_row *leases_find(const struct leases *leases, uint64_t scope, struct mac mac);
const struct lease_row *leases_next(const struct leases *leases, size_t *cursor);
