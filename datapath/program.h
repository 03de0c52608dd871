// SPDX-License-Identifier: BSD-3-Clause
//
// program: what happens to every packet of a flow, decided once by the miss path and then only executed.
//
// Valid as long as the generation and the epochs it was compiled under stand (program_is_current).
// Plain data: lives inside flow-cache entries and on the stack of the miss path. Owning worker.

#pragma once

#include "base/addr.h"
#include "datapath/conn_table.h"
#include "datapath/generation.h"
#include "datapath/state.h"
#include "vnic/drop.h"
#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { VNI_MASK = 0xffffff };

enum program_flag {
	PROGRAM_MACS = 1 << 0,    // set both MACs
	PROGRAM_TTL = 1 << 1,     // decrement; TTL 1 goes to the miss path
	PROGRAM_NAT_SRC = 1 << 2, // rewrite source address and port
	PROGRAM_NAT_DST = 1 << 3,
	PROGRAM_TAG = 1 << 4,      // leaves with vlan; without the flag: untagged
	PROGRAM_CONN = 1 << 5,     // belongs to conn: touch, count, TCP flags to conn_tcp
	PROGRAM_DROP = 1 << 6,     // ends here, for `drop`
	PROGRAM_NO_CACHE = 1 << 7, // decided for this packet alone
	PROGRAM_FLOOD = 1 << 8,    // to all members of out_domain but the in port
	PROGRAM_DONE = 1 << 9, // consumed (answered, held, handed to a service): nothing to send
	PROGRAM_LEARNT =
		1 << 10, // the source MAC is in the FDB of in_domain and wants to be kept young
	PROGRAM_COUNTED = 1 << 11, // a flow rule matched: count
	PROGRAM_VNI = 1 << 12,     // leaves by a peer of a tunnel, under vni
	PROGRAM_HERE = 1 << 13,    // with FLOOD: to no peer of a tunnel
	PROGRAM_ROUTERS = 1 << 14, // with FLOOD: to no guest behind which no router was heard
};

// 112 bytes: with its key and counters, three lines of the flow cache. What a bridged packet needs
// comes first, so that it shares a line with the counters.
struct program {
	uint16_t flags;
	uint16_t vlan;       // TCI
	uint32_t out_port;   // slot
	uint16_t out_domain; // slot
	uint16_t in_domain;
	uint32_t in_epoch; // fdb_epoch(in_domain) when compiled
	uint32_t out_epoch;
	uint32_t neighbour_epoch;
	uint32_t interface; // egress router interface slot + 1, 0: bridged
	uint32_t refreshed; // second in which the FDB was last told of the source
	uint64_t generation;
	uint16_t drop; // enum drop_reason
	uint16_t mtu;  // largest L3 length that passes without the miss path; 0: any
	// Line: routed flows only.
	struct mac dst_mac, src_mac;
	struct conn_ref conn;
	uint32_t direction : 8; // enum conn_direction
	uint32_t vni : 24;
	uint16_t src_port, dst_port; // host order
	struct ip_addr src, dst;
	struct flow_counts *counts; // borrowed from the generation: of the flow rule that matched
};

// Whether everything the program was compiled from still stands.
bool program_is_current(const struct program *program, const struct state *state,
                        const struct generation *generation);

// Notes the epochs of the tables that the program's answers come from.
// => Called before the tables are asked, so that a change in between is not missed.
void program_stamp_in(struct program *program, const struct state *state, uint32_t domain);
void program_stamp_out(struct program *program, const struct state *state, uint32_t domain,
                       uint32_t interface);

// Whether the program may be run on the packet as it is; otherwise the miss path has to look: TTL at its
// end, too long for the way out, a TCP segment that opens or ends its connection.
bool program_accepts(const struct program *program, const struct packet *packet);

// Rewrites the packet. What happens to it then (drop, flood, output) is the pipeline's.
void program_rewrite(const struct program *program, struct packet *packet);

// Length of L3 on the wire: of one segment, for a super-packet.
uint32_t program_l3_length(const struct packet *packet);
