// SPDX-License-Identifier: BSD-3-Clause
//
// api_object: the user's objects as records, with the keys that api.proto lists.

#include "controller/api_priv.h"

#include "base/clock.h"
#include "controller/derive_unit.h"
#include "controller/guest_run.h"
#include "controller/message_record.h"
#include "controller/model_guest.h"
#include "controller/model_link.h"
#include "controller/model_place.h"
#include "controller/model_tunnel.h"
#include "controller/model_vhost.h"
#include "controller/model_way.h"
#include "controller/scope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void add_texts(Weft__Record *record, const char *key, char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		record_append(record, key, texts[i]);
}

static const char *mode_word(Weft__NetMode mode)
{
	static const char *const words[] = {
		[WEFT__NET_MODE__NET_ISOLATED] = "isolated",
		[WEFT__NET_MODE__NET_NAT] = "nat",
		[WEFT__NET_MODE__NET_ROUTED] = "routed",
		[WEFT__NET_MODE__NET_EXTERNAL] = "external",
	};

	return mode >= WEFT__NET_MODE__NET_ISOLATED && mode <= WEFT__NET_MODE__NET_EXTERNAL
	               ? words[mode]
	               : "unknown";
}

static const char *unknown_word(Weft__UnknownPolicy policy)
{
	return policy == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP    ? "drop"
	       : policy == WEFT__UNKNOWN_POLICY__UNKNOWN_FLOOD ? "flood"
	                                                       : "auto";
}

static unsigned count_users(const struct model *model, const char *key, enum noun wanted)
{
	char user[KEY_SIZE];
	const char *name;
	size_t cursor = 0;
	unsigned count = 0;

	while (graph_next_user(&model->graph, key, &cursor, user))
		count += noun_of_key(user, &name) == wanted;
	return count;
}

// Where it has ports, and where what it has only once is, when that is not here alone.
static void add_hosts(const struct model *model, const struct intent *net, Weft__Record *record)
{
	char group[KEY_SIZE], home[KEY_SIZE], host[KEY_SIZE];
	size_t cursor = 0;

	if (model_count(model, NOUN_HOST) == 0)
		return;
	record_text(record, "home", model_place_home(model, model_place_group(net, group), home));
	record_list(record, "hosts");
	while (model_place_next(model, net->name, &cursor, host))
		record_append(record, "hosts", host);
}

// And by which way, if that carries less than the net is meant to.
static void add_mtu(const struct model *model, const struct intent *net, Weft__Record *record)
{
	struct net_mtu mtu = model_way_net(model, net);

	if (mtu.mtu)
		record_number(record, "mtu", mtu.mtu);
	if (mtu.host[0])
		record_format(record, "narrow_way", "host/%s to %s", mtu.host,
		              mtu.peer[0] ? mtu.peer : "any");
}

static void add_net(struct api *api, const struct intent *intent, Weft__Record *record)
{
	const Weft__Net *net = intent->msg->net;
	struct net_plan plan = {0};
	char text[IP_TEXT], last[IP_TEXT];

	derive_plan(intent, &plan);
	record_text(record, "mode", mode_word(net->mode));
	record_text(record, "subnet", net->subnet);
	record_text(record, "subnet6", net->subnet6);
	if (plan.has_gateway4)
		record_text(record, "gateway", ip_format(plan.gateway4, text));
	if (plan.has_gateway6)
		record_text(record, "gateway6", ip_format(plan.gateway6, text));
	if (net->has_vlan)
		record_number(record, "vlan", net->vlan);
	record_flag(record, "dhcp", plan.dhcp);
	if (plan.dhcp)
		record_format(record, "pool", "%s-%s", ip_format(plan.pool_first, text),
		              ip_format(plan.pool_last, last));
	if (net->has_lease_seconds)
		record_number(record, "lease_seconds", net->lease_seconds);
	record_text(record, "dns", net->dns);
	add_texts(record, "forwarders", net->forwarders, net->n_forwarders);
	if (net->mode != WEFT__NET_MODE__NET_ISOLATED)
		record_text(record, "router", plan.router);
	record_text(record, "via", net->via);
	record_text(record, "via6", net->via6);
	add_mtu(&api->env.control->model, intent, record);
	add_hosts(&api->env.control->model, intent, record);
	if (net->has_vni)
		record_number(record, "vni", net->vni);
	record_text(record, "tunnel", net->tunnel);
	record_text(record, "unknown", unknown_word(derive_unknown(intent)));
	record_flag(record, "snooping", derive_snoops(intent));
	record_number(record, "ports",
	              count_users(&api->env.control->model, intent->key, NOUN_PORT));
}

