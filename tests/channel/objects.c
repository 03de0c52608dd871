// SPDX-License-Identifier: BSD-3-Clause
//
// objects: fills messages on the stack, packs them, and lets go of them.

#include "tests/channel/objects.h"

#include "base/addr.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char objects_router_mac[ROUTER_MAC_TEXT_BYTES] = "02:77:65:66:74:01";

// The bytes of an address, kept where a message can point.
struct room {
	uint8_t bytes[16];
};

static ProtobufCBinaryData put_ip(struct room *room, const char *text)
{
	struct ip_addr ip;
	size_t len;
	int code = ip_parse(text, &ip);

	assert(code == 0);
	len = ip_is4(ip) ? 4 : 16;
	memcpy(room->bytes, ip.b + 16 - len, len);
	return (ProtobufCBinaryData){.len = len, .data = room->bytes};
}

static ProtobufCBinaryData put_mac(struct room *room, const char *text)
{
	struct mac mac;
	int code = mac_parse(text, &mac);

	assert(code == 0);
	memcpy(room->bytes, mac.b, sizeof(mac.b));
	return (ProtobufCBinaryData){.len = sizeof(mac.b), .data = room->bytes};
}

static void put_prefix(Weft__Prefix *message, struct room *room, const char *text)
{
	char addr[IP_TEXT];
	struct ip_prefix prefix;
	int code = prefix_parse(text, &prefix);

	assert(code == 0);
	weft__prefix__init(message);
	message->addr = put_ip(room, ip_format(prefix.addr, addr));
	message->len = prefix.len;
}

void objects_clear(struct objects *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((void *)list->ops[i].object);
	free(list->ops);
	*list = (struct objects){0};
}

void objects_add_bytes(struct objects *list, Weft__OpVerb verb, Weft__Kind kind, uint64_t id,
                       const void *bytes, size_t len)
{
	uint8_t *copy = NULL;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->ops = realloc(list->ops, list->room * sizeof(*list->ops));
		assert(list->ops);
	}
	if (bytes) {
		copy = malloc(len + 1);
		assert(copy);
		memcpy(copy, bytes, len);
	}
	list->ops[list->count++] =
		(struct apply_op){.verb = verb, .kind = kind, .id = id, .object = copy, .len = len};
}

void objects_add(struct objects *list, Weft__OpVerb verb, const Weft__Object *object)
{
	size_t len = weft__object__get_packed_size(object);
	uint8_t *packed = malloc(len);

	assert(packed);
	weft__object__pack(object, packed);
	// Bodies are numbered from 10 on in the order of kinds.
	objects_add_bytes(list, verb, (Weft__Kind)((int)object->body_case - 9), object->id, packed,
	                  len);
	free(packed);
}

void objects_delete(struct objects *list, Weft__Kind kind, uint64_t id)
{
	objects_add_bytes(list, WEFT__OP_VERB__OP_DELETE, kind, id, NULL, 0);
}

void objects_assert_none(struct objects *list, Weft__Kind kind, uint64_t id)
{
	objects_add_bytes(list, WEFT__OP_VERB__OP_ASSERT, kind, id, NULL, 0);
}

static Weft__Object new_object(uint64_t id, Weft__Object__BodyCase body)
{
	Weft__Object object = WEFT__OBJECT__INIT;

	object.id = id;
	object.body_case = body;
	return object;
}

static void upsert(struct objects *list, const Weft__Object *object)
{
	objects_add(list, WEFT__OP_VERB__OP_UPSERT, object);
}

void objects_bridge(struct objects *list, uint64_t id)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_BRIDGE);
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;

	object.bridge = &bridge;
	upsert(list, &object);
}

void objects_port(struct objects *list, uint64_t id, const char *name)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_PORT);
	Weft__Port port = WEFT__PORT__INIT;

	object.name = (char *)name;
	port.type = WEFT__PORT_TYPE__PORT_MEMORY;
	object.port = &port;
	upsert(list, &object);
}

void objects_vhost(struct objects *list, uint64_t id, const char *name, const char *path,
                   uint32_t queues)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_PORT);
	Weft__Port port = WEFT__PORT__INIT;

	object.name = (char *)name;
	port.type = WEFT__PORT_TYPE__PORT_VHOST;
	port.vhost_path = (char *)path;
	port.has_queues = true;
	port.queues = queues;
	object.port = &port;
	upsert(list, &object);
}

void objects_member(struct objects *list, uint64_t id, uint64_t port, uint64_t bridge, uint32_t vid,
                    bool tagged)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_VLAN_MEMBER);
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;

	member.port = port;
	member.bridge = bridge;
	member.vid = vid;
	member.has_tagged = tagged;
	member.tagged = tagged;
	object.vlan_member = &member;
	upsert(list, &object);
}

void objects_fdb_entry(struct objects *list, uint64_t id, uint64_t bridge, uint32_t vid,
                       const char *mac, uint64_t port)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_FDB_ENTRY);
	Weft__FdbEntry entry = WEFT__FDB_ENTRY__INIT;
	struct room room;

	entry.bridge = bridge;
	entry.vid = vid;
	entry.mac = put_mac(&room, mac);
	entry.port = port;
	object.fdb_entry = &entry;
	upsert(list, &object);
}

void objects_address(struct objects *list, uint64_t id, uint64_t bridge, uint32_t vid,
                     const char *ip, const char *mac, uint64_t port)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_ADDRESS);
	Weft__Address address = WEFT__ADDRESS__INIT;
	struct room rooms[2];

	address.bridge = bridge;
	address.vid = vid;
	address.ip = put_ip(&rooms[0], ip);
	address.mac = put_mac(&rooms[1], mac);
	address.port = port;
	object.address = &address;
	upsert(list, &object);
}

