// SPDX-License-Identifier: BSD-3-Clause
//
// agent_relate_object: addresses that must lie in a subnet, interfaces that must be of a VRF, subnets that must
// not overlap.

#include "datapath/agent_relate.h"

#include <errno.h>

static const struct agent_object *get(struct agent_change *change, uint32_t kind, uint64_t id)
{
	return agent_store_object(&change->apply->store, kind, id);
}

// The address of the interface whose subnet holds `ip`; false: none.
static bool subnet_of(const struct agent_object *interface, struct ip_addr ip,
                      struct ip_prefix *ret)
{
	const Weft__Interface *message = interface->message->interface;

	for (size_t i = 0; i < message->n_addresses; i++) {
		struct ip_prefix prefix;

		if (agent_prefix(message->addresses[i], &prefix) < 0 ||
		    !prefix_contains(prefix, ip))
			continue;
		*ret = prefix;
		return true;
	}
	return false;
}

static int refuse_outside(struct agent_change *change, const struct agent_object *object,
                          const char *field, struct ip_addr ip,
                          const struct agent_object *interface)
{
	char name[OBJECT_NAME], text[IP_TEXT];

	return agent_object_refuse(object, change->result, -EADDRNOTAVAIL, field,
	                           "%s is outside the subnets of %s", ip_format(ip, text),
	                           agent_object_name(interface, name));
}

static int relate_scope(struct agent_change *change, const struct agent_object *object)
{
	const Weft__DhcpScope *scope = object->message->dhcp_scope;
	const struct agent_object *interface =
		get(change, WEFT__KIND__KIND_INTERFACE, scope->interface);
	struct ip_addr first, last;
	struct ip_prefix subnet;
	char text[IP_TEXT];

	agent_ip(&scope->first, &first);
	agent_ip(&scope->last, &last);
	if (!subnet_of(interface, first, &subnet))
		return refuse_outside(change, object, "first", first, interface);
	if (!prefix_contains(subnet, last))
		return refuse_outside(change, object, "last", last, interface);
	if (ip_compare(subnet.addr, first) >= 0 && ip_compare(subnet.addr, last) <= 0)
		return agent_object_refuse(object, change->result, -EADDRINUSE, "first",
		                           "the pool holds %s, which is the router's own",
		                           ip_format(subnet.addr, text));
	return 0;
}

static int relate_reservation(struct agent_change *change, const struct agent_object *object)
{
	const Weft__DhcpReservation *reservation = object->message->dhcp_reservation;
	const struct agent_object *scope, *interface;
	struct ip_prefix subnet;
	struct ip_addr ip;
	char text[IP_TEXT];

	if (!reservation->has_ip)
		return 0;
	scope = get(change, WEFT__KIND__KIND_DHCP_SCOPE, reservation->scope);
	interface = get(change, WEFT__KIND__KIND_INTERFACE, scope->message->dhcp_scope->interface);
	// A scope that leads nowhere is refused by itself.
	if (!interface)
		return 0;
	agent_ip(&reservation->ip, &ip);
	if (!subnet_of(interface, ip, &subnet))
		return refuse_outside(change, object, "ip", ip, interface);
	if (ip_equal(subnet.addr, ip))
		return agent_object_refuse(object, change->result, -EADDRINUSE, "ip",
		                           "%s is the router's own", ip_format(ip, text));
	return 0;
}

static int relate_neighbour(struct agent_change *change, const struct agent_object *object)
{
	const Weft__Neighbour *neighbour = object->message->neighbour;
	const struct agent_object *interface =
		get(change, WEFT__KIND__KIND_INTERFACE, neighbour->interface);
	struct ip_prefix subnet;
	struct ip_addr ip;

	agent_ip(&neighbour->ip, &ip);
	if (!ip_is_link_local(ip) && !subnet_of(interface, ip, &subnet))
		return refuse_outside(change, object, "ip", ip, interface);
	return 0;
}

static const struct agent_object *leg_towards(struct agent_change *change, uint64_t vrf,
                                              struct ip_addr via)
{
	const struct agent_node *legs = agent_change_node(change, INDEX_LEGS, vrf);
	struct ip_prefix subnet;

	for (const struct agent_link *link = legs ? legs->links : NULL; link; link = link->next)
		if (subnet_of(link->from, via, &subnet))
			return link->from;
	return NULL;
}

