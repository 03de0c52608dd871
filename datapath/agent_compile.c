// SPDX-License-Identifier: BSD-3-Clause
//
// agent_compile: finds what a transaction makes necessary to compile, and has it compiled.
//
// A touched object marks the nodes whose pieces are made from it; each marked node is compiled once,
// whatever the number of objects behind it. Interfaces come before the domains that point at them.

#include "datapath/agent_compile.h"
#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int slot_kind_of(uint32_t kind)
{
	switch (kind) {
	case WEFT__KIND__KIND_PORT:
		return SLOT_PORT;
	case WEFT__KIND__KIND_INTERFACE:
		return SLOT_INTERFACE;
	case WEFT__KIND__KIND_VRF:
		return SLOT_VRF;
	default:
		return SLOT_DOMAIN;
	}
}

static bool is_wanted(const struct agent_node *node)
{
	return node->key.kind == INDEX_DOMAIN ? node->links != NULL : node->object != NULL;
}

static const char *const slot_names[SLOT_KINDS] = {
	[SLOT_PORT] = "ports",
	[SLOT_DOMAIN] = "broadcast domains",
	[SLOT_INTERFACE] = "interfaces",
	[SLOT_VRF] = "routing tables",
};

static int lease_slot(struct agent_change *change, struct agent_node *node)
{
	struct apply *apply = change->apply;
	enum slot_kind kind = (enum slot_kind)slot_kind_of(node->key.kind);
	bool known;

	if (node->slot || !is_wanted(node))
		return 0;
	if (agent_change_room((void **)&change->fresh, change->fresh_count, &change->fresh_room,
	                      sizeof(struct agent_fresh)) < 0)
		return agent_change_fail(change, -ENOMEM, "out of memory");
	known = slot_find(apply->env.state, kind, node->key.id, node->key.sub) != 0;
	node->slot = slot_lease(apply->env.state, kind, node->key.id, node->key.sub);
	if (!node->slot)
		return agent_change_fail(change, -ENOSPC, "there is no room for more %s",
		                         slot_names[kind]);
	change->fresh[change->fresh_count++] = (struct agent_fresh){.node = node, .known = known};
	if (node->key.kind == INDEX_DOMAIN)
		change->flow_rules = true; // A rule may have waited for this domain.
	// A slot that a predecessor left goes on counting where it stopped.
	if (kind == SLOT_PORT && !known && apply->env.stats)
		stats_clear_port(apply->env.stats, node->slot);
	if (kind == SLOT_PORT && !known)
		router_ports_limit(apply->env.state->routers, node->slot, 0);
	return 0;
}

static int add_delta(struct agent_change *change, const struct agent_object *object, bool added)
{
	const Weft__VlanMember *member = object->message->vlan_member;

	if (agent_change_room((void **)&change->deltas, change->delta_count, &change->delta_room,
	                      sizeof(struct agent_delta)) < 0)
		return agent_change_fail(change, -ENOMEM, "out of memory");
	// The port's slot is filled in when all slots are leased.
	change->deltas[change->delta_count++] = (struct agent_delta){
		.domain = agent_change_domain(change, member->bridge, member->vid),
		.member = {.vid = member->tagged ? (uint16_t)member->vid : 0,
	                   .vni = member->vni,
	                   .flood = (uint8_t)(member->flood - WEFT__FLOOD_POLICY__FLOOD_ALL),
	                   .no_learn = member->learn_off,
	                   .snooped = member->snooped},
		.added = added,
	};
	agent_change_work(change, change->deltas[change->delta_count - 1].domain, WORK_MEMBERS);
	agent_change_work(change, agent_change_node(change, WEFT__KIND__KIND_PORT, member->port),
	                  0);
	return 0;
}

static void collect_interface(struct agent_change *change, struct agent_node *node,
                              const struct agent_object *object)
{
	const Weft__Interface *interface;

	if (!object)
		return;
	interface = object->message->interface;
	agent_change_work(change, node, 0);
	agent_change_work(change, agent_change_domain(change, interface->bridge, interface->vid),
	                  0);
	agent_change_work(change, agent_change_node(change, WEFT__KIND__KIND_VRF, interface->vrf),
	                  0);
}

// The interface's piece tells of rules, scopes and zones; the domain points at the piece.
static void collect_interface_id(struct agent_change *change, uint64_t id)
{
	struct agent_node *node = agent_change_node(change, WEFT__KIND__KIND_INTERFACE, id);

	collect_interface(change, node, node ? node->object : NULL);
}

