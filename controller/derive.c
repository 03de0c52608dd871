// SPDX-License-Identifier: BSD-3-Clause
//
// derive: which unit is derived how, and the ids by which units refer to each other.
//
// Ids are hashes of names, so one unit can refer to another's object without looking at it, also on another
// host. Besides the user's objects there is one unit of our own: "shared", the bridge of everything that
// has a VLAN. Each unit says itself on which hosts it is; what has only one place follows the home of its net.

#include "controller/derive.h"

#include "controller/derive_mesh.h"
#include "controller/derive_unit.h"
#include "controller/model_host.h"
#include "controller/model_place.h"
#include "controller/model_way.h"
#include "controller/scope.h"

#include <errno.h>
#include <stdio.h>

// Keys of the dirty table that stand for no object.
#define MESH "mesh/"
#define SPREAD "spread/"
#define TRUNKS "trunks/"

uint64_t derive_shared_bridge_id(const struct intent *intent)
{
	char key[KEY_SIZE];

	return ident(WEFT__KIND__KIND_BRIDGE, scope_shared(intent, key));
}

uint64_t derive_bridge_id(const struct intent *net)
{
	return net->msg->net->has_vlan ? derive_shared_bridge_id(net)
	                               : ident(WEFT__KIND__KIND_BRIDGE, net->key);
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

uint32_t derive_net_mtu(const struct model *model, const struct intent *net)
{
	return model_way_net(model, net).mtu;
}

Weft__UnknownPolicy derive_unknown(const struct intent *net)
{
	return net->msg->net->has_unknown ? net->msg->net->unknown
	                                  : WEFT__UNKNOWN_POLICY__UNKNOWN_AUTO;
}

bool derive_snoops(const struct intent *net)
{
	return !net->msg->net->has_snooping || net->msg->net->snooping;
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

const char *derive_router_home(const struct model *model, struct layout *layout, const char *router)
{
	char group[KEY_SIZE], home[KEY_SIZE];

	noun_key(group, NOUN_ROUTER, router);
	if (!layout_home(layout, group))
		layout_set_home(layout, group, model_place_home(model, group, home));
	return layout_home(layout, group) ? layout_home(layout, group) : HOST_LOCAL;
}

const char *derive_home(const struct model *model, struct layout *layout, const struct intent *net)
{
	char group[KEY_SIZE], home[KEY_SIZE];

	model_place_group(net, group);
	if (!layout_home(layout, group))
		layout_set_home(layout, group, model_place_home(model, group, home));
	return layout_home(layout, group) ? layout_home(layout, group) : HOST_LOCAL;
}

// "shared", or "shared/LAB".
static bool is_shared(const char *key)
{
	return strncmp(key, "shared", 6) == 0 && (key[6] == '/' || !key[6]);
}

static void add_shared(struct layout *layout, const char *key, const char *host)
{
	struct unit *unit = layout_unit(layout, host);
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;
	char name[KEY_SIZE + 8];

	if (unit->count > 0)
		return;
	snprintf(name, sizeof(name), "bridge/%s", key);
	object.id = ident(WEFT__KIND__KIND_BRIDGE, key);
	object.name = name;
	object.body_case = WEFT__OBJECT__BODY_BRIDGE;
	object.bridge = &bridge;
	unit_add(unit, WEFT__KIND__KIND_BRIDGE, &object);
}

// The bridge of VLANs, wherever there is a trunk or a net that has one.
static void derive_shared(const struct model *model, const char *key, struct layout *layout)
{
	char user[KEY_SIZE], host[KEY_SIZE];
	size_t cursor = 0;

	while (graph_next_user(&model->graph, key, &cursor, user)) {
		const struct intent *intent = model_get_key(model, user);
		size_t inner = 0;

		if (intent && intent->noun == NOUN_PORT)
			add_shared(layout, key, model_place_of(intent->msg->port));
		if (!intent || intent->noun != NOUN_NET)
			continue;
		add_shared(layout, key, derive_home(model, layout, intent));
		while (model_place_next(model, intent->name, &inner, host))
			add_shared(layout, key, host);
	}
}

static void derive_intent(const struct model *model, const struct intent *intent,
                          struct layout *layout)
{
	switch (intent->noun) {
	case NOUN_NET:
		derive_net(model, intent, layout);
		break;
	case NOUN_PORT:
		derive_port(model, intent, layout);
		break;
	case NOUN_ROUTE:
		derive_route(model, intent, layout);
		break;
	case NOUN_FORWARD:
		derive_forward(model, intent, layout);
		break;
	case NOUN_LEASE:
		derive_lease(model, intent, layout);
		break;
	case NOUN_DNS:
		derive_dns(model, intent, layout);
		break;
	case NOUN_FLOW:
		derive_flow(model, intent, layout);
		break;
	case NOUN_LINK:
		derive_link(model, intent, layout);
		break;
	case NOUN_TUNNEL:
		derive_tunnel(model, intent, layout);
		break;
	case NOUN_PEER:
		derive_peer(model, intent, layout);
		break;
	case NOUN_IMPAIR:
		derive_impair(model, intent, layout);
		break;
	default:
		// A guest is seen through its ports; routers are derived whether declared or not.
		break;
	}
}

// A unit whose object is gone derives to nothing.
static int derive_unit(const struct model *model, struct layout *layout, const char *key,
                       bool collect, struct refusal *refusal)
{
	const char *name = NULL;
	enum noun noun = noun_of_key(key, &name);
	const struct intent *intent = model_get_key(model, key);
	int err;

	layout_begin(layout, key);
	if (is_shared(key))
		derive_shared(model, key, layout);
	else if (strncmp(key, MESH, strlen(MESH)) == 0)
		derive_mesh(model, key + strlen(MESH), layout);
	else if (noun == NOUN_ROUTER)
		derive_router(model, name, layout);
	else if (intent)
		derive_intent(model, intent, layout);
	err = layout_end(layout, collect);
	if (err == -EEXIST)
		return refuse(refusal, err, key, NULL,
		              "%s: its name leads to an id that another object has; choose another "
		              "name",
		              key);
	return err < 0 ? refuse(refusal, err, key, NULL, "%s: out of memory", key) : 0;
}

struct deriving {
	const struct model *model;
	struct layout *layout;
	bool collect;
	struct refusal *refusal;
};

static int derive_users(const struct deriving *deriving, const char *key)
{
	char user[KEY_SIZE];
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && graph_next_user(&deriving->model->graph, key, &cursor, user))
		if (model_get_key(deriving->model, user))
			err = derive_unit(deriving->model, deriving->layout, user,
			                  deriving->collect, deriving->refusal);
	return err;
}

// What the object refers to and has a part where it is, as a tunnel of its net.
static int derive_refs(const struct deriving *deriving, const char *key)
{
	unsigned count;
	const struct ref *refs = graph_refs(&deriving->model->graph, key, &count);
	int err = 0;

	for (unsigned i = 0; err == 0 && i < count; i++)
		if (refs[i].kind == REF_WATCHES &&
		    (is_shared(refs[i].key) || model_get_key(deriving->model, refs[i].key)))
			err = derive_unit(deriving->model, deriving->layout, refs[i].key,
			                  deriving->collect, deriving->refusal);
	return err;
}

// Everything that lives where the group does: its router and nets, and what refers to those.
static int derive_group(const struct deriving *deriving, const char *group)
{
	char user[KEY_SIZE];
	size_t cursor = 0;
	int err = derive_unit(deriving->model, deriving->layout, group, deriving->collect,
	                      deriving->refusal);

	if (err == 0)
		err = derive_users(deriving, group);
	if (err == 0)
		err = derive_refs(deriving, group);
	while (err == 0 && graph_next_user(&deriving->model->graph, group, &cursor, user)) {
		err = derive_users(deriving, user);
		if (err == 0)
			err = derive_refs(deriving, user);
	}
	return err;
}

// Looks where the group of a dirty net or router is now; it moves with the ports of its nets.
static int follow_home(const struct deriving *deriving, const char *key, struct table *moved,
                       struct table *meshes)
{
	const struct intent *intent = model_get_key(deriving->model, key);
	char group[KEY_SIZE], home[KEY_SIZE];
	const char *name, *was;
	enum noun noun = noun_of_key(key, &name);

	if (noun == NOUN_ROUTER)
		snprintf(group, sizeof(group), "%s", key);
	else if (noun == NOUN_NET && intent)
		model_place_group(intent, group);
	else
		return 0;
	was = layout_home(deriving->layout, group);
	model_place_home(deriving->model, group, home);
	if (was && strcmp(was, home) == 0)
		return 0;
	if (was &&
	    (table_put_text(moved, group, moved) < 0 || table_put_text(meshes, was, meshes) < 0))
		return -ENOMEM;
	return layout_set_home(deriving->layout, group, home);
}

// The key as a text of its own, since the table may move.
static bool next_key(const struct table *table, size_t *cursor, char ret[static KEY_SIZE])
{
	const void *key;
	size_t len;

	if (!table_next(table, cursor, &key, &len))
		return false;
	snprintf(ret, KEY_SIZE, "%.*s", (int)len, (const char *)key);
	return true;
}

// Adds the hosts whose meshes a dirty key concerns.
static int add_meshes(const struct deriving *deriving, const char *key, struct table *meshes)
{
	const struct intent *intent = model_get_key(deriving->model, key), *host;
	const char *name;
	size_t cursor = 0;
	int err = 0;

	if (strncmp(key, MESH, strlen(MESH)) == 0)
		return table_put_text(meshes, key + strlen(MESH), meshes);
	if (intent && intent->noun == NOUN_NET)
		return derive_mesh_hosts(deriving->model, deriving->layout, intent, meshes);
	if (noun_of_key(key, &name) != NOUN_HOST)
		return 0;
	// Its address may be another now. It may be gone as well.
	err = table_put_text(meshes, name, meshes);
	while (err == 0 && (host = model_next(deriving->model, NOUN_HOST, &cursor)))
		err = table_put_text(meshes, host->name, meshes);
	return err;
}

// Each mesh once, whatever has made it necessary.
static int derive_meshes(const struct deriving *deriving, const struct table *moved,
                         struct table *meshes)
{
	char key[KEY_SIZE], user[KEY_SIZE], unit[KEY_SIZE + 8];
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && next_key(&deriving->model->dirty, &cursor, key))
		err = add_meshes(deriving, key, meshes);
	cursor = 0;
	while (err == 0 && next_key(moved, &cursor, key)) {
		size_t inner = 0;

		err = add_meshes(deriving, key, meshes);
		while (err == 0 && graph_next_user(&deriving->model->graph, key, &inner, user))
			err = add_meshes(deriving, user, meshes);
	}
	if (err < 0)
		return refuse(deriving->refusal, err, "intent", NULL, "out of memory");
	cursor = 0;
	while (err == 0 && next_key(meshes, &cursor, key)) {
		snprintf(unit, sizeof(unit), MESH "%s", key);
		err = derive_unit(deriving->model, deriving->layout, unit, deriving->collect,
		                  deriving->refusal);
	}
	return err;
}

