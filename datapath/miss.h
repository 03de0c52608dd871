// SPDX-License-Identifier: BSD-3-Clause
//
// miss: one packet's way through the stages of the miss path: what they read, and what they decide.
//
// A stage looks, fills the program and says whether the packet's way is decided. It changes tables only when
// miss_acts() (a trace changes nothing) and never the packet's headers: the program does that.
// Owning worker; lives on the stack.

#pragma once

#include "datapath/conn_icmp.h"
#include "datapath/conn_key.h"
#include "datapath/generation.h"
#include "datapath/program.h"
#include "datapath/trace.h"
#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline;

// Whether the ports of a packet are known.
enum miss_ports {
	MISS_PORTS_NONE, // a protocol without any
	MISS_PORTS_KNOWN,
	MISS_PORTS_ERROR,   // an ICMP error: they are in its quote
	MISS_PORTS_UNKNOWN, // a later fragment whose first was not seen
};

struct miss {
	struct pipeline *pipeline;
	const struct generation *generation;
	struct packet *packet;
	const struct port_config *in;
	const struct domain *domain;       // the packet's, once the VLAN is known
	const struct interface *interface; // the router's leg in it, or NULL
	struct program *program;
	struct trace *trace; // or NULL
	struct mac dst, src; // as flow rules left them

	// L3, filled by the router.
	struct conn_key came;   // the packet as it came
	struct conn_key leaves; // and as it leaves
	enum miss_ports ports;
	const struct forward *forward; // that a new connection takes
	struct conn_icmp_quote quote;  // what to change inside an ICMP error
};

static inline bool miss_acts(const struct miss *miss)
{
	return miss->trace == NULL;
}

// Ends the packet's way. Returns true, as a stage does that has decided.
bool miss_drop(struct miss *miss, enum drop_reason reason);
// The packet is consumed: answered, held or handed on.
bool miss_done(struct miss *miss);
// Sends a frame of ours back by the port and VLAN that the packet came by.
void miss_answer(struct miss *miss, const uint8_t *frame, size_t len);

// All stages, in order. => The packet is parsed, miss->program zeroed, packet->in_port known.
void miss_run(struct miss *miss, bool deep);
