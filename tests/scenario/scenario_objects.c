// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_objects: objects as the controller would send them.

#include "tests/scenario/scenario_priv.h"

#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Bytes of an address, kept where the message under construction can point.
struct address {
	uint8_t bytes[16];
	ProtobufCBinaryData data;
};

static ProtobufCBinaryData ip_bytes(struct address *room, const char *text)
{
	struct ip_addr ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	memcpy(room->bytes, ip_is4(ip) ? ip.b + 12 : ip.b, ip_is4(ip) ? 4 : 16);
	room->data = (ProtobufCBinaryData){.len = ip_is4(ip) ? 4 : 16, .data = room->bytes};
	return room->data;
}

static ProtobufCBinaryData mac_bytes(struct address *room, const char *text)
{
	struct mac mac;

	assert_int_equal(mac_parse(text, &mac), 0);
	memcpy(room->bytes, mac.b, 6);
	return (ProtobufCBinaryData){.len = 6, .data = room->bytes};
}

static void set_prefix(Weft__Prefix *message, struct address *room, const char *text)
{
	struct ip_prefix prefix;
	char ip[IP_TEXT];

	assert_int_equal(prefix_parse(text, &prefix), 0);
	weft__prefix__init(message);
	message->addr = ip_bytes(room, ip_format(prefix.addr, ip));
	message->len = prefix.len;
}

static struct apply_op *new_op(struct scenario *scenario, Weft__OpVerb verb, Weft__Kind kind,
                               uint64_t id)
{
	struct apply_op *op = &scenario->ops[scenario->op_count++];

	assert_true(scenario->op_count <= SCENARIO_OPS);
	*op = (struct apply_op){.verb = verb, .kind = kind, .id = id};
	return op;
}

void scenario_put(struct scenario *scenario, Weft__Object *object)
{
	// The members of the oneof are numbered from 10 on in the order of Kind.
	struct apply_op *op = new_op(scenario, WEFT__OP_VERB__OP_UPSERT,
	                             (Weft__Kind)(object->body_case - 9), object->id);
	size_t len = weft__object__get_packed_size(object);
	uint8_t *packed = malloc(len);

	assert_non_null(packed);
	weft__object__pack(object, packed);
	op->object = packed;
	op->len = len;
}

void scenario_delete(struct scenario *scenario, Weft__Kind kind, uint64_t id)
{
	new_op(scenario, WEFT__OP_VERB__OP_DELETE, kind, id);
}

int scenario_try_commit(struct scenario *scenario, struct apply_result *result)
{
	int code = apply_transaction(scenario->apply, scenario->ops, scenario->op_count, false,
	                             result);

	for (size_t i = 0; i < scenario->op_count; i++)
		free((void *)scenario->ops[i].object);
	scenario->op_count = 0;
	return code;
}

void scenario_commit(struct scenario *scenario)
{
	struct apply_result result = {0};

	if (scenario_try_commit(scenario, &result) != 0)
		fail_msg("operation %u, field '%s': %s", result.op_index, result.field,
		         result.fail.what);
}

static Weft__Object new_object(uint64_t id, const char *name, Weft__Object__BodyCase body)
{
	Weft__Object object = WEFT__OBJECT__INIT;

	object.id = id;
	object.name = (char *)name;
	object.body_case = body;
	return object;
}

void scenario_bridge(struct scenario *scenario, uint64_t id)
{
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;
	Weft__Object object = new_object(id, "net/lan", WEFT__OBJECT__BODY_BRIDGE);

	object.bridge = &bridge;
	scenario_put(scenario, &object);
}

void scenario_port(struct scenario *scenario, uint64_t id, const char *name)
{
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = new_object(id, name, WEFT__OBJECT__BODY_PORT);

	port.type = WEFT__PORT_TYPE__PORT_MEMORY;
	object.port = &port;
	scenario_put(scenario, &object);
}

void scenario_member(struct scenario *scenario, uint64_t id, uint64_t port, uint64_t bridge,
                     uint32_t vid, bool tagged)
{
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_VLAN_MEMBER);

	member.port = port;
	member.bridge = bridge;
	member.vid = vid;
	member.has_tagged = true;
	member.tagged = tagged;
	object.vlan_member = &member;
	scenario_put(scenario, &object);
}

