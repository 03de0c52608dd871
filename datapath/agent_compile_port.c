// SPDX-License-Identifier: BSD-3-Clause
//
// agent_compile_port: ports and broadcast domains, out of Port, VlanMember and Bridge.
//
// A domain's member list is merged from the one before and what the transaction brought, both sorted by
// port, so that one port more in a domain of thousands costs one copy of an array and no walk of objects.

#include "datapath/agent_compile.h"
#include "datapath/impair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// A tag, or a peer's VNI.
static bool has_number(const Weft__VlanMember *member)
{
	return member->tagged || member->vni;
}

static unsigned count_tagged(const struct agent_node *members)
{
	unsigned count = 0;

	for (const struct agent_link *link = members ? members->links : NULL; link;
	     link = link->next)
		count += has_number(link->from->message->vlan_member);
	return count;
}

static int compare_tagged(const void *a, const void *b)
{
	const struct tagged_vlan *one = a, *other = b;

	return one->vid < other->vid ? -1 : one->vid > other->vid;
}

static const struct impair_setting *impairment_of(struct agent_change *change, uint64_t port,
                                                  Weft__ImpairDirection direction)
{
	struct agent_key key = agent_key_sub(INDEX_IMPAIRMENT, port, (uint32_t)direction);
	const struct agent_node *node = agent_store_find(&change->apply->store, &key);

	return node && node->links ? node->links->from->impair : NULL;
}

static bool is_wire(const struct agent_change *change, uint64_t bridge)
{
	const struct agent_object *object =
		agent_store_object(&change->apply->store, WEFT__KIND__KIND_BRIDGE, bridge);

	return object && object->message->bridge->wire;
}

static void fill_port(struct agent_change *change, struct agent_node *node,
                      struct port_config *piece, struct tagged_vlan *tagged)
{
	const struct agent_node *members = agent_change_node(change, INDEX_MEMBERS, node->key.id);
	const Weft__Port *port = node->object->message->port;
	char name[OBJECT_NAME];

	*piece = (struct port_config){
		.id = node->key.id,
		.slot = node->slot,
		.door = agent_door_of(change, node),
		.admin_down = port->admin_down,
		.is_peer = port->peer != NULL,
		.no_learn = port->peer && !port->peer->learn,
		.mac_limit = port->mac_limit,
		.tagged = tagged,
		.impair[IMPAIR_IN] =
			impairment_of(change, node->key.id, WEFT__IMPAIR_DIRECTION__IMPAIR_IN),
		.impair[IMPAIR_OUT] =
			impairment_of(change, node->key.id, WEFT__IMPAIR_DIRECTION__IMPAIR_OUT),
	};
	snprintf(piece->name, sizeof(piece->name), "%.63s", agent_object_name(node->object, name));
	for (const struct agent_link *link = members ? members->links : NULL; link;
	     link = link->next) {
		const Weft__VlanMember *member = link->from->message->vlan_member;
		uint32_t domain = agent_change_domain(change, member->bridge, member->vid)->slot;

		if (has_number(member))
			tagged[piece->tagged_count++] = (struct tagged_vlan){
				.vid = member->vni ? member->vni : member->vid, .domain = domain};
		else
			piece->untagged_domain = domain;
		if (is_wire(change, member->bridge))
			piece->wire = domain;
	}
	if (piece->tagged_count > 1)
		qsort(tagged, piece->tagged_count, sizeof(*tagged), compare_tagged);
}

int agent_compile_port(struct agent_change *change, struct agent_node *node)
{
	struct port_config *piece = NULL;

	if (node->object) {
		unsigned tagged =
			count_tagged(agent_change_node(change, INDEX_MEMBERS, node->key.id));

		// The array lies behind the piece, in one block.
		piece = malloc(sizeof(*piece) + tagged * sizeof(struct tagged_vlan));
		if (agent_piece_new(change, piece) < 0)
			return change->result->code;
		fill_port(change, node, piece, (struct tagged_vlan *)(piece + 1));
	}
	return agent_piece_put(change, &change->next->ports, node->slot, piece);
}

