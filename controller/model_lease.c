// SPDX-License-Identifier: BSD-3-Clause
//
// model_lease: reservations for hosts that are no guests of ours, and names given to addresses.

#include "controller/model_noun.h"

#include <errno.h>

static int lease_complete(const struct model *model, const char *key, Weft__Intent *msg,
                          struct refusal *refusal)
{
	int err = model_canon_mac(key, "mac", &msg->reservation->mac, refusal);

	return err == 0 ? model_canon_ip(key, "ip", &msg->reservation->ip, refusal) : err;
}

static void lease_refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__Reservation *lease = intent->msg->reservation;

	if (!lease->net)
		return;
	refs_add(refs, REF_NEEDS, "net", "net/%s", lease->net);
	if (lease->mac)
		refs_add(refs, REF_CLAIMS, "mac", "reserve/%s/%s", lease->net, lease->mac);
	if (lease->ip)
		refs_add(refs, REF_CLAIMS, "ip", "ip/%s/%s", lease->net, lease->ip);
}

static int lease_check(const struct model *model, const struct intent *intent,
                       struct refusal *refusal)
{
	const Weft__Reservation *lease = intent->msg->reservation;
	const struct intent *net = lease->net ? model_get(model, NOUN_NET, lease->net) : NULL;
	int err;

	if (!net || !lease->mac)
		return refuse(refusal, -EINVAL, intent->key, net ? "mac" : "net",
		              "%s: a reservation needs a net and a MAC", intent->key);
	if (!net->msg->net->has_dhcp || !net->msg->net->dhcp) {
		refuse(refusal, -EINVAL, intent->key, "net", "%s: net '%s' does not serve DHCP",
		       intent->key, net->name);
		fail_hint(&refusal->fail, "turn it on with 'weft net set %s --dhcp'", net->name);
		return -EINVAL;
	}
	err = model_check_host_ip(model, intent->key, "ip", lease->net, lease->ip, refusal);
	if (err == 0 && lease->hostname)
		err = model_check_domain(intent->key, "hostname", lease->hostname, false, refusal);
	return err;
}

const struct noun_ops model_lease = {
	.complete = lease_complete, .refs = lease_refs, .check = lease_check};

static int dns_complete(const struct model *model, const char *key, Weft__Intent *msg,
                        struct refusal *refusal)
{
	return model_canon_ip(key, "ip", &msg->dns->ip, refusal);
}

static void dns_refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__DnsEntry *dns = intent->msg->dns;

	if (!dns->net)
		return;
	refs_add(refs, REF_NEEDS, "net", "net/%s", dns->net);
	if (dns->host && dns->ip)
		refs_add(refs, REF_CLAIMS, "host", "name/%s/%s/%s", dns->net, dns->host, dns->ip);
}

static int dns_check(const struct model *model, const struct intent *intent,
                     struct refusal *refusal)
{
	const Weft__DnsEntry *dns = intent->msg->dns;
	const struct intent *net = dns->net ? model_get(model, NOUN_NET, dns->net) : NULL;

	if (!net || !dns->host || !dns->ip)
		return refuse(refusal, -EINVAL, intent->key,
		              !net         ? "net"
		              : !dns->host ? "host"
		                           : "ip",
		              "%s: a name needs a net, a host and an address", intent->key);
	if (!net->msg->net->dns) {
		refuse(refusal, -EINVAL, intent->key, "net", "%s: net '%s' does not serve DNS",
		       intent->key, net->name);
		fail_hint(&refusal->fail, "give it a domain with 'weft net set %s --dns DOMAIN'",
		          net->name);
		return -EINVAL;
	}
	return model_check_domain(intent->key, "host", dns->host, true, refusal);
}

const struct noun_ops model_dns = {.complete = dns_complete, .refs = dns_refs, .check = dns_check};
