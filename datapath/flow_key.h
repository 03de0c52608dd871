// SPDX-License-Identifier: BSD-3-Clause
//
// flow_key: what the flow cache compares: all that a decision may depend on, cut to the needed depth.
//
// One line, no padding: hashed and compared whole. Fields that the depth leaves out are zero.

#pragma once

#include "base/addr.h"
#include "vnic/packet.h"

#include <stdint.h>

struct flow_key {
	uint32_t in_port;
	uint16_t vlan;        // TCI with bit 12 (VLAN present) set, or 0
	uint16_t eth_type;    // host order; 0 at L2 depth
	uint8_t macs[12];     // destination, source, as on the wire
	uint8_t ip_proto;
	uint8_t spare[3];
	uint16_t src_port, dst_port; // host order
	struct ip_addr src, dst;
	uint32_t spare2;
};

_Static_assert(sizeof(struct flow_key) == 64, "one line");

// L2 depth: port, VLAN, MACs. => the packet is parsed to L2.
void flow_key_l2(const struct packet *packet, struct flow_key *ret);
// L4 depth: all. => the packet is parsed to L4 and is no later fragment.
void flow_key_l4(const struct packet *packet, struct flow_key *ret);
// Keyed hash (XXH3 with a secret drawn at start); never 0.
uint32_t flow_key_hash(const struct flow_key *key);