static bool tunnel_of(const struct model *model, const char *key, char ret[static KEY_SIZE])
{
	const struct intent *net = model_get_key(model, key);

	if (!net || net->noun != NOUN_NET || !net->msg->net->tunnel)
		return false;
	noun_key(ret, NOUN_TUNNEL, net->msg->net->tunnel);
	return true;
}

int derive_dirty(const struct model *model, struct layout *layout, bool collect,
                 struct refusal *refusal)
{
	struct deriving deriving = {model, layout, collect, refusal};
	struct table moved = {0}, meshes = {0};
	char key[KEY_SIZE];
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && next_key(&model->dirty, &cursor, key))
		err = follow_home(&deriving, key, &moved, &meshes);
	if (err < 0)
		refuse(refusal, err, "intent", NULL, "out of memory");
	cursor = 0;
	while (err == 0 && next_key(&model->dirty, &cursor, key)) {
		char tunnel[KEY_SIZE];
		const char *name;

		err = derive_unit(model, layout, key, collect, refusal);
		// Which nets go to which peers stands with the tunnel.
		if (err == 0 && tunnel_of(model, key, tunnel))
			err = derive_unit(model, layout, tunnel, collect, refusal);
		// A net that came to a host brings the places of its ports there.
		if (err == 0 && strncmp(key, SPREAD, strlen(SPREAD)) == 0)
			err = derive_users(&deriving, key + strlen(SPREAD));
		// One whose unknown MACs are dropped, or were: trunks of its VLAN follow.
		if (err == 0 && strncmp(key, TRUNKS, strlen(TRUNKS)) == 0)
			err = derive_users(&deriving, key + strlen(TRUNKS));
		// A host that is new gets what is everywhere.
		if (err == 0 && noun_of_key(key, &name) == NOUN_HOST)
			err = derive_users(&deriving, "hosts");
	}
	cursor = 0;
	while (err == 0 && next_key(&moved, &cursor, key))
		err = derive_group(&deriving, key);
	if (err == 0)
		err = derive_meshes(&deriving, &moved, &meshes);
	table_fini(&moved);
	table_fini(&meshes);
	return err;
}

