// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_nic: sizes the guest's memory for its buffers, and runs all rings together.
//
// How long a receive buffer must be follows from what was agreed: with mergeable buffers any length goes, else
// one buffer has to hold the longest frame that the device may bring. Memory is planned for what is asked,
// which is never less; it is sparse, so what is not used costs nothing.

#include "tests/guest/vguest_nic.h"

#include "base/bytes.h"
#include "base/fail.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdio.h>

enum { MERGEABLE_ROOM = 2048, PLAIN_ROOM = 1518, JUMBO_ROOM = 9018, WAIT_MAX = 2 };

static const uint64_t SEGMENTS = VGUEST_BIT(VIRTIO_NET_F_GUEST_TSO4) |
                                 VGUEST_BIT(VIRTIO_NET_F_GUEST_TSO6) |
                                 VGUEST_BIT(VGUEST_F_GUEST_USO4) | VGUEST_BIT(VGUEST_F_GUEST_USO6);

static uint32_t rx_room(const struct vguest_nic_setup *setup, uint64_t features)
{
	if (setup->rx_room)
		return setup->rx_room;
	if (features & VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF))
		return MERGEABLE_ROOM;
	if (features & SEGMENTS)
		return VGUEST_FRAME_MAX;
	return setup->options.mtu > 1500 ? JUMBO_ROOM : PLAIN_ROOM;
}

static uint32_t tx_room(const struct vguest_nic_setup *setup)
{
	return setup->tx_room ? setup->tx_room : VGUEST_FRAME_MAX;
}

static uint64_t memory_for(const struct vguest_nic_setup *setup)
{
	uint64_t features = setup->options.features & ~VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF);
	uint64_t gaps = VGUEST_PIECES * (VGUEST_GAP + sizeof(struct vring_desc)) + 1024;
	uint64_t pair = (uint64_t)setup->options.size *
	                (rx_room(setup, features) + MERGEABLE_ROOM + tx_room(setup) + 2 * gaps);

	// Half as much again, since buffers do not spread evenly.
	return (pair * setup->options.pairs + (UINT64_C(1) << 20) * setup->options.regions) * 3 / 2;
}

static int init_net(struct vguest_nic *nic, const struct vguest_nic_setup *setup, unsigned ring)
{
	bool receives = ring % 2 == 0;
	const struct vguest_net_setup net = {
		.features = nic->guest.features,
		.layout = receives ? setup->rx_layout : setup->tx_layout,
		.indirect = setup->indirect,
		.mixed = setup->mixed && !vguest_has(&nic->guest, VIRTIO_F_RING_PACKED),
		.strict = setup->strict,
		.any_count = setup->any_count,
		.room = receives ? rx_room(setup, nic->guest.features) : tx_room(setup),
		.buffers = setup->options.size,
	};

	return vguest_net_init(&nic->nets[ring], &nic->guest.rings[ring], &net);
}

int vguest_nic_open(struct vguest_nic *nic, const struct vguest_nic_setup *setup, struct fail *fail)
{
	struct vguest_options options = setup->options;

	*nic = (struct vguest_nic){.pairs = options.pairs};
	if (!options.memory)
		options.memory = memory_for(setup);

	int done = vguest_open(&nic->guest, &options, fail);

	if (done < 0)
		return done;
	for (unsigned i = 0; i < nic->guest.ring_count && done == 0; i++) {
		done = init_net(nic, setup, i);
		if (done < 0)
			fail_errno(fail, done, "buffers of ring %u", i);
		else if (i % 2 == 0)
			vguest_net_fill(&nic->nets[i]);
	}
	if (done == 0)
		done = vguest_start(&nic->guest, fail);
	if (done < 0)
		vguest_nic_close(nic);
	return done;
}

void vguest_nic_close(struct vguest_nic *nic)
{
	for (unsigned i = 0; i < ARRAY_SIZE(nic->nets); i++)
		if (nic->nets[i].ring)
			vguest_net_fini(&nic->nets[i]);
	vguest_close(&nic->guest);
	nic->pairs = 0;
}

int vguest_nic_poll(struct vguest_nic *nic, unsigned max, vguest_seen seen, void *context)
{
	int sum = 0;

	for (unsigned i = 0; i < nic->pairs; i++) {
		int sent = vguest_net_reclaim(vguest_nic_tx(nic, i));
		int got = vguest_net_receive(vguest_nic_rx(nic, i), max, seen, context);

		if (sent < 0 || got < 0)
			return -EPROTO;
		sum += got;
	}
	return sum;
}

void vguest_nic_wait(struct vguest_nic *nics, unsigned count, int timeout_ms)
{
	struct pollfd watch[WAIT_MAX * (2 * VGUEST_PAIRS + 1)];
	unsigned watched = 0;
	bool pending = false;

	for (unsigned n = 0; n < MIN(count, (unsigned)WAIT_MAX); n++) {
		struct vguest *guest = &nics[n].guest;

		watch[watched++] = (struct pollfd){.fd = guest->fd, .events = POLLIN | POLLRDHUP};
		for (unsigned i = 0; i < guest->ring_count; i++) {
			// As drivers do, nobody asks to hear of frames that went out while there is room.
			if (i % 2 && !nics[n].nets[i].starved)
				continue;
			watch[watched++] =
				(struct pollfd){.fd = guest->rings[i].call_fd, .events = POLLIN};
			pending |= vguest_ring_arm(&guest->rings[i]);
		}
	}
	if (!pending)
		poll(watch, watched, timeout_ms);
	for (unsigned n = 0; n < MIN(count, (unsigned)WAIT_MAX); n++)
		for (unsigned i = 0; i < nics[n].guest.ring_count; i++) {
			vguest_ring_disarm(&nics[n].guest.rings[i]);
			vguest_ring_count_calls(&nics[n].guest.rings[i]);
		}
}

const char *vguest_nic_fault(struct vguest_nic *nic)
{
	static char text[128];
	uint64_t guest;

	for (unsigned i = 0; i < nic->guest.ring_count; i++)
		if (vguest_ring_check(&nic->guest.rings[i]) < 0)
			return nic->guest.rings[i].fault;
	if (vguest_memory_check(&nic->guest.memory, &guest) < 0) {
		snprintf(text, sizeof(text), "guest memory at %llx was written, which nobody gave",
		         (unsigned long long)guest);
		return text;
	}
	return NULL;
}