static const char *attach_word(Weft__AttachKind attach)
{
	switch (attach) {
	case WEFT__ATTACH_KIND__ATTACH_NETDEV:
		return "netdev";
	case WEFT__ATTACH_KIND__ATTACH_PCAP:
		return "pcap";
	case WEFT__ATTACH_KIND__ATTACH_VHOST:
		return "vhost";
	default:
		return "tap";
	}
}

static void add_socket(struct api *api, const struct intent *intent, Weft__Record *record)
{
	const Weft__PortIntent *port = intent->msg->port;
	const struct intent *net =
		port->net ? model_get(&api->env.control->model, NOUN_NET, port->net) : NULL;
	char socket[VHOST_PATH_SIZE];

	if (!model_vhost_is(intent))
		return;
	record_text(record, "socket", model_vhost_socket(&api->env.control->model, port, socket));
	// Who listens there.
	record_text(record, "listener",
	            port->has_vhost_server && port->vhost_server ? "weft" : "vm");
	if (!port->has_queues)
		record_number(record, "queues", VHOST_PAIRS);
	if (!port->has_mtu)
		record_number(record, "mtu",
		              net && net->msg->net->has_mtu ? net->msg->net->mtu
		                                            : VHOST_MTU_DEFAULT);
}

static void add_port(struct api *api, const struct intent *intent, Weft__Record *record)
{
	const Weft__PortIntent *port = intent->msg->port;
	const struct host *host = hosts_get(&api->env.control->hosts, model_place_of(port));
	const struct refusal *held = host ? host_held(host, intent->key) : NULL;

	record_text(record, "attach", attach_word(port->attach));
	record_text(record, "host", port->host);
	record_text(record, "net", port->net);
	for (size_t i = 0; i < port->n_trunk; i++)
		record_append_number(record, "trunk", port->trunk[i]);
	if (port->has_native)
		record_number(record, "native", port->native);
	record_text(record, "wire", port->link);
	record_text(record, "end", port->end);
	add_texts(record, "addresses", port->addresses, port->n_addresses);
	record_text(record, "ifname", port->ifname);
	record_text(record, "netns", port->netns);
	add_socket(api, intent, record);
	record_text(record, "mac", port->mac);
	record_text(record, "ip", port->ip);
	record_text(record, "ip6", port->ip6);
	record_text(record, "guest", port->guest);
	if (port->has_queues)
		record_number(record, "queues", port->queues);
	if (port->has_mtu)
		record_number(record, "mtu", port->mtu);
	record_flag(record, "down", port->has_down && port->down);
	if (held) {
		record_text(record, "state", "error");
		record_text(record, "error", held->fail.what);
	}
}

// What the guest has for an address: fixed, or as its lease says.
static void add_address(struct api *api, const struct intent *port, Weft__Record *record)
{
	const struct lease_row *lease = NULL;
	char text[IP_TEXT];
	struct mac mac;

	if (port->msg->port->ip) {
		record_text(record, "ip", port->msg->port->ip);
		return;
	}
	if (port->msg->port->net && port->msg->port->mac &&
	    mac_parse(port->msg->port->mac, &mac) == 0)
		lease = leases_find(api->env.leases, derive_scope_id(port->msg->port->net), mac);
	if (lease)
		record_text(record, "ip", ip_format(lease->ip, text));
}

