// SPDX-License-Identifier: BSD-3-Clause
//
// model_tunnel: tunnels to ends that are not ours, their peers, and what a net must say to go through one.

#include "controller/model_tunnel.h"

#include "controller/model_host.h"
#include "controller/model_noun.h"
#include "controller/tunnel_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum {
	UDP_PORT_MOST = 65535,
	DSCP_MOST = 63,
	TTL_MOST = 255,
	VNI_MOST = 0xffffff,
};

static bool is_gre(const Weft__TunnelIntent *tunnel)
{
	return tunnel->type == WEFT__TUNNEL_TYPE__TUNNEL_GRE;
}

uint32_t model_tunnel_udp_port(const Weft__TunnelIntent *tunnel)
{
	if (is_gre(tunnel))
		return 0;
	if (tunnel->has_port)
		return tunnel->port;
	return tunnel->type == WEFT__TUNNEL_TYPE__TUNNEL_GENEVE ? 6081 : 4789;
}

static int tunnel_complete(const struct model *model, const char *key, Weft__Intent *msg,
                           struct refusal *refusal)
{
	int err;

	if (!msg->tunnel->has_type) {
		msg->tunnel->has_type = true;
		msg->tunnel->type = WEFT__TUNNEL_TYPE__TUNNEL_VXLAN;
	}
	model_host_canon(&msg->tunnel->host);
	err = model_canon_ip(key, "local", &msg->tunnel->local, refusal);
	for (size_t i = 0; err == 0 && i < msg->tunnel->n_options; i++)
		err = tunnel_option_canon(key, &msg->tunnel->options[i], refusal);
	return err;
}

static void tunnel_refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__TunnelIntent *tunnel = intent->msg->tunnel;

	if (tunnel->host)
		refs_add(refs, REF_NEEDS, "host", "host/%s", tunnel->host);
	if (tunnel->local)
		refs_add(refs, REF_CLAIMS, "local", "endpoint/%s/%u/%s",
		         tunnel->host ? tunnel->host : HOST_LOCAL, model_tunnel_udp_port(tunnel),
		         tunnel->local);
}

static int check_range(const struct intent *intent, const char *field, const char *what,
                       uint32_t value, uint32_t least, uint32_t most, struct refusal *refusal)
{
	if (value >= least && value <= most)
		return 0;
	return refuse(refusal, -ERANGE, intent->key, field, "%s: the %s %u is not one of %u to %u",
	              intent->key, what, value, least, most);
}

static int check_options(const struct intent *intent, struct refusal *refusal)
{
	const Weft__TunnelIntent *tunnel = intent->msg->tunnel;
	uint8_t bytes[TUNNEL_OPTIONS_MAX];
	size_t len;

	if (tunnel->n_options && tunnel->type != WEFT__TUNNEL_TYPE__TUNNEL_GENEVE) {
		refuse(refusal, -EINVAL, intent->key, "options",
		       "%s: only Geneve has options, and this is %s", intent->key,
		       is_gre(tunnel) ? "GRE" : "VXLAN");
		fail_hint(&refusal->fail, "add --type geneve");
		return -EINVAL;
	}
	return tunnel_options_pack(intent->key, tunnel->options, tunnel->n_options, bytes, &len,
	                           refusal);
}

static int tunnel_check(const struct model *model, const struct intent *intent,
                        struct refusal *refusal)
{
	const Weft__TunnelIntent *tunnel = intent->msg->tunnel;
	int err = 0;

	if (!tunnel->local) {
		refuse(refusal, -EINVAL, intent->key, "local",
		       "%s: a tunnel needs an address of this host", intent->key);
		fail_hint(&refusal->fail, "give it with --local");
		return -EINVAL;
	}
	if (tunnel->has_port && is_gre(tunnel))
		return refuse(refusal, -EINVAL, intent->key, "port", "%s: GRE has no UDP port",
		              intent->key);
	if (tunnel->has_port)
		err = check_range(intent, "port", "UDP port", tunnel->port, 1, UDP_PORT_MOST,
		                  refusal);
	if (err == 0 && tunnel->has_ttl)
		err = check_range(intent, "ttl", "TTL", tunnel->ttl, 1, TTL_MOST, refusal);
	if (err == 0 && tunnel->has_dscp)
		err = check_range(intent, "dscp", "DSCP", tunnel->dscp, 0, DSCP_MOST, refusal);
	if (err == 0 && tunnel->has_underlay_mtu)
		err = check_range(intent, "underlay_mtu", "MTU", tunnel->underlay_mtu, 576, 65535,
		                  refusal);
	return err == 0 ? check_options(intent, refusal) : err;
}

