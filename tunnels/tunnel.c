// SPDX-License-Identifier: BSD-3-Clause
//
// tunnel: from arrivals of the underlay to packets.
//
// One receive may bring more frames than a batch holds (a socket that coalesces gives up to 64 in each of
// its pieces), and from several peers; so what came waits in the queue, and rx hands out one batch after the
// other, each of one peer, without asking the kernel again. The bytes stay where the underlay put them: a packet
// has a copy of its head and borrows the rest. Nothing is received while a batch is made, for that would
// overwrite what its packets borrow. Segments of one TCP flow are joined on the way (vnic/coalesce.h), so that what a
// sender had in one piece is looked up once, and given to the guest as one.
//
// A datagram is refused for what is wrong with its outer side here, at the tunnel's door; whether its VNI means
// anything is for the pipeline to say, at the peer's.

#include "tunnels/tunnel.h"

#include "base/bytes.h"
#include "tunnels/ecn.h"
#include "tunnels/partial.h"
#include "tunnels/tunnel_priv.h"
#include "vnic/coalesce.h"
#include "vnic/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	RECEIVES = 4, // of which everything was refused, before rx says that there is nothing
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	UDP_BYTES = 8,
};

// The frame as a packet: a copy of its head, and the rest borrowed.
static enum drop_reason unwrap(const uint8_t *bytes, uint32_t len, uint8_t tos,
                               struct packet_pool *pool, struct packet *packet)
{
	packet->len = len;
	packet->head_len = (uint16_t)MIN(len, PACKET_HEAD);
	if (len < ETH_HEADER)
		return DROP_FRAME_SHORT;
	copy_short(packet->data, bytes, packet->head_len);
	if (len > packet->head_len) {
		struct segment *rest = packet_arena_segment(pool);

		if (!rest)
			return DROP_NO_BUFFER;
		*rest = (struct segment){bytes + packet->head_len, len - packet->head_len};
		packet->segments = rest;
		packet->segment_count = 1;
	}
	partial_find(packet);
	return ecn_leave(packet, tos) ? DROP_NONE : DROP_TUNNEL_ECN;
}

static void count_drops(struct port *port, enum drop_reason reason, uint32_t count)
{
	atomic_fetch_add_explicit(&port->door_drops[reason], count, memory_order_relaxed);
}

// Length of the next frame of the arrival.
static uint32_t next_len(const struct tunnel_queue *waiting, const struct arrival *arrival)
{
	uint32_t left = arrival->len - waiting->done;

	return arrival->part_size ? MIN(arrival->part_size, left) : left;
}

// Makes a packet of the next frame that waits, or part of one. False: it must wait on, for there is no room.
static bool hand_out(struct tunnel *tunnel, struct tunnel_queue *waiting, uint32_t slot,
                     struct packet_pool *pool, struct batch *batch, struct coalescer *coalescer)
{
	const struct arrival *arrival = &waiting->arrivals[waiting->next];
	const uint8_t *bytes = arrival->bytes + waiting->done;
	uint32_t len = next_len(waiting, arrival);
	struct packet *packet = packet_take(pool);
	enum drop_reason refused;
	unsigned header = 0;

	if (!packet)
		return false;
	refused = tunnel->config.encap->read(bytes, len, &tunnel->config.options, &packet->vni,
	                                     &header);
	packet->in_port = slot;
	packet->queue = (uint16_t)(waiting - tunnel->queues);
	if (!refused)
		refused = unwrap(bytes + header, len - header, arrival->tos, pool, packet);
	if (refused == DROP_NO_BUFFER && batch->count) {
		packet_give(pool, packet);
		return false;
	}
	waiting->done += len;
	if (refused)
		port_count_drop(&tunnel->port, refused);
	else if (!coalesce_join(coalescer, pool, packet, bytes + header)) {
		batch->packets[batch->count++] = packet;
		return true;
	}
	packet_give(pool, packet);
	return true;
}

static void refuse_arrival(struct tunnel *tunnel, struct tunnel_queue *waiting)
{
	const struct arrival *arrival = &waiting->arrivals[waiting->next];
	uint32_t size = arrival->part_size ? arrival->part_size : arrival->len;

	count_drops(&tunnel->port, DROP_TUNNEL_PEER_UNKNOWN,
	            size ? (arrival->len + size - 1) / size : 1);
	waiting->done = arrival->len;
}

// Returns whether all of the next arrival is handed out.
static bool drain_arrival(struct tunnel *tunnel, struct tunnel_queue *waiting, uint32_t slot,
                          struct packet_pool *pool, struct batch *batch,
                          struct coalescer *coalescer)
{
	do {
		if (batch->count == BATCH_SIZE ||
		    !hand_out(tunnel, waiting, slot, pool, batch, coalescer))
			return false;
	} while (waiting->done < waiting->arrivals[waiting->next].len);
	return true;
}

