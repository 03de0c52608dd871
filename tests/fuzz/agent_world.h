// SPDX-License-Identifier: BSD-3-Clause
//
// agent_world: the tables of a datapath for fuzz targets of the agent: doors in memory, publishing by
// assignment; and what must hold of them at any time.

#pragma once

#include "datapath/agent_apply.h"
#include "datapath/agent_store.h"

#include <stdbool.h>

struct agent_world {
	struct state *state;
	struct stats *stats;
	struct service *service;
	const struct generation *published;
	unsigned doors;    // open now
	bool refuse_doors; // the next open fails
};

struct agent_world_digest {
	uint64_t count[AGENT_KINDS], hash[AGENT_KINDS];
};

// Opens the tables and services and fills in *env. => The world stays where it is.
void agent_world_open(struct agent_world *world, struct apply_env *env);
void agent_world_close(struct agent_world *world); // => The apply is freed.

void agent_world_digest(const struct apply *apply, struct agent_world_digest *ret);
// Ends the process unless every slot and pointer in the generation leads to what it stands for, the door
// of every port is open, and buckets and digests agree with each other.
void agent_world_check(const struct agent_world *world, const struct apply *apply);
