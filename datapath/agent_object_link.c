// SPDX-License-Identifier: BSD-3-Clause
//
// agent_object_link: what each kind of object refers to, claims for itself and is listed under.
//
// => The fields have passed agent_check(), so addresses decode.

#include "base/bytes.h"
#include "datapath/agent_object.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

// Links under construction; their number is bounded by the checks of list lengths.
struct draft {
	struct agent_store *store;
	unsigned count;
	bool failed;
	struct agent_link links[OBJECT_LINKS_MAX];
};

static void add(struct draft *draft, enum agent_role role, const char *field, struct agent_key key)
{
	struct agent_node *node = NULL;

	if (draft->count < OBJECT_LINKS_MAX)
		node = agent_store_node(draft->store, &key);
	if (!node) {
		draft->failed = true;
		return;
	}
	// One object may say a thing twice (a host address is its own subnet); it claims it once.
	for (unsigned i = 0; role == ROLE_CLAIM && i < draft->count; i++)
		if (draft->links[i].to == node && draft->links[i].role == ROLE_CLAIM)
			return;
	draft->links[draft->count++] =
		(struct agent_link){.to = node, .role = role, .field = field};
}

static void refer(struct draft *draft, const char *field, Weft__Kind kind, uint64_t id)
{
	add(draft, ROLE_REFERENCE, field, agent_key(kind, id));
}

static void claim(struct draft *draft, const char *field, uint32_t index, uint64_t id, uint32_t sub,
                  struct ip_addr addr)
{
	add(draft, ROLE_CLAIM, field,
	    (struct agent_key){.kind = index, .id = id, .sub = sub, .addr = addr});
}

static void list(struct draft *draft, uint32_t index, uint64_t id)
{
	add(draft, ROLE_LIST, "", agent_key(index, id));
}

static const struct ip_addr nothing;

// Texts and MACs as keys: two hashes of 64 bits, or the bytes themselves.
static struct ip_addr key_of_text(const char *text, uint64_t seed)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(text, strlen(text), seed);
	struct ip_addr key = {{0}};

	store_be64(key.b, hash.high64);
	store_be64(key.b + 8, hash.low64);
	return key;
}

static struct ip_addr key_of_mac(const ProtobufCBinaryData *mac)
{
	struct ip_addr key = {{0}};

	memcpy(key.b, mac->data, MIN(mac->len, sizeof(key.b)));
	return key;
}

struct agent_key agent_link_key(const char *ifname, const char *netns)
{
	struct agent_key key = agent_key(INDEX_LINK, 0);
	const char *place = netns ? netns : "";

	key.addr = key_of_text(ifname, XXH3_64bits(place, strlen(place)));
	return key;
}

// Two ends on one address of the host would get each other's frames.
static void link_tunnel(struct draft *draft, const Weft__Tunnel *tunnel)
{
	struct ip_addr local;

	if (agent_ip(&tunnel->local, &local) == 0)
		claim(draft, "tunnel.local", INDEX_ENDPOINT, agent_tunnel_udp_port(tunnel), 0,
		      local);
}

uint64_t agent_backup_tunnel(const Weft__TunnelPeer *peer)
{
	return peer->has_backup_tunnel ? peer->backup_tunnel : peer->tunnel;
}

static void link_peer(struct draft *draft, const Weft__TunnelPeer *peer)
{
	struct ip_addr remote;
	uint64_t tunnel;

	refer(draft, "peer.tunnel", WEFT__KIND__KIND_PORT, peer->tunnel);
	if (agent_ip(&peer->remote, &remote) == 0)
		claim(draft, "peer.remote", INDEX_REMOTE, peer->tunnel, 0, remote);
	if (!peer->has_backup)
		return;
	tunnel = agent_backup_tunnel(peer);
	if (tunnel != peer->tunnel)
		refer(draft, "peer.backup_tunnel", WEFT__KIND__KIND_PORT, tunnel);
	if (agent_ip(&peer->backup, &remote) == 0)
		claim(draft, "peer.backup", INDEX_REMOTE, tunnel, 0, remote);
}

