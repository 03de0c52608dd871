// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_tx: fills a guest's buffers with the frames of a batch and tells it once.
//
// Each byte of payload is copied once, from where the door it came by found it (another guest's memory,
// most of all) to where it is wanted. Chains are taken for as many frames as there are, more when frames
// turn out to need several, and what was taken too many goes back untouched. A guest that has
// no buffer left loses the frame at once; nobody waits for it. A frame takes VIRTQ_TAKE_MAX chains at most.
//
// Chains may be lent before the frame is there, to a door that reads it into them: then only headers are copied.

#include "vnic/vhost/vhost_tx.h"

#include "base/bytes.h"
#include "vnic/offload.h"

#include <sched.h>

enum {
	// What is given is published at the latest after this many chains; the rest of VIRTQ_OUT_MAX is
	// for those of one frame and of one window.
	PUBLISH_AT = VIRTQ_OUT_MAX - 2 * VIRTQ_TAKE_MAX,
	CHAIN_LEN = 1526, // What drivers offer at least.
	AHEAD = 4,
	FETCH = 2048,      // bytes of what is read
	FETCH_ROOM = 1024, // of the next buffer; twice that gains less
};

void vhost_tx_init(struct vhost_tx *tx, struct vhost_device *device, unsigned pair)
{
	tx->device = device;
	tx->terms = vhost_device_terms(device);
	tx->index = 2 * pair;
	tx->ring = vhost_device_ring(device, tx->index);
	tx->chain_len = CHAIN_LEN;
}

// Gives back what was filled, and takes back what was not.
static void hand_over(struct vhost_tx *tx)
{
	virtq_give_all(tx->queue, tx->chains, tx->written, tx->used);
	tx->given += tx->used;
	if (tx->count > tx->used)
		virtq_untake(tx->queue, tx->chains + tx->used, tx->count - tx->used);
	tx->used = tx->count = 0;
}

// Takes chains anew, from the first one that was not used.
static void refill(struct vhost_tx *tx, unsigned want)
{
	hand_over(tx);
	if (tx->given >= PUBLISH_AT) {
		virtq_publish(tx->queue);
		tx->given = 0;
	}
	tx->count = virtq_take(tx->queue, tx->chains, want);
	for (unsigned i = 0; i < MIN(tx->count, AHEAD); i++)
		fetch_to_write(tx->chains[i].ranges->base);
	if (tx->count && tx->chains[0].len)
		tx->chain_len = tx->chains[0].len;
}

// How many of the chains at hand hold that many bytes; 0: more are needed than there are.
static unsigned cover(const struct vhost_tx *tx, uint32_t bytes)
{
	uint32_t room = 0;

	for (unsigned i = tx->used; i < tx->count; i++) {
		room += tx->chains[i].len;
		if (room >= bytes)
			return i + 1 - tx->used;
		if (!tx->terms->mergeable)
			break;
	}
	return 0;
}

// Finds chains for a frame, which has `behind` others behind it. 0, and *reason says why: none.
static unsigned find_room(struct vhost_tx *tx, uint32_t bytes, unsigned behind,
                          enum drop_reason *reason)
{
	unsigned chains = cover(tx, bytes);
	unsigned want = MIN(behind + bytes / tx->chain_len + 1, VIRTQ_TAKE_MAX);

	while (!chains) {
		bool is_hopeless = !tx->terms->mergeable && tx->used < tx->count;

		if (is_hopeless || tx->count - tx->used == VIRTQ_TAKE_MAX) {
			*reason = DROP_TX_TOO_BIG;
			return 0;
		}
		want = MIN(MAX(want, 2 * (tx->count - tx->used)), VIRTQ_TAKE_MAX);
		refill(tx, want);
		chains = cover(tx, bytes);
		if (!chains && tx->count < want && (tx->terms->mergeable || !tx->count)) {
			*reason = DROP_TX_QUEUE_FULL;
			return 0;
		}
	}
	return chains;
}

// Where the filling of chains stands.
struct sink {
	const struct virtq_chain *chain;
	const struct virtq_range *range, *end; // of the chain
	uint32_t offset;
	struct dirty_log *log;
};

static void enter(struct sink *sink, const struct virtq_chain *chain)
{
	sink->chain = chain;
	sink->range = chain->ranges;
	sink->end = chain->ranges + chain->range_count;
}

// The processor's own prefetching ends at each page, and each buffer of a guest's begins anew.
static void fetch_ahead(const uint8_t *from, uint32_t len)
{
	for (uint32_t at = 0; at < MIN(len, FETCH); at += 64)
		__builtin_prefetch(from + at);
}

// The buffer behind this one, while this one is filled. => There is one.
static void fetch_next(const struct sink *sink)
{
	const struct virtq_range *next =
		sink->range + 1 < sink->end ? sink->range + 1 : sink->chain[1].ranges;

	for (uint32_t at = 0; at < MIN(next->len, FETCH_ROOM); at += 64)
		fetch_to_write(next->base + at);
}

