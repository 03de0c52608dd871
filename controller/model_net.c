// SPDX-License-Identifier: BSD-3-Clause
//
// model_net: nets and the routers they lie on.
//
// A net that is not isolated is a leg of a router, "gw" unless named; that one exists by itself. Legs of
// one router may not overlap, since one address must lead to one place. Isolated nets may be anything.

#include "controller/model_host.h"
#include "controller/model_noun.h"
#include "controller/model_tunnel.h"
#include "controller/model_way.h"
#include "controller/scope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MTU_LEAST = 576, MTU_LEAST6 = 1280, MTU_MOST = 65521, VLAN_MOST = 4094, ULA_TRIES = 64 };

static bool is_leg(const Weft__Net *net)
{
	return net->has_mode && net->mode != WEFT__NET_MODE__NET_ISOLATED;
}

static const char *router_of(const Weft__Net *net)
{
	return net->router ? net->router : "gw";
}

// The leg of the same router, other than the net itself, whose IPv6 or IPv4 subnet overlaps.
static const struct intent *overlapping(const struct model *model, const char *key,
                                        const char *router, struct ip_prefix prefix,
                                        struct ip_prefix *ret)
{
	char router_key[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	noun_key(router_key, NOUN_ROUTER, router);
	while (graph_next_user(&model->graph, router_key, &cursor, user)) {
		const struct intent *other = model_get_key(model, user);
		struct refusal ignored = {0};
		struct net_plan plan;

		if (!other || other->noun != NOUN_NET || strcmp(user, key) == 0 ||
		    ipam_plan(user, other->msg->net, &plan, &ignored) < 0)
			continue;
		*ret = ip_is4(prefix.addr) ? plan.subnet4 : plan.subnet6;
		if ((ip_is4(prefix.addr) ? plan.has4 : plan.has6) && prefix_overlaps(*ret, prefix))
			return other;
	}
	return NULL;
}

static int choose_subnet6(const struct model *model, const char *key, Weft__Net *net,
                          struct refusal *refusal)
{
	bool automatic = net->subnet6 && strcmp(net->subnet6, "auto") == 0;
	char buf[PREFIX_TEXT];
	struct ip_prefix taken;

	if (!automatic && (net->subnet6 || !net->subnet || net->mode != WEFT__NET_MODE__NET_NAT ||
	                   (net->has_mtu && net->mtu < MTU_LEAST6)))
		return 0;
	for (unsigned salt = 0; salt < ULA_TRIES; salt++) {
		struct ip_prefix prefix = ipam_ula(&model->instance, key, salt);

		if (overlapping(model, key, router_of(net), prefix, &taken))
			continue;
		free(net->subnet6);
		net->subnet6 = strdup(prefix_format(prefix, buf));
		return net->subnet6
		               ? 0
		               : refuse(refusal, -ENOMEM, key, "subnet6", "%s: out of memory", key);
	}
	return refuse(refusal, -ENOSPC, key, "subnet6",
	              "%s: no free prefix was found for it; give one", key);
}

static int check_vlan(const char *key, const Weft__Net *net, struct refusal *refusal)
{
	if (!net->has_vlan || (net->vlan > 0 && net->vlan <= VLAN_MOST))
		return 0;
	refuse(refusal, -EINVAL, key, "vlan", "%s: the VLAN %u is not one that can be used", key,
	       net->vlan);
	fail_hint(&refusal->fail, "VLANs go from 1 to %d; 0 and 4095 are reserved", VLAN_MOST);
	return -EINVAL;
}

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	Weft__Net *net = msg->net;
	int err = check_vlan(key, net, refusal);

	// What is not so need not be said.
	net->has_dhcp = net->has_dhcp && net->dhcp;
	if (!net->has_mode) {
		net->has_mode = true;
		net->mode = WEFT__NET_MODE__NET_ISOLATED;
	}
	if (err == 0)
		err = model_canon_prefix(key, "subnet", &net->subnet, refusal);
	if (err == 0 && net->subnet6 && strcmp(net->subnet6, "auto") != 0 &&
	    strcmp(net->subnet6, "none") != 0)
		err = model_canon_prefix(key, "subnet6", &net->subnet6, refusal);
	if (err == 0)
		err = model_canon_ip(key, "gateway", &net->gateway, refusal);
	if (err == 0)
		err = model_canon_ip(key, "gateway6", &net->gateway6, refusal);
	if (err == 0)
		err = model_canon_ip(key, "via", &net->via, refusal);
	if (err == 0)
		err = model_canon_ip(key, "via6", &net->via6, refusal);
	return err == 0 ? choose_subnet6(model, key, net, refusal) : err;
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Net *net = intent->msg->net;
	struct refusal ignored = {0};
	struct net_plan plan;
	char ip[IP_TEXT], key[KEY_SIZE];