void scenario_tunnel(struct scenario *scenario, uint64_t id, Weft__Encapsulation encapsulation,
                     const char *local)
{
	Weft__Tunnel tunnel = WEFT__TUNNEL__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = new_object(id, "tunnel/t", WEFT__OBJECT__BODY_PORT);
	struct address room;

	tunnel.encapsulation = encapsulation;
	tunnel.local = ip_bytes(&room, local);
	port.type = WEFT__PORT_TYPE__PORT_TUNNEL;
	port.tunnel = &tunnel;
	object.port = &port;
	scenario_put(scenario, &object);
}

void scenario_peer(struct scenario *scenario, uint64_t id, uint64_t tunnel, const char *remote,
                   bool learn)
{
	Weft__TunnelPeer peer = WEFT__TUNNEL_PEER__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_PORT);
	struct address room;

	peer.tunnel = tunnel;
	peer.remote = ip_bytes(&room, remote);
	peer.has_learn = true;
	peer.learn = learn;
	port.type = WEFT__PORT_TYPE__PORT_PEER;
	port.peer = &peer;
	object.port = &port;
	scenario_put(scenario, &object);
}

void scenario_peer_bfd(struct scenario *scenario, uint64_t id, uint64_t tunnel, const char *remote,
                       const char *backup, uint64_t backup_tunnel, uint32_t interval_ms,
                       uint32_t hold_ms)
{
	Weft__TunnelPeer peer = WEFT__TUNNEL_PEER__INIT;
	Weft__Bfd bfd = WEFT__BFD__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_PORT);
	struct address room, backup_room;

	bfd.has_interval_ms = true;
	bfd.interval_ms = interval_ms;
	bfd.has_hold_ms = true;
	bfd.hold_ms = hold_ms;
	peer.tunnel = tunnel;
	peer.remote = ip_bytes(&room, remote);
	peer.has_learn = true;
	peer.learn = true;
	peer.bfd = &bfd;
	if (backup) {
		peer.has_backup = true;
		peer.backup = ip_bytes(&backup_room, backup);
		peer.has_backup_tunnel = backup_tunnel != 0;
		peer.backup_tunnel = backup_tunnel;
	}
	port.type = WEFT__PORT_TYPE__PORT_PEER;
	port.peer = &peer;
	object.port = &port;
	scenario_put(scenario, &object);
}

void scenario_member_vni(struct scenario *scenario, uint64_t id, uint64_t peer, uint64_t bridge,
                         uint32_t vid, uint32_t vni)
{
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_VLAN_MEMBER);

	member.port = peer;
	member.bridge = bridge;
	member.vid = vid;
	member.has_vni = true;
	member.vni = vni;
	object.vlan_member = &member;
	scenario_put(scenario, &object);
}

void scenario_fdb_entry(struct scenario *scenario, uint64_t id, uint64_t bridge, uint32_t vid,
                        const char *mac, uint64_t port)
{
	Weft__FdbEntry entry = WEFT__FDB_ENTRY__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_FDB_ENTRY);
	struct address room;

	entry.bridge = bridge;
	entry.vid = vid;
	entry.mac = mac_bytes(&room, mac);
	entry.port = port;
	object.fdb_entry = &entry;
	scenario_put(scenario, &object);
}

void scenario_address(struct scenario *scenario, uint64_t id, uint64_t bridge, uint32_t vid,
                      const char *ip, const char *mac, uint64_t port)
{
	Weft__Address address = WEFT__ADDRESS__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_ADDRESS);
	struct address rooms[2];

	address.bridge = bridge;
	address.vid = vid;
	address.ip = ip_bytes(&rooms[0], ip);
	address.mac = mac_bytes(&rooms[1], mac);
	address.port = port;
	object.address = &address;
	scenario_put(scenario, &object);
}

void scenario_vrf(struct scenario *scenario, uint64_t id)
{
	Weft__Vrf vrf = WEFT__VRF__INIT;
	Weft__Object object = new_object(id, "router/main", WEFT__OBJECT__BODY_VRF);

	object.vrf = &vrf;
	scenario_put(scenario, &object);
}

