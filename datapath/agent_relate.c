// SPDX-License-Identifier: BSD-3-Clause
//
// agent_relate: whether the objects still fit each other once the whole transaction is in the store.
//
// Looks at what the transaction touched and at what depends upon that, never at everything.

#include "datapath/agent_relate.h"
#include "base/bytes.h"
#include "datapath/agent_change.h"

#include <errno.h>
#include <stdlib.h>

enum { FLOW_RULES_MAX = 1024 };

static bool has_role(const struct agent_node *node, enum agent_role role)
{
	for (const struct agent_link *link = node->links; link; link = link->next)
		if (link->role == role)
			return true;
	return false;
}

static bool exists(const struct agent_node *node)
{
	return node->key.kind < AGENT_KINDS ? node->object != NULL : has_role(node, ROLE_CLAIM);
}

static int refuse_missing(struct agent_change *change, const struct agent_link *link)
{
	if (link->to->key.kind >= AGENT_KINDS)
		return agent_object_refuse(link->from, change->result, -ENOENT, link->field,
		                           "the port is not in VLAN %u of the bridge",
		                           link->to->key.sub);
	return agent_object_refuse(link->from, change->result, -ENOENT, link->field,
	                           "there is no %s %llu", agent_kind_name(link->to->key.kind),
	                           (unsigned long long)link->to->key.id);
}

static int check_claim(struct agent_change *change, const struct agent_link *own)
{
	char name[OBJECT_NAME];

	for (const struct agent_link *link = own->to->links; link; link = link->next)
		if (link->role == ROLE_CLAIM && link->from != own->from)
			return agent_object_refuse(own->from, change->result, -EEXIST, own->field,
			                           "%s has the same already",
			                           agent_object_name(link->from, name));
	return 0;
}

static int check_links(struct agent_change *change, const struct agent_object *object)
{
	for (unsigned i = 0; i < object->link_count; i++) {
		const struct agent_link *link = &object->links[i];
		int code = 0;

		if (link->role == ROLE_REFERENCE && !exists(link->to))
			code = refuse_missing(change, link);
		else if (link->role == ROLE_CLAIM)
			code = check_claim(change, link);
		if (code < 0)
			return code;
	}
	return 0;
}

// What the object was needed for must not need it any more.
static int check_left(struct agent_change *change, const struct agent_touch *touch)
{
	char name[OBJECT_NAME];

	for (const struct agent_link *link = touch->node->links; !touch->after && link;
	     link = link->next)
		if (link->role == ROLE_REFERENCE)
			return agent_object_refuse(touch->before, change->result, -EBUSY, "id",
			                           "is still needed by %s",
			                           agent_object_name(link->from, name));
	for (unsigned i = 0; i < touch->before->link_count; i++) {
		const struct agent_node *node = touch->before->links[i].to;

		if (touch->before->links[i].role != ROLE_CLAIM || exists(node))
			continue;
		for (const struct agent_link *link = node->links; link; link = link->next)
			if (link->role == ROLE_REFERENCE)
				return agent_object_refuse(touch->before, change->result, -EBUSY,
				                           "id", "is still needed by %s",
				                           agent_object_name(link->from, name));
	}
	return 0;
}

// Objects whose sense depends on an interface's addresses or on a scope's place.
static int check_dependents(struct agent_change *change, const struct agent_node *node)
{
	for (const struct agent_link *link = node->links; link; link = link->next) {
		int code = 0;

		if (link->role == ROLE_REFERENCE)
			code = agent_relate_object(change, link->from);
		if (code == 0 && link->role == ROLE_REFERENCE &&
		    link->from->kind == WEFT__KIND__KIND_DHCP_SCOPE) {
			struct agent_node *scope = agent_change_node(
				change, WEFT__KIND__KIND_DHCP_SCOPE, link->from->id);

			code = check_dependents(change, scope);
		}
		if (code < 0)
			return code;
	}
	return 0;
}

static int check_loose_routes(struct agent_change *change, uint64_t vrf)
{
	const struct agent_node *node = agent_change_node(change, INDEX_LOOSE, vrf);
	int code = 0;

	for (const struct agent_link *link = node ? node->links : NULL; code == 0 && link;
	     link = link->next)
		code = agent_relate_object(change, link->from);
	return code;
}

