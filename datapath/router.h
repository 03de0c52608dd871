// SPDX-License-Identifier: BSD-3-Clause
//
// router: what reaches a leg of the router: for itself, for elsewhere, or refused. Owning worker.

#pragma once

#include "datapath/miss.h"

// A frame to the leg's MAC. Always decides.
bool router_stage(struct miss *miss);
// A frame to a group in a domain where the router has a leg: ARP, neighbour discovery, DHCP. Returns whether it
// is consumed; otherwise it is flooded.
bool router_listen(struct miss *miss);
