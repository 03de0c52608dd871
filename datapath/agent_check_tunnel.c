// SPDX-License-Identifier: BSD-3-Clause
//
// agent_check_tunnel: the fields of tunnels and of their peers.

#include "datapath/agent_check.h"

#include "datapath/agent_object.h"
#include "tunnels/encap.h"

#include <errno.h>

enum {
	DSCP_MAX = 63,
	TTL_MAX = 255,
	UNDERLAY_MTU_MIN = 576,
	UNDERLAY_MTU_MAX = 65535,
	VNI_LAST = 0xffffff,
	BFD_INTERVAL_MIN = 10,
	BFD_INTERVAL_MAX = 60000,
	BFD_HOLD_MAX = 3600000,
};

uint16_t agent_tunnel_udp_port(const Weft__Tunnel *tunnel)
{
	switch (tunnel->encapsulation) {
	case WEFT__ENCAPSULATION__ENCAP_GRE:
		return 0;
	case WEFT__ENCAPSULATION__ENCAP_GENEVE:
		return tunnel->has_udp_port ? (uint16_t)tunnel->udp_port : 6081;
	default:
		return tunnel->has_udp_port ? (uint16_t)tunnel->udp_port : 4789;
	}
}

static int check_udp_port(const struct agent_object *object, struct apply_result *result,
                          const Weft__Tunnel *tunnel)
{
	if (!tunnel->has_udp_port)
		return 0;
	if (tunnel->encapsulation == WEFT__ENCAPSULATION__ENCAP_GRE)
		return agent_object_refuse(object, result, -EINVAL, "tunnel.udp_port",
		                           "GRE has no UDP port");
	if (tunnel->udp_port < 1 || tunnel->udp_port > UINT16_MAX)
		return agent_object_refuse(object, result, -ERANGE, "tunnel.udp_port",
		                           "the port %u is not one of 1 to 65535",
		                           tunnel->udp_port);
	return 0;
}

static int check_options(const struct agent_object *object, struct apply_result *result,
                         const Weft__Tunnel *tunnel)
{
	struct encap_options options;
	unsigned at;

	if (!tunnel->has_options || !tunnel->options.len)
		return 0;
	if (tunnel->encapsulation != WEFT__ENCAPSULATION__ENCAP_GENEVE)
		return agent_object_refuse(object, result, -EINVAL, "tunnel.options",
		                           "only Geneve has options");
	switch (geneve_options_set(&options, tunnel->options.data, tunnel->options.len, &at)) {
	case 0:
		return 0;
	case -E2BIG:
		return agent_object_refuse(object, result, -E2BIG, "tunnel.options",
		                           "%zu bytes of options; a header has room for %d",
		                           tunnel->options.len, ENCAP_OPTIONS_MAX);
	case -EEXIST:
		return agent_object_refuse(object, result, -EEXIST, "tunnel.options",
		                           "the class and type of the option at byte %u are there "
		                           "twice",
		                           at);
	default:
		return agent_object_refuse(object, result, -EINVAL, "tunnel.options",
		                           "the option at byte %u is malformed", at);
	}
}

int agent_check_tunnel(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Tunnel *tunnel = object->message->port->tunnel;
	int code;

	if (!tunnel)
		return agent_object_refuse(object, result, -EINVAL, "tunnel",
		                           "a port of this type needs to say which tunnel it is");
	if (tunnel->encapsulation < WEFT__ENCAPSULATION__ENCAP_VXLAN ||
	    tunnel->encapsulation > WEFT__ENCAPSULATION__ENCAP_GRE)
		return agent_object_refuse(object, result, -EOPNOTSUPP, "tunnel.encapsulation",
		                           "%d is no type of tunnel", (int)tunnel->encapsulation);
	code = agent_check_host(object, result, "tunnel.local", &tunnel->local, NULL);
	if (code == 0)
		code = check_udp_port(object, result, tunnel);
	if (code == 0)
		code = check_options(object, result, tunnel);
	if (code < 0)
		return code;
	if (tunnel->ttl < 1 || tunnel->ttl > TTL_MAX)
		return agent_object_refuse(object, result, -ERANGE, "tunnel.ttl",
		                           "the TTL %u is not one of 1 to 255", tunnel->ttl);
	if (tunnel->has_dscp && tunnel->dscp > DSCP_MAX)
		return agent_object_refuse(object, result, -ERANGE, "tunnel.dscp",
		                           "the DSCP %u is not one of 0 to 63", tunnel->dscp);
	if (tunnel->underlay_mtu &&
	    (tunnel->underlay_mtu < UNDERLAY_MTU_MIN || tunnel->underlay_mtu > UNDERLAY_MTU_MAX))
		return agent_object_refuse(object, result, -ERANGE, "tunnel.underlay_mtu",
		                           "an underlay of MTU %u; %d to %d are possible",
		                           tunnel->underlay_mtu, UNDERLAY_MTU_MIN,
		                           UNDERLAY_MTU_MAX);
	return 0;
}

