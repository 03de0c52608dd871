// SPDX-License-Identifier: BSD-3-Clause
//
// model_router: routers, and the static routes of their tables.

#include "controller/model_host.h"
#include "controller/model_noun.h"

#include <errno.h>
#include <stdlib.h>

static int router_complete(const struct model *model, const char *key, Weft__Intent *msg,
                           struct refusal *refusal)
{
	return 0;
}

static void router_refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const char *host = intent->msg->router->host;

	// It may say "local", where it would otherwise follow its nets.
	if (host && strcmp(host, HOST_LOCAL) != 0)
		refs_add(refs, REF_NEEDS, "host", "host/%s", host);
}

static int router_check(const struct model *model, const struct intent *intent,
                        struct refusal *refusal)
{
	return 0;
}

const struct noun_ops model_router = {
	.complete = router_complete, .refs = router_refs, .check = router_check};

static int route_complete(const struct model *model, const char *key, Weft__Intent *msg,
                          struct refusal *refusal)
{
	int err = model_canon_prefix(key, "prefix", &msg->route->prefix, refusal);

	return err == 0 ? model_canon_ip(key, "via", &msg->route->via, refusal) : err;
}

static const char *router_of(const struct intent *intent)
{
	return intent->msg->route->router ? intent->msg->route->router : "gw";
}

static void route_refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	if (strcmp(router_of(intent), "gw") != 0)
		refs_add(refs, REF_NEEDS, "router", "router/%s", router_of(intent));
	refs_add(refs, REF_WATCHES, "router", "router/%s", router_of(intent));
	if (intent->msg->route->prefix)
		refs_add(refs, REF_CLAIMS, "prefix", "route/%s/%s", router_of(intent),
		         intent->msg->route->prefix);
}

// An isolated net has the subnet that is meant, but no router has a leg in it.
static const struct intent *isolated_with(const struct model *model, struct ip_addr via)
{
	const struct intent *net;
	size_t cursor = 0;

	while ((net = model_next(model, NOUN_NET, &cursor))) {
		struct refusal ignored = {0};
		struct net_plan plan;

		if (net->msg->net->mode != WEFT__NET_MODE__NET_ISOLATED ||
		    ipam_plan(net->key, net->msg->net, &plan, &ignored) < 0)
			continue;
		if (ip_is4(via) ? plan.has4 && prefix_contains(plan.subnet4, via)
		                : plan.has6 && prefix_contains(plan.subnet6, via))
			return net;
	}
	return NULL;
}

static int refuse_via(const struct model *model, const struct intent *intent, struct ip_addr via,
                      struct refusal *refusal)
{
	const struct intent *net = isolated_with(model, via);

	refuse(refusal, -EHOSTUNREACH, intent->key, "via",
	       "%s: the next hop %s is in no net of router '%s'", intent->key,
	       intent->msg->route->via, router_of(intent));
	if (net)
		fail_hint(
			&refusal->fail,
			"net '%s' is isolated, so no router is in it; give it --mode routed or nat",
			net->name);
	return -EHOSTUNREACH;
}

// The next hop must lie in a net of the router, or nobody could reach it.
static int check_via(const struct model *model, const struct intent *intent, struct ip_addr via,
                     struct refusal *refusal)
{
	char router[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	noun_key(router, NOUN_ROUTER, router_of(intent));
	while (graph_next_user(&model->graph, router, &cursor, user)) {
		const struct intent *net = model_get_key(model, user);
		struct refusal ignored = {0};
		struct net_plan plan;

		if (!net || net->noun != NOUN_NET ||
		    ipam_plan(user, net->msg->net, &plan, &ignored) < 0)
			continue;
		if (ip_is4(via) ? plan.has4 && prefix_contains(plan.subnet4, via)
		                : plan.has6 && prefix_contains(plan.subnet6, via))
			return 0;
	}
	return refuse_via(model, intent, via, refusal);
}

static int route_check(const struct model *model, const struct intent *intent,
                       struct refusal *refusal)
{
	const Weft__RouteIntent *route = intent->msg->route;
	bool blackhole = route->has_blackhole && route->blackhole;
	struct ip_prefix prefix;
	struct ip_addr via;

	if (!route->prefix || prefix_parse(route->prefix, &prefix) < 0)
		return refuse(refusal, -EINVAL, intent->key, "prefix", "%s: a route needs a prefix",
		              intent->key);
	if (blackhole == (route->via != NULL))
		return refuse(refusal, -EINVAL, intent->key, "via",
		              "%s: a route needs a next hop or is a blackhole, and not both",
		              intent->key);
	if (blackhole)
		return 0;
	if (ip_parse(route->via, &via) < 0 || ip_is4(via) != ip_is4(prefix.addr))
		return refuse(refusal, -EINVAL, intent->key, "via",
		              "%s: the next hop %s is not of the family of %s", intent->key,
		              route->via, route->prefix);
	return check_via(model, intent, via, refusal);
}

const struct noun_ops model_route = {
	.complete = route_complete, .refs = route_refs, .check = route_check};
