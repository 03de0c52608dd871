// SPDX-License-Identifier: BSD-3-Clause
//
// model_port: ports: what plugs in, where, and on which VLANs.
//
// A port in a net is an access port; with trunk it carries VLANs tagged, and native or the net takes the
// untagged frames. A MAC is chosen when none is given and kept, so that it is the same for ever.

#include "controller/model_host.h"
#include "controller/model_noun.h"
#include "controller/model_place.h"
#include "controller/model_vhost.h"
#include "controller/model_way.h"
#include "controller/scope.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

enum { VLAN_MOST = 4094, MAC_TRIES = 64, QUEUES_MOST = 64, MTU_LEAST = 576, MTU_MOST = 65521 };

static int out_of_memory(const char *key, struct refusal *refusal)
{
	return refuse(refusal, -ENOMEM, key, NULL, "%s: out of memory", key);
}

// The guest's interfaces are eth0, eth1 …; a port without a guest is named after itself.
static int choose_ifname(const struct model *model, const char *key, const Weft__Intent *msg,
                         struct refusal *refusal)
{
	Weft__PortIntent *port = msg->port;
	char name[IFNAMSIZ];

	if (port->ifname || port->attach != WEFT__ATTACH_KIND__ATTACH_TAP)
		return 0;
	if (!port->guest) {
		if (strlen(msg->name) >= IFNAMSIZ) {
			refuse(refusal, -ENAMETOOLONG, key, "ifname",
			       "%s: its interface cannot be named after it, since names of "
			       "interfaces have at most %d letters",
			       key, IFNAMSIZ - 1);
			fail_hint(&refusal->fail, "give a name with --ifname");
			return -ENAMETOOLONG;
		}
		port->ifname = strdup(msg->name);
		return port->ifname ? 0 : out_of_memory(key, refusal);
	}
	for (unsigned n = 0; n < 64; n++) {
		char claim[KEY_SIZE], user[KEY_SIZE];
		size_t cursor = 0;

		snprintf(name, sizeof(name), "eth%u", n);
		snprintf(claim, sizeof(claim), "ifname/%s/%s", port->guest, name);
		if (!graph_next_user(&model->graph, claim, &cursor, user) || strcmp(user, key) == 0)
			break;
	}
	port->ifname = strdup(name);
	return port->ifname ? 0 : out_of_memory(key, refusal);
}

// Labs do not see each other, so each has its own MAC addresses: "mac/02:…@LAB".
static void mac_claim(const char *mac, const char *lab, char claim[static KEY_SIZE])
{
	snprintf(claim, KEY_SIZE, "mac/%s%s%s", mac, lab ? "@" : "", lab ? lab : "");
}

static int choose_mac(const struct model *model, const char *key, const char *lab,
                      Weft__PortIntent *port, struct refusal *refusal)
{
	char text[MAC_TEXT], claim[KEY_SIZE], user[KEY_SIZE];

	if (port->mac || (port->attach != WEFT__ATTACH_KIND__ATTACH_TAP &&
	                  port->attach != WEFT__ATTACH_KIND__ATTACH_VHOST))
		return model_canon_mac(key, "mac", &port->mac, refusal);
	for (unsigned salt = 0; salt < MAC_TRIES; salt++) {
		size_t cursor = 0;

		mac_format(ipam_port_mac(&model->instance, key, salt), text);
		mac_claim(text, lab, claim);
		if (!graph_next_user(&model->graph, claim, &cursor, user) || strcmp(user, key) == 0)
			break;
	}
	port->mac = strdup(text);
	return port->mac ? 0 : out_of_memory(key, refusal);
}

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	Weft__PortIntent *port = msg->port;
	int err;

	if (!port->has_attach) {
		port->has_attach = true;
		port->attach = WEFT__ATTACH_KIND__ATTACH_TAP;
	}
	model_host_canon(&port->host);
	// What is not so need not be said: a switch taken back leaves no trace.
	port->has_down = port->has_down && port->down;
	port->has_offload_off = port->has_offload_off && port->offload_off;
	port->has_vhost_server = port->has_vhost_server && port->vhost_server;
	err = choose_ifname(model, key, msg, refusal);
	if (err == 0)
		err = choose_mac(model, key, msg->lab, port, refusal);
	if (err == 0)
		err = model_canon_ip(key, "ip", &port->ip, refusal);
	return err == 0 ? model_canon_ip(key, "ip6", &port->ip6, refusal) : err;
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__PortIntent *port = intent->msg->port;
	char socket[VHOST_PATH_SIZE], claim[KEY_SIZE];

	if (port->net)
		refs_add(refs, REF_NEEDS, "net", "net/%s", port->net);
	if (port->guest)
		refs_add(refs, REF_NEEDS, "guest", "guest/%s", port->guest);
	if (port->link)
		refs_add(refs, REF_NEEDS, "link", "link/%s", port->link);
	// The wire is where its ends are.
	if (port->link)
		refs_add(refs, REF_WATCHES, "link", "link/%s", port->link);
	if (port->link && port->end)
		refs_add(refs, REF_CLAIMS, "end", "end/%s/%s", port->link, port->end);
	if (port->host)
		refs_add(refs, REF_NEEDS, "host", "host/%s", port->host);
	model_place_count(port, refs);
	if (port->n_trunk > 0 || port->has_native)
		refs_add(refs, REF_WATCHES, "trunk", "%s", scope_shared(intent, claim));
	if (port->mac)
		mac_claim(port->mac, intent->msg->lab, claim);
	if (port->mac)
		refs_add(refs, REF_CLAIMS, "mac", "%s", claim);
	if (port->net && port->mac)
		refs_add(refs, REF_CLAIMS, "mac", "reserve/%s/%s", port->net, port->mac);
	if (port->net && port->ip)
		refs_add(refs, REF_CLAIMS, "ip", "ip/%s/%s", port->net, port->ip);
	if (port->net && port->ip6)
		refs_add(refs, REF_CLAIMS, "ip6", "ip/%s/%s", port->net, port->ip6);
	// Without a place of its own an interface lies beside the datapath of its host.
	if (port->ifname && (port->guest || port->netns || !port->host))
		refs_add(refs, REF_CLAIMS, "ifname", "ifname/%s/%s",
		         port->guest   ? port->guest
		         : port->netns ? port->netns
		                       : "",
		         port->ifname);
	else if (port->ifname)
		refs_add(refs, REF_CLAIMS, "ifname", "ifname/%s/%s", port->host, port->ifname);
	if (port->vhost_path)
		refs_add(refs, REF_CLAIMS, "vhost_path", "socket/%s",
		         model_vhost_socket(model, port, socket));
}