static void add_guest(struct api *api, const struct intent *intent, Weft__Record *record)
{
	const struct model *model = &api->env.control->model;
	const struct intent *port = model_guest_port(model, intent->name, NULL);
	char user[KEY_SIZE], path[512];
	const char *name;
	size_t cursor = 0;

	record_text(record, "kind",
	            intent->msg->guest->kind == WEFT__GUEST_KIND__GUEST_HOST ? "host" : "ns");
	record_text(record, "hostname", model_guest_hostname(intent));
	record_flag(record, "static_ip",
	            intent->msg->guest->has_static_ip && intent->msg->guest->static_ip);
	if (port) {
		record_text(record, "net", port->msg->port->net);
		record_text(record, "host", port->msg->port->host);
		add_address(api, port, record);
		record_text(record, "mac", port->msg->port->mac);
	}
	record_list(record, "ports");
	while (graph_next_user(&model->graph, intent->key, &cursor, user))
		if (noun_of_key(user, &name) == NOUN_PORT)
			record_append(record, "ports", name);
	if (guest_run_state(&api->env.control->guests, intent, path, sizeof(path))[0])
		record_text(record, "run", path);
	record_format(record, "netns", "/run/netns/%s", intent->name);
	if (guests_resolv_conf_path(&api->env.control->guests, intent->name, path, sizeof(path)) ==
	    0)
		record_text(record, "resolv_conf", path);
}

static void add_forward(struct api *api, const struct intent *intent, Weft__Record *record)
{
	const Weft__Forward *forward = intent->msg->forward;

	record_text(record, "net", forward->net);
	record_text(record, "protocol", forward->protocol);
	record_text(record, "outside", forward->outside);
	record_number(record, "outside_port", forward->outside_port);
	record_text(record, "guest", forward->guest);
	record_text(record, "inside", forward->inside);
	record_number(record, "inside_port", forward->inside_port);
}

static void add_link(const struct model *model, const struct intent *link, Weft__Record *record)
{
	static const char *const ends[] = {"a", "b"};

	for (unsigned i = 0; i < 2; i++) {
		const struct intent *port = model_link_end(model, link->name, ends[i]);

		record_text(record, ends[i], port ? port->name : NULL);
	}
	record_text(record, "comment", link->msg->link->comment);
}

static void add_impair(const Weft__Impair *impair, Weft__Record *record)
{
	record_text(record, "port", impair->port);
	record_text(record, "link", impair->link);
	record_text(record, "direction", impair->direction);
	record_text(record, "effects", impair->effects);
	record_text(record, "timeline", impair->timeline);
	if (impair->timeline)
		record_flag(record, "once", impair->once);
	record_number(record, "seed", impair->seed);
	if (impair->has_hold)
		record_number(record, "hold", impair->hold);
}

static void add_rest(const struct intent *intent, Weft__Record *record)
{
	const Weft__RouteIntent *route = intent->msg->route;
	const Weft__DnsEntry *dns = intent->msg->dns;
	const Weft__FlowIntent *flow = intent->msg->flow;

	switch (intent->noun) {
	case NOUN_ROUTE:
		record_text(record, "router", route->router ? route->router : "gw");
		record_text(record, "prefix", route->prefix);
		record_text(record, "via", route->via);
		record_flag(record, "blackhole", route->has_blackhole && route->blackhole);
		break;
	case NOUN_DNS:
		record_text(record, "net", dns->net);
		record_text(record, "host", dns->host);
		record_text(record, "ip", dns->ip);
		break;
	case NOUN_LAB:
		message_record_add(record, &intent->msg->lab_body->base);
		break;
	case NOUN_TUNNEL:
		record_number(record, "port", model_tunnel_udp_port(intent->msg->tunnel));
		message_record_add(record, &intent->msg->tunnel->base);
		break;
	case NOUN_PEER:
		message_record_add(record, &intent->msg->peer->base);
		break;
	case NOUN_IMPAIR:
		add_impair(intent->msg->impair, record);
		break;
	case NOUN_FLOW:
		record_number(record, "priority", flow->priority);
		record_text(record, "match", flow->match ? flow->match : "any");
		record_text(record, "actions", flow->actions ? flow->actions : "drop");
		break;
	default:
		break;
	}
}