// => The chains have that much room left.
static void put(struct sink *sink, const void *from, uint32_t len)
{
	const uint8_t *in = from;

	while (len) {
		if (sink->range == sink->end)
			enter(sink, sink->chain + 1);

		const struct virtq_range *range = sink->range;
		uint32_t part = MIN(len, range->len - sink->offset);

		fetch_ahead(in + part, len - part);
		if (part < len)
			fetch_next(sink);
		// A frame that is routed back to its guest may lie in the very buffer that it is to go to.
		memmove(range->base + sink->offset, in, part);
		virtq_log(sink->log, range, sink->offset, part);
		in += part;
		len -= part;
		sink->offset += part;
		if (sink->offset == range->len) {
			sink->range++;
			sink->offset = 0;
		}
	}
}

// Headers and what the packet holds itself, into the first chain and those behind it. Where that ended. Inline, for
// most frames are no more than that, and each of them would pay for the call.
static inline __attribute__((always_inline)) struct sink write_head(struct vhost_tx *tx,
                                                                    const struct packet *packet,
                                                                    unsigned chains)
{
	const struct virtq_range *first = tx->chains[tx->used].ranges;
	struct virtio_net_hdr_mrg_rxbuf header = {.num_buffers = (uint16_t)chains};
	uint32_t header_len = tx->terms->header_len;
	uint32_t head_end = header_len + packet->head_len;
	bool is_quick = first->len > head_end;
	struct sink sink = {.offset = is_quick ? head_end : 0, .log = tx->terms->log};

	if (packet->gso || packet->flags & (PACKET_CSUM_PARTIAL | PACKET_CSUM_VALID)) {
		offload_write(packet, &header.hdr);
		// A guest that did not agree to hear of checksums is told nothing (virtio 1.2, 5.1.6.4.1).
		if (!(tx->terms->offloads & PORT_TX_CSUM))
			header.hdr.flags = 0;
	}
	enter(&sink, &tx->chains[tx->used]);
	if (is_quick) {
		// One of two constants: no call.
		if (header_len == sizeof(header))
			memcpy(first->base, &header, sizeof(header));
		else
			memcpy(first->base, &header, header_len);
		copy_short(first->base + header_len, packet->data, packet->head_len);
		virtq_log(tx->terms->log, first, 0, head_end);
	} else {
		put(&sink, &header, header_len);
		put(&sink, packet->data, packet->head_len);
	}
	return sink;
}

static void write_frame(struct vhost_tx *tx, const struct packet *packet, unsigned chains)
{
	struct sink sink = write_head(tx, packet, chains);

	for (unsigned i = 0; i < packet->segment_count; i++)
		put(&sink, packet->segments[i].base, packet->segments[i].len);
}

// Notes how full the chains of a frame are.
static void fill(struct vhost_tx *tx, unsigned chains, uint32_t bytes)
{
	while (chains--) {
		const struct virtq_chain *chain = &tx->chains[tx->used];
		uint32_t written = MIN(bytes, chain->len);

		tx->written[tx->used++] = written;
		bytes -= written;
	}
}

// What was prepared under other terms than those of now would say what the guest does not understand.
static bool is_understood(const struct vhost_tx *tx, const struct packet *packet)
{
	uint32_t wanted = port_offloads_wanted(packet);

	return (tx->terms->offloads & wanted) == wanted;
}

// Counted under the lock, read by anyone.
static void add(_Atomic uint64_t *count, uint64_t more)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
	                      memory_order_relaxed);
}

static unsigned send_all(struct vhost_tx *tx, struct packet *const *packets, unsigned count,
                         enum drop_reason *reason)
{
	uint64_t delivered = 0, copied = 0;
	unsigned sent = 0;

	for (; sent < count; sent++) {
		const struct packet *packet = packets[sent];
		uint32_t bytes = tx->terms->header_len + packet->len;
		unsigned chains;

		if (!is_understood(tx, packet)) {
			*reason = DROP_OFFLOAD_INVALID;
			break;
		}
		chains = tx->used < tx->count && tx->chains[tx->used].len >= bytes
		                 ? 1
		                 : find_room(tx, bytes, count - sent - 1, reason);
		if (!chains)
			break;
		if (tx->used + AHEAD < tx->count)
			fetch_to_write(tx->chains[tx->used + AHEAD].ranges->base);
		write_frame(tx, packet, chains);
		if (chains == 1)
			tx->written[tx->used++] = bytes;
		else
			fill(tx, chains, bytes);
		delivered += packet->len;
		copied += packet->len + packet->head_len;
	}
	add(&tx->delivered, delivered);
	add(&tx->copied, copied);
	return sent;
}

// The one who holds the lock may have lost its processor, hence the yield. It is held for a batch.
static void lock(struct vhost_tx *tx)
{
	unsigned tries = 0;

	while (atomic_load_explicit(&tx->lock, memory_order_relaxed) ||
	       atomic_exchange_explicit(&tx->lock, true, memory_order_acquire))
		if (++tries % 64 == 0)
			sched_yield();
}

