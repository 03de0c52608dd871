// SPDX-License-Identifier: BSD-3-Clause
//
// derive_mesh: nets that span hosts: on each of their hosts a tunnel, a peer for each other one, the nets' places at
// those, and where MACs are. Who has which address is derive_address's.
//
// The unit "mesh/HOST" is what one host must hold of it but for the MACs of ports, which are part of the port's
// own unit. So a port that comes or goes costs one entry on each host of its net; only a net that comes to a host or
// leaves one costs the meshes of its hosts. A net is where it has ports, and at its home, if something is served
// there. All encapsulation is VXLAN, and the address that of the host (model_host.h); a host that has none is in no
// mesh.

#include "controller/derive_mesh.h"

#include "controller/derive_address.h"
#include "controller/derive_unit.h"
#include "controller/model_host.h"
#include "controller/model_place.h"
#include "controller/model_tunnel.h"

#include <errno.h>
#include <stdio.h>

enum { LONE_INTERVAL_MS = 1000, LONE_MULTIPLIER = 5 };

struct mesh_walk derive_mesh_walk(const struct model *model, struct layout *layout,
                                  const struct intent *net)
{
	struct mesh_walk walk = {.model = model, .net = net};
	struct net_plan plan;

	if (derive_plan(net, &plan) && plan.has_interface)
		walk.home = derive_home(model, layout, net);
	return walk;
}

bool derive_mesh_next(struct mesh_walk *walk, char ret[static KEY_SIZE])
{
	if (!walk->ended && model_place_next(walk->model, walk->net->name, &walk->cursor, ret))
		return true;
	if (walk->ended || !walk->home || model_place_has(walk->model, walk->net->name, walk->home))
		return false;
	walk->ended = true;
	snprintf(ret, KEY_SIZE, "%s", walk->home);
	return true;
}

bool derive_mesh_spans(const struct model *model, struct layout *layout, const struct intent *net)
{
	struct mesh_walk walk = derive_mesh_walk(model, layout, net);
	char host[KEY_SIZE];

	return derive_mesh_next(&walk, host) && derive_mesh_next(&walk, host);
}

int derive_mesh_hosts(const struct model *model, struct layout *layout, const struct intent *net,
                      struct table *hosts)
{
	struct mesh_walk walk = derive_mesh_walk(model, layout, net);
	char host[KEY_SIZE];
	int err = 0;

	while (err == 0 && derive_mesh_next(&walk, host))
		err = table_put_text(hosts, host, hosts);
	return err;
}

uint64_t derive_mesh_peer_id(const char *host)
{
	char key[KEY_SIZE + 8];

	snprintf(key, sizeof(key), "mesh/%s", host);
	return ident(WEFT__KIND__KIND_PORT, key);
}

static uint64_t tunnel_id(void)
{
	return ident(WEFT__KIND__KIND_PORT, "mesh");
}

// The end of the host's second address.
static uint64_t backup_tunnel_id(void)
{
	return ident(WEFT__KIND__KIND_PORT, "mesh-backup");
}

// Both of one family; IPv4 where there is a choice.
static bool address_pair(const struct model *model, const char *host, const char *other,
                         struct ip_addr *own, struct ip_addr *its)
{
	for (int want4 = 1; want4 >= 0; want4--)
		if (model_host_address(model, host, want4, own))
			return model_host_address(model, other, want4, its);
	return false;
}

bool derive_mesh_reaches(const struct model *model, const char *host, const char *other)
{
	struct ip_addr here, there;

	return address_pair(model, host, other, &here, &there);
}

// The second way between two hosts: the second address of each that has one, and the first of the other.
static bool backup_pair(const struct model *model, const char *host, const char *other,
                        struct ip_addr *own, struct ip_addr *its)
{
	bool is4 = ip_is4(*own);
	bool own_has = model_host_backup(model, host, is4, own);
	bool its_has = model_host_backup(model, other, is4, its);

	return own_has || its_has;
}

static bool is_watched(const struct model *model, const char *host)
{
	const struct intent *intent = model_get(model, NOUN_HOST, host);

	return !intent || !intent->msg->host->bfd_off;
}

struct parts {
	const struct model *model;
	struct layout *layout;
	const char *host;
	struct unit *unit;
	bool has_backup;    // the second tunnel is there
	struct table peers; // host -> anything, that have their port
};

static void add(struct parts *parts, Weft__Kind kind, const char *name, Weft__Object *object)
{
	object->name = (char *)name;
	unit_add(parts->unit, kind, object);
}

