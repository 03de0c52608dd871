// SPDX-License-Identifier: BSD-3-Clause
//
// model_forward: ports of the outside address that lead to a guest.

#include "controller/model_forward.h"

#include "controller/model_guest.h"
#include "controller/model_noun.h"

#include <errno.h>
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

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *port;

	if (forward->net)
		refs_add(refs, REF_NEEDS, "net", "net/%s", forward->net);
	refs_add(refs, REF_CLAIMS, "outside_port", "outside/%s/%s/%s/%u",
	         model_forward_router(model, intent), forward->protocol,
	         forward->outside ? forward->outside : "any", forward->outside_port);
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

int model_forward_inside(const struct model *model, const struct intent *intent,
                         struct ip_addr *ret, struct refusal *refusal)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *port;

	if (forward->inside && ip_parse(forward->inside, ret) == 0)
		return 0;
	port = model_find_port(model, forward->guest, forward->net);
	if (!port || !port->msg->port->net ||
	    (forward->net && strcmp(port->msg->port->net, forward->net) != 0))
		return refuse(refusal, -ENOENT, intent->key, "guest",
		              "%s: guest '%s' has no port in net '%s'", intent->key, forward->guest,
		              forward->net ? forward->net : "");
	if (port->msg->port->ip && ip_parse(port->msg->port->ip, ret) == 0)
		return 0;
	refuse(refusal, -EINVAL, intent->key, "guest",
	       "%s: the address of '%s' may change, since it is not reserved", intent->key,
	       forward->guest);
	fail_hint(&refusal->fail, "reserve one with 'weft port set %s --ip ADDRESS'", port->name);
	return -EINVAL;
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const Weft__Forward *forward = intent->msg->forward;
	const struct intent *net = forward->net ? model_get(model, NOUN_NET, forward->net) : NULL;
	struct ip_addr inside;

	if (!net)
		return refuse(refusal, -EINVAL, intent->key, "net",
		              "%s: it must say in which net the guest is", intent->key);
	if (net->msg->net->mode != WEFT__NET_MODE__NET_NAT &&
	    net->msg->net->mode != WEFT__NET_MODE__NET_ROUTED) {
		refuse(refusal, -EINVAL, intent->key, "net",
		       "%s: nothing can be forwarded into net '%s', which has no router in front",
		       intent->key, net->name);
		fail_hint(&refusal->fail, "only nets in mode nat or routed take forwards");
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
	if (forward->inside)
		return model_check_host_ip(model, intent->key, "inside", forward->net,
		                           forward->inside, refusal);
	return model_forward_inside(model, intent, &inside, refusal);
}

const struct noun_ops model_forward = {.complete = complete, .refs = refs, .check = check};