static void unlock(struct vhost_tx *tx)
{
	atomic_store_explicit(&tx->lock, false, memory_order_release);
}

static void begin(struct vhost_tx *tx, struct virtq *queue)
{
	tx->queue = queue;
	tx->count = tx->used = tx->given = 0;
}

// Whether the packet is what the parts were lent for, as it came: each byte is where it has to be.
static bool is_in_place(const struct vhost_tx *tx, const struct packet *packet)
{
	return packet->segments == tx->lent && packet->head_len == PACKET_HEAD &&
	       is_understood(tx, packet);
}

// Sends the packet whose payload is there already: puts headers in front of it.
static unsigned send_in_place(struct vhost_tx *tx, const struct packet *packet,
                              enum drop_reason *reason)
{
	uint32_t bytes = tx->terms->header_len + packet->len;

	if (!is_in_place(tx, packet)) {
		*reason = DROP_OFFLOAD_INVALID;
		return 0;
	}
	write_head(tx, packet, cover(tx, bytes));
	fill(tx, cover(tx, bytes), bytes);
	add(&tx->delivered, packet->len);
	add(&tx->copied, 2U * packet->head_len);
	hand_over(tx);
	virtq_publish(tx->queue);
	tx->is_lent = false;
	return 1;
}

// The door that this thread has locked by borrowing from it.
static _Thread_local const struct vhost_tx *borrowed;

unsigned vhost_tx_send(struct vhost_tx *tx, struct packet *const *packets, unsigned count,
                       enum drop_reason *reason)
{
	struct virtq *queue = atomic_load_explicit(&tx->ring->queue, memory_order_acquire);
	unsigned sent;

	if (!queue || atomic_load_explicit(&tx->ring->drain, memory_order_relaxed)) {
		*reason = DROP_PORT_DOWN;
		return 0;
	}
	if (borrowed != tx) {
		lock(tx);
	} else if (tx->is_lent && packets[0]->segments == tx->lent) {
		sent = send_in_place(tx, packets[0], reason);
		return sent && count > 1 ? 1 + vhost_tx_send(tx, packets + 1, count - 1, reason)
		                         : sent;
	} else if (tx->is_lent) {
		hand_over(tx);
		tx->is_lent = false;
	}
	begin(tx, queue);
	sent = send_all(tx, packets, count, reason);
	hand_over(tx);
	if (tx->given)
		virtq_publish(queue);
	if (sent < count && virtq_take_fault(queue))
		vhost_device_lost(tx->device, tx->index);
	if (borrowed != tx)
		unlock(tx);
	return sent;
}

// What the chains hold behind the headers. 0: too little, or in too many pieces.
static unsigned parts_of(struct vhost_tx *tx)
{
	uint32_t skip = tx->terms->header_len + PACKET_HEAD, room = 0;
	unsigned count = 0;

	for (unsigned i = 0; i < tx->count; i++) {
		for (unsigned j = 0; j < tx->chains[i].range_count; j++) {
			const struct virtq_range *range = &tx->chains[i].ranges[j];
			uint32_t skipped = MIN(skip, range->len);

			skip -= skipped;
			if (skipped == range->len)
				continue;
			if (count == PORT_LOAN_PARTS)
				return room >= PORT_LOAN_ROOM ? count : 0;
			tx->lent[count++] = (struct segment){.base = range->base + skipped,
			                                     .len = range->len - skipped};
			room += range->len - skipped;
		}
	}
	return room >= PORT_LOAN_ROOM ? count : 0;
}

unsigned vhost_tx_lend(struct vhost_tx *tx, struct segment **ret)
{
	struct virtq *queue = atomic_load_explicit(&tx->ring->queue, memory_order_acquire);
	uint32_t bytes = tx->terms->header_len + PACKET_HEAD + PORT_LOAN_ROOM;
	enum drop_reason reason;
	unsigned count = 0;

	// While a log is kept, each byte that is written has to be in it, delivered or not.
	if (!queue || atomic_load_explicit(&tx->ring->drain, memory_order_relaxed) ||
	    tx->terms->log || borrowed)
		return 0;
	lock(tx);
	begin(tx, queue);
	if (find_room(tx, bytes, 0, &reason))
		count = parts_of(tx);
	borrowed = tx;
	tx->is_lent = true;
	if (!count) {
		vhost_tx_unlend(tx);
		if (virtq_take_fault(queue))
			vhost_device_lost(tx->device, tx->index);
	}
	*ret = tx->lent;
	return count;
}

void vhost_tx_unlend(struct vhost_tx *tx)
{
	if (borrowed != tx)
		return;
	if (tx->is_lent)
		hand_over(tx);
	tx->is_lent = false;
	borrowed = NULL;
	unlock(tx);
}