// Hands out what waits of one peer, as much as there is room for.
static void drain(struct tunnel *tunnel, struct tunnel_queue *waiting, struct packet_pool *pool,
                  struct batch *batch)
{
	const struct peer_table *peers = atomic_load_explicit(&tunnel->peers, memory_order_acquire);
	struct coalescer coalescer = {0};
	uint32_t only = 0;

	for (; waiting->next < waiting->count; waiting->next++, waiting->done = 0) {
		const struct arrival *arrival = &waiting->arrivals[waiting->next];
		uint32_t slot = peer_table_find(peers, &arrival->from);

		if (!slot) {
			refuse_arrival(tunnel, waiting);
			continue;
		}
		if (only && slot != only && batch->count)
			break;
		only = slot;
		if (!drain_arrival(tunnel, waiting, slot, pool, batch, &coalescer))
			break;
	}
	coalesce_finish(&coalescer);
}

static unsigned tunnel_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                          struct batch *batch)
{
	struct tunnel *tunnel = (struct tunnel *)port;
	struct tunnel_queue *waiting = &tunnel->queues[queue];
	struct underlay *underlay = tunnel->underlay;
	unsigned before = batch->count;

	for (unsigned i = 0; i < RECEIVES && batch->count == before; i++) {
		if (waiting->next == waiting->count) {
			waiting->next = 0;
			waiting->done = 0;
			waiting->count = underlay->ops->receive(underlay, queue, waiting->arrivals,
			                                        UNDERLAY_BATCH);
		}
		if (!waiting->count)
			break;
		drain(tunnel, waiting, pool, batch);
	}
	return batch->count - before;
}

static unsigned tunnel_tx(struct port *port, unsigned queue, struct packet *const *packets,
                          unsigned count, enum drop_reason *reason)
{
	*reason = DROP_PORT_DOWN;
	return 0;
}

static int tunnel_rx_fd(const struct port *port, unsigned queue)
{
	const struct tunnel *tunnel = (const struct tunnel *)port;

	return tunnel->underlay->ops->fd(tunnel->underlay, queue);
}

static void tunnel_close(struct port *port)
{
	tunnel_let_go((struct tunnel *)port);
}

static const struct port_ops tunnel_ops = {
	.kind = "tunnel",
	.rx = tunnel_rx,
	.tx = tunnel_tx,
	.rx_fd = tunnel_rx_fd,
	.close = tunnel_close,
};

bool tunnel_is(const struct port *port)
{
	return port->ops == &tunnel_ops;
}

struct underlay *tunnel_underlay(struct port *port)
{
	return ((struct tunnel *)port)->underlay;
}

void tunnel_hold(struct tunnel *tunnel)
{
	tunnel->holders++;
}

void tunnel_let_go(struct tunnel *tunnel)
{
	if (--tunnel->holders)
		return;
	tunnel->underlay->ops->close(tunnel->underlay);
	free((void *)atomic_load(&tunnel->peers));
	free(tunnel);
}

int tunnel_set_peer(struct tunnel *tunnel, struct ip_addr remote, uint32_t slot)
{
	const struct peer_table *before = atomic_load(&tunnel->peers);
	struct peer_table *after = peer_table_with(before, remote, slot);

	if (!after)
		return -ENOMEM;
	atomic_store_explicit(&tunnel->peers, after, memory_order_release);
	if (before)
		tunnel->config.retire((void *)before);
	return 0;
}

unsigned tunnel_overhead(const struct tunnel *tunnel)
{
	const struct encap *encap = tunnel->config.encap;

	return (tunnel->underlay->is6 ? IP6_BYTES : IP4_BYTES) + (encap->udp_port ? UDP_BYTES : 0) +
	       encap->header + tunnel->config.options.len + ETH_HEADER;
}

int tunnel_open(const struct tunnel_config *config, underlay_open_fn open, void *user,
                struct port **ret, struct fail *fail)
{
	const struct underlay_config wanted = {
		.name = config->name,
		.encap = config->encap,
		.local = config->local,
		.udp_port = config->udp_port ? config->udp_port : config->encap->udp_port,
		.ttl = config->ttl,
		.checksum_off = config->checksum_off,
		.queues = config->queues,
	};
	struct tunnel *tunnel =
		calloc(1, sizeof(*tunnel) + config->queues * sizeof(tunnel->queues[0]));
	int error;

	if (!tunnel)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	error = open(user, &wanted, &tunnel->underlay, fail);
	if (error) {
		free(tunnel);
		return error;
	}
	tunnel->config = *config;
	tunnel->config.name = tunnel->port.name;
	tunnel->holders = 1;
	tunnel->port.ops = &tunnel_ops;
	tunnel->port.queue_count = tunnel->underlay->queue_count;
	tunnel->port.mtu = config->underlay_mtu;
	snprintf(tunnel->port.name, sizeof(tunnel->port.name), "%s", config->name);
	*ret = &tunnel->port;
	return 0;
}
