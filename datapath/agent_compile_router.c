// SPDX-License-Identifier: BSD-3-Clause
//
// agent_compile_router: interfaces with their NAT rules, VRFs with their routes and port forwards.
//
// Routes go into the persistent tables one by one as the transaction brings them; an interface brings a
// connected route for each subnet and a local one for each address.

#include "datapath/agent_compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool has_claim(struct agent_change *change, uint32_t index, uint64_t id)
{
	const struct agent_node *node = agent_change_node(change, index, id);

	return node && node->links;
}

static int compare_nat_rules(const void *a, const void *b)
{
	const struct nat_rule *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

static void fill_nat_rules(const struct agent_node *nats, struct nat_rule *rules,
                           struct ip_addr *to)
{
	size_t count = 0;

	for (const struct agent_link *link = nats ? nats->links : NULL; link; link = link->next) {
		const Weft__NatRule *message = link->from->message->nat_rule;
		struct nat_rule *rule = &rules[count++];

		*rule = (struct nat_rule){
			.id = link->from->id,
			.to_count = (uint32_t)message->n_to,
			.to = to,
			.begun = link->from->begun,
		};
		agent_prefix(message->source, &rule->source);
		for (size_t i = 0; i < message->n_to; i++)
			agent_ip(&message->to[i], to++);
	}
	if (count > 1)
		qsort(rules, count, sizeof(*rules), compare_nat_rules);
}

static void count_nat_rules(const struct agent_node *nats, size_t *rules, size_t *addresses)
{
	*rules = 0;
	*addresses = 0;
	for (const struct agent_link *link = nats ? nats->links : NULL; link; link = link->next) {
		++*rules;
		*addresses += link->from->message->nat_rule->n_to;
	}
}

static enum nat_role role_of(Weft__NatRole role)
{
	return role == WEFT__NAT_ROLE__NAT_INSIDE    ? NAT_ROLE_INSIDE
	       : role == WEFT__NAT_ROLE__NAT_OUTSIDE ? NAT_ROLE_OUTSIDE
	                                             : NAT_ROLE_NONE;
}

static void fill_interface(struct agent_change *change, struct agent_node *node,
                           struct interface *piece)
{
	const Weft__Interface *message = node->object->message->interface;
	char name[OBJECT_NAME];

	piece->id = node->key.id;
	piece->slot = node->slot;
	piece->vrf = agent_change_node(change, WEFT__KIND__KIND_VRF, message->vrf)->slot;
	piece->domain = agent_change_domain(change, message->bridge, message->vid)->slot;
	piece->mtu = message->mtu;
	piece->nat = role_of(message->nat);
	piece->advert = message->advert != NULL;
	piece->dhcp = has_claim(change, INDEX_SCOPE, node->key.id);
	piece->dns = has_claim(change, INDEX_ZONES, node->key.id);
	agent_mac(&message->mac, &piece->mac);
	snprintf(piece->name, sizeof(piece->name), "%.63s", agent_object_name(node->object, name));
}

int agent_compile_interface(struct agent_change *change, struct agent_node *node)
{
	const struct agent_node *nats = agent_change_node(change, INDEX_NATS, node->key.id);
	size_t address_count, rule_count, to_count;
	struct interface *piece = NULL;

	if (!node->object)
		return agent_piece_put(change, &change->next->interfaces, node->slot, NULL);
	address_count = node->object->message->interface->n_addresses;
	count_nat_rules(nats, &rule_count, &to_count);

	// Rules, addresses to translate to and own addresses lie behind the piece, in one block.
	piece = calloc(1, sizeof(*piece) + rule_count * sizeof(struct nat_rule) +
	                          to_count * sizeof(struct ip_addr) +
	                          address_count * sizeof(struct ip_prefix));
	if (agent_piece_new(change, piece) < 0)
		return change->result->code;

	struct nat_rule *rules = (struct nat_rule *)(piece + 1);
	struct ip_addr *to = (struct ip_addr *)(rules + rule_count);
	struct ip_prefix *addresses = (struct ip_prefix *)(to + to_count);

	fill_interface(change, node, piece);
	fill_nat_rules(nats, rules, to);
	for (size_t i = 0; i < address_count; i++)
		agent_prefix(node->object->message->interface->addresses[i], &addresses[i]);
	piece->nat_rules = rules;
	piece->nat_rule_count = (uint32_t)rule_count;
	piece->addresses = addresses;
	piece->address_count = (uint32_t)address_count;
	return agent_piece_put(change, &change->next->interfaces, node->slot, piece);
}

static int compare_forwards(const void *a, const void *b)
{
	const struct forward *one = a, *other = b;

	if (one->protocol != other->protocol)
		return (int)one->protocol - (int)other->protocol;
	if (one->outside_port != other->outside_port)
		return (int)one->outside_port - (int)other->outside_port;
	// One that names its address is looked at before one for any.
	return (int)one->any_outside - (int)other->any_outside;
}

static void fill_forward(const struct agent_object *object, struct forward *ret)
{
	const Weft__PortForward *message = object->message->port_forward;

	*ret = (struct forward){
		.id = object->id,
		.any_outside = !message->has_outside,
		.protocol = (uint8_t)message->protocol,
		.outside_port = (uint16_t)message->outside_port,
		.inside_port = (uint16_t)message->inside_port,
		.begun = object->begun,
	};
	if (message->has_outside)
		agent_ip(&message->outside, &ret->outside);
	agent_ip(&message->inside, &ret->inside);
}

static int compile_forwards(struct agent_change *change, const struct agent_node *node,
                            struct vrf *piece)
{
	const struct agent_node *list = agent_change_node(change, INDEX_FORWARDS, node->key.id);
	const struct forward *old = piece->forwards;
	struct forward *forwards = NULL;
	uint32_t count = 0;

	for (const struct agent_link *link = list ? list->links : NULL; link; link = link->next)
		count++;
	if (count > 0) {
		forwards = calloc(count, sizeof(*forwards));
		if (agent_piece_new(change, forwards) < 0)
			return change->result->code;
		count = 0;
		for (const struct agent_link *link = list->links; link; link = link->next)
			fill_forward(link->from, &forwards[count++]);
		qsort(forwards, count, sizeof(*forwards), compare_forwards);
	}
	piece->forwards = forwards;
	piece->forward_count = count;
	if (old && edit_replaced(change->edit, (void *)old, free) < 0)
		return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	return 0;
}

int agent_compile_vrf(struct agent_change *change, struct agent_node *node)
{
	const struct vrf *old = pmap_get(&change->next->vrfs, node->slot);
	char name[OBJECT_NAME];
	struct vrf *piece;

	// The routes of one that goes are taken out first, see agent_compile_routes().
	piece = calloc(1, sizeof(*piece));
	if (agent_piece_new(change, piece) < 0)
		return change->result->code;
	if (old)
		*piece = *old;
	piece->id = node->key.id;
	piece->slot = node->slot;
	if (node->object)
		snprintf(piece->name, sizeof(piece->name), "%.63s",
		         agent_object_name(node->object, name));
	if (node->work & WORK_FORWARDS && compile_forwards(change, node, piece) < 0)
		return change->result->code;
	return agent_piece_put(change, &change->next->vrfs, node->slot, piece);
}

static struct vrf *vrf_piece(struct agent_change *change, uint64_t id)
{
	const struct agent_node *node = agent_change_node(change, WEFT__KIND__KIND_VRF, id);

	// Made by this change, so it may still be changed.
	return pmap_get(&change->next->vrfs, node->slot);
}

static int set_route(struct agent_change *change, uint64_t vrf, const struct route *route,
                     const struct ip_prefix *prefix)
{
	struct vrf *piece = vrf_piece(change, vrf);
	struct lpm *lpm = ip_is4(prefix->addr) ? &piece->routes4 : &piece->routes6;
	struct route *old = lpm_exact(lpm, prefix), *copy = NULL;

	if (!old && !route)
		return 0;
	if (route) {
		copy = malloc(sizeof(*copy));
		if (copy)
			*copy = *route;
		if (agent_piece_new(change, copy) < 0)
			return change->result->code;
	}
	if (lpm_set(lpm, change->edit, prefix, copy) < 0 ||
	    (old && edit_replaced(change->edit, old, free) < 0))
		return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	return 0;
}

// Takes the routes of an interface's address out or puts them in. The host's own comes last, so that it
// wins where the subnet is one host.
static int set_connected(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__Interface *message = object->message->interface;
	struct route route = {
		.interface =
			agent_change_node(change, WEFT__KIND__KIND_INTERFACE, object->id)->slot,
		.id = object->id,
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < message->n_addresses; i++) {
		struct ip_prefix prefix, network, host;

		if (agent_prefix(message->addresses[i], &prefix) < 0 ||
		    ip_is_link_local(prefix.addr))
			continue;
		network = prefix_network(prefix);
		host = (struct ip_prefix){.addr = prefix.addr,
		                          .len = ip_is4(prefix.addr) ? 32 : 128};
		route.kind = ROUTE_CONNECTED;
		route.prefix = network;
		code = set_route(change, message->vrf, on ? &route : NULL, &network);
		route.kind = ROUTE_LOCAL;
		route.prefix = host;
		if (code == 0)
			code = set_route(change, message->vrf, on ? &route : NULL, &host);
	}
	return code;
}

// A next hop without an interface is looked for among the connected subnets.
static uint32_t interface_towards(struct agent_change *change, uint64_t vrf, struct ip_addr via)
{
	const struct vrf *piece = vrf_piece(change, vrf);
	const struct route *route =
		lpm_lookup(ip_is4(via) ? &piece->routes4 : &piece->routes6, &via);

	return route ? route->interface : 0;
}

static int put_route(struct agent_change *change, const struct agent_object *object)
{
	const Weft__Route *message = object->message->route;
	struct route route = {.kind = ROUTE_CONNECTED, .id = object->id};

	agent_prefix(message->prefix, &route.prefix);
	if (message->has_via) {
		route.kind = ROUTE_VIA;
		agent_ip(&message->via, &route.via);
	}
	if (message->blackhole)
		route.kind = ROUTE_BLACKHOLE;
	else if (message->has_interface)
		route.interface =
			agent_change_node(change, WEFT__KIND__KIND_INTERFACE, message->interface)
				->slot;
	else
		route.interface = interface_towards(change, message->vrf, route.via);
	return set_route(change, message->vrf, &route, &route.prefix);
}

static int take_route(struct agent_change *change, const struct agent_object *object)
{
	struct ip_prefix prefix;

	agent_prefix(object->message->route->prefix, &prefix);
	return set_route(change, object->message->route->vrf, NULL, &prefix);
}

static int take_old(struct agent_change *change, const struct agent_touch *touch)
{
	if (touch->before && touch->before->kind == WEFT__KIND__KIND_INTERFACE)
		return set_connected(change, touch->before, false);
	if (touch->before && touch->before->kind == WEFT__KIND__KIND_ROUTE)
		return take_route(change, touch->before);
	return 0;
}

static int put_loose(struct agent_change *change, uint64_t vrf)
{
	const struct agent_node *node = agent_change_node(change, INDEX_LOOSE, vrf);
	int code = 0;

	for (const struct agent_link *link = node ? node->links : NULL; code == 0 && link;
	     link = link->next)
		code = put_route(change, link->from);
	return code;
}

int agent_compile_routes_out(struct agent_change *change)
{
	int code = 0;

	for (struct agent_touch *touch = change->touches; code == 0 && touch; touch = touch->next)
		code = take_old(change, touch);
	return code;
}

int agent_compile_routes(struct agent_change *change)
{
	// All that goes first: what comes may have the same prefix. Then subnets, then what needs them.
	int code = agent_compile_routes_out(change);

	for (struct agent_touch *touch = change->touches; code == 0 && touch; touch = touch->next)
		if (touch->after && touch->after->kind == WEFT__KIND__KIND_INTERFACE)
			code = set_connected(change, touch->after, true);
	for (struct agent_touch *touch = change->touches; code == 0 && touch; touch = touch->next)
		if (touch->after && touch->after->kind == WEFT__KIND__KIND_ROUTE)
			code = put_route(change, touch->after);
	for (struct agent_touch *touch = change->touches; code == 0 && touch; touch = touch->next)
		if (touch->after && touch->after->kind == WEFT__KIND__KIND_INTERFACE)
			code = put_loose(change, touch->after->message->interface->vrf);
	// A VRF that goes is empty by now.
	for (struct agent_node *node = change->work; code == 0 && node; node = node->work_next)
		if (node->key.kind == WEFT__KIND__KIND_VRF && node->slot && !node->object)
			code = agent_piece_put(change, &change->next->vrfs, node->slot, NULL);
	return code;
}
