// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_rx: frames that a guest sends by one ring, on their way into a batch and its chains on their way back.
//
// init on the main thread, before workers see it; the rest on the worker that owns the queue.

#pragma once

#include "vnic/port.h"
#include "vnic/vhost/device.h"

struct vhost_rx {
	struct vhost_device *device;     // borrowed
	const struct vhost_terms *terms; // borrowed
	struct vhost_ring *ring;         // borrowed
	unsigned index;                  // of the ring
	// Of the batch that is out.
	struct virtq *queue;
	unsigned taken;
	struct virtq_chain chains[BATCH_SIZE];
};

void vhost_rx_init(struct vhost_rx *rx, struct vhost_device *device, unsigned pair);
// As rx of struct port_ops. Payload behind the head is lent out of the guest's memory.
unsigned vhost_rx_take(struct vhost_rx *rx, struct port *port, unsigned queue,
                       struct packet_pool *pool, struct batch *batch);
// Gives the chains of the batch back, all at once. Nothing happens without a batch.
void vhost_rx_finish(struct vhost_rx *rx);
// As arm and disarm of struct port_ops.
bool vhost_rx_arm(struct vhost_rx *rx);
void vhost_rx_disarm(struct vhost_rx *rx);