static void add_tunnel(struct parts *parts, uint64_t id, const struct ip_addr *local)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Tunnel tunnel = WEFT__TUNNEL__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	char name[KEY_SIZE];

	tunnel.encapsulation = WEFT__ENCAPSULATION__ENCAP_VXLAN;
	tunnel.local = derive_ip(local);
	port.type = WEFT__PORT_TYPE__PORT_TUNNEL;
	port.tunnel = &tunnel;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	add(parts, WEFT__KIND__KIND_PORT, noun_key(name, NOUN_HOST, parts->host), &object);
}

// As either host has it; what both have, as the more patient one.
static void fill_pace(const struct model *model, const char *host, Weft__Bfd *bfd)
{
	const struct intent *intent = model_get(model, NOUN_HOST, host);
	const Weft__Host *body = intent ? intent->msg->host : NULL;

	if (body && body->has_bfd_interval_us && body->bfd_interval_us / 1000 > bfd->interval_ms) {
		bfd->has_interval_ms = true;
		bfd->interval_ms = body->bfd_interval_us / 1000;
	}
	if (body && body->has_bfd_multiplier && body->bfd_multiplier > bfd->multiplier) {
		bfd->has_multiplier = true;
		bfd->multiplier = body->bfd_multiplier;
	}
}

static void fill_paces(const struct parts *parts, const char *host, bool lone, Weft__Bfd *bfd)
{
	uint32_t interval_ms = lone ? LONE_INTERVAL_MS : bfd->interval_ms;
	uint32_t multiplier = lone ? LONE_MULTIPLIER : bfd->multiplier;

	bfd->interval_ms = bfd->multiplier = 0;
	fill_pace(parts->model, parts->host, bfd);
	fill_pace(parts->model, host, bfd);
	bfd->has_interval_ms = bfd->has_interval_ms || lone;
	bfd->has_multiplier = bfd->has_multiplier || lone;
	if (!bfd->interval_ms)
		bfd->interval_ms = interval_ms;
	if (!bfd->multiplier)
		bfd->multiplier = multiplier;
}

// Hosts watch each other. Where there is nothing to fail over to, patience costs nothing and saves packets.
static void fill_liveness(struct parts *parts, const char *host, struct ip_addr own,
                          struct ip_addr its, Weft__TunnelPeer *peer, struct ip_addr *room)
{
	struct ip_addr first = own;
	bool lone = !backup_pair(parts->model, parts->host, host, &own, &its);

	peer->bfd->has_multihop = true;
	peer->bfd->multihop = true;
	fill_paces(parts, host, lone, peer->bfd);
	if (lone)
		return;
	*room = its;
	peer->has_backup = true;
	peer->backup = derive_ip(room);
	if (ip_equal(own, first))
		return;
	if (!parts->has_backup)
		add_tunnel(parts, backup_tunnel_id(), &own);
	parts->has_backup = true;
	peer->has_backup_tunnel = true;
	peer->backup_tunnel = backup_tunnel_id();
}

// Returns whether there is a way to the host, and so a port for it.
static bool add_peer(struct parts *parts, const char *host)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__TunnelPeer peer = WEFT__TUNNEL_PEER__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Bfd bfd = WEFT__BFD__INIT;
	struct ip_addr own, its, backup;
	char name[KEY_SIZE];

	if (table_get_text(&parts->peers, host))
		return true;
	if (!address_pair(parts->model, parts->host, host, &own, &its))
		return false;
	if (parts->peers.count == 0)
		add_tunnel(parts, tunnel_id(), &own);
	if (table_put_text(&parts->peers, host, parts) < 0) {
		parts->unit->error = -ENOMEM;
		return false;
	}
	peer.tunnel = tunnel_id();
	peer.remote = derive_ip(&its);
	if (is_watched(parts->model, parts->host) && is_watched(parts->model, host)) {
		peer.bfd = &bfd;
		fill_liveness(parts, host, own, its, &peer, &backup);
	}
	// What is known is told; behind an interface there may be more.
	peer.has_learn = true;
	peer.learn = true;
	port.type = WEFT__PORT_TYPE__PORT_PEER;
	port.peer = &peer;
	object.id = derive_mesh_peer_id(host);
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	add(parts, WEFT__KIND__KIND_PORT, noun_key(name, NOUN_HOST, host), &object);
	return true;
}

// What is for nobody known goes only where such a one may be. The MACs of others are told; but a guest may bridge
// more, so they are learnt as well, unless the net is to know none but those.
static void fill_policy(const struct model *model, const struct intent *net, const char *host,
                        Weft__VlanMember *member)
{
	bool open = model_place_is_open(model, net, host);
	Weft__UnknownPolicy policy = derive_unknown(net);

	member->has_flood = policy == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP ||
	                    (policy == WEFT__UNKNOWN_POLICY__UNKNOWN_AUTO && !open);
	if (member->has_flood)
		member->flood = WEFT__FLOOD_POLICY__FLOOD_GROUPS;
	member->has_learn_off = member->learn_off =
		policy == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP && !open;
}

