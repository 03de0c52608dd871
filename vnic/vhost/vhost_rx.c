// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_rx: takes a batch of chains, copies what decisions are made upon, lends the rest.
//
// The copy holds the vnet header and the first PACKET_HEAD bytes, each read from the guest's memory once;
// whatever the guest writes there later changes nothing but payload of its own. The chains go back
// in the order in which they came when the batch has ended, refused frames with the others, and the guest
// is told once. Bounded by one batch a call, also for a guest that sends nothing but rubbish.

#include "vnic/vhost/vhost_rx.h"

#include "base/bytes.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <sys/epoll.h>

// How many frames ahead their first lines are fetched: they were written by another core.
enum { AHEAD = 6 };

void vhost_rx_init(struct vhost_rx *rx, struct vhost_device *device, unsigned pair)
{
	rx->device = device;
	rx->terms = vhost_device_terms(device);
	rx->index = 2 * pair + 1;
	rx->ring = vhost_device_ring(device, rx->index);
}

// Where the reading of a chain stands.
struct place {
	const struct virtq_range *range;
	uint32_t offset;
};

// => The chain has that many bytes more.
static void copy_out(struct place *place, void *to, uint32_t len)
{
	uint8_t *out = to;

	while (len) {
		uint32_t part = MIN(len, place->range->len - place->offset);

		memcpy(out, place->range->base + place->offset, part);
		out += part;
		len -= part;
		place->offset += part;
		if (place->offset == place->range->len)
			*place = (struct place){.range = place->range + 1};
	}
}

// Says where the payload behind the head lies; false: there is no room to say so in this batch.
static bool lend(struct place *place, uint32_t len, struct packet_pool *pool, struct packet *packet)
{
	while (len) {
		uint32_t part = MIN(len, place->range->len - place->offset);
		struct segment *segment = part ? packet_arena_segment(pool) : NULL;

		if (part && !segment)
			return false;
		if (segment) {
			*segment = (struct segment){place->range->base + place->offset, part};
			if (!packet->segments)
				packet->segments = segment;
			packet->segment_count++;
		}
		len -= part;
		*place = (struct place){.range = place->range + 1};
	}
	return true;
}

// Copies the header and the head, and returns where the rest begins. Nearly always both are in the first
// range, or each is in one of its own.
static struct place read_head(const struct virtq_chain *chain, uint32_t header_len,
                              struct virtio_net_hdr *header, struct packet *packet)
{
	const struct virtq_range *first = chain->ranges;
	struct place place = {.range = first};
	uint32_t head_len = packet->head_len;

	if (first->len >= header_len + head_len) {
		memcpy(header, first->base, sizeof(*header));
		copy_short(packet->data, first->base + header_len, head_len);
		place.offset = header_len + head_len;
		return place;
	}
	if (first->len == header_len && first[1].len >= head_len) {
		memcpy(header, first->base, sizeof(*header));
		copy_short(packet->data, first[1].base, head_len);
		return (struct place){.range = first + 1, .offset = head_len};
	}

	struct virtio_net_hdr_mrg_rxbuf whole;

	copy_out(&place, &whole, header_len);
	*header = whole.hdr;
	copy_out(&place, packet->data, head_len);
	return place;
}

// DROP_NO_BUFFER: the batch is full.
static enum drop_reason read_frame(const struct virtq_chain *chain, uint32_t header_len,
                                   struct packet_pool *pool, struct packet *packet)
{
	struct virtio_net_hdr header;
	uint32_t len = chain->len - header_len;
	struct place place;

	if (chain->len < header_len + ETH_HEADER)
		return DROP_FRAME_SHORT;
	if (len > PACKET_MAX_LEN + VLAN_TAG)
		return DROP_FRAME_LONG;
	packet->len = len;
	packet->head_len = (uint16_t)MIN(len, PACKET_HEAD);
	place = read_head(chain, header_len, &header, packet);
	if (len > PACKET_HEAD && !lend(&place, len - PACKET_HEAD, pool, packet))
		return DROP_NO_BUFFER;
	return header.flags | header.gso_type ? offload_read(&header, packet) : DROP_NONE;
}