const struct noun_ops model_tunnel = {
	.complete = tunnel_complete, .refs = tunnel_refs, .check = tunnel_check};

static int peer_complete(const struct model *model, const char *key, Weft__Intent *msg,
                         struct refusal *refusal)
{
	int err = model_canon_ip(key, "remote", &msg->peer->remote, refusal);

	return err == 0 ? model_canon_ip(key, "backup", &msg->peer->backup, refusal) : err;
}

const char *model_tunnel_of_backup(const Weft__PeerIntent *peer)
{
	return peer->backup_tunnel ? peer->backup_tunnel : peer->tunnel;
}

static void peer_refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	const Weft__PeerIntent *peer = intent->msg->peer;

	if (!peer->tunnel)
		return;
	refs_add(refs, REF_NEEDS, "tunnel", "tunnel/%s", peer->tunnel);
	refs_add(refs, REF_WATCHES, "tunnel", "tunnel/%s", peer->tunnel);
	if (peer->remote)
		refs_add(refs, REF_CLAIMS, "remote", "remote/%s/%s", peer->tunnel, peer->remote);
	if (peer->backup)
		refs_add(refs, REF_CLAIMS, "backup", "remote/%s/%s", model_tunnel_of_backup(peer),
		         peer->backup);
	if (peer->backup_tunnel && strcmp(peer->backup_tunnel, peer->tunnel) != 0) {
		refs_add(refs, REF_NEEDS, "backup_tunnel", "tunnel/%s", peer->backup_tunnel);
		refs_add(refs, REF_WATCHES, "backup_tunnel", "tunnel/%s", peer->backup_tunnel);
	}
}

// An address of the other end, and the tunnel that leads there.
static int check_end(const struct intent *intent, const struct intent *tunnel, const char *field,
                     const char *address, struct refusal *refusal)
{
	const char *local = tunnel->msg->tunnel->local;

	if (local && (strchr(local, ':') != NULL) != (strchr(address, ':') != NULL))
		return refuse(refusal, -EINVAL, intent->key, field,
		              "%s: %s is of another address family than %s of tunnel '%s'",
		              intent->key, address, local, tunnel->name);
	if (local && strcmp(local, address) == 0)
		return refuse(refusal, -EINVAL, intent->key, field,
		              "%s: %s is the address of the tunnel itself", intent->key, address);
	return 0;
}

static bool has_bfd(const Weft__PeerIntent *peer)
{
	return peer->has_bfd && peer->bfd != WEFT__BFD_MODE__BFD_OFF;
}

static const char *host_of_tunnel(const struct intent *tunnel)
{
	return tunnel->msg->tunnel->host ? tunnel->msg->tunnel->host : HOST_LOCAL;
}

static int check_backup(const struct model *model, const struct intent *intent,
                        const struct intent *tunnel, struct refusal *refusal)
{
	const Weft__PeerIntent *peer = intent->msg->peer;
	const struct intent *other = model_get(model, NOUN_TUNNEL, model_tunnel_of_backup(peer));

	if (!peer->backup && !peer->backup_tunnel)
		return 0;
	if (!peer->backup)
		return refuse(refusal, -EINVAL, intent->key, "backup",
		              "%s: a tunnel for the backup, and no address", intent->key);
	if (!has_bfd(peer)) {
		refuse(refusal, -EINVAL, intent->key, "bfd",
		       "%s: without BFD nobody knows when to use the backup", intent->key);
		fail_hint(&refusal->fail, "add --bfd on; the other end must speak it, too");
		return -EINVAL;
	}
	if (other && strcmp(host_of_tunnel(other), host_of_tunnel(tunnel)) != 0)
		return refuse(refusal, -EINVAL, intent->key, "backup_tunnel",
		              "%s: tunnel '%s' is on host '%s', and '%s' on '%s'", intent->key,
		              tunnel->name, host_of_tunnel(tunnel), other->name,
		              host_of_tunnel(other));
	if (other == tunnel && strcmp(peer->backup, peer->remote) == 0)
		return refuse(refusal, -EINVAL, intent->key, "backup",
		              "%s: %s is its first address already", intent->key, peer->backup);
	return other ? check_end(intent, other, "backup", peer->backup, refusal) : 0;
}