static void link_port(struct draft *draft, const Weft__Port *port)
{
	if (port->ifname && port->ifname[0])
		add(draft, ROLE_CLAIM, "ifname", agent_link_key(port->ifname, port->netns));
	if (port->vhost_path && port->vhost_path[0])
		claim(draft, "vhost_path", INDEX_SOCKET, 0, 0, key_of_text(port->vhost_path, 0));
	if (port->tunnel)
		link_tunnel(draft, port->tunnel);
	if (port->peer)
		link_peer(draft, port->peer);
}

static struct agent_key member_key(uint64_t port, uint32_t vid, uint64_t bridge)
{
	struct agent_key key = agent_key_sub(INDEX_MEMBER, port, vid);

	store_be64(key.addr.b, bridge);
	return key;
}

static void link_vlan_member(struct draft *draft, const Weft__VlanMember *member)
{
	refer(draft, "port", WEFT__KIND__KIND_PORT, member->port);
	refer(draft, "bridge", WEFT__KIND__KIND_BRIDGE, member->bridge);
	add(draft, ROLE_LIST, "", agent_key_sub(INDEX_DOMAIN, member->bridge, member->vid));
	list(draft, INDEX_MEMBERS, member->port);
	add(draft, ROLE_CLAIM, "vid", member_key(member->port, member->vid, member->bridge));
	if (member->vni)
		claim(draft, "vni", INDEX_VNI, member->port, member->vni, nothing);
	else if (member->tagged)
		claim(draft, "vid", INDEX_TAG, member->port, member->vid, nothing);
	else
		claim(draft, "tagged", INDEX_NATIVE, member->port, 0, nothing);
}

static void link_fdb_entry(struct draft *draft, const Weft__FdbEntry *entry)
{
	refer(draft, "port", WEFT__KIND__KIND_PORT, entry->port);
	refer(draft, "bridge", WEFT__KIND__KIND_BRIDGE, entry->bridge);
	add(draft, ROLE_REFERENCE, "vid", member_key(entry->port, entry->vid, entry->bridge));
	claim(draft, "mac", INDEX_MAC, entry->bridge, entry->vid, key_of_mac(&entry->mac));
}

// More than one may list an address: then it is uncertain whose it is, and nobody is answered for.
static void link_host_address(struct draft *draft, const Weft__Address *address)
{
	struct agent_key holder = agent_key_sub(INDEX_HOLDER, address->bridge, address->vid);

	refer(draft, "port", WEFT__KIND__KIND_PORT, address->port);
	refer(draft, "bridge", WEFT__KIND__KIND_BRIDGE, address->bridge);
	add(draft, ROLE_REFERENCE, "vid", member_key(address->port, address->vid, address->bridge));
	if (agent_ip(&address->ip, &holder.addr) == 0)
		add(draft, ROLE_LIST, "", holder);
}

// Link-local addresses are each link's own: they may repeat, and have no place in the routing table.
static void link_address(struct draft *draft, uint64_t vrf, const Weft__Prefix *address)
{
	struct ip_prefix prefix;

	if (agent_prefix(address, &prefix) < 0 || ip_is_link_local(prefix.addr))
		return;

	struct ip_prefix network = prefix_network(prefix);

	claim(draft, "addresses", INDEX_ADDRESS, vrf, 0, prefix.addr);
	claim(draft, "addresses", INDEX_ROUTE, vrf, network.len, network.addr);
	claim(draft, "addresses", INDEX_ROUTE, vrf, ip_is4(prefix.addr) ? 32 : 128, prefix.addr);
}

