// SPDX-License-Identifier: BSD-3-Clause
//
// local: packets to the router itself. Owning worker.

#pragma once

#include "datapath/miss.h"

// A question to a DHCP server.
bool local_is_dhcp(const struct packet *packet);
// What a host says to the router's MAC before it has an address: DHCP, neighbour discovery. Returns whether
// decided.
bool local_before_address(struct miss *miss);
// A packet to one of our addresses. Always decides.
bool local_input(struct miss *miss);