static int check_bfd(const struct intent *intent, struct refusal *refusal)
{
	const Weft__PeerIntent *peer = intent->msg->peer;
	int err = 0;

	if (peer->has_bfd_interval_us)
		err = check_range(intent, "bfd_interval_us", "BFD interval in ms",
		                  peer->bfd_interval_us / 1000, 10, 60000, refusal);
	if (err == 0 && peer->has_bfd_multiplier)
		err = check_range(intent, "bfd_multiplier", "BFD multiplier", peer->bfd_multiplier,
		                  1, 255, refusal);
	if (err == 0 && peer->has_bfd_hold_us)
		err = check_range(intent, "bfd_hold_us", "hold time in seconds",
		                  peer->bfd_hold_us / 1000000, 0, 3600, refusal);
	return err;
}

static int peer_check(const struct model *model, const struct intent *intent,
                      struct refusal *refusal)
{
	const Weft__PeerIntent *peer = intent->msg->peer;
	const struct intent *tunnel =
		peer->tunnel ? model_get(model, NOUN_TUNNEL, peer->tunnel) : NULL;
	int err;

	if (!tunnel)
		return refuse(refusal, -EINVAL, intent->key, "tunnel", "%s: a peer needs a tunnel",
		              intent->key);
	if (!peer->remote)
		return refuse(refusal, -EINVAL, intent->key, "remote",
		              "%s: a peer needs the address of its host", intent->key);
	err = check_end(intent, tunnel, "remote", peer->remote, refusal);
	if (err == 0)
		err = check_backup(model, intent, tunnel, refusal);
	return err == 0 ? check_bfd(intent, refusal) : err;
}

const struct noun_ops model_peer = {
	.complete = peer_complete, .refs = peer_refs, .check = peer_check};

uint32_t model_tunnel_vni(const struct intent *net)
{
	uint32_t hash = (uint32_t)XXH3_64bits(net->name, strlen(net->name)) & VNI_MOST;

	if (net->msg->net->has_vni)
		return net->msg->net->vni;
	return hash ? hash : 1;
}

void model_tunnel_net_refs(const struct intent *intent, struct refs *refs)
{
	const Weft__Net *net = intent->msg->net;

	// Between our own hosts.
	refs_add(refs, REF_CLAIMS, "vni", "vni/%u", model_tunnel_vni(intent));
	if (!net->tunnel)
		return;
	refs_add(refs, REF_NEEDS, "tunnel", "tunnel/%s", net->tunnel);
	refs_add(refs, REF_WATCHES, "tunnel", "tunnel/%s", net->tunnel);
	if (net->has_vni)
		refs_add(refs, REF_CLAIMS, "vni", "vni/%s/%u", net->tunnel, net->vni);
}

int model_tunnel_net_check(const struct intent *intent, struct refusal *refusal)
{
	const Weft__Net *net = intent->msg->net;

	if (net->tunnel && !net->has_vni) {
		refuse(refusal, -EINVAL, intent->key, "vni",
		       "%s: a net needs a number to go through tunnel '%s'", intent->key,
		       net->tunnel);
		fail_hint(&refusal->fail, "give it with --vni, the same at the other end");
		return -EINVAL;
	}
	if (!net->has_vni)
		return 0;
	return check_range(intent, "vni", "VNI", net->vni, 1, VNI_MOST, refusal);
}
