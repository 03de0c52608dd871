// SPDX-License-Identifier: BSD-3-Clause
//
// guest_device: the device's end of a ring whose driver is vguest's, without a front end between them.

#pragma once

#include "tests/guest/vguest.h"
#include "tests/unit/unit.h"
#include "vnic/vhost/virtq.h"

#include <linux/virtio_config.h>

// What the device sees of the guest's memory.
static inline struct vhost_memory *guest_device_map(const struct vguest_memory *memory)
{
	struct vhost_region_claim claims[VGUEST_REGIONS];
	struct vhost_memory *seen = NULL;
	struct fail fail = {0};
	int fds[VGUEST_REGIONS];

	for (unsigned i = 0; i < memory->region_count; i++) {
		const struct vguest_region *region = &memory->regions[i];

		fds[i] = region->fd;
		claims[i] = (struct vhost_region_claim){
			.guest = region->guest,
			.size = region->size,
			.user = (uintptr_t)vguest_memory_at(memory, region->guest),
			.offset = region->offset,
		};
	}
	if (vhost_memory_new(claims, fds, memory->region_count, NULL, &seen, &fail) < 0)
		fail_msg("%s", fail.what);
	return seen;
}

static inline struct virtq *guest_device_open(const struct vguest_ring *ring,
                                              const struct vhost_memory *seen, uint64_t features,
                                              uint32_t position, struct dirty_log *log)
{
	struct fail fail = {0};
	const struct virtq_config config = {
		.size = ring->size,
		.packed = features >> VIRTIO_F_RING_PACKED & 1,
		.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
		.in_order = features >> VGUEST_F_IN_ORDER & 1,
		.writable = ring->index % 2 == 0,
		.desc = vhost_memory_at_user(seen, (uintptr_t)ring->desc, 1),
		.avail = vhost_memory_at_user(seen, (uintptr_t)ring->driver, 1),
		.used = vhost_memory_at_user(seen, (uintptr_t)ring->device, 1),
		.memory = seen,
		.log = log,
		.position = position,
		.call_fd = ring->call_fd,
	};
	struct virtq *queue = virtq_open(&config, &fail);

	if (!queue)
		fail_msg("%s", fail.what);
	return queue;
}