static const struct agent_delta *deltas_of(const struct agent_change *change,
                                           const struct agent_node *node, size_t *count)
{
	size_t low = 0, high = change->delta_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (change->deltas[middle].domain < node)
			low = middle + 1;
		else
			high = middle;
	}
	for (high = low; high < change->delta_count && change->deltas[high].domain == node;)
		high++;
	*count = high - low;
	return change->deltas + low;
}

// Merges old members and deltas; of one port, what went comes before what came. Returns the count.
static uint32_t merge(const struct domain *old, const struct agent_delta *delta, size_t delta_count,
                      struct domain_member *out)
{
	uint32_t count = 0, i = 0;
	const struct agent_delta *end = delta + delta_count;

	for (; delta < end; delta++) {
		while (old && i < old->member_count && old->members[i].port < delta->member.port)
			out[count++] = old->members[i++];
		// At most one entry of a port stands at the end of what has been merged.
		if (old && i < old->member_count && old->members[i].port == delta->member.port)
			out[count++] = old->members[i++];
		if (!delta->added && count > 0 && out[count - 1].port == delta->member.port)
			count--;
		else if (delta->added)
			out[count++] = delta->member;
	}
	while (old && i < old->member_count)
		out[count++] = old->members[i++];
	return count;
}

// The list is a piece of its own: versions of a domain that differ in other things share it.
static int compile_members(struct agent_change *change, struct agent_node *node,
                           const struct domain *old, struct domain *piece)
{
	size_t delta_count;
	const struct agent_delta *deltas = deltas_of(change, node, &delta_count);
	size_t most = delta_count + (old ? old->member_count : 0);
	struct domain_member *members = malloc((most + 1) * sizeof(*members));

	if (agent_piece_new(change, members) < 0)
		return change->result->code;
	piece->member_count = merge(old, deltas, delta_count, members);
	piece->members = members;
	if (old && old->members && edit_replaced(change->edit, (void *)old->members, free) < 0)
		return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	return 0;
}

static void name_domain(const struct agent_node *node, const struct agent_object *bridge,
                        struct domain *piece)
{
	char name[OBJECT_NAME];

	if (node->key.sub)
		snprintf(piece->name, sizeof(piece->name), "%.50s vlan %u",
		         agent_object_name(bridge, name), node->key.sub & 0xfff);
	else
		snprintf(piece->name, sizeof(piece->name), "%.63s",
		         agent_object_name(bridge, name));
}

static const struct interface *leg_of(struct agent_change *change, const struct agent_node *node)
{
	struct agent_key key = agent_key_sub(INDEX_LEG, node->key.id, node->key.sub);
	const struct agent_node *leg = agent_store_find(&change->apply->store, &key);
	const struct agent_node *interface;

	if (!leg || !leg->links)
		return NULL;
	interface = agent_change_node(change, WEFT__KIND__KIND_INTERFACE, leg->links->from->id);
	return pmap_get(&change->next->interfaces, interface->slot);
}

int agent_compile_domain(struct agent_change *change, struct agent_node *node)
{
	const struct domain *old = pmap_get(&change->next->domains, node->slot);
	struct domain *piece = NULL;

	if (node->links) {
		const struct agent_object *bridge = agent_store_object(
			&change->apply->store, WEFT__KIND__KIND_BRIDGE, node->key.id);

		piece = calloc(1, sizeof(*piece));
		if (agent_piece_new(change, piece) < 0)
			return change->result->code;
		if (old)
			*piece = *old;
		piece->slot = node->slot;
		piece->bridge = node->key.id;
		piece->vid = (uint16_t)node->key.sub;
		piece->ageing_seconds = bridge->message->bridge->ageing_seconds;
		piece->mac_limit = bridge->message->bridge->mac_limit;
		piece->interface = leg_of(change, node);
		name_domain(node, bridge, piece);
		if (node->work & WORK_MEMBERS && compile_members(change, node, old, piece) < 0)
			return change->result->code;
	} else if (old) {
		// What is in it goes first, see agent_compile_addresses().
		piece = malloc(sizeof(*piece));
		if (agent_piece_new(change, piece) < 0)
			return change->result->code;
		*piece = *old;
		piece->members = NULL;
		piece->member_count = 0;
		piece->interface = NULL;
		if (old->members && edit_replaced(change->edit, (void *)old->members, free) < 0)
			return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	}
	return agent_piece_put(change, &change->next->domains, node->slot, piece);
}