	if (is_leg(net)) {
		// The router that everybody has need not be made first.
		if (strcmp(router_of(net), "gw") != 0)
			refs_add(refs, REF_NEEDS, "router", "router/%s", router_of(net));
		refs_add(refs, REF_WATCHES, "router", "router/%s", router_of(net));
	}
	if (net->host && strcmp(net->host, HOST_LOCAL) != 0)
		refs_add(refs, REF_NEEDS, "host", "host/%s", net->host);
	if (net->has_vlan) {
		refs_add(refs, REF_CLAIMS, "vlan", "%s", scope_vlan(intent, net->vlan, key));
		refs_add(refs, REF_WATCHES, "vlan", "%s", scope_shared(intent, key));
		// Trunks are no ports of the net, but do as it says.
		if (net->has_unknown && net->unknown == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP)
			refs_add(refs, REF_WATCHES, "unknown", "trunks/%s",
			         scope_shared(intent, key));
	}
	model_tunnel_net_refs(intent, refs);
	if (ipam_plan(intent->key, net, &plan, &ignored) < 0)
		return;
	// Where nothing of ours is, a gateway that nobody asked for takes no address.
	if (plan.has_gateway4 && (plan.has_interface || net->gateway))
		refs_add(refs, REF_CLAIMS, "gateway", "ip/%s/%s", intent->name,
		         ip_format(plan.gateway4, ip));
	if (plan.has_gateway6 && (plan.has_interface || net->gateway6))
		refs_add(refs, REF_CLAIMS, "gateway6", "ip/%s/%s", intent->name,
		         ip_format(plan.gateway6, ip));
}

static int check_overlap(const struct model *model, const struct intent *intent,
                         struct ip_prefix prefix, const char *field, struct refusal *refusal)
{
	char mine[PREFIX_TEXT], its[PREFIX_TEXT];
	struct ip_prefix taken;
	const struct intent *other =
		overlapping(model, intent->key, router_of(intent->msg->net), prefix, &taken);

	if (!other)
		return 0;
	refuse(refusal, -EEXIST, intent->key, field,
	       "%s: the subnet %s overlaps %s of net '%s' on the same router", intent->key,
	       prefix_format(prefix, mine), prefix_format(taken, its), other->name);
	fail_hint(&refusal->fail, "choose another subnet, or another router with --router");
	return -EEXIST;
}

