// SPDX-License-Identifier: BSD-3-Clause
//
// port: does for a door what the door cannot do itself, then hands the frames over in runs.
//
// Most packets need nothing: the loop only looks at flags, and runs of them go to the door in one call.
// A packet that needs work is prepared in place (tag pushed, checksum completed) and its tag is taken out
// again once it has gone. A super-packet that the door cannot take is cut, and its cuts go in runs too.

#include "vnic/port.h"

#include "base/bytes.h"
#include "vnic/checksum.h"
#include "vnic/offload.h"
#include "vnic/parse.h"
#include "vnic/segment.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>

enum {
	// Frames of a super-packet that are handed to the door at a time: 64 KB of TCP at the usual MTU in one call.
	CUTS = BATCH_SIZE,
	// A cut borrows from two pieces of the payload at most, but where pieces are shorter than a cut.
	CUT_SEGMENTS = 4 * CUTS,
};

// Whether the frame, or each cut of it, is within the door's MTU.
static bool is_small_enough(const struct port *port, const struct packet *packet)
{
	uint32_t len = packet->gso ? offload_headers_len(packet) + packet->gso_size : packet->len;

	if (len <= port->mtu + ETH_HEADER)
		return true;

	// A tag that stayed in the frame (the inner of two) does not count, as with any switch.
	uint16_t type = packet->head_len >= ETH_HEADER ? load_be16(packet->data + 12) : 0;

	return (type == ETH_TYPE_VLAN || type == ETH_TYPE_SERVICE) &&
	       len <= port->mtu + ETH_HEADER + VLAN_TAG;
}

// What nearly every frame is: no more to do than to look.
static bool is_plain(const struct port *port, const struct packet *packet)
{
	return !packet->gso && !(packet->flags & (PACKET_CSUM_PARTIAL | PACKET_VLAN)) &&
	       packet->len <= port->mtu + ETH_HEADER;
}

// A door that cuts must also sum: each cut has a checksum of its own.
static bool can_take_gso(const struct port *port, const struct packet *packet)
{
	uint32_t wanted = port_offloads_wanted(packet);

	return !packet->gso || (port->offloads & wanted) == wanted;
}

// Those that the door refused in between, by itself.
static unsigned count_refused(struct packet *const *packets, unsigned count)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < count; i++)
		refused += packets[i]->drop != DROP_NONE;
	return refused;
}

// Gives the packets to the door until all went or were refused; returns how many went.
static unsigned send_run(struct port *port, unsigned queue, struct packet **packets, unsigned count)
{
	unsigned accepted = 0;

	while (count) {
		enum drop_reason reason = DROP_NONE;
		unsigned sent = port->ops->tx(port, queue, packets, count, &reason);

		assert(sent <= count);
		accepted += sent;
		if (sent == count && reason)
			accepted -= count_refused(packets, sent);
		packets += sent;
		count -= sent;
		if (!count)
			break;
		do {
			(*packets++)->drop = (uint16_t)(reason ? reason : DROP_TX_FAILED);
			count--;
		} while (count && (reason == DROP_TX_QUEUE_FULL || reason == DROP_PORT_DOWN));
	}
	return accepted;
}

static void prepare(const struct port *port, struct packet *packet)
{
	if (!(port->offloads & PORT_TX_CSUM))
		checksum_complete(packet);
	if (packet->flags & PACKET_VLAN)
		packet_push_vlan(packet);
}

// Sends the frames of a super-packet that the door cannot take. DROP_NONE, or why one of them did not go.
static enum drop_reason send_cuts(struct port *port, unsigned queue, struct packet_pool *pool,
                                  const struct packet *packet)
{
	enum drop_reason reason = DROP_NONE;
	struct segment_cutter cutter;

	segment_begin(&cutter, packet);
	while (!segment_is_done(&cutter) && !reason) {
		struct packet *cuts[CUTS];
		struct segment storage[CUT_SEGMENTS];
		unsigned count = 0;
		unsigned used = 0;

		while (count < CUTS && !segment_is_done(&cutter)) {
			struct packet *cut = packet_take(pool);
			int more = cut ? segment_next(&cutter, cut, storage + used,
			                              CUT_SEGMENTS - used)
			               : -ENOBUFS;

			if (more < 0) {
				if (cut)
					packet_give(pool, cut);
				break;
			}
			prepare(port, cut);
			used += (unsigned)more;
			cuts[count++] = cut;
		}
		if (!count)
			return packet_pool_available(pool) ? DROP_TX_FAILED : DROP_NO_BUFFER;
		send_run(port, queue, cuts, count);
		for (unsigned i = 0; i < count; i++) {
			reason = reason ? reason : cuts[i]->drop;
			packet_give(pool, cuts[i]);
		}
	}
	return reason;
}

// One packet that ended a run: too big, or to be cut first. Returns whether it went.
static bool send_alone(struct port *port, unsigned queue, struct packet_pool *pool,
                       struct packet *packet)
{
	enum drop_reason reason = DROP_TX_TOO_BIG;

	if (is_small_enough(port, packet))
		reason = send_cuts(port, queue, pool, packet);
	if (reason)
		packet->drop = (uint16_t)reason;
	return !reason;
}

// The one who holds the lock may have lost its processor, hence the yield. A lock is held for a batch.
static void lock_queue(struct port *port, unsigned queue)
{
	_Atomic bool *lock = &port->tx_locks[queue % PORT_TX_LOCKS];
	unsigned tries = 0;

	while (atomic_load_explicit(lock, memory_order_relaxed) ||
	       atomic_exchange_explicit(lock, true, memory_order_acquire))
		if (++tries % 64 == 0)
			sched_yield();
}

static void unlock_queue(struct port *port, unsigned queue)
{
	atomic_store_explicit(&port->tx_locks[queue % PORT_TX_LOCKS], false, memory_order_release);
}

static unsigned send_all(struct port *port, unsigned queue, struct packet_pool *pool,
                         struct packet **packets, unsigned count)
{
	unsigned accepted = 0;
	unsigned done = 0;

	while (done < count) {
		uint64_t tagged = 0;
		unsigned run = 0;

		// A run ends at a frame that must not go, or not as it is, so that order is kept.
		while (done + run < count && run < BATCH_SIZE) {
			struct packet *packet = packets[done + run];

			if (is_plain(port, packet)) {
				run++;
				continue;
			}
			if (!is_small_enough(port, packet) || !can_take_gso(port, packet))
				break;
			tagged |= (uint64_t) !!(packet->flags & PACKET_VLAN) << run;
			prepare(port, packet);
			run++;
		}
		if (run)
			accepted += send_run(port, queue, packets + done, run);
		for (; tagged; tagged &= tagged - 1)
			packet_pop_vlan(packets[done + (unsigned)__builtin_ctzll(tagged)]);
		done += run;
		if (done < count && run < BATCH_SIZE)
			accepted += send_alone(port, queue, pool, packets[done++]);
	}
	return accepted;
}

unsigned port_tx(struct port *port, unsigned queue, struct packet_pool *pool,
                 struct packet **packets, unsigned count)
{
	if (!port->tx_shared)
		return send_all(port, queue, pool, packets, count);
	lock_queue(port, queue);

	unsigned accepted = send_all(port, queue, pool, packets, count);

	unlock_queue(port, queue);
	return accepted;
}
