// SPDX-License-Identifier: BSD-3-Clause
//
// flow_key: what the flow cache compares: all that a decision may depend on, cut to the needed
// depth.
//
// One line, no padding: hashed and compared whole. Fields that the depth leaves out are zero. Any
// worker.

#pragma once

#include "base/addr.h"
#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { FLOW_KEY_TAGGED = 1 << 12 };

// For ICMP and ICMPv6, dst_port is type << 8 | code, and src_port the identifier of an echo.
struct flow_key {
	uint32_t in_port;
	uint16_t vlan;     // TCI with bit 12 set to say that there is one, or 0.
	uint16_t eth_type; // Host order; 0 at L2 depth.
	uint8_t macs[12];  // Destination, source, as on the wire.
	uint8_t ip_proto;
	uint8_t spare[3];
	uint16_t src_port, dst_port; // Host order.
	struct ip_addr src, dst;
	uint32_t vni;
};

_Static_assert(sizeof(struct flow_key) == 64, "one line");

// L2 depth: port, VLAN, VNI, MACs. => The packet is parsed to L2.
void flow_key_l2(const struct packet *packet, struct flow_key *ret);

// L4 depth: all. => The packet is parsed to L4 and is no later fragment.
void flow_key_l4(const struct packet *packet, struct flow_key *ret);

// Keyed hash, with a secret drawn at the first use in the process; never 0.
uint32_t flow_key_hash(const struct flow_key *key);

static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