static int check_bfd(const struct agent_object *object, struct apply_result *result,
                     const Weft__Bfd *bfd)
{
	if (bfd->interval_ms < BFD_INTERVAL_MIN || bfd->interval_ms > BFD_INTERVAL_MAX)
		return agent_object_refuse(object, result, -ERANGE, "peer.bfd.interval_ms",
		                           "BFD every %u ms; %d to %d ms are possible",
		                           bfd->interval_ms, BFD_INTERVAL_MIN, BFD_INTERVAL_MAX);
	if (bfd->multiplier < 1 || bfd->multiplier > UINT8_MAX)
		return agent_object_refuse(object, result, -ERANGE, "peer.bfd.multiplier",
		                           "the multiplier %u is not one of 1 to 255",
		                           bfd->multiplier);
	if (bfd->hold_ms > BFD_HOLD_MAX)
		return agent_object_refuse(object, result, -ERANGE, "peer.bfd.hold_ms",
		                           "a hold of %u ms; an hour is the most", bfd->hold_ms);
	return 0;
}

static int check_backup(const struct agent_object *object, struct apply_result *result,
                        const Weft__TunnelPeer *peer)
{
	struct ip_addr remote, backup;
	char text[IP_TEXT];
	int code = agent_check_host(object, result, "peer.backup", &peer->backup, &backup);

	if (code < 0)
		return code;
	agent_ip(&peer->remote, &remote);
	if (ip_equal(remote, backup) &&
	    (!peer->has_backup_tunnel || peer->backup_tunnel == peer->tunnel))
		return agent_object_refuse(object, result, -EINVAL, "peer.backup",
		                           "%s is the peer's first address already",
		                           ip_format(backup, text));
	if (!peer->bfd)
		return agent_object_refuse(object, result, -EINVAL, "peer.bfd",
		                           "without BFD nobody knows when to use the backup");
	return 0;
}

int agent_check_peer(const struct agent_object *object, struct apply_result *result)
{
	const Weft__TunnelPeer *peer = object->message->port->peer;
	int code;

	if (!peer)
		return agent_object_refuse(object, result, -EINVAL, "peer",
		                           "a port of this type needs to say which peer it is");
	code = agent_check_host(object, result, "peer.remote", &peer->remote, NULL);
	if (code == 0 && peer->has_backup)
		code = check_backup(object, result, peer);
	if (code == 0 && peer->has_backup_tunnel && !peer->has_backup)
		code = agent_object_refuse(object, result, -EINVAL, "peer.backup_tunnel",
		                           "a tunnel for the backup, and no address");
	return code == 0 && peer->bfd ? check_bfd(object, result, peer->bfd) : code;
}

int agent_check_member_vni(const struct agent_object *object, struct apply_result *result)
{
	const Weft__VlanMember *member = object->message->vlan_member;

	if (member->flood < WEFT__FLOOD_POLICY__FLOOD_ALL ||
	    member->flood > WEFT__FLOOD_POLICY__FLOOD_NOTHING)
		return agent_object_refuse(object, result, -EINVAL, "flood", "%d is no policy",
		                           (int)member->flood);
	if (!member->has_vni)
		return 0;
	if (member->vni < 1 || member->vni > VNI_LAST)
		return agent_object_refuse(object, result, -ERANGE, "vni",
		                           "the VNI %u is not one of 1 to %d", member->vni,
		                           VNI_LAST);
	if (member->tagged)
		return agent_object_refuse(object, result, -EINVAL, "tagged",
		                           "what goes under a VNI has no tag as well");
	return 0;
}
