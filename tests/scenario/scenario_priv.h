// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_priv: what a scenario holds.

#pragma once

#include "tests/scenario/scenario.h"

enum { SCENARIO_PORTS = 64, SCENARIO_OPS = 4096, SCENARIO_PUNTS = 64 };

struct scenario_door {
	uint64_t id;
	struct port *port;
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
};
