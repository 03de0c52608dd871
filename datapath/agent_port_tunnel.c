// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port_tunnel: lists of the tunnels and of the peers that are open, the youngest first.
//
// Nothing of a tunnel outlives the process: its successor opens the same sockets, and a datagram that comes
// in between is lost as on any wire.

#include "datapath/agent_port_tunnel.h"

#include "datapath/agent_object.h"
#include "datapath/fdb.h"
#include "datapath/generation.h"
#include "tunnels/encap.h"
#include "tunnels/peer.h"
#include "tunnels/tunnel.h"

#include <errno.h>
#include <stdlib.h>

struct place {
	struct place *next;
	uint64_t id;
	struct port *door; // borrowed
	// Of a tunnel: our address. Of a peer: its addresses, each with ours.
	struct bfd_path paths[PEER_WAYS];
};

struct agent_tunnels {
	struct agent_tunnels_config config;
	struct place *first, *first_peer;
	struct agent_liveness *liveness;
};

struct agent_tunnels *agent_tunnels_new(const struct agent_tunnels_config *config)
{
	struct agent_tunnels *tunnels = calloc(1, sizeof(*tunnels));

	if (!tunnels)
		return NULL;
	tunnels->config = *config;
	tunnels->liveness = agent_liveness_new(&config->liveness);
	if (tunnels->liveness)
		return tunnels;
	free(tunnels);
	return NULL;
}

void agent_tunnels_free(struct agent_tunnels *tunnels)
{
	if (tunnels)
		agent_liveness_free(tunnels->liveness);
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
	unsigned at;
	int code;

	if (!place)
		return fail_set(fail, -ENOMEM, "%s: out of memory", name);
	agent_ip(&message->local, &config.local);
	// Checked with the object.
	if (message->has_options)
		geneve_options_set(&config.options, message->options.data, message->options.len,
		                   &at);
	code = tunnel_open(&config, tunnels->config.open, tunnels->config.user, ret, fail);
	if (code < 0) {
		free(place);
		return code;
	}
	*place = (struct place){.next = tunnels->first, .id = id, .door = *ret};
	place->paths[0].local = config.local;
	tunnels->first = place;
	return 0;
}

static int find_way(const struct agent_tunnels *tunnels, uint64_t tunnel,
                    const ProtobufCBinaryData *remote, struct peer_way *ret, struct bfd_path *path)
{
	const struct place *place = tunnels->first;

	while (place && place->id != tunnel)
		place = place->next;
	if (!place)
		return -ENOENT;
	ret->tunnel = place->door;
	agent_ip(remote, &ret->remote);
	path->local = place->paths[0].local;
	path->remote = ret->remote;
	return 0;
}

static int watch_peer(struct agent_tunnels *tunnels, const struct place *place,
                      const Weft__TunnelPeer *message)
{
	if (!message->bfd || !tunnels->config.liveness.carrier.open)
		return 0;
	return agent_liveness_add(tunnels->liveness, place->id, place->door, message, place->paths);
}

static int open_peer(struct agent_tunnels *tunnels, uint64_t id, const char *name,
                     const Weft__TunnelPeer *message, uint32_t slot, struct port **ret,
                     struct fail *fail)
{
	struct peer_config config = {.name = name, .slot = slot, .way_count = 1};
	struct place *place = calloc(1, sizeof(*place));
	int code;

	if (!place)
		return fail_set(fail, -ENOMEM, "%s: out of memory", name);
	code = find_way(tunnels, message->tunnel, &message->remote, &config.ways[0],
	                &place->paths[0]);
	if (code == 0 && message->has_backup) {
		config.way_count = 2;
		code = find_way(tunnels, agent_backup_tunnel(message), &message->backup,
		                &config.ways[1], &place->paths[1]);
	}
	if (code < 0)
		fail_set(fail, code, "%s: its tunnel is not open", name);
	else
		code = peer_open(&config, ret, fail);
	if (code < 0) {
		free(place);
		return code;
	}
	for (unsigned way = 0; way < PEER_WAYS; way++)
		place->paths[way].multihop = message->bfd && message->bfd->multihop;
	place->id = id;
	place->door = *ret;
	place->next = tunnels->first_peer;
	tunnels->first_peer = place;
	code = watch_peer(tunnels, place, message);
	if (code < 0) {
		agent_tunnels_close(tunnels, *ret);
		return fail_set(fail, code, "%s: out of memory", name);
	}
	return 0;
}

