// SPDX-License-Identifier: BSD-3-Clause
//
// interface: a router's leg: which addresses are its own, and which one it speaks from.
//
// Pure questions to a compiled struct interface; any worker.

#pragma once

#include "datapath/generation.h"

#include <stdbool.h>

// Whether the address is one of the leg's own, its IPv6 link-local one (from the MAC) included.
bool interface_owns(const struct interface *interface, struct ip_addr ip);
// Whether the leg answers ARP and ND for the address: its own, and what NAT gives out on its behalf.
bool interface_answers(const struct interface *interface, const struct vrf *vrf, struct ip_addr ip);
// The address to speak to `peer` from: of its subnet if there is one, else the first of its family. False:
// the leg has none of that family.
bool interface_source(const struct interface *interface, struct ip_addr peer, struct ip_addr *ret);
// Whether a neighbour on this leg may have the address.
bool interface_on_link(const struct interface *interface, struct ip_addr ip);