// Addresses that lie in no net of ours.
static int check_addresses(const struct intent *intent, struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;
	struct ip_prefix prefix;

	if (port->n_addresses > PORT_ADDRESSES_MOST)
		return refuse(refusal, -E2BIG, intent->key, "addresses",
		              "%s: %zu addresses are more than %d", intent->key, port->n_addresses,
		              PORT_ADDRESSES_MOST);
	if (port->n_addresses && (!port->guest || port->attach != WEFT__ATTACH_KIND__ATTACH_TAP))
		return refuse(refusal, -EINVAL, intent->key, "addresses",
		              "%s: only on the interface of a guest of ours can addresses be put",
		              intent->key);
	for (size_t i = 0; i < port->n_addresses; i++) {
		if (strchr(port->addresses[i], '/') &&
		    prefix_parse(port->addresses[i], &prefix) == 0 && prefix.len > 0)
			continue;
		refuse(refusal, -EINVAL, intent->key, "addresses",
		       "%s: '%s' is not an address with its length", intent->key,
		       port->addresses[i]);
		fail_hint(&refusal->fail, "write it as 10.0.0.1/30 or fd00::1/64");
		return -EINVAL;
	}
	return 0;
}

static int check_link(const struct intent *intent, struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;

	if (!port->link && port->end)
		return refuse(refusal, -EINVAL, intent->key, "end", "%s: it is an end of no link",
		              intent->key);
	if (!port->link)
		return 0;
	if (!port->end || (strcmp(port->end, "a") != 0 && strcmp(port->end, "b") != 0))
		return refuse(refusal, -EINVAL, intent->key, "end",
		              "%s: it must say which end of link '%s' it is, a or b", intent->key,
		              port->link);
	if (port->net || port->n_trunk || port->has_native)
		return refuse(refusal, -EINVAL, intent->key, "link",
		              "%s: a port on a link can be in no net and carries all VLANs as they "
		              "are",
		              intent->key);
	return 0;
}

static int check_vlan(const char *key, const char *field, uint32_t vlan, struct refusal *refusal)
{
	if (vlan > 0 && vlan <= VLAN_MOST)
		return 0;
	refuse(refusal, -EINVAL, key, field, "%s: the VLAN %u is not one that can be used", key,
	       vlan);
	fail_hint(&refusal->fail, "VLANs go from 1 to %d; 0 and 4095 are reserved", VLAN_MOST);
	return -EINVAL;
}

static int check_vlans(const struct model *model, const struct intent *intent,
                       struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;
	const struct intent *net = port->net ? model_get(model, NOUN_NET, port->net) : NULL;
	uint64_t seen[4096 / 64] = {0};

	if (port->net && port->has_native)
		return refuse(refusal, -EINVAL, intent->key, "native",
		              "%s: untagged frames belong to net '%s' and cannot have a native "
		              "VLAN as well",
		              intent->key, port->net);
	if (port->has_native && check_vlan(intent->key, "native", port->native, refusal) < 0)
		return refusal->fail.code;
	if (port->has_native)
		seen[port->native / 64] |= UINT64_C(1) << port->native % 64;
	if (net && net->msg->net->has_vlan)
		seen[net->msg->net->vlan / 64] |= UINT64_C(1) << net->msg->net->vlan % 64;
	for (size_t i = 0; i < port->n_trunk; i++) {
		uint32_t vlan = port->trunk[i];

		if (check_vlan(intent->key, "trunk", vlan, refusal) < 0)
			return refusal->fail.code;
		if (seen[vlan / 64] & UINT64_C(1) << vlan % 64)
			return refuse(refusal, -EINVAL, intent->key, "trunk",
			              "%s: the VLAN %u is given twice", intent->key, vlan);
		seen[vlan / 64] |= UINT64_C(1) << vlan % 64;
	}
	return 0;
}

