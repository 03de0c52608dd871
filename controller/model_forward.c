// SPDX-License-Identifier: BSD-3-Clause
//
// model_forward: ports of the outside address that lead to a guest.
//
// A guest is reached in both families, as far as its addresses are known to stay; an address in one.

#include "controller/model_forward.h"

#include "controller/model_guest.h"
#include "controller/model_noun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	Weft__Forward *forward = msg->forward;
	int err = model_canon_ip(key, "outside", &forward->outside, refusal);

	if (err == 0)
		err = model_canon_ip(key, "inside", &forward->inside, refusal);
	if (!forward->has_inside_port && forward->has_outside_port) {
		forward->has_inside_port = true;
		forward->inside_port = forward->outside_port;
	}
	if (err == 0 && !forward->protocol) {
		forward->protocol = strdup("tcp");
		if (!forward->protocol)
			return refuse(refusal, -ENOMEM, key, NULL, "%s: out of memory", key);
	}
	return err;
}

const char *model_forward_router(const struct model *model, const struct intent *forward)
{
	const char *name = forward->msg->forward->net;
	const struct intent *net = name ? model_get(model, NOUN_NET, name) : NULL;

	return net && net->msg->net->router ? net->msg->net->router : "gw";
}

static const struct intent *port_of(const struct model *model, const Weft__Forward *forward)
{
	const struct intent *port =
		forward->guest ? model_find_port(model, forward->guest, forward->net) : NULL;

	if (!port || !port->msg->port->net ||
	    (forward->net && strcmp(port->msg->port->net, forward->net) != 0))
		return NULL;
	return port;
}

// What the guest has for good: a reserved address, or the one that it gives itself in the net's /64.
static bool address_of(const struct model *model, const Weft__PortIntent *port, bool want4,
                       struct ip_addr *ret)
{
	const char *given = want4 ? port->ip : port->ip6;
	const struct intent *net = model_get(model, NOUN_NET, port->net);
	struct refusal ignored = {0};
	struct net_plan plan;
	struct mac mac;

	if (given)
		return ip_parse(given, ret) == 0;
	if (want4 || !net || !port->mac || port->attach != WEFT__ATTACH_KIND__ATTACH_TAP ||
	    mac_parse(port->mac, &mac) < 0 ||
	    ipam_plan(net->key, net->msg->net, &plan, &ignored) < 0 || !plan.has_gateway6)
		return false;
	*ret = ipam_autoconf(plan.subnet6, mac);
	return true;
}

bool model_forward_inside(const struct model *model, const struct intent *intent, bool want4,
                          struct ip_addr *ret)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *port = port_of(model, forward);
	struct ip_addr outside;

	if (forward->outside && ip_parse(forward->outside, &outside) == 0 &&
	    ip_is4(outside) != want4)
		return false;
	if (forward->inside)
		return ip_parse(forward->inside, ret) == 0 && ip_is4(*ret) == want4;
	return port && address_of(model, port->msg->port, want4, ret);
}

