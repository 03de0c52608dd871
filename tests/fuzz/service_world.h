// SPDX-License-Identifier: BSD-3-Clause
//
// service_world: services with one network around them, for targets that speak to them.
//
// The network is 10.77.0.1/24 and fd00:77::1/64, pool .100-.107, zone "lan.test"; .102 is reserved. What
// leaves is checked: frames must fit the link, and no answer may give away an address that is not its
// client's.

#pragma once

#include "datapath/service.h"

struct service_world {
	struct service *service;
	struct state state;
	void *lease_memory, *neighbour_memory;
	uint64_t now_ns, wall;
	unsigned sent;
	uint64_t token; // of the latest question to an upstream resolver
	uint8_t query[2048];
	size_t query_len;
};

void service_world_open(struct service_world *world);
void service_world_close(struct service_world *world);
// Hands in a payload in a datagram of client n (below 8), over IPv4 or IPv6.
void service_world_datagram(struct service_world *world, enum punt_kind kind, unsigned client,
                            bool six, const uint8_t *payload, size_t len);
// Hands in a frame with whatever offsets the bytes say: what a worker would never do.
void service_world_frame(struct service_world *world, enum punt_kind kind, const uint8_t *bytes,
                         size_t len);
void service_world_sleep(struct service_world *world, unsigned seconds);
