// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port_tunnel: the doors of tunnels and their peers: which peer belongs to which tunnel. Main thread only.

#pragma once

#include "base/fail.h"
#include "datapath/agent_liveness.h"
#include "proto/objects.pb-c.h"
#include "tunnels/underlay.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>

struct agent_tunnels;
struct fdb;
struct generation;

struct agent_tunnels_config {
	underlay_open_fn open; // a scenario has its own
	void *user;
	void (*retire)(void *block); // see struct tunnel_config
	unsigned queues;             // to receive by, of each tunnel
	struct agent_liveness_config liveness;
};

struct agent_tunnels *agent_tunnels_new(
	const struct agent_tunnels_config *config);     // NULL with errno
void agent_tunnels_free(struct agent_tunnels *tunnels); // => All doors are closed. NULL is fine.

// Whether the port is a tunnel or a peer, so that its door comes from here.
bool agent_tunnels_have(const Weft__Port *config);
// => The tunnel of a peer is open.
int agent_tunnels_open(struct agent_tunnels *tunnels, uint64_t id, const char *name,
                       const Weft__Port *config, uint32_t slot, struct port **ret,
                       struct fail *fail);
// Asks anew how long frames to each peer may be; without `all`, to those that refused some. What was cached of the
// generation is compiled anew where an MTU changed.
void agent_tunnels_measure(struct agent_tunnels *tunnels, const struct generation *generation,
                           struct fdb *fdb, bool all);
// What the way to each peer carries: fills in as many as there is room for, and returns how many there are.
struct tunnel_way {
	uint64_t peer;
	uint32_t mtu; // of L3 within
};

size_t agent_tunnels_ways(const struct agent_tunnels *tunnels, struct tunnel_way *ret, size_t room);
// Returns false when the door is none of ours, and does nothing.
bool agent_tunnels_close(struct agent_tunnels *tunnels, struct port *door);

// A BFD packet came: what is refused is counted at the door that it concerns.
void agent_tunnels_packet(struct agent_tunnels *tunnels, const struct bfd_path *path, unsigned ttl,
                          const uint8_t *bytes, size_t len);
// For what is due of BFD, and for what it says.
struct agent_liveness *agent_tunnels_liveness(struct agent_tunnels *tunnels);
