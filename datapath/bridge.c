// SPDX-License-Identifier: BSD-3-Clause
//
// bridge: learning and forwarding by MAC address.
//
// Where an unknown unicast goes depends on what the FDB does not know, and learning a new MAC bumps no
// epoch; so such a flood is never cached: it costs a miss per frame, which the port's miss meter bounds.
// Floods of groups do not depend on the FDB and are cached.

#include "datapath/bridge.h"

#include "base/bytes.h"
#include "datapath/cut.h"
#include "datapath/icmp.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"
#include "vnic/parse.h"

#include <stdio.h>

static enum fdb_result learn(struct pipeline *pipeline, const struct domain *domain,
                             const struct port_config *in, const struct mac *mac)
{
	return fdb_learn(pipeline->state->fdb, domain->slot, mac, in->slot, pipeline->now_s,
	                 domain->mac_limit, in->mac_limit);
}

static void notice_move(struct miss *miss)
{
	const struct pipeline_config *config = &miss->pipeline->config;
	char mac[MAC_TEXT];
	char text[128];

	miss->pipeline->words[STATS_MOVED]++;
	if (!config->notice)
		return;
	snprintf(text, sizeof(text), "%s is behind port %s now", mac_format(miss->src, mac),
	         miss->in->name);
	config->notice(config->user, NOTICE_MAC_MOVED, miss->domain->bridge, text);
}

// What a trace says in place of learning.
static bool foretell(struct miss *miss)
{
	struct fdb *fdb = miss->pipeline->state->fdb;
	char mac[MAC_TEXT];
	uint32_t port;

	if (!fdb_lookup(fdb, miss->domain->slot, &miss->src, &port))
		trace_step(miss->trace, "bridge", "%s is new behind port %s",
		           mac_format(miss->src, mac), miss->in->name);
	return false;
}

// Whether where the frame came from says nothing about its sender's place: that is told by the controller.
static bool learns_nothing(const struct miss *miss)
{
	struct domain_member member;

	return miss->in->no_learn ||
	       (miss->in->is_peer && egress_member(miss->in, miss->domain, &member) &&
	        member.no_learn);
}

bool bridge_learn(struct miss *miss)
{
	struct pipeline *pipeline = miss->pipeline;

	if (mac_is_multicast(miss->src) || mac_is_zero(miss->src) ||
	    (miss->interface && mac_equal(miss->src, miss->interface->mac))) {
		trace_step(miss->trace, "bridge", "the source MAC cannot be a guest's");
		return miss_drop(miss, DROP_SOURCE_MAC_INVALID);
	}
	if (learns_nothing(miss))
		return false;
	if (!miss_acts(miss))
		return foretell(miss);

	switch (learn(pipeline, miss->domain, miss->in, &miss->src)) {
	case FDB_KNOWN:
		break;
	case FDB_NEW:
		pipeline->words[STATS_LEARNT]++;
		break;
	case FDB_MOVED:
		notice_move(miss);
		break;
	case FDB_LIMITED:
		// A port with a limit of its own is held to it; elsewhere a full table only costs
		// floods, and the guest who filled it is not the one to be cut off.
		if (miss->in->mac_limit)
			return miss_drop(miss, DROP_MAC_LIMIT);
		return false;
	case FDB_CONFLICT:
		return miss_drop(miss, DROP_MAC_MOVE_STATIC);
	}
	// A move bumped the epoch under which the program was stamped.
	program_stamp_in(miss->program, pipeline->state, miss->domain->slot);
	miss->program->flags |= PROGRAM_LEARNT;
	miss->program->refreshed = pipeline->now_s;
	return false;
}

void bridge_refresh(struct pipeline *pipeline, const struct port_config *in,
                    struct program *program, const struct packet *packet)
{
	const struct domain *domain = pmap_get(&pipeline->generation->domains, program->in_domain);
	struct mac src;

	program->refreshed = pipeline->now_s;
	memcpy(src.b, packet->data + ETH_SRC, sizeof(src.b));
	if (domain)
		learn(pipeline, domain, in, &src);
}

bool bridge_reserved(struct miss *miss)
{
	static const uint8_t group[5] = {0x01, 0x80, 0xc2, 0x00, 0x00};

	if (memcmp(miss->dst.b, group, sizeof(group)) != 0 || miss->dst.b[5] > 0x0f)
		return false;
	trace_step(miss->trace, "bridge", "a link's own group is not passed on");
	return miss_drop(miss, DROP_RESERVED_MULTICAST);
}

