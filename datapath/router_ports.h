// SPDX-License-Identifier: BSD-3-Clause
//
// router_ports: behind which ports a router of multicast or of IPv6 was heard, and until when that is believed.
//
// Lies in the state segment; any bytes there are valid. Workers write and read without order: who is heard by two at
// once is believed by both. A port's slot that gets another owner is forgotten on the main thread.

#pragma once

#include "datapath/generation.h"

#include <stdatomic.h>

// Until it says otherwise: a second that never comes.
#define ROUTER_PORT_STAYS UINT32_MAX

struct router_ports {
	_Atomic uint32_t until[MAX_PORTS]; // seconds, as pipeline->now_s, by slot
};

static inline bool router_ports_has(const struct router_ports *ports, uint32_t slot, uint32_t now_s)
{
	return atomic_load_explicit(&ports->until[slot], memory_order_relaxed) > now_s;
}

// Believes it for longer, never for less.
static inline void router_ports_hear(struct router_ports *ports, uint32_t slot, uint32_t until)
{
	if (atomic_load_explicit(&ports->until[slot], memory_order_relaxed) < until)
		atomic_store_explicit(&ports->until[slot], until, memory_order_relaxed);
}

// Believes it until then at most.
static inline void router_ports_limit(struct router_ports *ports, uint32_t slot, uint32_t until)
{
	if (atomic_load_explicit(&ports->until[slot], memory_order_relaxed) > until)
		atomic_store_explicit(&ports->until[slot], until, memory_order_relaxed);
}
