// SPDX-License-Identifier: BSD-3-Clause
//
// pipeline_priv: what one pipeline holds, for its stages.

#pragma once

#include "datapath/egress.h"
#include "datapath/flow_cache.h"
#include "datapath/impaired.h"
#include "datapath/meter.h"
#include "datapath/miss.h"
#include "datapath/pipeline.h"

struct hold;
struct fragment_table;

struct pipeline {
	struct pipeline_config config;
	struct state *state; // borrowed
	struct flow_cache *cache;
	struct hold *hold; // packets that wait for a neighbour
	struct fragment_table *fragments;
	struct meter *misses; // [MAX_PORTS]
	struct meter icmp_errors;
	struct meter defence; // of our own addresses
	uint64_t *words;      // statistics of this worker
	unsigned tx_queue;
	bool resolved;   // a neighbour became known in this turn
	uint64_t ticked; // second of the last periodic work

	// This turn's world.
	const struct generation *generation;
	struct packet_pool *pool;
	const struct capture_set *captures; // NULL: nobody looks
	uint64_t now_ns;
	uint32_t now_s, now_ms;

	struct egress egress;
	struct impaired impaired;
};

// Begins a turn.
void pipeline_turn(struct pipeline *pipeline, const struct generation *generation,
                   struct packet_pool *pool, uint64_t now_ns);
// Counts and records the drop, gives the packet back.
void pipeline_drop(struct pipeline *pipeline, struct packet *packet, enum drop_reason reason);
// Goes on with packets that an impairment held when they came in, all by one port; ends the turn.
void pipeline_resume(struct pipeline *pipeline, struct packet **packets, unsigned count);
// Sends a packet through the miss path and does what it says; for packets that waited.
void pipeline_again(struct pipeline *pipeline, struct packet *packet);
