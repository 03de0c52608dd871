// SPDX-License-Identifier: BSD-3-Clause
//
// vlan: access, trunk and native ports.
//
// A tag with vid 0 carries a priority only (IEEE 802.1Q, 6.9.1): such a frame is untagged. Cost: one binary
// search over the port's VLANs.

#include "datapath/vlan.h"

#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"

uint32_t vlan_domain(const struct port_config *port, uint32_t vid)
{
	uint32_t low = 0;
	uint32_t high = port->tagged_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (port->tagged[middle].vid < vid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < port->tagged_count && port->tagged[low].vid == vid ? port->tagged[low].domain
	                                                                : 0;
}

// The frames of a peer are told apart by VNI; a tag within has no meaning here (RFC 7348, section 6.1).
static uint32_t peer_domain(const struct miss *miss, uint16_t vid)
{
	return vid ? 0 : vlan_domain(miss->in, miss->packet->vni);
}

static bool refuse_peer(struct miss *miss, uint16_t vid)
{
	if (vid) {
		trace_step(miss->trace, "vlan", "a frame of %s has a tag of its own, vlan %u",
		           miss->in->name, vid);
		return miss_drop(miss, DROP_VLAN_NOT_ALLOWED);
	}
	trace_step(miss->trace, "tunnel", "%s has no net of vni %u", miss->in->name,
	           miss->packet->vni);
	return miss_drop(miss, DROP_VNI_UNKNOWN);
}

bool vlan_stage(struct miss *miss)
{
	struct packet *packet = miss->packet;
	uint16_t vid = packet->flags & PACKET_VLAN ? packet->vlan & VLAN_VID : 0;
	uint32_t slot = vid ? vlan_domain(miss->in, vid) : miss->in->untagged_domain;

	if (miss->in->is_peer)
		slot = peer_domain(miss, vid);
	miss->domain = slot ? pmap_get(&miss->generation->domains, slot) : NULL;
	if (!miss->domain && miss->in->is_peer)
		return refuse_peer(miss, vid);
	if (!miss->domain && vid) {
		trace_step(miss->trace, "vlan", "port %s does not carry vlan %u", miss->in->name,
		           vid);
		return miss_drop(miss, DROP_VLAN_NOT_ALLOWED);
	}
	if (!miss->domain) {
		trace_step(miss->trace, "vlan", "port %s takes no untagged frames", miss->in->name);
		return miss_drop(miss, DROP_UNTAGGED_NOT_ALLOWED);
	}

	miss->interface = miss->domain->interface;
	packet->domain = slot;
	program_stamp_in(miss->program, miss->pipeline->state, slot);
	if (miss->domain->vid)
		trace_step(miss->trace, "vlan", "net %s (vlan %u)", miss->domain->name,
		           miss->domain->vid);
	else
		trace_step(miss->trace, "vlan", "net %s", miss->domain->name);
	return false;
}
