// SPDX-License-Identifier: BSD-3-Clause
//
// tunnel: our end of tunnels as a door, by which the frames of all its peers come in.
//
// A packet that comes by it has the slot of its peer as in_port, and its VNI; a batch is of one peer. What is
// refused before its peer is known, or is no frame, counts here. Nothing leaves by it: each peer is a door of
// its own (peer.h). open and close on the main thread, in any order with those of the peers.

#pragma once

#include "tunnels/encap.h"
#include "tunnels/underlay.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>

struct tunnel_config {
	const char *name; // for messages
	const struct encap *encap;
	struct ip_addr local;
	uint16_t udp_port; // 0: the kind's own
	uint8_t ttl;
	int dscp; // 0 to 63; -1: that of the inner packet
	bool checksum_off;
	uint32_t underlay_mtu;        // bytes of L3; 0: what the underlay says
	struct encap_options options; // that every frame carries; of Geneve alone
	unsigned queues;
	// Frees the block once no worker reads it any more.
	void (*retire)(void *block);
};

int tunnel_open(const struct tunnel_config *config, underlay_open_fn open, void *user,
                struct port **ret, struct fail *fail);

// Whether the door is one.
bool tunnel_is(const struct port *port);
// For tests: what carries it.
struct underlay *tunnel_underlay(struct port *port);
