// SPDX-License-Identifier: BSD-3-Clause
//
// nd: neighbour discovery of IPv6, the router's side (RFC 4861, RFC 4862). Owning worker.

#pragma once

#include "datapath/miss.h"
#include "datapath/wire.h"

enum { ND_OPTION = 8, ND_FRAME = ETH_HEADER + IP6_HEADER + ND_HEADER + ND_OPTION };

// What a neighbour solicitation asks.
struct nd_question {
	struct ip_addr src; // unspecified: the sender wants the address itself (RFC 4862, 5.4)
	struct ip_addr target;
	struct mac mac; // to answer to
};

// False: the packet is none, or one that is to be ignored (RFC 4861, 7.1.1). => Parsed to L4.
bool nd_read_question(const struct packet *packet, struct nd_question *ret);
// The advertisement for who asked: `owner` has the target, and is a router or none.
void nd_answer(uint8_t frame[static ND_FRAME], const struct nd_question *asked, struct mac owner,
               bool router);
// Whether the packet is a message of neighbour discovery that nd_input takes. => Parsed to L4.
bool nd_is_message(const struct packet *packet);
// As arp_input. Router solicitations go to the service, if the leg advertises.
bool nd_input(struct miss *miss);
void nd_ask(struct pipeline *pipeline, const struct interface *interface, struct ip_addr ip);