static int relate_route(struct agent_change *change, const struct agent_object *object)
{
	const Weft__Route *route = object->message->route;
	const struct agent_object *interface = NULL;
	struct ip_addr via = {{0}};
	struct ip_prefix subnet;
	char text[IP_TEXT];

	if (route->blackhole)
		return 0;
	if (route->has_via)
		agent_ip(&route->via, &via);
	if (route->has_interface)
		interface = get(change, WEFT__KIND__KIND_INTERFACE, route->interface);
	else
		interface = leg_towards(change, route->vrf, via);
	if (!interface)
		return agent_object_refuse(object, change->result, -ENETUNREACH, "via",
		                           "no interface of the router leads to %s",
		                           ip_format(via, text));
	if (interface->message->interface->vrf != route->vrf)
		return agent_object_refuse(object, change->result, -EINVAL, "interface",
		                           "the interface belongs to another VRF");
	if (!route->has_via || ip_is_link_local(via))
		return 0;
	if (!subnet_of(interface, via, &subnet))
		return refuse_outside(change, object, "via", via, interface);
	if (ip_equal(subnet.addr, via))
		return agent_object_refuse(object, change->result, -EINVAL, "via",
		                           "%s is the router itself", ip_format(via, text));
	return 0;
}

static int relate_nat_rule(struct agent_change *change, const struct agent_object *object)
{
	const Weft__NatRule *rule = object->message->nat_rule;
	const struct agent_object *interface =
		get(change, WEFT__KIND__KIND_INTERFACE, rule->interface);

	if (interface->message->interface->vrf != rule->vrf)
		return agent_object_refuse(object, change->result, -EINVAL, "interface",
		                           "the interface belongs to another VRF");
	return 0;
}

// One way of a peer: its address, and our end for it.
static int relate_way(struct agent_change *change, const struct agent_object *object, uint64_t id,
                      const ProtobufCBinaryData *address, const char *field,
                      const char *tunnel_field)
{
	const struct agent_object *tunnel = get(change, WEFT__KIND__KIND_PORT, id);
	const Weft__Tunnel *end = tunnel->message->port->tunnel;
	struct ip_addr local, remote;
	char text[IP_TEXT], name[OBJECT_NAME];

	if (!end)
		return agent_object_refuse(object, change->result, -EINVAL, tunnel_field,
		                           "%s is no tunnel", agent_object_name(tunnel, name));
	agent_ip(&end->local, &local);
	agent_ip(address, &remote);
	if (ip_is4(local) != ip_is4(remote))
		return agent_object_refuse(object, change->result, -EAFNOSUPPORT, field,
		                           "%s and the tunnel's own address are of different "
		                           "families",
		                           ip_format(remote, text));
	if (ip_equal(local, remote))
		return agent_object_refuse(object, change->result, -EINVAL, field,
		                           "%s is the tunnel's own address",
		                           ip_format(remote, text));
	return 0;
}

static int relate_peer(struct agent_change *change, const struct agent_object *object)
{
	const Weft__TunnelPeer *peer = object->message->port->peer;
	int code;

	if (!peer)
		return 0;
	code = relate_way(change, object, peer->tunnel, &peer->remote, "peer.remote",
	                  "peer.tunnel");
	if (code < 0 || !peer->has_backup)
		return code;
	return relate_way(change, object, agent_backup_tunnel(peer), &peer->backup, "peer.backup",
	                  "peer.backup_tunnel");
}

static bool is_wire(struct agent_change *change, const struct agent_object *member)
{
	const struct agent_object *bridge =
		get(change, WEFT__KIND__KIND_BRIDGE, member->message->vlan_member->bridge);

	return bridge && bridge->message->bridge->wire;
}

// A port at a wire is at nothing else. It is untagged there, so that member is found without a walk.
static int check_memberships(struct agent_change *change, const struct agent_object *object)
{
	uint64_t port = object->message->vlan_member->port;
	const struct agent_node *native = agent_change_node(change, INDEX_NATIVE, port);
	const struct agent_node *members = agent_change_node(change, INDEX_MEMBERS, port);

	if (native && native->links && is_wire(change, native->links->from) && members->links->next)
		return agent_object_refuse(object, change->result, -EBUSY, "port",
		                           "a port at a wire can be in no VLAN besides");
	return 0;
}

