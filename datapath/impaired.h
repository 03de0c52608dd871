// SPDX-License-Identifier: BSD-3-Clause
//
// impaired: the impairments of a pipeline: those that frames meet, and those of the ports that it owns.
//
// Worker s % count owns the port in slot s: it sends what any worker put. Owning worker.

#pragma once

#include "datapath/generation.h"
#include "datapath/impair.h"
#include "datapath/pmap.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline;

struct impaired_port {
	uint32_t port; // slot
	enum impair_direction direction;
	struct impair *impair; // of the setting
	const struct impair_setting *setting;
};

struct impaired {
	struct pmap ports; // what the list was made from; borrowed
	uint32_t count, room;
	uint64_t soonest_ns; // before that nothing of the list is due, unless it was poked
	uint64_t looked_ago_ns;
	_Atomic bool poked; // another worker put something
	struct impaired_port *list;
};

int impaired_init(struct impaired *impaired); // 0 or -ENOMEM
void impaired_fini(struct impaired *impaired);

// Has the packets meet the impairment; those that pass stay, in order. Returns how many. The others are
// counted and given back.
unsigned impaired_filter(struct pipeline *pipeline, uint32_t port, struct impair *impair,
                         struct packet **packets, unsigned count);