void objects_vrf(struct objects *list, uint64_t id)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_VRF);
	Weft__Vrf vrf = WEFT__VRF__INIT;

	object.vrf = &vrf;
	upsert(list, &object);
}

void objects_interface(struct objects *list, uint64_t id, uint64_t vrf, uint64_t bridge,
                       uint32_t vid, const char *address)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_INTERFACE);
	Weft__Interface interface = WEFT__INTERFACE__INIT;
	Weft__Prefix prefix, *prefixes[] = {&prefix};
	struct room mac, ip;

	interface.vrf = vrf;
	interface.bridge = bridge;
	interface.vid = vid;
	interface.mac = put_mac(&mac, objects_router_mac);
	if (address) {
		put_prefix(&prefix, &ip, address);
		interface.n_addresses = 1;
		interface.addresses = prefixes;
	}
	object.interface = &interface;
	upsert(list, &object);
}

void objects_route(struct objects *list, uint64_t id, uint64_t vrf, const char *prefix,
                   const char *via, uint64_t interface)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_ROUTE);
	Weft__Route route = WEFT__ROUTE__INIT;
	Weft__Prefix message;
	struct room to, hop;

	route.vrf = vrf;
	put_prefix(&message, &to, prefix);
	route.prefix = &message;
	route.has_via = via != NULL;
	if (via)
		route.via = put_ip(&hop, via);
	route.has_interface = interface != 0;
	route.interface = interface;
	route.has_blackhole = !via && !interface;
	route.blackhole = route.has_blackhole;
	object.route = &route;
	upsert(list, &object);
}

void objects_neighbour(struct objects *list, uint64_t id, uint64_t interface, const char *ip,
                       const char *mac)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_NEIGHBOUR);
	Weft__Neighbour neighbour = WEFT__NEIGHBOUR__INIT;
	struct room ip_room, mac_room;

	neighbour.interface = interface;
	neighbour.ip = put_ip(&ip_room, ip);
	neighbour.mac = put_mac(&mac_room, mac);
	object.neighbour = &neighbour;
	upsert(list, &object);
}

void objects_nat_rule(struct objects *list, uint64_t id, uint64_t vrf, uint64_t interface,
                      const char *source)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_NAT_RULE);
	Weft__NatRule rule = WEFT__NAT_RULE__INIT;
	Weft__Prefix prefix;
	struct room room;

	rule.vrf = vrf;
	rule.interface = interface;
	put_prefix(&prefix, &room, source);
	rule.source = &prefix;
	object.nat_rule = &rule;
	upsert(list, &object);
}

void objects_forward(struct objects *list, uint64_t id, uint64_t vrf, uint32_t protocol,
                     uint32_t outside_port, const char *inside, uint32_t inside_port)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_PORT_FORWARD);
	Weft__PortForward forward = WEFT__PORT_FORWARD__INIT;
	struct room room;

	forward.vrf = vrf;
	forward.protocol = protocol;
	forward.outside_port = outside_port;
	forward.inside = put_ip(&room, inside);
	forward.inside_port = inside_port;
	object.port_forward = &forward;
	upsert(list, &object);
}

void objects_scope(struct objects *list, uint64_t id, uint64_t interface, const char *first,
                   const char *last)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DHCP_SCOPE);
	Weft__DhcpScope scope = WEFT__DHCP_SCOPE__INIT;
	struct room first_room, last_room;

	scope.interface = interface;
	scope.first = put_ip(&first_room, first);
	scope.last = put_ip(&last_room, last);
	object.dhcp_scope = &scope;
	upsert(list, &object);
}

void objects_reservation(struct objects *list, uint64_t id, uint64_t scope, const char *mac,
                         const char *ip)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DHCP_RESERVATION);
	Weft__DhcpReservation reservation = WEFT__DHCP_RESERVATION__INIT;
	struct room mac_room, ip_room;

	reservation.scope = scope;
	reservation.mac = put_mac(&mac_room, mac);
	reservation.has_ip = ip != NULL;
	if (ip)
		reservation.ip = put_ip(&ip_room, ip);
	object.dhcp_reservation = &reservation;
	upsert(list, &object);
}

void objects_zone(struct objects *list, uint64_t id, uint64_t interface, const char *domain)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DNS_ZONE);
	Weft__DnsZone zone = WEFT__DNS_ZONE__INIT;

	zone.interface = interface;
	zone.domain = (char *)domain;
	object.dns_zone = &zone;
	upsert(list, &object);
}

void objects_record(struct objects *list, uint64_t id, uint64_t zone, const char *name,
                    const char *ip)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DNS_RECORD);
	Weft__DnsRecord record = WEFT__DNS_RECORD__INIT;
	struct room room;

	record.zone = zone;
	record.name = (char *)name;
	record.ip = put_ip(&room, ip);
	object.dns_record = &record;
	upsert(list, &object);
}

void objects_flow_rule(struct objects *list, uint64_t id, uint32_t priority, uint64_t port)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_FLOW_RULE);
	Weft__FlowRule rule = WEFT__FLOW_RULE__INIT;
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;

	rule.hook = WEFT__HOOK__HOOK_INGRESS;
	rule.priority = priority;
	match.has_port = port != 0;
	match.port = port;
	rule.match = &match;
	object.flow_rule = &rule;
	upsert(list, &object);
}
