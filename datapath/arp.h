// SPDX-License-Identifier: BSD-3-Clause
//
// arp: questions for IPv4 neighbours and our answers (RFC 826, RFC 5227). Owning worker.

#pragma once

#include "datapath/miss.h"

// An ARP frame to a leg of the router, or to all of its domain: learns, answers, defends. Returns whether the
// frame is consumed; otherwise it goes on to the other members.
bool arp_input(struct miss *miss);
// Asks for the address.
void arp_ask(struct pipeline *pipeline, const struct interface *interface, struct ip_addr ip);
