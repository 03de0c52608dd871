// SPDX-License-Identifier: BSD-3-Clause
//
// arp: questions for IPv4 neighbours and our answers (RFC 826, RFC 5227). Owning worker.

#pragma once

#include "datapath/miss.h"
#include "datapath/wire.h"

enum { ARP_FRAME = ETH_HEADER + ARP_LENGTH };

// What an ARP frame says.
struct arp {
	uint16_t operation; // ARP_REQUEST or ARP_REPLY
	struct mac sender_mac;
	struct ip_addr sender, target; // the sender's is unspecified in a probe (RFC 5227, 2.1.1)
};

// False: malformed, or not about IPv4 over Ethernet. => The packet's EtherType is ARP's.
bool arp_read(const struct packet *packet, struct arp *ret);
// The reply to who asked: `owner` has the address.
void arp_answer(uint8_t frame[static ARP_FRAME], const struct arp *asked, struct mac owner);

// An ARP frame to a leg of the router, or to all of its domain: learns, answers, defends. Returns whether the
// frame is consumed; otherwise it goes on to the other members.
bool arp_input(struct miss *miss);
// Asks for the address.
void arp_ask(struct pipeline *pipeline, const struct interface *interface, struct ip_addr ip);