Weft__Record *api_object_record(struct api *api, const struct intent *intent)
{
	Weft__Record *record = record_new();

	record_text(record, "name", intent->name);
	if (intent->noun == NOUN_NET)
		add_net(api, intent, record);
	else if (intent->noun == NOUN_PORT)
		add_port(api, intent, record);
	else if (intent->noun == NOUN_GUEST)
		add_guest(api, intent, record);
	else if (intent->noun == NOUN_FORWARD)
		add_forward(api, intent, record);
	else if (intent->noun == NOUN_LINK)
		add_link(&api->env.control->model, intent, record);
	else
		add_rest(intent, record);
	record_text(record, "lab", intent->msg->lab);
	return record;
}

static int by_name(const void *left, const void *right)
{
	const struct intent *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

static const char *net_of(const struct intent *intent)
{
	switch (intent->noun) {
	case NOUN_PORT:
		return intent->msg->port->net;
	case NOUN_FORWARD:
		return intent->msg->forward->net;
	case NOUN_LEASE:
		return intent->msg->reservation->net;
	case NOUN_DNS:
		return intent->msg->dns->net;
	default:
		return NULL;
	}
}

// An impairment is also known by what it impairs.
static bool impairs(const struct intent *intent, const char *name)
{
	const Weft__Impair *impair = intent->msg->impair;

	return intent->noun == NOUN_IMPAIR && ((impair->port && strcmp(impair->port, name) == 0) ||
	                                       (impair->link && strcmp(impair->link, name) == 0));
}

static bool is_wanted(const struct intent *intent, const char *name, const char *net)
{
	const char *own = net_of(intent);

	return (!name || strcmp(intent->name, name) == 0 || impairs(intent, name)) &&
	       (!net || (own && strcmp(own, net) == 0));
}

void api_list_nouns(struct question *question, enum noun noun, const char *name, const char *net)
{
	const struct model *model = &question->api->env.control->model;
	size_t room = model_count(model, noun), count = 0, cursor = 0;
	const struct intent **sorted = calloc(room + 1, sizeof(*sorted));
	const struct intent *intent;

	while (sorted && count < room && (intent = model_next(model, noun, &cursor)))
		if (is_wanted(intent, name, net))
			sorted[count++] = intent;
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < count; i++)
		question_add(question, api_object_record(question->api, sorted[i]));
	free(sorted);
}

// Routers that were made, and the one that is there when a net lies on it.
void api_list_routers(struct question *question, const char *name)
{
	const struct model *model = &question->api->env.control->model;
	const struct intent *router;
	bool seen_gw = false;
	size_t cursor = 0;

	for (;;) {
		char key[KEY_SIZE], user[KEY_SIZE];
		const char *net, *its;
		Weft__Record *record;
		size_t inner = 0;

		router = model_next(model, NOUN_ROUTER, &cursor);
		its = router ? router->name : "gw";
		noun_key(key, NOUN_ROUTER, its);
		if (!router && (seen_gw || graph_user_count(&model->graph, key) == 0))
			return;
		seen_gw = seen_gw || strcmp(its, "gw") == 0;
		if (!name || strcmp(name, its) == 0) {
			record = record_new();
			record_text(record, "name", its);
			record_list(record, "nets");
			while (graph_next_user(&model->graph, key, &inner, user))
				if (noun_of_key(user, &net) == NOUN_NET)
					record_append(record, "nets", net);
			record_flag(record, "implicit", !router);
			if (router)
				record_text(record, "lab", router->msg->lab);
			question_add(question, record);
		}
		if (!router)
			return;
	}
}

