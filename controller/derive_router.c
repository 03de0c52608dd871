// SPDX-License-Identifier: BSD-3-Clause
//
// derive_router: a router's table, its routes, and the NAT between its legs.
//
// Every net in mode nat is hidden behind every external net of the same router, in each family that
// both have.

#include "controller/derive_unit.h"

#include "controller/model_forward.h"

#include <stdio.h>

static void add_vrf(const char *name, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Vrf vrf = WEFT__VRF__INIT;
	char key[KEY_SIZE];

	object.id = ident(WEFT__KIND__KIND_VRF, noun_key(key, NOUN_ROUTER, name));
	object.name = key;
	object.body_case = WEFT__OBJECT__BODY_VRF;
	object.vrf = &vrf;
	unit_add(unit, WEFT__KIND__KIND_VRF, &object);
}

// => The prefix outlives the call.
static void add_route(const char *object_name, const char *id_key, uint64_t vrf,
                      const struct ip_prefix *prefix, const struct intent *leg,
                      const struct ip_addr *via, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Route route = WEFT__ROUTE__INIT;
	Weft__Prefix message;

	derive_prefix(&message, prefix);
	route.vrf = vrf;
	route.prefix = &message;
	if (leg) {
		route.has_interface = true;
		route.interface = derive_interface_id(leg->name);
	}
	if (via) {
		route.has_via = true;
		route.via = derive_ip(via);
	} else {
		route.has_blackhole = true;
		route.blackhole = true;
	}
	object.id = ident(WEFT__KIND__KIND_ROUTE, id_key);
	object.name = (char *)object_name;
	object.body_case = WEFT__OBJECT__BODY_ROUTE;
	object.route = &route;
	unit_add(unit, WEFT__KIND__KIND_ROUTE, &object);
}

static void add_default(const char *router, const struct intent *net, const struct ip_addr *via,
                        struct unit *unit)
{
	struct ip_prefix any = {.len = 0};
	char id_key[KEY_SIZE + 16];

	if (ip_is_none(*via))
		return;
	if (ip_is4(*via))
		any.addr = ip_from4(0);
	snprintf(id_key, sizeof(id_key), "default%d/%s", ip_is4(*via) ? 4 : 6, router);
	add_route(net->key, id_key, derive_vrf_id(net->name, net->msg->net), &any, net, via, unit);
}

static void add_nat(const struct intent *inside, const struct intent *outside,
                    const struct ip_prefix *source, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__NatRule rule = WEFT__NAT_RULE__INIT;
	Weft__Prefix message;
	char id_key[3 * KEY_SIZE];

	derive_prefix(&message, source);
	rule.vrf = derive_vrf_id(outside->name, outside->msg->net);
	rule.interface = derive_interface_id(outside->name);
	rule.source = &message;
	snprintf(id_key, sizeof(id_key), "%s>%s/%d", inside->name, outside->name,
	         ip_is4(source->addr) ? 4 : 6);
	object.id = ident(WEFT__KIND__KIND_NAT_RULE, id_key);
	object.name = (char *)inside->key;
	object.body_case = WEFT__OBJECT__BODY_NAT_RULE;
	object.nat_rule = &rule;
	unit_add(unit, WEFT__KIND__KIND_NAT_RULE, &object);
}

// The NAT of every inside net of the router behind this external one.
static void add_nats(const struct model *model, const char *router_key,
                     const struct intent *outside, const struct net_plan *plan, struct unit *unit)
{
	char user[KEY_SIZE];
	size_t cursor = 0;

	while (graph_next_user(&model->graph, router_key, &cursor, user)) {
		const struct intent *inside = model_get_key(model, user);
		struct net_plan its;

		if (!inside || inside->noun != NOUN_NET || !derive_plan(inside, &its) ||
		    its.mode != WEFT__NET_MODE__NET_NAT)
			continue;
		if (its.has4 && plan->has_gateway4)
			add_nat(inside, outside, &its.subnet4, unit);
		if (its.has6 && plan->has_gateway6)
			add_nat(inside, outside, &its.subnet6, unit);
	}
}

void derive_router(const struct model *model, const char *name, struct layout *layout)
{
	struct unit *unit;
	char router_key[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	noun_key(router_key, NOUN_ROUTER, name);
	if (!model_get(model, NOUN_ROUTER, name) &&
	    graph_user_count(&model->graph, router_key) == 0)
		return;
	unit = layout_unit(layout, derive_router_home(model, layout, name));
	add_vrf(name, unit);
	while (graph_next_user(&model->graph, router_key, &cursor, user)) {
		const struct intent *net = model_get_key(model, user);
		struct net_plan plan;

		if (!net || net->noun != NOUN_NET || !derive_plan(net, &plan) ||
		    plan.mode != WEFT__NET_MODE__NET_EXTERNAL || !plan.has_interface)
			continue;
		add_default(name, net, &plan.via4, unit);
		add_default(name, net, &plan.via6, unit);
		add_nats(model, router_key, net, &plan, unit);
	}
}

void derive_route(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__RouteIntent *route = intent->msg->route;
	const char *router = route->router ? route->router : "gw";
	const struct intent *leg = NULL;
	char router_key[KEY_SIZE];
	struct ip_prefix prefix;
	struct ip_addr via;
	bool has_via = route->via && ip_parse(route->via, &via) == 0;

	if (!route->prefix || prefix_parse(route->prefix, &prefix) < 0)
		return;
	if (has_via) {
		leg = derive_leg_of(model, router, via);
		if (!leg)
			return;
	}
	add_route(intent->key, intent->key,
	          ident(WEFT__KIND__KIND_VRF, noun_key(router_key, NOUN_ROUTER, router)), &prefix,
	          leg, has_via ? &via : NULL,
	          layout_unit(layout, derive_router_home(model, layout, router)));
}

static void add_forward(const struct model *model, const struct intent *intent,
                        const struct ip_addr *inside, struct unit *unit)
{
	const Weft__Forward *forward = intent->msg->forward;
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__PortForward message = WEFT__PORT_FORWARD__INIT;
	char router_key[KEY_SIZE], id_key[KEY_SIZE + 4];
	struct ip_addr outside;

	noun_key(router_key, NOUN_ROUTER, model_forward_router(model, intent));
	message.vrf = ident(WEFT__KIND__KIND_VRF, router_key);
	if (forward->outside && ip_parse(forward->outside, &outside) == 0) {
		message.has_outside = true;
		message.outside = derive_ip(&outside);
	}
	message.protocol = strcmp(forward->protocol, "udp") == 0 ? 17 : 6;
	message.outside_port = forward->outside_port;
	message.inside = derive_ip(inside);
	message.inside_port = forward->inside_port;
	snprintf(id_key, sizeof(id_key), "%s%s", intent->key, ip_is4(*inside) ? "" : "/6");
	object.id = ident(WEFT__KIND__KIND_PORT_FORWARD, id_key);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_PORT_FORWARD;
	object.port_forward = &message;
	unit_add(unit, WEFT__KIND__KIND_PORT_FORWARD, &object);
}

void derive_forward(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const char *router = model_forward_router(model, intent);
	struct unit *unit = layout_unit(layout, derive_router_home(model, layout, router));
	struct ip_addr inside;

	if (model_forward_inside(model, intent, true, &inside))
		add_forward(model, intent, &inside, unit);
	if (model_forward_inside(model, intent, false, &inside))
		add_forward(model, intent, &inside, unit);
}