bool model_forward_is_met(const struct model *model, const struct intent *forward)
{
	char router[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	if (forward->msg->forward->outside)
		return true;
	noun_key(router, NOUN_ROUTER, model_forward_router(model, forward));
	while (graph_next_user(&model->graph, router, &cursor, user)) {
		const struct intent *net = model_get_key(model, user);

		if (net && net->noun == NOUN_NET &&
		    net->msg->net->mode == WEFT__NET_MODE__NET_EXTERNAL)
			return true;
	}
	return false;
}

static void claim_outside(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Forward *forward = intent->msg->forward;

	for (int family = 4; family <= 6; family += 2) {
		char any[8];
		struct ip_addr inside;

		if (!model_forward_inside(model, intent, family == 4, &inside))
			continue;
		snprintf(any, sizeof(any), "any%d", family);
		refs_add(refs, REF_CLAIMS, "outside_port", "outside/%s/%s/%s/%u",
		         model_forward_router(model, intent), forward->protocol,
		         forward->outside ? forward->outside : any, forward->outside_port);
	}
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *port;

	if (forward->net)
		refs_add(refs, REF_NEEDS, "net", "net/%s", forward->net);
	claim_outside(model, intent, refs);
	if (!forward->guest)
		return;
	if (model_get(model, NOUN_GUEST, forward->guest))
		refs_add(refs, REF_NEEDS, "guest", "guest/%s", forward->guest);
	port = model_find_port(model, forward->guest, forward->net);
	if (port)
		refs_add(refs, REF_NEEDS, "guest", "%s", port->key);
	else if (!model_get(model, NOUN_GUEST, forward->guest))
		// Neither a guest nor a port; this makes the refusal say so.
		refs_add(refs, REF_NEEDS, "guest", "guest/%s", forward->guest);
}

// A guest that is to be reached needs an address that stays: in IPv4 wherever its net has that.
static int check_guest(const struct model *model, const struct intent *intent,
                       const struct intent *net, struct refusal *refusal)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *port = port_of(model, forward);
	struct ip_addr outside, inside;
	bool want4 = forward->outside && ip_parse(forward->outside, &outside) == 0
	                     ? ip_is4(outside)
	                     : net->msg->net->subnet != NULL;

	if (!port)
		return refuse(refusal, -ENOENT, intent->key, "guest",
		              "%s: guest '%s' has no port in net '%s'", intent->key, forward->guest,
		              forward->net);
	if (model_forward_inside(model, intent, want4, &inside))
		return 0;
	if (!want4) {
		refuse(refusal, -EINVAL, intent->key, "guest",
		       "%s: no IPv6 address of '%s' is known", intent->key, forward->guest);
		fail_hint(&refusal->fail, "net '%s' needs a --subnet6, or the port an --ip6",
		          net->name);
		return -EINVAL;
	}
	refuse(refusal, -EINVAL, intent->key, "guest",
	       "%s: the address of '%s' may change, since it is not reserved", intent->key,
	       forward->guest);
	fail_hint(&refusal->fail, "reserve one with 'weft port set %s --ip ADDRESS'", port->name);
	return -EINVAL;
}

static int check_inside(const struct model *model, const struct intent *intent,
                        struct refusal *refusal)
{
	const Weft__Forward *forward = intent->msg->forward;
	struct ip_addr outside, inside;

	if (forward->outside && ip_parse(forward->outside, &outside) == 0 &&
	    ip_parse(forward->inside, &inside) == 0 && ip_is4(outside) != ip_is4(inside))
		return refuse(refusal, -EAFNOSUPPORT, intent->key, "outside",
		              "%s: %s cannot be forwarded to %s, which is of the other family",
		              intent->key, forward->outside, forward->inside);
	return model_check_host_ip(model, intent->key, "inside", forward->net, forward->inside,
	                           refusal);
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *net = forward->net ? model_get(model, NOUN_NET, forward->net) : NULL;

	if (!net)
		return refuse(refusal, -EINVAL, intent->key, "net",
		              "%s: it must say in which net the guest is", intent->key);
	if (net->msg->net->mode != WEFT__NET_MODE__NET_NAT) {
		bool routed = net->msg->net->mode == WEFT__NET_MODE__NET_ROUTED;

		refuse(refusal, -EINVAL, intent->key, "net",
		       "%s: nothing can be forwarded into net '%s', which is not behind NAT",
		       intent->key, net->name);
		fail_hint(&refusal->fail, "%s",
		          routed ? "the outside reaches its guests at their own addresses"
		                 : "only nets in mode nat take forwards");
		return -EINVAL;
	}
	if (strcmp(forward->protocol, "tcp") != 0 && strcmp(forward->protocol, "udp") != 0)
		return refuse(refusal, -EINVAL, intent->key, "protocol",
		              "%s: the protocol '%s' is neither tcp nor udp", intent->key,
		              forward->protocol);
	if (forward->outside_port == 0 || forward->outside_port > 65535)
		return refuse(refusal, -EINVAL, intent->key, "outside_port",
		              "%s: the outside port %u is outside 1 to 65535", intent->key,
		              forward->outside_port);
	if (forward->inside_port == 0 || forward->inside_port > 65535)
		return refuse(refusal, -EINVAL, intent->key, "inside_port",
		              "%s: the inside port %u is outside 1 to 65535", intent->key,
		              forward->inside_port);
	if (!forward->guest == !forward->inside)
		return refuse(refusal, -EINVAL, intent->key, "guest",
		              "%s: it needs a guest or an inside address, and not both",
		              intent->key);
	return forward->inside ? check_inside(model, intent, refusal)
	                       : check_guest(model, intent, net, refusal);
}

const struct noun_ops model_forward = {.complete = complete, .refs = refs, .check = check};