static void add_member(struct parts *parts, const struct intent *net, const struct net_plan *plan,
                       const char *host)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	char key[2 * KEY_SIZE];

	member.port = derive_mesh_peer_id(host);
	member.bridge = derive_bridge_id(net);
	member.vid = plan->vlan;
	member.has_vni = true;
	member.vni = model_tunnel_vni(net);
	fill_policy(parts->model, net, host, &member);
	snprintf(key, sizeof(key), "mesh/%s/%s", host, net->key);
	object.id = ident(WEFT__KIND__KIND_VLAN_MEMBER, key);
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &member;
	add(parts, WEFT__KIND__KIND_VLAN_MEMBER, net->key, &object);
}

static void add_place(struct unit *unit, const char *key, const struct intent *net,
                      const struct net_plan *plan, const struct mac *mac, uint64_t port)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__FdbEntry entry = WEFT__FDB_ENTRY__INIT;

	entry.bridge = derive_bridge_id(net);
	entry.vid = plan->vlan;
	entry.mac = derive_mac(mac);
	entry.port = port;
	object.id = ident(WEFT__KIND__KIND_FDB_ENTRY, key);
	object.name = (char *)key;
	object.body_case = WEFT__OBJECT__BODY_FDB_ENTRY;
	object.fdb_entry = &entry;
	unit_add(unit, WEFT__KIND__KIND_FDB_ENTRY, &object);
}

static void add_net(struct parts *parts, const struct intent *net)
{
	struct mesh_walk walk = derive_mesh_walk(parts->model, parts->layout, net);
	struct mac mac = ipam_router_mac(&parts->model->instance);
	struct net_plan plan;
	char host[KEY_SIZE];

	if (!derive_plan(net, &plan))
		return;
	while (derive_mesh_next(&walk, host)) {
		if (strcmp(host, parts->host) == 0 || !add_peer(parts, host))
			continue;
		add_member(parts, net, &plan, host);
		// The router has its leg at home, and there only.
		if (walk.home && strcmp(walk.home, host) == 0) {
			add_place(parts->unit, net->key, net, &plan, &mac,
			          derive_mesh_peer_id(host));
			derive_address_leg(parts->unit, net, &plan, &mac,
			                   derive_mesh_peer_id(host));
		}
	}
}

// Nets that are served on the host and have no port there. What they have there is derived already, so they are
// found by that, without a look at those of other hosts.
static void add_served(struct parts *parts, const struct desired *desired)
{
	const void *key;
	size_t cursor = 0, len;

	while (desired && table_next(&desired->units, &cursor, &key, &len)) {
		const struct intent *net;
		struct net_plan plan;
		char text[KEY_SIZE];

		if (len <= strlen("net/") || len >= sizeof(text) ||
		    memcmp(key, "net/", strlen("net/")) != 0)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)key);
		net = model_get_key(parts->model, text);
		if (net && !model_place_has(parts->model, net->name, parts->host) &&
		    derive_plan(net, &plan) && plan.has_interface &&
		    strcmp(derive_home(parts->model, parts->layout, net), parts->host) == 0)
			add_net(parts, net);
	}
}

void derive_mesh(const struct model *model, const char *host, struct layout *layout)
{
	struct parts parts = {.model = model, .layout = layout, .host = host};
	const struct intent *net;
	char name[KEY_SIZE];
	size_t cursor = 0;

	if (!model_host_exists(model, host))
		return;
	parts.unit = layout_unit(layout, host);
	while (model_place_next_net(model, host, &cursor, name)) {
		net = model_get(model, NOUN_NET, name);
		if (net)
			add_net(&parts, net);
	}
	add_served(&parts, layout_at(layout, host));
	table_fini(&parts.peers);
}

void derive_mesh_port(const struct model *model, struct layout *layout, const struct intent *port,
                      const struct intent *net, const struct net_plan *plan)
{
	const char *own = model_place_of(port->msg->port);
	struct mesh_walk walk = derive_mesh_walk(model, layout, net);
	char host[KEY_SIZE];
	struct mac mac;

	if (!port->msg->port->mac || mac_parse(port->msg->port->mac, &mac) < 0)
		return;
	while (derive_mesh_next(&walk, host))
		if (strcmp(host, own) != 0 && derive_mesh_reaches(model, host, own))
			add_place(layout_unit(layout, host), port->key, net, plan, &mac,
			          derive_mesh_peer_id(own));
	// Where nothing is looked for, also who has not spoken yet must be found.
	if (derive_unknown(net) == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP)
		add_place(layout_unit(layout, own), port->key, net, plan, &mac,
		          derive_port_id(port->name));
}
