// SPDX-License-Identifier: BSD-3-Clause
//
// peer: another end of a tunnel as a door by which frames leave: encapsulation is what its tx does.
//
// Nothing comes in by this door: the tunnel's does that for all its peers, in their name. Its MTU is what the
// way to the peer leaves for L3 within.

#pragma once

#include "base/addr.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>

struct peer_config {
	const char *name;    // for messages
	struct port *tunnel; // tunnel_is(); the peer keeps it alive
	struct ip_addr remote;
	uint32_t slot; // of the peer, which its packets come by
};

int peer_open(const struct peer_config *config, struct port **ret, struct fail *fail);
bool peer_is(const struct port *port);
