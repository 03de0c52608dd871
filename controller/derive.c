// SPDX-License-Identifier: BSD-3-Clause
//
// derive: which unit is derived how, and the ids by which units refer to each other.
//
// Ids are hashes of names, so one unit can refer to another's object without looking at it. Besides the
// user's objects there is one unit of our own: "shared", the bridge of everything that has a VLAN.

#include "controller/derive.h"

#include "controller/derive_unit.h"

#include <errno.h>
#include <stdio.h>

uint64_t derive_shared_bridge_id(void)
{
	return ident(WEFT__KIND__KIND_BRIDGE, "shared");
}

uint64_t derive_bridge_id(const char *net, const Weft__Net *body)
{
	char key[KEY_SIZE];

	return body->has_vlan ? derive_shared_bridge_id()
	                      : ident(WEFT__KIND__KIND_BRIDGE, noun_key(key, NOUN_NET, net));
}

uint64_t derive_vrf_id(const char *net, const Weft__Net *body)
{
	char key[KEY_SIZE];

	// Services of an isolated net live in a routing table from which nothing leads away.
	if (body->mode == WEFT__NET_MODE__NET_ISOLATED)
		return ident(WEFT__KIND__KIND_VRF, noun_key(key, NOUN_NET, net));
	return ident(WEFT__KIND__KIND_VRF,
	             noun_key(key, NOUN_ROUTER, body->router ? body->router : "gw"));
}

static uint64_t id_of_net(Weft__Kind kind, const char *net)
{
	char key[KEY_SIZE];

	return ident(kind, noun_key(key, NOUN_NET, net));
}

uint64_t derive_interface_id(const char *net)
{
	return id_of_net(WEFT__KIND__KIND_INTERFACE, net);
}

uint64_t derive_scope_id(const char *net)
{
	return id_of_net(WEFT__KIND__KIND_DHCP_SCOPE, net);
}

uint64_t derive_zone_id(const char *net)
{
	return id_of_net(WEFT__KIND__KIND_DNS_ZONE, net);
}

uint64_t derive_port_id(const char *port)
{
	char key[KEY_SIZE];

	return ident(WEFT__KIND__KIND_PORT, noun_key(key, NOUN_PORT, port));
}

bool derive_plan(const struct intent *net, struct net_plan *ret)
{
	struct refusal ignored = {0};

	return ipam_plan(net->key, net->msg->net, ret, &ignored) == 0;
}

const struct intent *derive_leg_of(const struct model *model, const char *router,
                                   struct ip_addr addr)
{
	char key[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	noun_key(key, NOUN_ROUTER, router);
	while (graph_next_user(&model->graph, key, &cursor, user)) {
		const struct intent *net = model_get_key(model, user);
		struct net_plan plan;

		if (!net || net->noun != NOUN_NET || !derive_plan(net, &plan))
			continue;
		if (ip_is4(addr) ? plan.has4 && prefix_contains(plan.subnet4, addr)
		                 : plan.has6 && prefix_contains(plan.subnet6, addr))
			return net;
	}
	return NULL;
}

ProtobufCBinaryData derive_ip(const struct ip_addr *addr)
{
	// IPv4 is kept in its mapped form: the last four bytes.
	uint8_t *bytes = (uint8_t *)addr->b;

	return ip_is4(*addr) ? (ProtobufCBinaryData){.len = 4, .data = bytes + 12}
	                     : (ProtobufCBinaryData){.len = 16, .data = bytes};
}

ProtobufCBinaryData derive_mac(const struct mac *mac)
{
	return (ProtobufCBinaryData){.len = 6, .data = (uint8_t *)mac->b};
}

void derive_prefix(Weft__Prefix *message, const struct ip_prefix *prefix)
{
	weft__prefix__init(message);
	message->addr = derive_ip(&prefix->addr);
	message->len = prefix->len;
}

static void derive_shared(const struct model *model, struct unit *unit)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;

	if (graph_user_count(&model->graph, "shared") == 0)
		return;
	object.id = derive_shared_bridge_id();
	object.name = "bridge/shared";
	object.body_case = WEFT__OBJECT__BODY_BRIDGE;
	object.bridge = &bridge;
	unit_add(unit, WEFT__KIND__KIND_BRIDGE, &object);
}

static void derive_intent(const struct model *model, const struct intent *intent, struct unit *unit)
{
	switch (intent->noun) {
	case NOUN_NET:
		derive_net(model, intent, unit);
		break;
	case NOUN_PORT:
		derive_port(model, intent, unit);
		break;
	case NOUN_ROUTE:
		derive_route(model, intent, unit);
		break;
	case NOUN_FORWARD:
		derive_forward(model, intent, unit);
		break;
	case NOUN_LEASE:
		derive_lease(model, intent, unit);
		break;
	case NOUN_DNS:
		derive_dns(model, intent, unit);
		break;
	case NOUN_FLOW:
		derive_flow(model, intent, unit);
		break;
	case NOUN_LINK:
		derive_link(intent, unit);
		break;
	case NOUN_IMPAIR:
		derive_impair(model, intent, unit);
		break;
	default:
		// A guest is seen through its ports; routers are derived whether declared or not.
		break;
	}
}

int derive_unit(const struct model *model, struct desired *desired, const char *key,
                struct ops *ops, struct refusal *refusal)
{
	const char *name = NULL;
	enum noun noun = noun_of_key(key, &name);
	const struct intent *intent = model_get_key(model, key);
	struct unit unit;
	int err;

	unit_init(&unit, key);
	if (strcmp(key, "shared") == 0)
		derive_shared(model, &unit);
	else if (noun == NOUN_ROUTER)
		derive_router(model, name, &unit);
	else if (intent)
		derive_intent(model, intent, &unit);
	err = desired_replace(desired, &unit, ops);
	unit_fini(&unit);
	if (err == -EEXIST)
		return refuse(refusal, err, key, NULL,
		              "%s: its name leads to an id that another object has; choose another "
		              "name",
		              key);
	return err < 0 ? refuse(refusal, err, key, NULL, "%s: out of memory", key) : 0;
}

int derive_dirty(const struct model *model, struct desired *desired, struct ops *ops,
                 struct refusal *refusal)
{
	const void *key;
	size_t cursor = 0, len;
	int err = 0;

	while (err == 0 && table_next(&model->dirty, &cursor, &key, &len)) {
		char text[KEY_SIZE];

		if (len >= sizeof(text))
			continue;
		memcpy(text, key, len);
		text[len] = '\0';
		err = derive_unit(model, desired, text, ops, refusal);
	}
	return err;
}

int derive_all(const struct model *model, struct desired *desired, struct refusal *refusal)
{
	char key[KEY_SIZE];
	int err = derive_unit(model, desired, "shared", NULL, refusal);

	for (enum noun noun = 0; noun < NOUN_COUNT && err == 0; noun++) {
		const struct intent *intent;
		size_t cursor = 0;

		while (err == 0 && (intent = model_next(model, noun, &cursor))) {
			err = derive_unit(model, desired, intent->key, NULL, refusal);
			// The router may be one that nobody declared.
			if (err < 0 || noun != NOUN_NET)
				continue;
			noun_key(key, NOUN_ROUTER,
			         intent->msg->net->router ? intent->msg->net->router : "gw");
			err = derive_unit(model, desired, key, NULL, refusal);
		}
	}
	return err;
}
