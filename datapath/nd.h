// SPDX-License-Identifier: BSD-3-Clause
//
// nd: neighbour discovery of IPv6, the router's side (RFC 4861, RFC 4862). Owning worker.

#pragma once

#include "datapath/miss.h"

// Whether the packet is a message of neighbour discovery that nd_input takes. => Parsed to L4.
bool nd_is_message(const struct packet *packet);
// As arp_input. Router solicitations go to the service, if the leg advertises.
bool nd_input(struct miss *miss);
void nd_ask(struct pipeline *pipeline, const struct interface *interface, struct ip_addr ip);