static int check_interface_change(struct agent_change *change, const struct agent_touch *touch)
{
	int code = 0;

	if (touch->before && touch->after)
		code = check_dependents(change, touch->node);
	if (code == 0 && touch->before)
		code = check_loose_routes(change, touch->before->message->interface->vrf);
	if (code == 0 && touch->after)
		code = agent_relate_subnets(change, touch->after);
	return code;
}

// What stands on a port by its type: its peers, while it is a tunnel, and its networks.
static int check_port_change(struct agent_change *change, const struct agent_touch *touch)
{
	const Weft__Port *before = touch->before->message->port,
			 *after = touch->after->message->port;
	char name[OBJECT_NAME];

	if (before->type == after->type && !(before->tunnel && agent_door_differs(before, after)))
		return 0;
	for (const struct agent_link *link = touch->node->links; link; link = link->next) {
		if (link->role != ROLE_REFERENCE)
			continue;
		if (link->from->kind == WEFT__KIND__KIND_PORT)
			return agent_object_refuse(touch->after, change->result, -EBUSY, "tunnel",
			                           "cannot change while it has peers, as %s",
			                           agent_object_name(link->from, name));
		if (agent_relate_object(change, link->from) < 0)
			return change->result->code;
	}
	return 0;
}

static int check_touch(struct agent_change *change, const struct agent_touch *touch)
{
	int code = 0;

	change->op_index = touch->op_index;
	if (touch->after)
		code = check_links(change, touch->after);
	if (code == 0 && touch->before)
		code = check_left(change, touch);
	if (code == 0 && touch->after)
		code = agent_relate_object(change, touch->after);
	if (code < 0)
		return code;
	if (touch->node->key.kind == WEFT__KIND__KIND_PORT && touch->before && touch->after)
		return check_port_change(change, touch);
	if (touch->node->key.kind == WEFT__KIND__KIND_INTERFACE)
		return check_interface_change(change, touch);
	if ((touch->node->key.kind == WEFT__KIND__KIND_DHCP_SCOPE ||
	     touch->node->key.kind == WEFT__KIND__KIND_BRIDGE) &&
	    touch->before && touch->after)
		return check_dependents(change, touch->node);
	return 0;
}

// All interfaces answer to one MAC, so that workers can tell by it what is for the router.
static int check_router_mac(struct agent_change *change)
{
	const struct agent_node *all = agent_change_node(change, INDEX_INTERFACES, 0);
	const struct agent_object *model = NULL;

	// An interface that the transaction leaves alone is the model, if there is one. At most all that
	// are touched come before it.
	for (const struct agent_link *link = all ? all->links : NULL; link; link = link->next) {
		const struct agent_node *node =
			agent_change_node(change, WEFT__KIND__KIND_INTERFACE, link->from->id);

		model = link->from;
		if (!node->touch)
			break;
	}
	for (const struct agent_touch *touch = change->touches; model && touch;
	     touch = touch->next) {
		const struct agent_object *object = touch->after;

		if (!object || object->kind != WEFT__KIND__KIND_INTERFACE)
			continue;
		change->op_index = touch->op_index;
		if (memcmp(object->message->interface->mac.data,
		           model->message->interface->mac.data, sizeof(struct mac)) != 0)
			return agent_object_refuse(
				object, change->result, -EINVAL, "mac",
				"all interfaces of a datapath have one MAC address, "
				"and the others have another");
	}
	return 0;
}

static int check_limits(struct agent_change *change)
{
	uint64_t rules = change->apply->store.tables[WEFT__KIND__KIND_FLOW_RULE].count;

	if (rules > FLOW_RULES_MAX)
		return agent_change_fail(change, -E2BIG,
		                         "there would be %llu flow rules; each is looked at for "
		                         "every new flow, so %d are the limit",
		                         (unsigned long long)rules, FLOW_RULES_MAX);
	return 0;
}

int agent_relate(struct agent_change *change)
{
	int code = 0;

	for (const struct agent_touch *touch = change->touches; code == 0 && touch;
	     touch = touch->next)
		code = check_touch(change, touch);
	if (code == 0)
		code = check_router_mac(change);
	if (code == 0)
		code = check_limits(change);
	return code;
}
