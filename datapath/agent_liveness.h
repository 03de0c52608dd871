// SPDX-License-Identifier: BSD-3-Clause
//
// agent_liveness: whether the peers of tunnels are there, and by which of their addresses they are reached.
//
// Time is what the caller says, ns of one clock, UINT64_MAX is never. Main thread only.

#pragma once

#include "base/fail.h"
#include "proto/channel.pb-c.h"
#include "tunnels/bfd_sessions.h"
#include "tunnels/peer.h"

#include <stdint.h>

struct agent_liveness;

struct agent_liveness_config {
	struct bfd_carrier carrier; // its `open` NULL: no peer is watched
	uint64_t (*now)(void *user);
	void (*wake)(void *user); // agent_liveness_run wants to be called
	void (*event)(void *user, Weft__EventType type, uint64_t id, const char *text);
	// Forgets the MACs that were learnt behind the port.
	void (*forget)(void *user, uint32_t slot);
	void *user;
};

struct agent_liveness *agent_liveness_new(
	const struct agent_liveness_config *config);       // NULL: no memory
void agent_liveness_free(struct agent_liveness *liveness); // => No peer is left. NULL is fine.

// Begins to watch a peer whose door is open. `paths` are those of its ways. A path that cannot be watched is told of by
// an event, and taken for one that works. 0 or -ENOMEM.
int agent_liveness_add(struct agent_liveness *liveness, uint64_t id, struct port *door,
                       const Weft__TunnelPeer *message, const struct bfd_path paths[PEER_WAYS]);
// Does nothing with a door that is not watched.
void agent_liveness_remove(struct agent_liveness *liveness, const struct port *door);

// Takes a packet that came. Returns DROP_NONE, or why it is refused.
enum drop_reason agent_liveness_receive(struct agent_liveness *liveness,
                                        const struct bfd_path *path, unsigned ttl,
                                        const uint8_t *bytes, size_t len);
// Does what is due. Returns when it wants to be called again.
uint64_t agent_liveness_run(struct agent_liveness *liveness);

// What a person wants to know of a peer.
struct liveness_view {
	unsigned way_count;
	const struct bfd *sessions[PEER_WAYS]; // NULL: could not be watched
	bool reached;                          // by `remote`
	struct ip_addr remote;
	uint32_t failovers;
};

// Returns whether the door's peer is watched; *ret is borrowed until the next call of anything here.
bool agent_liveness_view(const struct agent_liveness *liveness, const struct port *door,
                         struct liveness_view *ret);
