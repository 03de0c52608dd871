// SPDX-License-Identifier: BSD-3-Clause
//
// program: what happens to every packet of a flow, decided once by the miss path and then only executed.
//
// Valid as long as the generation and the epochs it was compiled under stand (program_is_current).
// Plain data: lives inside flow-cache entries and on the stack of the miss path.

#pragma once

#include "base/addr.h"
#include "datapath/conn_table.h"
#include "vnic/drop.h"
#include "vnic/packet.h"

#include <stdint.h>

enum program_flag {
	PROGRAM_MACS = 1 << 0,     // set both MACs
	PROGRAM_TTL = 1 << 1,      // decrement; TTL 1 goes to the miss path
	PROGRAM_NAT_SRC = 1 << 2,  // rewrite source address and port
	PROGRAM_NAT_DST = 1 << 3,
	PROGRAM_TAG = 1 << 4,      // leaves with vlan; without the flag: untagged
	PROGRAM_CONN = 1 << 5,     // belongs to conn: touch, count, TCP flags to conn_tcp
	PROGRAM_DROP = 1 << 6,     // ends here, for `drop`
	PROGRAM_NO_CACHE = 1 << 7, // decided for this packet alone
	PROGRAM_FLOOD = 1 << 8,    // to all members of out_domain but the in port
	PROGRAM_DONE = 1 << 9,     // consumed (answered, held, handed to a service): nothing to send
};

struct program {
	uint16_t flags;
	uint16_t vlan;          // TCI
	uint32_t out_port;      // slot
	uint32_t out_domain;
	uint32_t in_domain;
	uint32_t in_epoch;      // fdb_epoch(in_domain) when compiled
	uint32_t out_epoch;
	uint32_t neighbour_epoch;
	uint32_t interface;     // egress router interface slot + 1, 0: bridged
	uint64_t generation;
	struct mac dst_mac, src_mac;
	uint16_t drop;          // enum drop_reason
	uint16_t mtu;           // largest L3 length that passes without the miss path; 0: any
	// Line: routed flows only.
	struct conn_ref conn;
	uint32_t direction;     // enum conn_direction
	uint16_t src_port, dst_port; // host order
	struct ip_addr src, dst;
	uint64_t rule;          // object id that decided (flow rule, NAT rule, forward); counters
};