// Marks the MACs that flow rules changed for rewriting.
static void keep_macs(struct miss *miss)
{
	const uint8_t *data = miss->packet->data;

	if (memcmp(data, miss->dst.b, 6) == 0 && memcmp(data + 6, miss->src.b, 6) == 0)
		return;
	miss->program->flags |= PROGRAM_MACS;
	miss->program->dst_mac = miss->dst;
	miss->program->src_mac = miss->src;
}

static bool flood(struct miss *miss, const struct domain *domain)
{
	struct program *program = miss->program;

	program->flags |= PROGRAM_FLOOD;
	program->out_domain = domain->slot;
	program->out_epoch = fdb_epoch(miss->pipeline->state->fdb, domain->slot);
	if (!(program->flags & PROGRAM_ROUTERS))
		trace_step(miss->trace, "bridge", "flooded to the other ports of net %s",
		           domain->name);
	return true;
}

bool bridge_forward(struct miss *miss)
{
	keep_macs(miss);
	if (mac_is_multicast(miss->dst))
		return flood(miss, miss->domain);
	return bridge_output(miss, miss->domain, &miss->dst);
}

// Whether the packet ends here, being too big for the way to the peer: its sender is told, as by a router there, and
// learns what the whole way carries (RFC 1191, RFC 8201). What may be cut is cut.
static bool enter_tunnel(struct miss *miss, const struct port_config *out)
{
	struct program *program = miss->program;
	struct packet *packet = miss->packet;
	uint32_t mtu = out->door ? out->door->mtu : UINT16_MAX;

	mtu = MIN(mtu, UINT16_MAX);
	if (!program->mtu || mtu < program->mtu)
		program->mtu = (uint16_t)mtu;
	if (program_l3_length(packet) <= mtu)
		return false;
	program->flags |= PROGRAM_NO_CACHE;
	if (packet_parse(packet, PARSE_L4) == DROP_NONE && cut_is_due(packet, mtu) &&
	    !(load_be16(packet_l3(packet) + IP4_OFFSET) & IP4_DF))
		return false;
	trace_step(miss->trace, "tunnel", "%u bytes are too many for %s, which carries %u",
	           program_l3_length(packet), out->name, mtu);
	icmp_too_big(miss, mtu);
	return miss_drop(miss, DROP_TUNNEL_MTU);
}

bool bridge_output(struct miss *miss, const struct domain *domain, const struct mac *mac)
{
	struct program *program = miss->program;
	const struct port_config *out = NULL;
	struct domain_member member;
	char text[MAC_TEXT];
	uint32_t slot = 0;

	if (fdb_lookup(miss->pipeline->state->fdb, domain->slot, mac, &slot))
		out = pmap_get(&miss->generation->ports, slot);
	if (!out || !egress_member(out, domain, &member)) {
		trace_step(miss->trace, "bridge", "%s is not known", mac_format(*mac, text));
		program->flags |= PROGRAM_NO_CACHE;
		return flood(miss, domain);
	}
	// A router may send back by the port that a frame came by; a bridge may not.
	if (slot == miss->in->slot && domain == miss->domain && !(program->flags & PROGRAM_TTL)) {
		trace_step(miss->trace, "bridge", "%s is behind the port it came by",
		           mac_format(*mac, text));
		return miss_drop(miss, DROP_SAME_PORT);
	}
	if (member.vni && miss->in->is_peer && !(program->flags & PROGRAM_TTL)) {
		trace_step(miss->trace, "bridge",
		           "%s is behind another peer, which hears of it itself",
		           mac_format(*mac, text));
		return miss_drop(miss, DROP_SPLIT_HORIZON);
	}

	program->out_port = slot;
	if (member.vni) {
		if (enter_tunnel(miss, out))
			return true;
		program->flags |= PROGRAM_VNI;
		program->vni = member.vni & VNI_MASK;
	} else if (member.vid) {
		program->flags |= PROGRAM_TAG;
		program->vlan = member.vid;
		// The priority survives where the frame had one.
		if (miss->packet->flags & PACKET_VLAN)
			program->vlan |= miss->packet->vlan & VLAN_PRIORITY;
	}
	if (member.vni)
		trace_step(miss->trace, "tunnel", "%s, vni %u", out->name, member.vni);
	else
		trace_step(miss->trace, "out", member.vid ? "port %s, tag %u" : "port %s",
		           out->name, member.vid);
	return true;
}