int agent_tunnels_open(struct agent_tunnels *tunnels, uint64_t id, const char *name,
                       const Weft__Port *config, uint32_t slot, struct port **ret,
                       struct fail *fail)
{
	if (config->type == WEFT__PORT_TYPE__PORT_TUNNEL)
		return open_tunnel(tunnels, id, name, config->tunnel, ret, fail);
	return open_peer(tunnels, id, name, config->peer, slot, ret, fail);
}

static void drop_place(struct place **at, const struct port *door)
{
	for (; *at; at = &(*at)->next) {
		struct place *place = *at;

		if (place->door != door)
			continue;
		*at = place->next;
		free(place);
		return;
	}
}

// A door that replaces the one that closes, or is replaced by it and stays, goes on with their common addresses.
static void close_peer(struct agent_tunnels *tunnels, struct port *door)
{
	agent_liveness_remove(tunnels->liveness, door);
	drop_place(&tunnels->first_peer, door);
	for (const struct place *place = tunnels->first_peer; place; place = place->next)
		if (place->door->slot == door->slot)
			peer_yield(door, place->door);
}

bool agent_tunnels_close(struct agent_tunnels *tunnels, struct port *door)
{
	if (peer_is(door))
		close_peer(tunnels, door);
	else if (tunnel_is(door))
		drop_place(&tunnels->first, door);
	else
		return false;
	door->ops->close(door);
	return true;
}

void agent_tunnels_measure(struct agent_tunnels *tunnels, const struct generation *generation,
                           struct fdb *fdb, bool all)
{
	bool changed = false;
	uint32_t slot = 0;

	for (const struct place *place = tunnels->first_peer; place; place = place->next)
		if (peer_in_doubt(place->door) || all)
			changed |= peer_measure(place->door);
	for (; changed && pmap_next(&generation->domains, &slot); slot++)
		fdb_touch(fdb, slot);
}

size_t agent_tunnels_ways(const struct agent_tunnels *tunnels, struct tunnel_way *ret, size_t room)
{
	size_t count = 0;

	for (const struct place *place = tunnels->first_peer; place; place = place->next, count++)
		if (count < room)
			ret[count] = (struct tunnel_way){place->id, place->door->mtu};
	return count;
}

static bool has_path(const struct place *place, const struct bfd_path *path)
{
	for (unsigned way = 0; way < PEER_WAYS; way++)
		if (ip_equal(place->paths[way].remote, path->remote) &&
		    ip_equal(place->paths[way].local, path->local))
			return true;
	return false;
}

static struct port *door_concerned(const struct agent_tunnels *tunnels, const struct bfd_path *path)
{
	for (const struct place *place = tunnels->first_peer; place; place = place->next)
		if (has_path(place, path))
			return place->door;
	for (const struct place *place = tunnels->first; place; place = place->next)
		if (ip_equal(place->paths[0].local, path->local))
			return place->door;
	return NULL;
}

void agent_tunnels_packet(struct agent_tunnels *tunnels, const struct bfd_path *path, unsigned ttl,
                          const uint8_t *bytes, size_t len)
{
	enum drop_reason refused = agent_liveness_receive(tunnels->liveness, path, ttl, bytes, len);
	struct port *door = refused ? door_concerned(tunnels, path) : NULL;

	if (door)
		port_count_drop(door, refused);
}

struct agent_liveness *agent_tunnels_liveness(struct agent_tunnels *tunnels)
{
	return tunnels->liveness;
}