static void link_interface(struct draft *draft, const Weft__Interface *interface)
{
	refer(draft, "vrf", WEFT__KIND__KIND_VRF, interface->vrf);
	refer(draft, "bridge", WEFT__KIND__KIND_BRIDGE, interface->bridge);
	add(draft, ROLE_LIST, "", agent_key_sub(INDEX_DOMAIN, interface->bridge, interface->vid));
	claim(draft, "vid", INDEX_LEG, interface->bridge, interface->vid, nothing);
	list(draft, INDEX_INTERFACES, 0);
	list(draft, INDEX_LEGS, interface->vrf);
	for (size_t i = 0; i < interface->n_addresses; i++)
		link_address(draft, interface->vrf, interface->addresses[i]);
}

static void link_route(struct draft *draft, const Weft__Route *route)
{
	struct ip_prefix prefix;

	refer(draft, "vrf", WEFT__KIND__KIND_VRF, route->vrf);
	if (route->has_interface)
		refer(draft, "interface", WEFT__KIND__KIND_INTERFACE, route->interface);
	else if (!route->blackhole)
		list(draft, INDEX_LOOSE, route->vrf);
	if (agent_prefix(route->prefix, &prefix) == 0)
		claim(draft, "prefix", INDEX_ROUTE, route->vrf, prefix.len, prefix.addr);
}

static void link_neighbour(struct draft *draft, const Weft__Neighbour *neighbour)
{
	struct ip_addr ip;

	refer(draft, "interface", WEFT__KIND__KIND_INTERFACE, neighbour->interface);
	if (agent_ip(&neighbour->ip, &ip) == 0)
		claim(draft, "ip", INDEX_NEIGHBOUR, neighbour->interface, 0, ip);
}

static void link_nat_rule(struct draft *draft, const Weft__NatRule *rule)
{
	refer(draft, "vrf", WEFT__KIND__KIND_VRF, rule->vrf);
	refer(draft, "interface", WEFT__KIND__KIND_INTERFACE, rule->interface);
	list(draft, INDEX_NATS, rule->interface);
}

static void link_port_forward(struct draft *draft, const Weft__PortForward *forward)
{
	struct ip_addr outside = {{0}};

	// Any address is any of the family of the inside.
	if (forward->inside.len == 4)
		outside = ip_from4(0);
	if (forward->has_outside && agent_ip(&forward->outside, &outside) < 0)
		return;
	refer(draft, "vrf", WEFT__KIND__KIND_VRF, forward->vrf);
	list(draft, INDEX_FORWARDS, forward->vrf);
	claim(draft, "outside_port", INDEX_FORWARD, forward->vrf,
	      forward->protocol << 16 | forward->outside_port, outside);
}

static void link_scope(struct draft *draft, const Weft__DhcpScope *scope)
{
	refer(draft, "interface", WEFT__KIND__KIND_INTERFACE, scope->interface);
	claim(draft, "interface", INDEX_SCOPE, scope->interface, 0, nothing);
}

static void link_reservation(struct draft *draft, const Weft__DhcpReservation *reservation)
{
	struct ip_addr ip;

	refer(draft, "scope", WEFT__KIND__KIND_DHCP_SCOPE, reservation->scope);
	claim(draft, "mac", INDEX_RESERVED_MAC, reservation->scope, 0,
	      key_of_mac(&reservation->mac));
	if (reservation->has_ip && agent_ip(&reservation->ip, &ip) == 0)
		claim(draft, "ip", INDEX_RESERVED_IP, reservation->scope, 0, ip);
}

static void link_zone(struct draft *draft, const Weft__DnsZone *zone)
{
	refer(draft, "interface", WEFT__KIND__KIND_INTERFACE, zone->interface);
	claim(draft, "domain", INDEX_ZONE, zone->interface, 0, key_of_text(zone->domain, 0));
	list(draft, INDEX_ZONES, zone->interface);
}

