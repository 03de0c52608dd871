// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_priv: what a scenario holds.

#pragma once

#include "datapath/agent_port_tunnel.h"
#include "tests/scenario/scenario.h"
#include "tests/scenario/scenario_bfd.h"
#include "tunnels/bfd.h"

enum { SCENARIO_PORTS = 64, SCENARIO_OPS = 4096, SCENARIO_PUNTS = 64, SCENARIO_WIRE = 64 };

struct scenario_door {
	uint64_t id;
	struct port *port;
};

// The other end of a session.
struct scenario_end {
	bool open, cut;
	struct bfd_path path; // as the datapath sees it
	struct bfd bfd;
};

struct scenario_wire {
	struct scenario_end *end;
	bool inward; // to the datapath
	uint64_t at;
	uint8_t bytes[BFD_BYTES];
};

struct scenario_event {
	Weft__EventType type;
	uint64_t port;
	char text[512];
};

struct scenario {
	struct state *state;
	struct stats *stats;
	struct service *service;
	struct agent_tunnels *tunnels;
	struct apply *apply;
	struct pipeline *pipeline;
	struct packet_pool *pool;
	const struct generation *generation;
	_Atomic(const struct capture_set *) captures;
	uint64_t now;
	struct scenario_door doors[SCENARIO_PORTS];
	unsigned door_count;
	struct apply_op *ops; // of the transaction to come; objects are the scenario's
	size_t op_count;
	struct service_frame *punts;
	unsigned punt_count;
	struct trace trace;
	unsigned upstream_count;
	uint8_t upstream_query[2048];
	size_t upstream_len;
	uint64_t upstream_token;
	struct scenario_end ends[SCENARIO_BFD_ENDS];
	struct scenario_wire wire[SCENARIO_WIRE];
	unsigned wire_count;
	struct scenario_event events[SCENARIO_EVENTS];
	unsigned event_count;
};

// scenario_bfd.c
struct agent_liveness_config scenario_bfd_config(struct scenario *scenario);
// Returns when it wants to be called again.
uint64_t scenario_bfd_run(struct scenario *scenario);
