// SPDX-License-Identifier: BSD-3-Clause
//
// model_way: the least that any two hosts of a net can send each other.
//
// The intent says what the underlay carries where that is a net of ours, and 1500 bytes are taken for granted elsewhere;
// hosts tell what it really is (ways.h). Only hosts that tell of narrow ways cost more than a look each.

#include "controller/model_way.h"

#include "controller/model_guest.h"
#include "controller/model_host.h"
#include "controller/model_place.h"
#include "controller/ways.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	UNDERLAY_MTU = 1500, // where nobody says
	OVERHEAD4 = 50,      // VXLAN, with the inner Ethernet header
	OVERHEAD6 = 70,
	LEAST4 = 576,  // RFC 791
	LEAST6 = 1280, // RFC 8200, section 5
};

static uint32_t port_mtu(const struct model *model, const struct intent *port)
{
	const struct intent *net;

	if (port->msg->port->has_mtu)
		return port->msg->port->mtu;
	net = port->msg->port->net ? model_get(model, NOUN_NET, port->msg->port->net) : NULL;
	return net && net->msg->net->has_mtu ? net->msg->net->mtu : UNDERLAY_MTU;
}

// Of the underlay, as far as the host is known to us: in a namespace of this machine it is that of its ports.
static uint32_t underlay_mtu(const struct model *model, const char *host)
{
	const struct intent *port = NULL;
	uint32_t mtu, second;

	if (model_host_kind(model, host) == WEFT__HOST_KIND__HOST_NS)
		port = model_guest_port(model, host, NULL);
	if (!port)
		return UNDERLAY_MTU;
	mtu = port_mtu(model, port);
	port = model_guest_port_after(model, host, port);
	second = port ? port_mtu(model, port) : mtu;
	return second < mtu ? second : mtu;
}

static uint32_t inner_mtu(const struct model *model, const char *host)
{
	struct ip_addr addr;
	uint32_t mtu = underlay_mtu(model, host);
	uint32_t overhead = model_host_address(model, host, true, &addr) ? OVERHEAD4 : OVERHEAD6;

	return mtu > overhead ? mtu - overhead : 0;
}

typedef void (*host_fn)(const struct model *model, const char *host, void *user);

// Calls for each host of the net: where it has ports, and its home if something is served there.
static void each_host(const struct model *model, const struct intent *net, host_fn call, void *user)
{
	char group[KEY_SIZE], home[KEY_SIZE], host[KEY_SIZE];
	struct refusal ignored = {0};
	size_t cursor = 0, hosts = 0;
	struct net_plan plan;

	for (; model_place_next(model, net->name, &cursor, host); hosts++)
		call(model, host, user);
	if (!hosts || ipam_plan(net->key, net->msg->net, &plan, &ignored) < 0 ||
	    !plan.has_interface)
		return;
	model_place_home(model, model_place_group(net, group), home);
	if (!model_place_has(model, net->name, home))
		call(model, home, user);
}

struct way {
	size_t hosts;
	uint32_t mtu; // the least
	char lost[KEY_SIZE];
};

static void look_at_host(const struct model *model, const char *host, void *user)
{
	struct way *way = user;
	uint32_t mtu = inner_mtu(model, host);
	struct ip_addr addr;

	way->hosts++;
	way->mtu = mtu < way->mtu ? mtu : way->mtu;
	if (!model_host_address(model, host, true, &addr) &&
	    !model_host_address(model, host, false, &addr))
		snprintf(way->lost, sizeof(way->lost), "%s", host);
}

uint32_t model_way_mtu(const struct model *model, const struct intent *net)
{
	struct way way = {.mtu = UINT32_MAX};

	each_host(model, net, look_at_host, &way);
	return way.hosts > 1 ? way.mtu : 0;
}

bool model_way_unjoined(const struct model *model, const struct intent *net,
                        char ret[static KEY_SIZE])
{
	struct way way = {.mtu = UINT32_MAX};

	each_host(model, net, look_at_host, &way);
	if (way.hosts < 2 || !way.lost[0])
		return false;
	snprintf(ret, KEY_SIZE, "%s", way.lost);
	return true;
}

int model_way_check_mtu(const struct model *model, const struct intent *net,
                        struct refusal *refusal)
{
	uint32_t most;

	if (!net->msg->net->has_mtu)
		return 0;
	most = model_way_mtu(model, net);
	if (!most || net->msg->net->mtu <= most)
		return 0;
	refuse(refusal, -EMSGSIZE, net->key, "mtu",
	       "%s: the way between its hosts carries packets of %u bytes, not the %u of its MTU",
	       net->key, most, net->msg->net->mtu);
	fail_hint(&refusal->fail, "leave --mtu out, or give the underlay a larger one");
	return -EMSGSIZE;
}

struct narrowing {
	const struct intent *net;
	const char *at; // the host whose ways are looked at
	struct net_mtu found;
};

static void take_less(struct narrowing *narrowing, uint32_t mtu, const char *peer)
{
	struct net_mtu *found = &narrowing->found;

	if (!mtu || (found->mtu && mtu >= found->mtu))
		return;
	found->mtu = mtu;
	snprintf(found->host, sizeof(found->host), "%s", narrowing->at);
	snprintf(found->peer, sizeof(found->peer), "%s", peer);
}

static void look_at_way(const struct model *model, const char *other, void *user)
{
	struct narrowing *narrowing = user;
	char peer[KEY_SIZE];

	if (strcmp(other, narrowing->at) == 0)
		return;
	noun_key(peer, NOUN_HOST, other);
	take_less(narrowing, ways_mtu(model->ways, narrowing->at, peer), peer);
}

static void look_at_ways(const struct model *model, const char *host, void *user)
{
	struct narrowing *narrowing = user;
	const char *at = host;

	narrowing->at = at;
	if (ways_have_narrow(model->ways, at))
		each_host(model, narrowing->net, look_at_way, narrowing);
	take_less(narrowing, ways_most(model->ways, at), "");
}

// Those to ends that are not ours.
static void look_at_peers(const struct model *model, struct narrowing *narrowing)
{
	const struct intent *tunnel =
		model_get(model, NOUN_TUNNEL, narrowing->net->msg->net->tunnel);
	char user[KEY_SIZE];
	size_t cursor = 0;

	if (!tunnel)
		return;
	narrowing->at = tunnel->msg->tunnel->host ? tunnel->msg->tunnel->host : HOST_LOCAL;
	while (graph_next_user(&model->graph, tunnel->key, &cursor, user)) {
		const struct intent *peer = model_get_key(model, user);

		if (peer && peer->noun == NOUN_PEER)
			take_less(narrowing, ways_mtu(model->ways, narrowing->at, user), user);
	}
}

static uint32_t least_of(const struct intent *net)
{
	struct refusal ignored = {0};
	struct net_plan plan;

	return ipam_plan(net->key, net->msg->net, &plan, &ignored) == 0 && plan.has6 ? LEAST6
	                                                                             : LEAST4;
}

struct net_mtu model_way_net(const struct model *model, const struct intent *net)
{
	struct narrowing narrowing = {.net = net};
	uint32_t way = model_way_mtu(model, net), least = least_of(net);
	struct net_mtu *found = &narrowing.found;

	found->mtu = net->msg->net->has_mtu ? net->msg->net->mtu : way;
	if (model->ways && way)
		each_host(model, net, look_at_ways, &narrowing);
	if (model->ways && net->msg->net->tunnel)
		look_at_peers(model, &narrowing);
	if (found->host[0] && found->mtu < least)
		found->mtu = least;
	return *found;
}
