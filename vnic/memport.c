// SPDX-License-Identifier: BSD-3-Clause
//
// memport: two rings of frames in memory.
//
// A slot holds any frame the switch may carry; memory that no frame used is never touched. Payload beyond
// the head is borrowed from the slot, which a later put may fill anew: the batch must be over by then.

#include "vnic/memport.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOT_SIZE = PACKET_MAX_LEN + VLAN_TAG };

struct slot {
	uint32_t len;
	struct memport_meta meta;
	uint8_t frame[SLOT_SIZE];
};

struct ring {
	unsigned first;
	unsigned count;
	struct slot *slots;
};

struct memport {
	struct port port;
	unsigned depth;
	struct ring in;
	struct ring out;
	uint64_t sent;
	bool is_looping;
};

static struct slot *ring_slot(const struct memport *memport, const struct ring *ring,
                              unsigned index)
{
	return &ring->slots[(ring->first + index) % memport->depth];
}

// The slot keeps its bytes: a packet of the running batch may still borrow them.
static void ring_drop_first(const struct memport *memport, struct ring *ring)
{
	ring->first = (ring->first + 1) % memport->depth;
	ring->count--;
}

// Metadata takes the same way in as a kernel's header does, so that scenarios can be wrong as guests can.
static struct virtio_net_hdr header_of(const struct memport_meta *meta)
{
	static const uint8_t types[] = {
		[GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
		[GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
		[GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
		[GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
	};
	struct virtio_net_hdr header = {
		.gso_type = meta->gso < ARRAY_SIZE(types) ? types[meta->gso] : UINT8_MAX,
		.gso_size = meta->gso_size,
		.csum_start = meta->csum_start,
		.csum_offset = meta->csum_offset,
	};

	if (meta->flags & PACKET_CSUM_PARTIAL)
		header.flags |= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (meta->flags & PACKET_CSUM_VALID)
		header.flags |= VIRTIO_NET_HDR_F_DATA_VALID;
	return header;
}

// Fills the packet as any door does: the head copied, the rest borrowed.
static enum drop_reason fill(struct packet *packet, struct segment *segment,
                             const struct slot *slot)
{
	struct virtio_net_hdr header = header_of(&slot->meta);

	packet->len = slot->len;
	packet->head_len = (uint16_t)MIN(slot->len, PACKET_HEAD);
	memcpy(packet->data, slot->frame, packet->head_len);
	if (slot->len > PACKET_HEAD) {
		segment->base = slot->frame + PACKET_HEAD;
		segment->len = slot->len - PACKET_HEAD;
		packet->segments = segment;
		packet->segment_count = 1;
	}
	return slot->len < ETH_HEADER ? DROP_FRAME_SHORT : offload_read(&header, packet);
}

static unsigned memport_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                           struct batch *batch)
{
	struct memport *memport = (struct memport *)port;
	struct ring *ring = &memport->in;
	unsigned before = batch->count;

	while (ring->count && batch->count < BATCH_SIZE) {
		struct slot *slot = ring_slot(memport, ring, 0);
		struct segment *segment =
			slot->len > PACKET_HEAD ? packet_arena_segment(pool) : NULL;
		struct packet *packet = NULL;

		if (slot->len <= PACKET_HEAD || segment)
			packet = packet_take(pool);
		if (!packet)
			break;
		// The frames of a loop lie at the start of the ring.
		if (memport->is_looping)
			ring->first = (ring->first + 1) % ring->count;
		else
			ring_drop_first(memport, ring);

		enum drop_reason refused = fill(packet, segment, slot);

		packet->in_port = port->slot;
		packet->queue = (uint16_t)queue;
		if (refused) {
			port_count_drop(port, refused);
			packet_give(pool, packet);
			continue;
		}
		batch->packets[batch->count++] = packet;
	}
	return batch->count - before;
}

static unsigned memport_tx(struct port *port, unsigned queue, struct packet *const *packets,
                           unsigned count, enum drop_reason *reason)
{
	struct memport *memport = (struct memport *)port;
	struct ring *ring = &memport->out;

	for (unsigned i = 0; i < count; i++) {
		const struct packet *packet = packets[i];

		if (memport->is_looping) {
			memport->sent++;
			continue;
		}
		if (ring->count == memport->depth || packet->len > SLOT_SIZE) {
			*reason = packet->len > SLOT_SIZE ? DROP_TX_TOO_BIG : DROP_TX_QUEUE_FULL;
			return i;
		}

		struct slot *slot = ring_slot(memport, ring, ring->count++);

		slot->len = (uint32_t)packet_copy(packet, 0, packet->len, slot->frame);
		slot->meta = (struct memport_meta){
			.flags = packet->flags & (PACKET_CSUM_PARTIAL | PACKET_CSUM_VALID),
			.gso = packet->gso,
			.gso_size = packet->gso_size,
			.csum_start = packet->csum_start,
			.csum_offset = packet->csum_offset,
		};
		memport->sent++;
	}
	return count;
}

static int memport_rx_fd(const struct port *port, unsigned queue)
{
	return -1;
}

static void memport_close(struct port *port)
{
	struct memport *memport = (struct memport *)port;

	mem_block_free(memport->in.slots);
	mem_block_free(memport->out.slots);
	free(memport);
}

static const struct port_ops memport_ops = {
	.kind = "memory",
	.rx = memport_rx,
	.tx = memport_tx,
	.rx_fd = memport_rx_fd,
	.close = memport_close,
};

struct port *memport_open(const struct memport_config *config)
{
	struct memport *memport = calloc(1, sizeof(*memport));
	size_t bytes = config->depth * sizeof(struct slot);

	if (!memport)
		return NULL;
	memport->in.slots = mem_block_new("memport", bytes, 0);
	memport->out.slots = mem_block_new("memport", bytes, 0);
	if (!memport->in.slots || !memport->out.slots) {
		memport_close(&memport->port);
		errno = ENOMEM;
		return NULL;
	}
	memport->depth = config->depth;
	memport->port.ops = &memport_ops;
	memport->port.queue_count = 1;
	memport->port.offloads = config->offloads;
	memport->port.mtu = config->mtu;
	snprintf(memport->port.name, sizeof(memport->port.name), "%s", config->name);
	return &memport->port;
}

int memport_put(struct port *port, const void *frame, size_t len, const struct memport_meta *meta)
{
	struct memport *memport = (struct memport *)port;
	struct ring *ring = &memport->in;

	if (len > SLOT_SIZE)
		return -EMSGSIZE;
	if (ring->count == memport->depth)
		return -ENOBUFS;

	struct slot *slot = ring_slot(memport, ring, ring->count++);

	memcpy(slot->frame, frame, len);
	slot->len = (uint32_t)len;
	slot->meta = meta ? *meta : (struct memport_meta){0};
	return 0;
}

int memport_take(struct port *port, void *frame, size_t size, struct memport_meta *meta)
{
	struct memport *memport = (struct memport *)port;

	if (!memport->out.count)
		return -EAGAIN;

	struct slot *slot = ring_slot(memport, &memport->out, 0);

	if (slot->len > size)
		return -ENOSPC;
	memcpy(frame, slot->frame, slot->len);
	if (meta)
		*meta = slot->meta;
	ring_drop_first(memport, &memport->out);
	return (int)slot->len;
}

void memport_loop(struct port *port, bool on)
{
	struct memport *memport = (struct memport *)port;

	memport->is_looping = on;
}

uint64_t memport_sent(const struct port *port)
{
	const struct memport *memport = (const struct memport *)port;

	return memport->sent;
}