int derive_units(const struct model *model, struct layout *layout, const struct table *keys,
                 struct refusal *refusal)
{
	char key[KEY_SIZE];
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && next_key(keys, &cursor, key))
		err = derive_unit(model, layout, key, true, refusal);
	return err;
}

// The bridge on which the object's VLANs are, unless it is among those done.
static int derive_own_shared(const struct deriving *deriving, const struct intent *intent,
                             struct table *done)
{
	char key[KEY_SIZE];

	scope_shared(intent, key);
	if (table_get_text(done, key) || graph_user_count(&deriving->model->graph, key) == 0)
		return 0;
	if (table_put_text(done, key, done) < 0)
		return refuse(deriving->refusal, -ENOMEM, key, NULL, "out of memory");
	return derive_unit(deriving->model, deriving->layout, key, deriving->collect,
	                   deriving->refusal);
}

int derive_all(const struct model *model, struct layout *layout, struct refusal *refusal)
{
	char key[KEY_SIZE];
	struct deriving deriving = {model, layout, false, refusal};
	struct table none = {0}, meshes = {0}, bridges = {0};
	int err = 0;

	for (enum noun noun = 0; noun < NOUN_COUNT && err == 0; noun++) {
		const struct intent *intent;
		size_t cursor = 0;

		while (err == 0 && (intent = model_next(model, noun, &cursor))) {
			err = derive_unit(model, layout, intent->key, false, refusal);
			if (err == 0 && (noun == NOUN_NET || noun == NOUN_PORT))
				err = derive_own_shared(&deriving, intent, &bridges);
			if (err == 0 && noun == NOUN_NET &&
			    derive_mesh_spans(model, layout, intent))
				err = derive_mesh_hosts(model, layout, intent, &meshes);
			// The router may be one that nobody declared.
			if (err < 0 || noun != NOUN_NET)
				continue;
			noun_key(key, NOUN_ROUTER,
			         intent->msg->net->router ? intent->msg->net->router : "gw");
			err = derive_unit(model, layout, key, false, refusal);
		}
	}
	if (err == 0)
		err = derive_meshes(&deriving, &none, &meshes);
	table_fini(&meshes);
	table_fini(&bridges);
	return err;
}
