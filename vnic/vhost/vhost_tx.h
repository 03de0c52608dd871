// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_tx: frames on their way to a guest by one ring, straight from where they lie into its buffers.
//
// init on the main thread, before workers see it; send by any worker, which the ring's lock puts in a row;
// the counts may be read by anybody.

#pragma once

#include "vnic/port.h"
#include "vnic/vhost/device.h"

struct vhost_tx {
	struct vhost_device *device;     // borrowed
	const struct vhost_terms *terms; // borrowed
	struct vhost_ring *ring;         // borrowed
	unsigned index;                  // of the ring
	_Atomic bool lock;
	_Atomic uint64_t delivered; // bytes of frames
	_Atomic uint64_t copied; // bytes that were copied for them, the heads on their way in too

	// Under the lock.
	uint32_t chain_len;  // bytes of a chain, as seen last
	struct virtq *queue; // of this call
	unsigned count;      // chains taken
	unsigned used;       // of them, filled
	unsigned given;      // since the last publish
	struct virtq_chain chains[VIRTQ_TAKE_MAX];
	uint32_t written[VIRTQ_TAKE_MAX]; // bytes, of the used ones
	bool is_lent;                     // the chains taken are
	struct segment lent[PORT_LOAN_PARTS];
};

void vhost_tx_init(struct vhost_tx *tx, struct vhost_device *device, unsigned pair);
// As tx of struct port_ops.
unsigned vhost_tx_send(struct vhost_tx *tx, struct packet *const *packets, unsigned count,
                       enum drop_reason *reason);
// As lend and unlend of struct port_ops. What is lent is the guest's by the order of its ring, so the door is locked
// for everyone else meanwhile.
unsigned vhost_tx_lend(struct vhost_tx *tx, struct segment **ret);
void vhost_tx_unlend(struct vhost_tx *tx);