static bool is_wire(const struct agent_object *bridge)
{
	return bridge && bridge->message->bridge->wire;
}

static void collect_bridge(struct agent_change *change, const struct agent_touch *touch)
{
	const struct agent_node *bridge = touch->node;
	bool turns = is_wire(touch->before) != is_wire(touch->after);

	for (const struct agent_link *link = bridge->links; link; link = link->next) {
		const struct agent_object *object = link->from;
		const Weft__VlanMember *member = object->message->vlan_member;

		if (object->kind == WEFT__KIND__KIND_VLAN_MEMBER)
			agent_change_work(change,
			                  agent_change_domain(change, bridge->key.id, member->vid),
			                  0);
		else if (object->kind == WEFT__KIND__KIND_INTERFACE)
			agent_change_work(change,
			                  agent_change_domain(change, bridge->key.id,
			                                      object->message->interface->vid),
			                  0);
		// A port knows by itself that it is at a wire.
		if (turns && object->kind == WEFT__KIND__KIND_VLAN_MEMBER)
			agent_change_work(
				change,
				agent_change_node(change, WEFT__KIND__KIND_PORT, member->port), 0);
	}
}

static int collect_version(struct agent_change *change, const struct agent_touch *touch,
                           const struct agent_object *object, bool added)
{
	if (!object)
		return 0;
	switch (object->kind) {
	case WEFT__KIND__KIND_PORT:
	case WEFT__KIND__KIND_VRF:
		agent_change_work(change, touch->node, 0);
		return 0;
	case WEFT__KIND__KIND_BRIDGE:
		collect_bridge(change, touch);
		return 0;
	case WEFT__KIND__KIND_VLAN_MEMBER:
		return add_delta(change, object, added);
	case WEFT__KIND__KIND_ADDRESS:
		agent_change_work(change,
		                  agent_change_domain(change, object->message->address->bridge,
		                                      object->message->address->vid),
		                  0);
		return 0;
	case WEFT__KIND__KIND_INTERFACE:
		collect_interface(change, touch->node, object);
		return 0;
	case WEFT__KIND__KIND_ROUTE:
		agent_change_work(change,
		                  agent_change_node(change, WEFT__KIND__KIND_VRF,
		                                    object->message->route->vrf),
		                  0);
		return 0;
	case WEFT__KIND__KIND_NAT_RULE:
		collect_interface_id(change, object->message->nat_rule->interface);
		return 0;
	case WEFT__KIND__KIND_PORT_FORWARD:
		agent_change_work(change,
		                  agent_change_node(change, WEFT__KIND__KIND_VRF,
		                                    object->message->port_forward->vrf),
		                  WORK_FORWARDS);
		return 0;
	case WEFT__KIND__KIND_DHCP_SCOPE:
		collect_interface_id(change, object->message->dhcp_scope->interface);
		return 0;
	case WEFT__KIND__KIND_DNS_ZONE:
		collect_interface_id(change, object->message->dns_zone->interface);
		return 0;
	case WEFT__KIND__KIND_FLOW_RULE:
		change->flow_rules = true;
		return 0;
	case WEFT__KIND__KIND_IMPAIRMENT:
		agent_change_work(change,
		                  agent_change_node(change, WEFT__KIND__KIND_PORT,
		                                    object->message->impairment->port),
		                  0);
		return 0;
	default:
		return 0;
	}
}

// Deltas were made in the order of touches, before and after; the ports are filled in alike.
static void fill_deltas(struct agent_change *change)
{
	size_t at = 0;

	for (const struct agent_touch *touch = change->touches; touch; touch = touch->next) {
		const struct agent_object *versions[] = {touch->before, touch->after};

		if (touch->node->key.kind != WEFT__KIND__KIND_VLAN_MEMBER)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
			const struct agent_object *object = versions[i];

			if (object)
				change->deltas[at++].member.port =
					agent_change_node(change, WEFT__KIND__KIND_PORT,
				                          object->message->vlan_member->port)
						->slot;
		}
	}
}

static int compare_deltas(const void *a, const void *b)
{
	const struct agent_delta *one = a, *other = b;

	if (one->domain != other->domain)
		return one->domain < other->domain ? -1 : 1;
	if (one->member.port != other->member.port)
		return one->member.port < other->member.port ? -1 : 1;
	return (int)one->added - (int)other->added;
}

