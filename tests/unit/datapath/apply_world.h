// SPDX-License-Identifier: BSD-3-Clause
//
// apply_world: an apply with its tables and doors in memory, for tests of it.

#pragma once

#include "datapath/agent_apply.h"
#include "datapath/agent_store.h"
#include "tests/channel/objects.h"

#include <stdbool.h>
#include <stddef.h>

struct apply_world {
	struct apply *apply;
	struct state *state;
	struct stats *stats;
	const struct generation *published;
	unsigned doors; // open now
	unsigned settled;
	bool refuse_doors;   // the next open fails
	unsigned arrivals;   // doors that got their name
	unsigned adjusted;   // doors that stayed open and changed
	unsigned doors_then; // open when the last one arrived
	enum door_end last_end;
};

void apply_world_open(struct apply_world *world);
void apply_world_close(struct apply_world *world);

// Runs the list and empties it; its code. The result is in *result when that is not NULL.
int apply_world_run(struct apply_world *world, struct objects *list, struct apply_result *result);
// The same, which must succeed.
void apply_world_do(struct apply_world *world, struct objects *list);

struct apply_world_digest {
	uint64_t count[AGENT_KINDS], hash[AGENT_KINDS];
};

void apply_world_digest(const struct apply_world *world, struct apply_world_digest *ret);

// All that workers can see, as text in terms of object ids, in an order of its own. The caller's to free.
char *apply_world_dump(const struct apply_world *world);

// The slot of an object (or domain) that must have one.
uint32_t apply_world_slot(const struct apply_world *world, enum slot_kind kind, uint64_t id,
                          uint32_t sub);
