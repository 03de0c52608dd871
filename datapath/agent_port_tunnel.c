// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port_tunnel: a list of the tunnels that are open, few as they are, the youngest first.
//
// Nothing of a tunnel outlives the process: its successor opens the same sockets, and a datagram that comes
// in between is lost as on any wire.

#include "datapath/agent_port_tunnel.h"

#include "datapath/agent_object.h"
#include "tunnels/encap.h"
#include "tunnels/peer.h"
#include "tunnels/tunnel.h"

#include <errno.h>
#include <stdlib.h>

struct place {
	struct place *next;
	uint64_t id;
	struct port *door; // borrowed
};

struct agent_tunnels {
	struct agent_tunnels_config config;
	struct place *first;
};

struct agent_tunnels *agent_tunnels_new(const struct agent_tunnels_config *config)
{
	struct agent_tunnels *tunnels = calloc(1, sizeof(*tunnels));

	if (tunnels)
		tunnels->config = *config;
	return tunnels;
}

void agent_tunnels_free(struct agent_tunnels *tunnels)
{
	free(tunnels);
}

bool agent_tunnels_have(const Weft__Port *config)
{
	return config->type == WEFT__PORT_TYPE__PORT_TUNNEL ||
	       config->type == WEFT__PORT_TYPE__PORT_PEER;
}

static const struct encap *encap_of(Weft__Encapsulation encapsulation)
{
	switch (encapsulation) {
	case WEFT__ENCAPSULATION__ENCAP_GENEVE:
		return &encap_geneve;
	case WEFT__ENCAPSULATION__ENCAP_GRE:
		return &encap_gre;
	default:
		return &encap_vxlan;
	}
}

static int open_tunnel(struct agent_tunnels *tunnels, uint64_t id, const char *name,
                       const Weft__Tunnel *message, struct port **ret, struct fail *fail)
{
	struct place *place = calloc(1, sizeof(*place));
	struct tunnel_config config = {
		.name = name,
		.encap = encap_of(message->encapsulation),
		.udp_port = agent_tunnel_udp_port(message),
		.ttl = (uint8_t)message->ttl,
		.dscp = message->has_dscp ? (int)message->dscp : -1,
		.checksum_off = message->checksum_off,
		.underlay_mtu = message->underlay_mtu,
		.queues = tunnels->config.queues,
		.retire = tunnels->config.retire,
	};
	int code;

	if (!place)
		return fail_set(fail, -ENOMEM, "%s: out of memory", name);
	agent_ip(&message->local, &config.local);
	code = tunnel_open(&config, tunnels->config.open, tunnels->config.user, ret, fail);
	if (code < 0) {
		free(place);
		return code;
	}
	*place = (struct place){.next = tunnels->first, .id = id, .door = *ret};
	tunnels->first = place;
	return 0;
}

static int open_peer(struct agent_tunnels *tunnels, const char *name,
                     const Weft__TunnelPeer *message, uint32_t slot, struct port **ret,
                     struct fail *fail)
{
	const struct place *place = tunnels->first;
	struct peer_config config = {.name = name, .slot = slot};

	while (place && place->id != message->tunnel)
		place = place->next;
	if (!place)
		return fail_set(fail, -ENOENT, "%s: its tunnel is not open", name);
	config.tunnel = place->door;
	agent_ip(&message->remote, &config.remote);
	return peer_open(&config, ret, fail);
}

int agent_tunnels_open(struct agent_tunnels *tunnels, uint64_t id, const char *name,
                       const Weft__Port *config, uint32_t slot, struct port **ret,
                       struct fail *fail)
{
	if (config->type == WEFT__PORT_TYPE__PORT_TUNNEL)
		return open_tunnel(tunnels, id, name, config->tunnel, ret, fail);
	return open_peer(tunnels, name, config->peer, slot, ret, fail);
}

bool agent_tunnels_close(struct agent_tunnels *tunnels, struct port *door)
{
	if (!peer_is(door) && !tunnel_is(door))
		return false;
	for (struct place **at = &tunnels->first; *at; at = &(*at)->next) {
		struct place *place = *at;

		if (place->door != door)
			continue;
		*at = place->next;
		free(place);
		break;
	}
	door->ops->close(door);
	return true;
}