static void fetch(const struct virtq_chain *chain)
{
	__builtin_prefetch(chain->ranges->base);
	__builtin_prefetch(chain->ranges->base + 64);
}

// Fills the batch from the chains; returns how many chains are used up.
static unsigned read_batch(struct vhost_rx *rx, struct port *port, unsigned queue, unsigned count,
                           struct packet_pool *pool, struct batch *batch)
{
	uint32_t header_len = rx->terms->header_len;
	bool is_fresh = batch->count == 0;

	for (unsigned i = 0; i < MIN(count, AHEAD); i++)
		fetch(&rx->chains[i]);
	for (unsigned i = 0; i < count; i++) {
		struct packet *packet = packet_take(pool);
		enum drop_reason refused = DROP_NO_BUFFER;

		if (i + AHEAD < count)
			fetch(&rx->chains[i + AHEAD]);
		if (packet)
			refused = read_frame(&rx->chains[i], header_len, pool, packet);
		if (!refused) {
			packet->in_port = port->slot;
			packet->queue = (uint16_t)queue;
			batch->packets[batch->count++] = packet;
			continue;
		}
		if (packet)
			packet_give(pool, packet);
		// It comes again with the next batch, unless not even an empty one has room for it.
		if (refused == DROP_NO_BUFFER && !(is_fresh && i == 0))
			return i;
		port_count_drop(port, refused);
	}
	return count;
}

// A guest whose queue was disabled goes on sending into it, and gets its buffers back.
static void drain(struct vhost_rx *rx, struct port *port, unsigned count)
{
	atomic_fetch_add_explicit(&port->door_drops[DROP_PORT_DOWN], count, memory_order_relaxed);
	rx->taken = count;
	vhost_rx_finish(rx);
}

unsigned vhost_rx_take(struct vhost_rx *rx, struct port *port, unsigned queue,
                       struct packet_pool *pool, struct batch *batch)
{
	struct virtq *from = atomic_load_explicit(&rx->ring->queue, memory_order_acquire);
	unsigned before = batch->count;
	unsigned count;

	if (!from)
		return 0;
	count = virtq_take(from, rx->chains, BATCH_SIZE - batch->count);
	if (!count) {
		if (virtq_take_fault(from))
			vhost_device_lost(rx->device, rx->index);
		return 0;
	}
	rx->queue = from;
	if (atomic_load_explicit(&rx->ring->drain, memory_order_relaxed)) {
		drain(rx, port, count);
		return 0;
	}
	rx->taken = read_batch(rx, port, queue, count, pool, batch);
	if (rx->taken < count)
		virtq_untake(from, rx->chains + rx->taken, count - rx->taken);
	// Nobody ends a batch of which nothing was good.
	if (batch->count == before)
		vhost_rx_finish(rx);
	return batch->count - before;
}

void vhost_rx_finish(struct vhost_rx *rx)
{
	if (!rx->taken)
		return;
	virtq_give_all(rx->queue, rx->chains, NULL, rx->taken);
	virtq_publish(rx->queue);
	rx->taken = 0;
}

// Whether the bell had been rung; it has fallen silent now.
static bool silence(const struct vhost_rx *rx)
{
	struct epoll_event event;

	return epoll_wait(rx->ring->bell_fd, &event, 1, 0) > 0;
}

bool vhost_rx_arm(struct vhost_rx *rx)
{
	struct virtq *queue = atomic_load_explicit(&rx->ring->queue, memory_order_acquire);

	// Before the look at the ring: a bell that rings afterwards is to be heard.
	silence(rx);
	return queue && virtq_arm(queue);
}

void vhost_rx_disarm(struct vhost_rx *rx)
{
	struct virtq *queue = atomic_load_explicit(&rx->ring->queue, memory_order_acquire);

	if (silence(rx) && queue)
		virtq_note_kick(queue);
	if (queue)
		virtq_disarm(queue);
}
