// SPDX-License-Identifier: BSD-3-Clause
//
// derive_tunnel: a tunnel as the port that it is, its peers as theirs, and which net goes to which peer.
//
// The unit of a tunnel holds the members of all its peers in all its nets, since it is what both refer to: a net
// or a peer that changes derives it anew, and what is equal is not sent.

#include "controller/derive_unit.h"

#include "controller/model_host.h"
#include "controller/model_place.h"
#include "controller/model_tunnel.h"
#include "controller/tunnel_option.h"

#include <stdio.h>

uint64_t derive_peer_id(const char *peer)
{
	char key[KEY_SIZE];

	return ident(WEFT__KIND__KIND_PORT, noun_key(key, NOUN_PEER, peer));
}

static uint64_t tunnel_id(const char *tunnel)
{
	char key[KEY_SIZE];

	return ident(WEFT__KIND__KIND_PORT, noun_key(key, NOUN_TUNNEL, tunnel));
}

static void add_port(const struct intent *intent, Weft__Port *port, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;

	object.id = ident(WEFT__KIND__KIND_PORT, intent->key);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = port;
	unit_add(unit, WEFT__KIND__KIND_PORT, &object);
}

static void add_member(const struct intent *net, const char *peer, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	char id_key[2 * KEY_SIZE];
	struct net_plan plan;

	if (!derive_plan(net, &plan))
		return;
	snprintf(id_key, sizeof(id_key), "%s/%s", peer, net->key);
	member.port = ident(WEFT__KIND__KIND_PORT, peer);
	member.bridge = derive_bridge_id(net);
	member.vid = plan.vlan;
	member.has_vni = true;
	member.vni = net->msg->net->vni;
	if (derive_unknown(net) == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP) {
		member.has_flood = true;
		member.flood = WEFT__FLOOD_POLICY__FLOOD_GROUPS;
	}
	object.id = ident(WEFT__KIND__KIND_VLAN_MEMBER, id_key);
	object.name = (char *)peer;
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &member;
	unit_add(unit, WEFT__KIND__KIND_VLAN_MEMBER, &object);
}

static void add_members(const struct model *model, const struct intent *tunnel,
                        const struct intent *net, struct unit *unit)
{
	char user[KEY_SIZE];
	const char *name;
	size_t cursor = 0;

	while (graph_next_user(&model->graph, tunnel->key, &cursor, user))
		if (noun_of_key(user, &name) == NOUN_PEER && model_get_key(model, user))
			add_member(net, user, unit);
}

// Where a net is not, there is no bridge for its frames.
static bool is_here(const struct model *model, struct layout *layout, const struct intent *net,
                    const char *host)
{
	return strcmp(derive_home(model, layout, net), host) == 0 ||
	       model_place_has(model, net->name, host);
}

// The options lie in `room`.
static void fill_options(const struct intent *intent, Weft__Tunnel *message,
                         uint8_t room[static TUNNEL_OPTIONS_MAX])
{
	const Weft__TunnelIntent *tunnel = intent->msg->tunnel;
	struct refusal refusal = {0};
	size_t len;

	// The model has checked them.
	if (tunnel->n_options == 0 ||
	    tunnel_options_pack(intent->key, tunnel->options, tunnel->n_options, room, &len,
	                        &refusal) < 0)
		return;
	message->has_options = true;
	message->options = (ProtobufCBinaryData){.len = len, .data = room};
}

void derive_tunnel(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__TunnelIntent *tunnel = intent->msg->tunnel;
	const char *host = tunnel->host ? tunnel->host : HOST_LOCAL;
	struct unit *unit = layout_unit(layout, host);
	Weft__Tunnel message = WEFT__TUNNEL__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	uint8_t options[TUNNEL_OPTIONS_MAX];
	char user[KEY_SIZE];
	struct ip_addr local;
	size_t cursor = 0;

	if (!tunnel->local || ip_parse(tunnel->local, &local) < 0)
		return;
	// Both name the same three in the same order.
	message.encapsulation = (Weft__Encapsulation)tunnel->type;
	message.local = derive_ip(&local);
	message.has_udp_port = tunnel->has_port;
	message.udp_port = tunnel->port;
	message.has_ttl = tunnel->has_ttl;
	message.ttl = tunnel->ttl;
	message.has_dscp = tunnel->has_dscp;
	message.dscp = tunnel->dscp;
	message.has_checksum_off = tunnel->has_checksum_off;
	message.checksum_off = tunnel->checksum_off;
	message.has_underlay_mtu = tunnel->has_underlay_mtu;
	message.underlay_mtu = tunnel->underlay_mtu;
	fill_options(intent, &message, options);
	port.type = WEFT__PORT_TYPE__PORT_TUNNEL;
	port.tunnel = &message;
	add_port(intent, &port, unit);
	while (graph_next_user(&model->graph, intent->key, &cursor, user)) {
		const struct intent *net = model_get_key(model, user);

		if (net && net->noun == NOUN_NET && is_here(model, layout, net, host))
			add_members(model, intent, net, unit);
	}
}

static void fill_backup(const Weft__PeerIntent *peer, Weft__TunnelPeer *message,
                        struct ip_addr *room)
{
	if (!peer->backup || ip_parse(peer->backup, room) < 0)
		return;
	message->has_backup = true;
	message->backup = derive_ip(room);
	message->has_backup_tunnel = peer->backup_tunnel != NULL;
	message->backup_tunnel = tunnel_id(model_tunnel_of_backup(peer));
}

static void fill_bfd(const Weft__PeerIntent *peer, Weft__TunnelPeer *message, Weft__Bfd *bfd)
{
	if (!peer->has_bfd || peer->bfd == WEFT__BFD_MODE__BFD_OFF)
		return;
	bfd->has_multihop = peer->bfd == WEFT__BFD_MODE__BFD_MULTIHOP;
	bfd->multihop = bfd->has_multihop;
	bfd->has_interval_ms = peer->has_bfd_interval_us;
	bfd->interval_ms = peer->bfd_interval_us / 1000;
	bfd->has_multiplier = peer->has_bfd_multiplier;
	bfd->multiplier = peer->bfd_multiplier;
	bfd->has_hold_ms = peer->has_bfd_hold_us;
	bfd->hold_ms = peer->bfd_hold_us / 1000;
	message->bfd = bfd;
}

void derive_peer(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__PeerIntent *peer = intent->msg->peer;
	const struct intent *tunnel =
		peer->tunnel ? model_get(model, NOUN_TUNNEL, peer->tunnel) : NULL;
	Weft__TunnelPeer message = WEFT__TUNNEL_PEER__INIT;
	Weft__Bfd bfd = WEFT__BFD__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	struct ip_addr remote, backup;

	if (!tunnel || !peer->remote || ip_parse(peer->remote, &remote) < 0)
		return;
	message.tunnel = tunnel_id(peer->tunnel);
	message.remote = derive_ip(&remote);
	fill_backup(peer, &message, &backup);
	fill_bfd(peer, &message, &bfd);
	// Nobody else tells where MACs are behind an end that is not ours.
	message.has_learn = true;
	message.learn = !peer->learn_off;
	port.type = WEFT__PORT_TYPE__PORT_PEER;
	port.peer = &message;
	port.has_admin_down = peer->has_down;
	port.admin_down = peer->down;
	port.has_mac_limit = peer->has_mac_limit;
	port.mac_limit = peer->mac_limit;
	add_port(intent, &port,
	         layout_unit(layout,
	                     tunnel->msg->tunnel->host ? tunnel->msg->tunnel->host : HOST_LOCAL));
}
