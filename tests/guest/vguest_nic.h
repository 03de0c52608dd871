// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_nic: a guest and the frames of its rings: what a test or a load plugs into a switch.
//
// One thread. All members may be read.

#pragma once

#include "tests/guest/vguest.h"
#include "tests/guest/vguest_net.h"

struct vguest_nic_setup {
	struct vguest_options options; // `memory` may be 0 for as much as is needed.
	enum vguest_layout rx_layout, tx_layout;
	bool indirect, mixed, strict, any_count;
	uint32_t rx_room; // Of a receive buffer; 0 for what the agreed features demand.
	uint32_t tx_room; // Of the longest frame; 0 for 64 KB.
};

struct vguest_nic {
	struct vguest guest;
	struct vguest_net nets[2 * VGUEST_PAIRS]; // By ring: even ones receive.
	unsigned pairs;
};

// Opens, fills the receive rings and starts.
int vguest_nic_open(struct vguest_nic *nic, const struct vguest_nic_setup *setup,
                    struct fail *fail);
void vguest_nic_close(struct vguest_nic *nic);

static inline struct vguest_net *vguest_nic_rx(struct vguest_nic *nic, unsigned pair)
{
	return &nic->nets[2 * pair];
}

static inline struct vguest_net *vguest_nic_tx(struct vguest_nic *nic, unsigned pair)
{
	return &nic->nets[2 * pair + 1];
}

// Receives up to `max` frames of each ring and takes back what was sent. Returns how many frames came, or -EPROTO.
int vguest_nic_poll(struct vguest_nic *nic, unsigned max, vguest_seen seen, void *context);

// Asks for calls and waits for one, at most so long. Returns at once when there is something to take.
void vguest_nic_wait(struct vguest_nic *nics, unsigned count, int timeout_ms);

// The first fault of a ring or of a guard, in words; NULL while there is none.
const char *vguest_nic_fault(struct vguest_nic *nic);