static void link_record(struct draft *draft, const Weft__DnsRecord *record)
{
	struct ip_addr ip;

	refer(draft, "zone", WEFT__KIND__KIND_DNS_ZONE, record->zone);
	if (agent_ip(&record->ip, &ip) == 0)
		claim(draft, "name", INDEX_RECORD, record->zone, 0,
		      key_of_text(record->name, XXH3_64bits(ip.b, sizeof(ip.b))));
}

static void link_flow_rule(struct draft *draft, const Weft__FlowRule *rule)
{
	list(draft, INDEX_FLOW_RULES, 0);
	if (rule->match->has_port)
		refer(draft, "match.port", WEFT__KIND__KIND_PORT, rule->match->port);
	if (rule->match->has_bridge)
		refer(draft, "match.bridge", WEFT__KIND__KIND_BRIDGE, rule->match->bridge);
	for (size_t i = 0; i < rule->n_actions; i++)
		if (rule->actions[i]->has_output)
			refer(draft, "actions.output", WEFT__KIND__KIND_PORT,
			      rule->actions[i]->output);
}

static void link_impairment(struct draft *draft, const Weft__Impairment *impairment)
{
	refer(draft, "port", WEFT__KIND__KIND_PORT, impairment->port);
	claim(draft, "direction", INDEX_IMPAIRMENT, impairment->port,
	      (uint32_t)impairment->direction, nothing);
}

static void link_body(struct draft *draft, const Weft__Object *object)
{
	switch (object->body_case) {
	case WEFT__OBJECT__BODY_PORT:
		link_port(draft, object->port);
		break;
	case WEFT__OBJECT__BODY_VLAN_MEMBER:
		link_vlan_member(draft, object->vlan_member);
		break;
	case WEFT__OBJECT__BODY_FDB_ENTRY:
		link_fdb_entry(draft, object->fdb_entry);
		break;
	case WEFT__OBJECT__BODY_ADDRESS:
		link_host_address(draft, object->address);
		break;
	case WEFT__OBJECT__BODY_INTERFACE:
		link_interface(draft, object->interface);
		break;
	case WEFT__OBJECT__BODY_ROUTE:
		link_route(draft, object->route);
		break;
	case WEFT__OBJECT__BODY_NEIGHBOUR:
		link_neighbour(draft, object->neighbour);
		break;
	case WEFT__OBJECT__BODY_NAT_RULE:
		link_nat_rule(draft, object->nat_rule);
		break;
	case WEFT__OBJECT__BODY_PORT_FORWARD:
		link_port_forward(draft, object->port_forward);
		break;
	case WEFT__OBJECT__BODY_DHCP_SCOPE:
		link_scope(draft, object->dhcp_scope);
		break;
	case WEFT__OBJECT__BODY_DHCP_RESERVATION:
		link_reservation(draft, object->dhcp_reservation);
		break;
	case WEFT__OBJECT__BODY_DNS_ZONE:
		link_zone(draft, object->dns_zone);
		break;
	case WEFT__OBJECT__BODY_DNS_RECORD:
		link_record(draft, object->dns_record);
		break;
	case WEFT__OBJECT__BODY_FLOW_RULE:
		link_flow_rule(draft, object->flow_rule);
		break;
	case WEFT__OBJECT__BODY_IMPAIRMENT:
		link_impairment(draft, object->impairment);
		break;
	default:
		break; // Bridges and VRFs point at nothing.
	}
}

int agent_object_link(struct agent_store *store, struct agent_object *object)
{
	struct draft draft = {.store = store};

	link_body(&draft, object->message);
	if (draft.failed)
		return -ENOMEM;
	if (draft.count == 0)
		return 0;
	object->links = malloc(draft.count * sizeof(object->links[0]));
	if (!object->links)
		return -ENOMEM;
	memcpy(object->links, draft.links, draft.count * sizeof(object->links[0]));
	object->link_count = draft.count;
	for (unsigned i = 0; i < draft.count; i++) {
		object->links[i].from = object;
		object->links[i].to->holders++;
	}
	return 0;
}
