// SPDX-License-Identifier: BSD-3-Clause
//
// tunnel_priv: what a tunnel and its peers share.

#pragma once

#include "tunnels/encap.h"
#include "tunnels/peer_table.h"
#include "tunnels/tunnel.h"

// What the last receive brought and rx has not handed out yet.
struct tunnel_queue {
	unsigned count, next;
	uint32_t done; // bytes of the arrival at `next` that are handed out
	struct arrival arrivals[UNDERLAY_BATCH];
};

struct tunnel {
	struct port port;
	struct tunnel_config config;
	struct underlay *underlay; // owned
	unsigned holders;          // the door itself and each peer; main thread
	_Atomic(const struct peer_table *) peers;
	struct tunnel_queue queues[]; // port.queue_count of them
};

// Both by the main thread. The tunnel is freed when its last holder has let go.
void tunnel_hold(struct tunnel *tunnel);
void tunnel_let_go(struct tunnel *tunnel);
// From now on what comes from the address belongs to the slot; 0: to nobody. 0 or -ENOMEM.
int tunnel_set_peer(struct tunnel *tunnel, struct ip_addr remote, uint32_t slot);
// Bytes in front of an inner frame's L3, on a wire of the underlay's family.
unsigned tunnel_overhead(const struct tunnel *tunnel);
