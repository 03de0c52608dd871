// SPDX-License-Identifier: BSD-3-Clause
//
// peer: frames into datagrams.
//
// The tunnel's header goes into the packet's headroom, so that header and head are one piece. Geneve's options are the
// tunnel's own bytes, as a piece between the two, for they may be longer than the headroom. Frames of one inner
// flow and one size that follow each other share a datagram in parts, which the kernel cuts (UDP_SEGMENT): that
// is what the cuts of a super-packet are, but small frames gain as well. Order within a flow is kept.
//
// Cost: one pass over the packets; everything is on the stack, and any number of workers may send.

#include "tunnels/peer.h"

#include "base/bytes.h"
#include "tunnels/ecn.h"
#include "tunnels/entropy.h"
#include "tunnels/tunnel_priv.h"
#include "vnic/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	IOV = 512,
	DATAGRAM_MAX = 65535 - 48, // less the larger of the outer headers
	MTU_FALLBACK = 1500,
	MTU_LEAST = 68,
	DSCP_SHIFT = 2,
};

struct way {
	struct tunnel *tunnel; // held
	struct ip_addr remote;
	bool yielded; // another door of the same slot has it, too
};

struct peer {
	struct port port;
	_Atomic unsigned used; // of `ways`; PEER_WAYS: none
	_Atomic bool in_doubt; // the underlay refused a length that the MTU allows
	unsigned way_count;
	struct way ways[PEER_WAYS];
};

struct burst {
	unsigned count, used; // datagrams, entries of iov
	struct datagram datagrams[UNDERLAY_BATCH];
	unsigned packets[UNDERLAY_BATCH]; // in each datagram
	uint32_t last[UNDERLAY_BATCH];    // length of the last part of each
	struct iovec iov[IOV];
};

static uint8_t tos_of(const struct tunnel *tunnel, const struct packet *packet)
{
	int dscp = tunnel->config.dscp;
	uint8_t tos = 0;

	// Of what is no IP, nothing is known.
	ecn_inner_tos(packet, &tos);
	if (dscp >= 0)
		tos = (uint8_t)(dscp << DSCP_SHIFT | (tos & ECN_MASK));
	return tos;
}

// Whether the packet may be another part of the last datagram.
static bool fits(const struct tunnel *tunnel, const struct burst *burst, uint32_t len, uint8_t tos,
                 uint32_t entropy)
{
	if (burst->count == 0)
		return false;

	unsigned at = burst->count - 1;
	const struct datagram *datagram = &burst->datagrams[at];

	return burst->packets[at] < tunnel->underlay->parts_max && datagram->tos == tos &&
	       datagram->entropy == entropy &&
	       burst->last[at] == (datagram->part_size ? datagram->part_size : datagram->len) &&
	       len <= burst->last[at] && datagram->len + len <= DATAGRAM_MAX;
}

static struct datagram *begin(struct burst *burst, const struct way *way, uint8_t tos,
                              uint32_t entropy)
{
	struct datagram *datagram = &burst->datagrams[burst->count];

	*datagram = (struct datagram){
		.to = way->remote,
		.entropy = entropy,
		.tos = tos,
		.iov = &burst->iov[burst->used],
	};
	burst->packets[burst->count++] = 0;
	return datagram;
}

// Header, options and head as pieces. Returns what is behind them.
static struct iovec *put_head(struct iovec *iov, const struct packet *packet, unsigned header,
                              const struct encap_options *options)
{
	if (!options->len) {
		*iov++ = (struct iovec){packet->data - header, packet->head_len + header};
		return iov;
	}
	*iov++ = (struct iovec){packet->data - header, header};
	*iov++ = (struct iovec){(void *)(uintptr_t)options->bytes, options->len};
	*iov++ = (struct iovec){packet->data, packet->head_len};
	return iov;
}

// Returns whether the packet found room.
static bool add(struct burst *burst, const struct way *way, struct packet *packet)
{
	const struct tunnel *tunnel = way->tunnel;
	unsigned header = tunnel->config.encap->header;
	const struct encap_options *options = &tunnel->config.options;
	unsigned pieces = (options->len ? 3U : 1U) + packet->segment_count;
	uint32_t len = packet->len + header + options->len;
	uint32_t entropy = entropy_of(packet);
	uint8_t tos = tos_of(tunnel, packet);
	struct datagram *datagram;
	struct iovec *iov;

	if (burst->used + pieces > IOV)
		return false;
	if (fits(tunnel, burst, len, tos, entropy)) {
		datagram = &burst->datagrams[burst->count - 1];
		datagram->part_size = (uint16_t)burst->last[burst->count - 1];
	} else {
		if (burst->count == UNDERLAY_BATCH)
			return false;
		datagram = begin(burst, way, tos, entropy);
	}
	tunnel->config.encap->write(packet->data - header, packet->vni, options);
	iov = put_head(&burst->iov[burst->used], packet, header, options);
	for (unsigned i = 0; i < packet->segment_count; i++)
		iov[i] = (struct iovec){(void *)(uintptr_t)packet->segments[i].base,
		                        packet->segments[i].len};
	burst->used += pieces;
	datagram->iov_count += pieces;
	datagram->len += len;
	burst->last[burst->count - 1] = len;
	burst->packets[burst->count - 1]++;
	return true;
}

// Sends, and says of each packet that did not go why.
static void send_burst(struct peer *peer, const struct tunnel *tunnel, struct burst *burst,
                       struct packet *const *packets, enum drop_reason *reason)
{
	if (tunnel->underlay->ops->send(tunnel->underlay, burst->datagrams, burst->count))
		return;
	for (unsigned i = 0; i < burst->count; i++) {
		enum drop_reason drop = burst->datagrams[i].drop;

		for (unsigned n = 0; drop && n < burst->packets[i]; n++)
			packets[n]->drop = (uint16_t)drop;
		if (drop)
			*reason = drop;
		if (drop == DROP_TX_TOO_BIG)
			atomic_store_explicit(&peer->in_doubt, true, memory_order_relaxed);
		packets += burst->packets[i];
	}
}

