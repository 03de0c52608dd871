// SPDX-License-Identifier: BSD-3-Clause
//
// peer_table: from the address of a datagram's sender to the port slot of the peer.
//
// Immutable: a change makes another table, and the one before goes when no worker reads it any more.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct peer_table;

// A copy of `from` (NULL: empty) with the address at `slot`, or without it for slot 0. NULL: no memory. One
// block: to be freed with free().
struct peer_table *peer_table_with(const struct peer_table *from, struct ip_addr addr,
                                   uint32_t slot);
// The slot, or 0.
uint32_t peer_table_find(const struct peer_table *table, const struct ip_addr *addr);
