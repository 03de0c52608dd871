// SPDX-License-Identifier: BSD-3-Clause
//
// snoop: what hosts say to routers goes to routers, not to all guests of a net (RFC 4541).

#pragma once

#include "datapath/miss.h"

// Looks at a frame to a group. A membership report or a router solicitation then goes only where a router may be;
// returns whether there is nobody, and its way ends. => Parsed to L4, and not for our own router alone.
bool snoop_stage(struct miss *miss);