static unsigned refuse_all(struct packet *const *packets, unsigned count, enum drop_reason *reason)
{
	for (unsigned i = 0; i < count; i++)
		packets[i]->drop = DROP_TUNNEL_PEER_DOWN;
	*reason = DROP_TUNNEL_PEER_DOWN;
	return count;
}

static unsigned peer_tx(struct port *port, unsigned queue, struct packet *const *packets,
                        unsigned count, enum drop_reason *reason)
{
	struct peer *peer = (struct peer *)port;
	unsigned used = atomic_load_explicit(&peer->used, memory_order_relaxed);
	const struct way *way = &peer->ways[used];
	unsigned done = 0;

	if (used == PEER_WAYS)
		return refuse_all(packets, count, reason);
	while (done < count) {
		struct burst burst;
		unsigned first = done;

		burst.count = 0;
		burst.used = 0;
		while (done < count && add(&burst, way, packets[done]))
			done++;
		if (done == first) {
			// More pieces than a datagram has: no door makes such packets.
			packets[done++]->drop = DROP_TX_FAILED;
			*reason = DROP_TX_FAILED;
			continue;
		}
		send_burst(peer, way->tunnel, &burst, packets + first, reason);
	}
	return count;
}

static int peer_rx_fd(const struct port *port, unsigned queue)
{
	return -1;
}

// Another may have the address by now. Short of memory it stays in the table: what comes from there is then of a
// port that is gone.
static void leave(const struct way *way, uint32_t slot)
{
	if (!way->yielded &&
	    peer_table_find(atomic_load(&way->tunnel->peers), &way->remote) == slot)
		tunnel_set_peer(way->tunnel, way->remote, 0);
	tunnel_let_go(way->tunnel);
}

static void peer_close(struct port *port)
{
	struct peer *peer = (struct peer *)port;

	for (unsigned i = 0; i < peer->way_count; i++)
		leave(&peer->ways[i], port->slot);
	free(peer);
}

static const struct port_ops peer_ops = {
	.kind = "peer",
	.tx_only = true,
	.tx = peer_tx,
	.rx_fd = peer_rx_fd,
	.close = peer_close,
};

bool peer_is(const struct port *port)
{
	return port->ops == &peer_ops;
}

void peer_use(struct port *port, unsigned way)
{
	struct peer *peer = (struct peer *)port;

	assert(way == PEER_WAYS || way < peer->way_count);
	atomic_store_explicit(&peer->used, way, memory_order_relaxed);
	atomic_store_explicit(&port->deaf, way == PEER_WAYS, memory_order_relaxed);
}

void peer_yield(struct port *port, const struct port *other)
{
	struct peer *peer = (struct peer *)port;
	const struct peer *heir = (const struct peer *)other;

	for (unsigned i = 0; i < peer->way_count; i++)
		for (unsigned n = 0; n < heir->way_count; n++)
			if (peer->ways[i].tunnel == heir->ways[n].tunnel &&
			    ip_equal(peer->ways[i].remote, heir->ways[n].remote))
				peer->ways[i].yielded = true;
}

static uint32_t inner_mtu(const struct tunnel *tunnel, struct ip_addr remote)
{
	uint32_t outer = tunnel->config.underlay_mtu;
	unsigned overhead = tunnel_overhead(tunnel);

	if (!outer)
		outer = tunnel->underlay->ops->mtu(tunnel->underlay, remote);
	if (!outer)
		outer = MTU_FALLBACK;
	return MAX(outer, overhead + MTU_LEAST) - overhead;
}

static int add_way(struct peer *peer, const struct peer_way *way)
{
	struct tunnel *tunnel = (struct tunnel *)way->tunnel;
	int error = tunnel_set_peer(tunnel, way->remote, peer->port.slot);
	uint32_t mtu;

	if (error < 0)
		return error;
	tunnel_hold(tunnel);
	mtu = inner_mtu(tunnel, way->remote);
	if (!peer->way_count || mtu < peer->port.mtu)
		peer->port.mtu = mtu;
	peer->ways[peer->way_count++] = (struct way){.tunnel = tunnel, .remote = way->remote};
	return 0;
}

bool peer_in_doubt(struct port *port)
{
	return atomic_exchange_explicit(&((struct peer *)port)->in_doubt, false,
	                                memory_order_relaxed);
}

bool peer_measure(struct port *port)
{
	const struct peer *peer = (const struct peer *)port;
	uint32_t mtu = UINT32_MAX;

	for (unsigned i = 0; i < peer->way_count; i++)
		mtu = MIN(mtu, inner_mtu(peer->ways[i].tunnel, peer->ways[i].remote));
	return atomic_exchange_explicit(&port->mtu, mtu, memory_order_relaxed) != mtu;
}

int peer_open(const struct peer_config *config, struct port **ret, struct fail *fail)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int error = 0;

	if (!peer)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	peer->port.ops = &peer_ops;
	peer->port.queue_count = 1;
	peer->port.slot = config->slot;
	snprintf(peer->port.name, sizeof(peer->port.name), "%s", config->name);
	for (unsigned i = 0; error == 0 && i < config->way_count; i++)
		error = add_way(peer, &config->ways[i]);
	if (error < 0) {
		peer_close(&peer->port);
		return fail_set(fail, error, "%s: out of memory", config->name);
	}
	*ret = &peer->port;
	return 0;
}
