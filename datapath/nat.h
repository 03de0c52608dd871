// SPDX-License-Identifier: BSD-3-Clause
//
// nat: connections through the router and their translation: masquerade, SNAT, port forwards, hairpins.
//
// Only packets that come by a leg with a NAT role are looked at; other routed flows are not tracked.
// Owning worker.

#pragma once

#include "datapath/miss.h"

// Before the route is known: finds the connection, or the forward that a new one would take, and with it
// where the packet goes (miss->leaves). Returns whether decided.
bool nat_inbound(struct miss *miss);
// When the way out is known: begins a connection where one is due, and fills the program. Returns whether
// decided.
bool nat_outbound(struct miss *miss, const struct interface *egress);