static int check_attach(const struct intent *intent, struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;

	if (port->attach == WEFT__ATTACH_KIND__ATTACH_NETDEV && !port->ifname)
		return refuse(refusal, -EINVAL, intent->key, "ifname",
		              "%s: it must say which interface it attaches", intent->key);
	if (port->attach == WEFT__ATTACH_KIND__ATTACH_PCAP && !port->pcap_read && !port->pcap_write)
		return refuse(refusal, -EINVAL, intent->key, "pcap_read",
		              "%s: it must say which file it reads or writes", intent->key);
	if (port->ifname && (strlen(port->ifname) >= IFNAMSIZ || port->ifname[0] == '\0' ||
	                     strpbrk(port->ifname, "/: \t\n") || strcmp(port->ifname, ".") == 0 ||
	                     strcmp(port->ifname, "..") == 0))
		return refuse(refusal, -EINVAL, intent->key, "ifname",
		              "%s: '%s' cannot be the name of an interface", intent->key,
		              port->ifname);
	// The host, or a guest, needs its own; what a switch sends there comes straight back.
	if (port->ifname && strcmp(port->ifname, "lo") == 0) {
		refuse(refusal, -EINVAL, intent->key, "ifname",
		       "%s: lo is the loopback interface, which cannot be a port", intent->key);
		fail_hint(&refusal->fail, "name another interface");
		return -EINVAL;
	}
	if (port->guest && port->netns)
		return refuse(refusal, -EINVAL, intent->key, "netns",
		              "%s: the namespace is that of guest '%s'", intent->key, port->guest);
	if (port->has_queues && (port->queues == 0 || port->queues > QUEUES_MOST))
		return refuse(refusal, -EINVAL, intent->key, "queues",
		              "%s: %u queues are outside 1 to %d", intent->key, port->queues,
		              QUEUES_MOST);
	if (port->has_mtu && (port->mtu < MTU_LEAST || port->mtu > MTU_MOST))
		return refuse(refusal, -EINVAL, intent->key, "mtu",
		              "%s: the MTU %u is outside %d to %d", intent->key, port->mtu,
		              MTU_LEAST, MTU_MOST);
	return 0;
}

// What is longer than the rest of its net takes would be lost without a word.
static int check_mtu(const struct model *model, const struct intent *intent,
                     struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;
	const struct intent *net = port->net ? model_get(model, NOUN_NET, port->net) : NULL;
	uint32_t most = 0;

	if (net && port->has_mtu)
		most = net->msg->net->has_mtu ? net->msg->net->mtu : model_way_mtu(model, net);
	if (!most || port->mtu <= most)
		return 0;
	refuse(refusal, -EMSGSIZE, intent->key, "mtu",
	       "%s: net '%s' carries packets of %u bytes, not the %u of its MTU", intent->key,
	       net->name, most, port->mtu);
	fail_hint(&refusal->fail, "leave --mtu out, or give the net a larger one");
	return -EMSGSIZE;
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	const Weft__PortIntent *port = intent->msg->port;
	int err = check_attach(intent, refusal);

	if (err == 0)
		err = check_link(intent, refusal);
	if (err == 0)
		err = check_addresses(intent, refusal);
	if (err == 0)
		err = model_host_check_port(model, intent, refusal);
	if (err == 0)
		err = model_vhost_check(model, intent, refusal);
	if (err == 0)
		err = check_vlans(model, intent, refusal);
	// The port may be what makes its net span hosts.
	if (err == 0 && port->net && model_get(model, NOUN_NET, port->net))
		err = model_way_check_mtu(model, model_get(model, NOUN_NET, port->net), refusal);
	if (err == 0)
		err = check_mtu(model, intent, refusal);
	if (err == 0)
		err = model_check_host_ip(model, intent->key, "ip", port->net, port->ip, refusal);
	if (err == 0 && port->ip && strchr(port->ip, ':'))
		err = refuse(refusal, -EINVAL, intent->key, "ip",
		             "%s: %s is an IPv6 address; give it with --ip6", intent->key,
		             port->ip);
	if (err == 0)
		err = model_check_host_ip(model, intent->key, "ip6", port->net, port->ip6, refusal);
	if (err == 0 && port->ip6 && !strchr(port->ip6, ':'))
		err = refuse(refusal, -EINVAL, intent->key, "ip6",
		             "%s: %s is an IPv4 address; give it with --ip", intent->key,
		             port->ip6);
	return err;
}

const struct noun_ops model_port = {.complete = complete, .refs = refs, .check = check};
