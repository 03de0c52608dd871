// SPDX-License-Identifier: BSD-3-Clause
//
// peer: another end of a tunnel as a door by which frames leave: encapsulation is what its tx does.
//
// Nothing comes in by this door: the tunnel's does that for all its peers, in their name. Its MTU is what the
// ways to the peer leave for L3 within. It has one way, or two: what comes by either is the peer's, and what
// leaves goes by the one in use.

#pragma once

#include "base/addr.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>

enum { PEER_WAYS = 2 };

struct peer_way {
	struct port *tunnel; // tunnel_is(); the peer keeps it alive
	struct ip_addr remote;
};

struct peer_config {
	const char *name; // for messages
	struct peer_way ways[PEER_WAYS];
	unsigned way_count; // from 1
	uint32_t slot;      // of the peer, which its packets come by
};

// The first way is in use.
int peer_open(const struct peer_config *config, struct port **ret, struct fail *fail);
bool peer_is(const struct port *port);
// Whether something did not go since the last time, being too long for the way. Main thread, while workers send.
bool peer_in_doubt(struct port *port);
// Asks the underlay anew how long frames may be. Returns whether the door's MTU changed. Likewise.
bool peer_measure(struct port *port);
// From now on frames leave by this way; PEER_WAYS: by none, and the door is `deaf`. Main thread, while workers send.
void peer_use(struct port *port, unsigned way);
// => Both are of one slot. What comes from where both have a way stays with it when the other closes.
void peer_yield(struct port *port, const struct port *other);