void scenario_interface(struct scenario *scenario, uint64_t id, uint64_t vrf, uint64_t bridge,
                        uint32_t vid, Weft__NatRole nat, const char *address, const char *address2)
{
	Weft__Interface interface = WEFT__INTERFACE__INIT;
	Weft__Object object = new_object(id, "router/leg", WEFT__OBJECT__BODY_INTERFACE);
	Weft__Prefix prefixes[2];
	Weft__Prefix *list[2] = {&prefixes[0], &prefixes[1]};
	struct address rooms[3];

	interface.vrf = vrf;
	interface.bridge = bridge;
	interface.vid = vid;
	interface.mac = mac_bytes(&rooms[2], ROUTER_MAC);
	interface.has_nat = true;
	interface.nat = nat;
	interface.addresses = list;
	if (address)
		set_prefix(&prefixes[interface.n_addresses++], &rooms[0], address);
	if (address2)
		set_prefix(&prefixes[interface.n_addresses++], &rooms[1], address2);
	object.interface = &interface;
	scenario_put(scenario, &object);
}

void scenario_route(struct scenario *scenario, uint64_t id, uint64_t vrf, const char *prefix,
                    uint64_t interface, const char *via)
{
	Weft__Route route = WEFT__ROUTE__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_ROUTE);
	Weft__Prefix message;
	struct address rooms[2];

	set_prefix(&message, &rooms[0], prefix);
	route.vrf = vrf;
	route.prefix = &message;
	route.has_interface = interface != 0;
	route.interface = interface;
	route.has_via = via != NULL;
	if (via)
		route.via = ip_bytes(&rooms[1], via);
	route.has_blackhole = true;
	route.blackhole = !interface && !via;
	object.route = &route;
	scenario_put(scenario, &object);
}

void scenario_neighbour(struct scenario *scenario, uint64_t id, uint64_t interface, const char *ip,
                        const char *mac)
{
	Weft__Neighbour neighbour = WEFT__NEIGHBOUR__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_NEIGHBOUR);
	struct address rooms[2];

	neighbour.interface = interface;
	neighbour.ip = ip_bytes(&rooms[0], ip);
	neighbour.mac = mac_bytes(&rooms[1], mac);
	object.neighbour = &neighbour;
	scenario_put(scenario, &object);
}

void scenario_nat_rule(struct scenario *scenario, uint64_t id, uint64_t vrf, uint64_t interface,
                       const char *source, const char *to)
{
	Weft__NatRule rule = WEFT__NAT_RULE__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_NAT_RULE);
	Weft__Prefix message;
	struct address rooms[2];
	ProtobufCBinaryData to_bytes;

	set_prefix(&message, &rooms[0], source);
	rule.vrf = vrf;
	rule.interface = interface;
	rule.source = &message;
	if (to) {
		to_bytes = ip_bytes(&rooms[1], to);
		rule.n_to = 1;
		rule.to = &to_bytes;
	}
	object.nat_rule = &rule;
	scenario_put(scenario, &object);
}

void scenario_forward(struct scenario *scenario, uint64_t id, uint64_t vrf, const char *outside,
                      uint32_t protocol, uint32_t outside_port, const char *inside,
                      uint32_t inside_port)
{
	Weft__PortForward forward = WEFT__PORT_FORWARD__INIT;
	Weft__Object object = new_object(id, NULL, WEFT__OBJECT__BODY_PORT_FORWARD);
	struct address rooms[2];

	forward.vrf = vrf;
	forward.has_outside = outside != NULL;
	if (outside)
		forward.outside = ip_bytes(&rooms[0], outside);
	forward.protocol = protocol;
	forward.outside_port = outside_port;
	forward.inside = ip_bytes(&rooms[1], inside);
	forward.inside_port = inside_port;
	object.port_forward = &forward;
	scenario_put(scenario, &object);
}

void scenario_impair(struct scenario *scenario, uint64_t id, uint64_t port,
                     Weft__ImpairDirection direction, const Weft__ImpairEffects *effects)
{
	Weft__Impairment impairment = WEFT__IMPAIRMENT__INIT;
	Weft__ImpairStep step = WEFT__IMPAIR_STEP__INIT, *steps[] = {&step};
	Weft__Object object = new_object(id, "impair/test", WEFT__OBJECT__BODY_IMPAIRMENT);

	step.effects = (Weft__ImpairEffects *)effects;
	impairment.port = port;
	impairment.direction = direction;
	impairment.seed = 1;
	impairment.n_steps = 1;
	impairment.steps = steps;
	object.impairment = &impairment;
	scenario_put(scenario, &object);
}

void scenario_wire(struct scenario *scenario, uint64_t id)
{
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;
	Weft__Object object = new_object(id, "link/l1", WEFT__OBJECT__BODY_BRIDGE);

	bridge.has_wire = bridge.wire = true;
	object.bridge = &bridge;
	scenario_put(scenario, &object);
}