static int check_external(const struct model *model, const struct intent *intent,
                          const struct net_plan *plan, struct refusal *refusal)
{
	char router_key[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	if (plan->mode != WEFT__NET_MODE__NET_EXTERNAL) {
		if (intent->msg->net->via || intent->msg->net->via6)
			return refuse(refusal, -EINVAL, intent->key, "via",
			              "%s: only an external net has a next hop", intent->key);
		return 0;
	}
	if (plan->has4 && !plan->has_gateway4) {
		refuse(refusal, -EINVAL, intent->key, "gateway",
		       "%s: an external net needs the router's own address in it", intent->key);
		fail_hint(&refusal->fail, "give it with --gateway, and the next hop with --via");
		return -EINVAL;
	}
	noun_key(router_key, NOUN_ROUTER, plan->router);
	while (graph_next_user(&model->graph, router_key, &cursor, user)) {
		const struct intent *other = model_get_key(model, user);
		const Weft__Net *its = other && other->noun == NOUN_NET ? other->msg->net : NULL;

		if (!its || strcmp(user, intent->key) == 0 ||
		    its->mode != WEFT__NET_MODE__NET_EXTERNAL)
			continue;
		if ((its->via && intent->msg->net->via) || (its->via6 && intent->msg->net->via6))
			return refuse(refusal, -EEXIST, intent->key, "via",
			              "%s: the default route of router '%s' already leads to net "
			              "'%s'",
			              intent->key, plan->router, other->name);
	}
	return 0;
}

static int check_rest(const struct model *model, const struct intent *intent,
                      const struct net_plan *plan, struct refusal *refusal)
{
	const Weft__Net *net = intent->msg->net;

	if (net->host && is_leg(net)) {
		refuse(refusal, -EINVAL, intent->key, "host",
		       "%s: what it needs of a host is that of its router '%s'", intent->key,
		       plan->router);
		fail_hint(&refusal->fail, "weft router %s %s --host %s",
		          model_get(model, NOUN_ROUTER, plan->router) ? "set" : "add", plan->router,
		          net->host);
		return -EINVAL;
	}
	if (net->has_mtu && (net->mtu < MTU_LEAST || net->mtu > MTU_MOST))
		return refuse(refusal, -EINVAL, intent->key, "mtu",
		              "%s: the MTU %u is outside %d to %d", intent->key, net->mtu,
		              MTU_LEAST, MTU_MOST);
	if (net->has_mtu && net->mtu < MTU_LEAST6 && plan->has6) {
		refuse(refusal, -EMSGSIZE, intent->key, "mtu",
		       "%s: IPv6 needs packets of %d bytes (RFC 8200, section 5), and the MTU is "
		       "%u",
		       intent->key, MTU_LEAST6, net->mtu);
		fail_hint(&refusal->fail, "give it a larger MTU, or no subnet of IPv6");
		return -EMSGSIZE;
	}
	if (net->has_lease_seconds && net->lease_seconds < 60)
		return refuse(refusal, -EINVAL, intent->key, "lease_seconds",
		              "%s: a lease of %u s is shorter than a minute", intent->key,
		              net->lease_seconds);
	if (net->dns && !plan->has_gateway4 && !plan->has_gateway6)
		return refuse(refusal, -EINVAL, intent->key, "subnet",
		              "%s: DNS needs a subnet, since it is served at the gateway's address",
		              intent->key);
	if (plan->mode == WEFT__NET_MODE__NET_NAT && !plan->has4 && !plan->has6) {
		refuse(refusal, -EINVAL, intent->key, "subnet",
		       "%s: a net in mode nat needs a subnet", intent->key);
		fail_hint(&refusal->fail, "give --subnet, or --subnet6 alone for IPv6 only");
		return -EINVAL;
	}
	for (size_t i = 0; i < net->n_forwarders; i++) {
		char text[IP_TEXT] = "";
		struct ip_addr addr;
		size_t len = strcspn(net->forwarders[i], "#");

		memcpy(text, net->forwarders[i], len < IP_TEXT ? len : IP_TEXT - 1);
		if (strcmp(text, "none") != 0 && ip_parse(text, &addr) < 0)
			return refuse(refusal, -EINVAL, intent->key, "forwarders",
			              "%s: '%s' is not the address of a resolver", intent->key,
			              net->forwarders[i]);
	}
	return net->dns ? model_check_domain(intent->key, "dns", net->dns, true, refusal) : 0;
}

// A net that becomes smaller than a port of it was told to be. One that comes with its ports has these refused.
static int check_ports(const struct model *model, const struct intent *intent,
                       struct refusal *refusal)
{
	const struct model_change *change = model_change_of(model, intent->key);
	const Weft__Net *net = intent->msg->net;
	char user[KEY_SIZE];
	size_t cursor = 0;

	if (!net->has_mtu || !change || !change->before)
		return 0;
	while (graph_next_user(&model->graph, intent->key, &cursor, user)) {
		const struct intent *port = model_get_key(model, user);

		if (!port || port->noun != NOUN_PORT || !port->msg->port->has_mtu ||
		    port->msg->port->mtu <= net->mtu)
			continue;
		refuse(refusal, -EMSGSIZE, intent->key, "mtu",
		       "%s: port '%s' in it has an MTU of %u, and the net would carry %u",
		       intent->key, port->name, port->msg->port->mtu, net->mtu);
		fail_hint(&refusal->fail, "weft port set %s --no-mtu", port->name);
		return -EMSGSIZE;
	}
	return 0;
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	struct net_plan plan;
	int err = ipam_plan(intent->key, intent->msg->net, &plan, refusal);

	if (err == 0 && is_leg(intent->msg->net) && plan.has4)
		err = check_overlap(model, intent, plan.subnet4, "subnet", refusal);
	if (err == 0 && is_leg(intent->msg->net) && plan.has6)
		err = check_overlap(model, intent, plan.subnet6, "subnet6", refusal);
	if (err == 0)
		err = check_external(model, intent, &plan, refusal);
	if (err == 0)
		err = model_tunnel_net_check(intent, refusal);
	if (err == 0)
		err = model_way_check_mtu(model, intent, refusal);
	if (err == 0)
		err = check_ports(model, intent, refusal);
	return err == 0 ? check_rest(model, intent, &plan, refusal) : err;
}

const struct noun_ops model_net = {.complete = complete, .refs = refs, .check = check};