// Whose network is told by a VNI.
static int relate_vni(struct agent_change *change, const struct agent_object *object)
{
	const Weft__VlanMember *member = object->message->vlan_member;
	const struct agent_object *port = get(change, WEFT__KIND__KIND_PORT, member->port);
	bool is_peer = port && port->message->port->peer;
	char name[OBJECT_NAME];

	// A member whose port goes is refused by itself.
	if (!port)
		return 0;
	if (port->message->port->tunnel)
		return agent_object_refuse(object, change->result, -EINVAL, "port",
		                           "not the tunnel %s is in a network, but its peers are",
		                           agent_object_name(port, name));
	if (is_peer == (member->vni != 0))
		return 0;
	return agent_object_refuse(object, change->result, -EINVAL, "vni",
	                           is_peer ? "%s is a peer, so the network needs a VNI there"
	                                   : "%s is no peer, so it has no VNI",
	                           agent_object_name(port, name));
}

static int relate_member(struct agent_change *change, const struct agent_object *object)
{
	const Weft__VlanMember *member = object->message->vlan_member;
	const struct agent_node *domain = agent_change_domain(change, member->bridge, 0);
	unsigned ends = 0;
	int code = relate_vni(change, object);

	if (code < 0)
		return code;
	if (!is_wire(change, object))
		return check_memberships(change, object);
	if (member->vid || member->tagged)
		return agent_object_refuse(object, change->result, -EINVAL, "vid",
		                           "a wire has no VLANs: its ports are untagged in VLAN 0");
	for (const struct agent_link *link = domain->links; link; link = link->next)
		ends += link->from->kind == WEFT__KIND__KIND_VLAN_MEMBER;
	if (ends > 2)
		return agent_object_refuse(object, change->result, -EEXIST, "bridge",
		                           "the wire has two ports already");
	return check_memberships(change, object);
}

static int relate_interface(struct agent_change *change, const struct agent_object *object)
{
	const struct agent_object *bridge =
		get(change, WEFT__KIND__KIND_BRIDGE, object->message->interface->bridge);

	if (bridge->message->bridge->wire)
		return agent_object_refuse(object, change->result, -EINVAL, "bridge",
		                           "a wire has no place for a router");
	return 0;
}

int agent_relate_object(struct agent_change *change, const struct agent_object *object)
{
	switch (object->kind) {
	case WEFT__KIND__KIND_PORT:
		return relate_peer(change, object);
	case WEFT__KIND__KIND_VLAN_MEMBER:
		return relate_member(change, object);
	case WEFT__KIND__KIND_INTERFACE:
		return relate_interface(change, object);
	case WEFT__KIND__KIND_DHCP_SCOPE:
		return relate_scope(change, object);
	case WEFT__KIND__KIND_DHCP_RESERVATION:
		return relate_reservation(change, object);
	case WEFT__KIND__KIND_NEIGHBOUR:
		return relate_neighbour(change, object);
	case WEFT__KIND__KIND_ROUTE:
		return relate_route(change, object);
	case WEFT__KIND__KIND_NAT_RULE:
		return relate_nat_rule(change, object);
	default:
		return 0;
	}
}

static int compare_with(struct agent_change *change, const struct agent_object *object,
                        struct ip_prefix prefix, const struct agent_object *other)
{
	const Weft__Interface *message = other->message->interface;
	char name[OBJECT_NAME], own[PREFIX_TEXT], theirs[PREFIX_TEXT];

	for (size_t i = 0; i < message->n_addresses; i++) {
		struct ip_prefix taken;

		if (agent_prefix(message->addresses[i], &taken) < 0 ||
		    ip_is_link_local(taken.addr) || !prefix_overlaps(prefix, taken))
			continue;
		return agent_object_refuse(object, change->result, -EEXIST, "addresses",
		                           "the subnet %s overlaps %s of %s",
		                           prefix_format(prefix_network(prefix), own),
		                           prefix_format(prefix_network(taken), theirs),
		                           agent_object_name(other, name));
	}
	return 0;
}

int agent_relate_subnets(struct agent_change *change, const struct agent_object *object)
{
	const Weft__Interface *message = object->message->interface;
	const struct agent_node *legs = agent_change_node(change, INDEX_LEGS, message->vrf);
	int code = 0;

	for (size_t i = 0; i < message->n_addresses; i++) {
		struct ip_prefix prefix;

		if (agent_prefix(message->addresses[i], &prefix) < 0 ||
		    ip_is_link_local(prefix.addr))
			continue;
		for (const struct agent_link *link = legs->links; code == 0 && link;
		     link = link->next)
			if (link->from != object)
				code = compare_with(change, object, prefix, link->from);
	}
	return code;
}
