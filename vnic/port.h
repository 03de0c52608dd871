// SPDX-License-Identifier: BSD-3-Clause
//
// port: a door of the switch: frames come in by rx and go out by tx.
//
// open and close run on the main thread; rx, tx of a queue run on the worker that owns the queue. port_tx
// is what the pipeline calls: it finishes what the door cannot (checksum, segmentation, tag) and then
// hands the frames over. rx and tx never block and never allocate.

#pragma once

#include "base/fail.h"
#include "vnic/drop.h"
#include "vnic/packet.h"
#include "vnic/packet_pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum port_offload {
	PORT_TX_CSUM = 1 << 0, // the door takes frames with a partial checksum
	PORT_TX_TSO4 = 1 << 1,
	PORT_TX_TSO6 = 1 << 2,
	PORT_TX_USO = 1 << 3,
};

enum {
	PORT_TX_LOCKS = 16,
	// What a frame may have behind the head: 64 KB of IP, Ethernet and one tag.
	PORT_LOAN_ROOM = PACKET_MAX_LEN + 4 - PACKET_HEAD,
	PORT_LOAN_PARTS = 128,
};

struct port;

// What a door that has a peer at its other end knows of it.
struct port_link {
	bool connected;
	bool packed;                // the layout of its rings
	unsigned pairs;             // of queues that the peer has enabled
	uint64_t features;          // that both agreed on (virtio's bits)
	uint64_t kicks, calls;      // notifications that came from the peer, and that went to it
	uint64_t delivered, copied; // bytes given to the peer, and bytes that were copied for that
	// Sentences, with what to do about it. Empty: nothing was ever wrong.
	char last_fault[FAIL_TEXT];
	// What is missing for frames to pass; empty: nothing is.
	char waiting[FAIL_TEXT];
};

struct port_ops {
	const char *kind; // "tap", "netdev", "memory", "pcap", "vhost", "tunnel", "peer"
	bool tx_only;     // nothing comes in by this door: rx is NULL
	// Fills the batch (which may hold some) up to BATCH_SIZE packets; returns how many came, 0: drained.
	// Frames refused at the door are counted in port->door_drops. Payload is borrowed until the arena
	// is reset. => A queue is asked once per batch: what it gave before is overwritten by the next rx.
	unsigned (*rx)(struct port *port, unsigned queue, struct packet_pool *pool,
	               struct batch *batch);
	// NULL, or ends the batch that rx gave: borrowed payload goes back to its owner. => Called once after
	// each rx that gave something, when nobody looks at its payload any more, and before the next.
	void (*finish)(struct port *port, unsigned queue);
	// Sends packets that the door can take as they are, in order; returns how many went. The one after
	// them did not, for *reason; with DROP_TX_QUEUE_FULL or DROP_PORT_DOWN there is no point in trying those
	// behind it. A door with a ring for some of them that is full, and others that are not, sets `drop` of
	// the packets concerned and returns those as gone. Packets stay the caller's.
	unsigned (*tx)(struct port *port, unsigned queue, struct packet *const *packets,
	               unsigned count, enum drop_reason *reason);
	// Both NULL, or room in the peer's own memory, which a frame for it may be read into: gives the parts that
	// lie behind the first PACKET_HEAD bytes of the frame, of PORT_LOAN_ROOM bytes or more together, and how many
	// there are; 0: none now, ask again. Until unlend, whoever was lent them sends nothing to this door but
	// packets, of which one may have those parts as its segments; others wait. What is not sent is forgotten.
	unsigned (*lend)(struct port *port, struct segment **ret);
	void (*unlend)(struct port *port);
	// NULL, or reads one frame like rx, but what lies behind PACKET_HEAD bytes into these parts, which are cut to
	// what came. A packet with segments has them; a shorter one leaves them as they were.
	unsigned (*rx_into)(struct port *port, unsigned queue, struct packet_pool *pool,
	                    struct batch *batch, struct segment *parts, unsigned count);
	// The fd that polls readable when rx has something, or -1: the door must be polled.
	int (*rx_fd)(const struct port *port, unsigned queue);
	// Both NULL: the fd always tells. Otherwise only an armed queue's does, which each is from the start.
	// arm returns whether rx has something already, of which the fd may not tell. By the queue's worker.
	bool (*arm)(struct port *port, unsigned queue);
	void (*disarm)(struct port *port, unsigned queue);
	// NULL, or tells a door that lives by the clock how many ns ago it was opened, before its rx.
	void (*set_time)(struct port *port, uint64_t now);
	// NULL, or takes up again an interface that had gone and is there under its name once more. Main
	// thread; workers may go on using the port meanwhile. 0 or -errno.
	int (*rejoin)(struct port *port, struct fail *fail);
	// NULL, or tells how the peer is; ret is all zero before. Main thread.
	void (*link)(const struct port *port, struct port_link *ret);
	// Main thread, no worker uses the port any more. Frees it.
	void (*close)(struct port *port);
};

struct port {
	const struct port_ops *ops;
	char name[64]; // for messages
	uint32_t slot; // its number in the tables; set by who opened it
	unsigned queue_count;
	_Atomic uint32_t offloads;                 // enum port_offload, what tx takes
	_Atomic uint32_t mtu;                      // of L3, bytes
	_Atomic uint64_t door_drops[DROP_REASONS]; // refused by rx; see port_count_drop
	_Atomic bool deaf; // nobody is there to hear what leaves by it: it takes no floods
	_Atomic bool gone; // rx or tx found that the interface is no more; its fds poll as broken
	// More workers than queues: port_tx locks the queue for each call. Set by who hands the port to
	// the workers, before they see it. Queues that share a lock only wait a little longer.
	bool tx_shared;
	_Atomic bool tx_locks[PORT_TX_LOCKS];
};

// What a door must be able to take for the packet to go as it is.
static inline uint32_t port_offloads_wanted(const struct packet *packet)
{
	static const uint32_t gso[] = {
		[GSO_NONE] = 0,
		[GSO_TCP4] = PORT_TX_CSUM | PORT_TX_TSO4,
		[GSO_TCP6] = PORT_TX_CSUM | PORT_TX_TSO6,
		[GSO_UDP] = PORT_TX_CSUM | PORT_TX_USO,
	};

	return gso[packet->gso] | (packet->flags & PACKET_CSUM_PARTIAL ? PORT_TX_CSUM : 0);
}

// Any worker counts, anyone reads. Refusals are rare, so sharing the line costs nothing.
static inline void port_count_drop(struct port *port, enum drop_reason reason)
{
	atomic_fetch_add_explicit(&port->door_drops[reason], 1, memory_order_relaxed);
}

static inline unsigned port_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                               struct batch *batch)
{
	return port->ops->rx(port, queue, pool, batch);
}

// Sends the packets, software checksum, GSO and 802.1Q tag included where the door lacks them. Returns
// how many frames were accepted; refused ones have packet->drop set, which the others keep as it was.
// => Packets stay the caller's. They come back as they were, but for a partial checksum that is complete
// now, so that one packet can be sent to several doors. `pool` lends packets for the cuts of a super-packet;
// with a pool run dry such a frame is refused as DROP_NO_BUFFER.
unsigned port_tx(struct port *port, unsigned queue, struct packet_pool *pool,
                 struct packet **packets, unsigned count);
