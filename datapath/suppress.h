// SPDX-License-Identifier: BSD-3-Clause
//
// suppress: questions for neighbours that are answered here, or kept here, instead of going to other hosts.

#pragma once

#include "datapath/egress.h"
#include "datapath/miss.h"

// Looks at a group's or broadcast frame. Returns whether it was answered on behalf of a host behind a tunnel;
// otherwise it goes on, perhaps only to ports of this host. => Parsed to L4, and not for the router alone.
bool suppress_stage(struct miss *miss);
// Whether the router need not ask for a neighbour on the leg's net, being told that it is behind a tunnel; *ret is its
// MAC then.
bool suppress_told(const struct generation *generation, const struct interface *interface,
                   struct ip_addr ip, struct mac *ret);
// How far the router's own question for an address goes: who is told to be at a port of ours is asked for there.
enum egress_reach suppress_reach(const struct generation *generation,
                                 const struct interface *interface, struct ip_addr ip);