// The reservation or port that the lease belongs to.
static const struct intent *owner_of(const struct model *model, const char *net, const char *mac)
{
	char claim[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	snprintf(claim, sizeof(claim), "reserve/%s/%s", net, mac);
	return graph_next_user(&model->graph, claim, &cursor, user) ? model_get_key(model, user)
	                                                            : NULL;
}

static void add_lease(struct question *question, const char *net, const struct lease_row *lease,
                      const struct intent *owner, const char *mac, const char *name)
{
	const char *fixed = NULL, *hostname = NULL;
	char ip[IP_TEXT];
	Weft__Record *record;

	if (owner && owner->noun == NOUN_LEASE) {
		fixed = owner->msg->reservation->ip;
		hostname = owner->msg->reservation->hostname;
	} else if (owner) {
		fixed = owner->msg->port->ip;
		hostname = owner->msg->port->guest
		                   ? scope_short(owner->msg->lab, owner->msg->port->guest)
		                   : model_vhost_hostname(owner);
	}
	if (!lease && !fixed && !hostname)
		return;
	if (name && (!owner || strcmp(owner->name, name) != 0) &&
	    (!hostname || strcmp(hostname, name) != 0) && strcmp(mac, name) != 0)
		return;
	record = record_new();
	record_text(record, "name", owner ? owner->name : mac);
	record_text(record, "net", net);
	record_text(record, "mac", mac);
	if (lease)
		record_text(record, "ip", ip_format(lease->ip, ip));
	else
		record_text(record, "ip", fixed);
	record_text(record, "hostname", lease && lease->hostname[0] ? lease->hostname : hostname);
	if (owner && owner->noun == NOUN_PORT)
		record_text(record, "port", owner->name);
	record_text(record, "kind", fixed ? "reserved" : "dynamic");
	if (lease) {
		record_text(record, "state",
		            lease->expires > clock_wall() / NSEC_PER_SEC ? "active" : "expired");
		record_number(record, "expires", lease->expires);
	} else {
		record_text(record, "state", "waiting");
	}
	if (owner)
		record_text(record, "lab", owner->msg->lab);
	question_add(question, record);
}

// Leases first, then what is reserved and has none yet.
static void list_net_leases(struct question *question, const struct intent *net, const char *name)
{
	const struct model *model = &question->api->env.control->model;
	uint64_t scope = derive_scope_id(net->name);
	const struct lease_row *lease;
	char mac[MAC_TEXT], user[KEY_SIZE];
	size_t cursor = 0;

	while ((lease = leases_next(question->api->env.leases, &cursor))) {
		if (lease->scope != scope)
			continue;
		mac_format(lease->mac, mac);
		add_lease(question, net->name, lease, owner_of(model, net->name, mac), mac, name);
	}
	cursor = 0;
	while (graph_next_user(&model->graph, net->key, &cursor, user)) {
		const struct intent *owner = model_get_key(model, user);
		const char *text = NULL;
		struct mac bytes;

		if (owner && owner->noun == NOUN_LEASE)
			text = owner->msg->reservation->mac;
		else if (owner && owner->noun == NOUN_PORT)
			text = owner->msg->port->mac;
		if (text && mac_parse(text, &bytes) == 0 &&
		    !leases_find(question->api->env.leases, scope, bytes))
			add_lease(question, net->name, NULL, owner, text, name);
	}
}

void api_list_leases(struct question *question, const char *name, const char *net)
{
	const struct model *model = &question->api->env.control->model;
	const struct intent *intent;
	size_t cursor = 0;

	while ((intent = model_next(model, NOUN_NET, &cursor)))
		if (intent->msg->net->has_dhcp && intent->msg->net->dhcp &&
		    (!net || strcmp(net, intent->name) == 0))
			list_net_leases(question, intent, name);
}