int agent_compile_collect(struct agent_change *change)
{
	int code = 0;

	for (const struct agent_touch *touch = change->touches; code == 0 && touch;
	     touch = touch->next) {
		change->op_index = touch->op_index;
		code = collect_version(change, touch, touch->before, false);
		if (code == 0)
			code = collect_version(change, touch, touch->after, true);
	}
	for (struct agent_node *node = change->work; code == 0 && node; node = node->work_next)
		code = lease_slot(change, node);
	if (code < 0)
		return code;
	fill_deltas(change);
	if (change->delta_count > 0)
		qsort(change->deltas, change->delta_count, sizeof(change->deltas[0]),
		      compare_deltas);
	return 0;
}

typedef int (*compile_fn)(struct agent_change *change, struct agent_node *node);

static int compile_kind(struct agent_change *change, uint32_t kind, compile_fn compile)
{
	int code = 0;

	for (struct agent_node *node = change->work; code == 0 && node; node = node->work_next)
		if (node->key.kind == kind && node->slot)
			code = compile(change, node);
	return code;
}

// Not taken from one interface but from any, since all have the same.
static uint64_t router_mac(struct agent_change *change)
{
	const struct agent_node *all = agent_change_node(change, INDEX_INTERFACES, 0);
	struct mac mac;

	if (!all || !all->links || agent_mac(&all->links->from->message->interface->mac, &mac) < 0)
		return 0;
	return mac_to_u64(mac);
}

int agent_compile(struct agent_change *change)
{
	int code = compile_kind(change, WEFT__KIND__KIND_INTERFACE, agent_compile_interface);

	if (code == 0)
		code = compile_kind(change, INDEX_DOMAIN, agent_compile_domain);
	if (code == 0)
		code = compile_kind(change, WEFT__KIND__KIND_PORT, agent_compile_port);
	if (code == 0)
		code = compile_kind(change, WEFT__KIND__KIND_VRF, agent_compile_vrf);
	if (code == 0)
		code = agent_compile_routes(change);
	if (code == 0)
		code = agent_compile_addresses(change);
	if (code == 0 && change->flow_rules)
		code = agent_compile_flow_rules(change);
	change->next->router_mac = router_mac(change);
	return code;
}

// Connections of a routing table are known by its slot, which its successor would inherit.
static void end_conns(struct conn_table *conns, uint32_t vrf)
{
	uint32_t cursor = 0;

	for (;;) {
		struct conn_ref ref = conn_next(conns, &cursor);
		struct conn conn;

		if (ref.index == CONN_NONE)
			return;
		if (conn_read(conns, ref, &conn) && conn.key[CONN_ORIGINAL].zone == vrf)
			conn_remove(conns, ref);
	}
}

static void give_back(struct agent_change *change, struct agent_node *node)
{
	struct state *state = change->apply->env.state;
	enum slot_kind kind = (enum slot_kind)slot_kind_of(node->key.kind);

	switch (kind) {
	case SLOT_PORT:
		fdb_flush_port(state->fdb, node->slot);
		break;
	case SLOT_DOMAIN:
		fdb_flush_domain(state->fdb, node->slot);
		break;
	case SLOT_INTERFACE:
		neighbour_flush(state->neighbours, node->slot);
		break;
	case SLOT_VRF:
		end_conns(state->conns, node->slot);
		break;
	case SLOT_KINDS:
		break;
	}
	slot_release(state, kind, node->slot);
	node->slot = 0;
}

// A slot that a predecessor left stays leased for the next attempt, with all that was learnt under it.
void agent_slots_undo(struct agent_change *change)
{
	for (size_t i = 0; i < change->fresh_count; i++) {
		struct agent_node *node = change->fresh[i].node;

		if (change->published)
			give_back(change, node);
		else if (!change->fresh[i].known)
			slot_release(change->apply->env.state,
			             (enum slot_kind)slot_kind_of(node->key.kind), node->slot);
		node->slot = 0;
	}
	change->fresh_count = 0;
}

void agent_slots_finish(struct agent_change *change)
{
	for (size_t i = 0; i < change->delta_count; i++)
		if (!change->deltas[i].added && change->deltas[i].member.port)
			fdb_flush_port(change->apply->env.state->fdb,
			               change->deltas[i].member.port);
	for (struct agent_node *node = change->work; node; node = node->work_next)
		if (node->slot && !is_wanted(node))
			give_back(change, node);
}
