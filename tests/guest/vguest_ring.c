// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_ring: what both layouts have in common: ids that are out, order, kicks and calls.
//
// A device that uses buffers in order may tell of several by the id of the last: the others come back
// before it, taken as wholly used. The order is kept as a ring of ids, which is also what a breach of the
// order is found by.

#include "tests/guest/vguest_ring.h"

#include "base/bytes.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static bool has(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

static int alloc_areas(struct vguest_ring *ring, unsigned region, bool packed)
{
	size_t n = ring->size;
	size_t driver =
		packed ? sizeof(struct vring_packed_desc_event) : (n + 3) * sizeof(uint16_t);
	size_t device = packed ? sizeof(struct vring_packed_desc_event)
	                       : 3 * sizeof(uint16_t) + n * sizeof(struct vring_used_elem);

	ring->desc = vguest_memory_alloc(ring->memory, region, n * sizeof(struct vring_desc), 16);
	ring->driver = vguest_memory_alloc(ring->memory, region, driver, 4);
	ring->device = vguest_memory_alloc(ring->memory, region, device, 4);
	ring->tables = vguest_memory_alloc(ring->memory, region,
	                                   n * VGUEST_PIECES * sizeof(struct vring_desc), 16);
	return ring->desc && ring->driver && ring->device && ring->tables ? 0 : -ENOMEM;
}

static int alloc_state(struct vguest_ring *ring)
{
	ring->shadow = calloc(ring->size, sizeof(struct vring_desc));
	ring->held = calloc(ring->size, sizeof(*ring->held));
	ring->link = calloc(ring->size, sizeof(*ring->link));
	ring->order = calloc(ring->size, sizeof(*ring->order));
	return ring->shadow && ring->held && ring->link && ring->order ? 0 : -ENOMEM;
}

static void forget_all(struct vguest_ring *ring)
{
	for (unsigned i = 0; i < ring->size; i++) {
		ring->held[i] = (struct vguest_held){0};
		ring->link[i] = (uint16_t)(i + 1);
	}
	ring->free_head = 0;
	ring->free_tail = (uint16_t)(ring->size - 1);
	ring->free_count = ring->size;
	ring->order_head = ring->order_tail = 0;
	ring->in_batch = ring->unpublished = false;
	ring->asked_count = 0;
}

int vguest_ring_init(struct vguest_ring *ring, struct vguest_memory *memory,
                     const struct vguest_ring_setup *setup)
{
	bool packed = has(setup->features, VIRTIO_F_RING_PACKED);

	*ring = (struct vguest_ring){
		.ops = packed ? &vguest_packed_ops : &vguest_split_ops,
		.memory = memory,
		.index = setup->index,
		.size = setup->size,
		.event_idx = has(setup->features, VIRTIO_RING_F_EVENT_IDX),
		.in_order = has(setup->features, VGUEST_F_IN_ORDER),
		.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.error_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (ring->kick_fd < 0 || ring->call_fd < 0 || ring->error_fd < 0 ||
	    alloc_areas(ring, setup->region, packed) < 0 || alloc_state(ring) < 0) {
		vguest_ring_fini(ring);
		return -ENOMEM;
	}
	forget_all(ring);
	ring->ops->set_base(ring, packed ? 0x80008000 : 0);
	vguest_ring_disarm(ring);
	return 0;
}

void vguest_ring_fini(struct vguest_ring *ring)
{
	if (!ring->ops)
		return;
	if (ring->kick_fd >= 0)
		close(ring->kick_fd);
	if (ring->call_fd >= 0)
		close(ring->call_fd);
	if (ring->error_fd >= 0)
		close(ring->error_fd);
	free(ring->shadow);
	free(ring->held);
	free(ring->link);
	free(ring->order);
	*ring = (struct vguest_ring){0};
}

int vguest_ring_fault(struct vguest_ring *ring, const char *fmt, ...)
{
	va_list args;

	if (ring->fault[0])
		return -EPROTO;

	int prefix = snprintf(ring->fault, sizeof(ring->fault), "ring %u: ", ring->index);

	va_start(args, fmt);
	vsnprintf(ring->fault + prefix, sizeof(ring->fault) - (size_t)prefix, fmt, args);
	va_end(args);
	return -EPROTO;
}

void vguest_ring_kick(struct vguest_ring *ring)
{
	uint64_t one = 1;

	ring->kicks++;
	if (write(ring->kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		vguest_ring_fault(ring, "the kick failed: %d", errno);
}

bool vguest_ring_publish(struct vguest_ring *ring)
{
	ring->ops->publish(ring);
	// What was published must be seen before the device's wish is read: it does the opposite.
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!ring->ops->wants_kick(ring))
		return false;
	vguest_ring_kick(ring);
	return true;
}

bool vguest_ring_arm(struct vguest_ring *ring)
{
	uint32_t id, len;

	ring->ops->arm(ring, true);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring->in_batch || ring->ops->next(ring, &id, &len) > 0;
}

void vguest_ring_disarm(struct vguest_ring *ring)
{
	ring->ops->arm(ring, false);
}

uint64_t vguest_ring_count_calls(struct vguest_ring *ring)
{
	uint64_t count = 0;

	if (read(ring->call_fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	ring->calls += count;
	return count;
}

// The oldest id that is out, when the device has told of it or of one behind it.
static uint16_t take_of_batch(struct vguest_ring *ring, uint32_t *len)
{
	uint16_t id = ring->order[ring->order_head];

	ring->order_head = (uint16_t)((ring->order_head + 1) % ring->size);
	*len = (uint32_t)ring->held[id].capacity;
	if (id == ring->batch_id) {
		*len = ring->batch_len;
		ring->in_batch = false;
	}
	return id;
}

int vguest_ring_take(struct vguest_ring *ring, struct vguest_used *used)
{
	uint32_t id, len;

	if (ring->fault[0])
		return -EPROTO;
	if (!ring->in_batch) {
		if (!ring->ops->next(ring, &id, &len))
			return 0;
		if (id >= ring->size || !ring->held[id].out)
			return vguest_ring_fault(ring, "id %u is used at %u, and is not out", id,
			                         ring->next_use);
		if (len > ring->held[id].capacity)
			return vguest_ring_fault(ring, "id %u is used with %u bytes of %llu", id,
			                         len, (unsigned long long)ring->held[id].capacity);
		if (ring->in_order) {
			ring->in_batch = true;
			ring->batch_id = (uint16_t)id;
			ring->batch_len = len;
		}
	}
	if (ring->in_batch)
		id = take_of_batch(ring, &len);

	struct vguest_held *held = &ring->held[id];

	*used = (struct vguest_used){held->capacity, held->token, len};
	held->out = false;
	ring->ops->release(ring, (uint16_t)id);
	ring->taken++;
	return 1;
}

uint32_t vguest_ring_base(const struct vguest_ring *ring)
{
	return ring->ops->base(ring);
}

void vguest_ring_restart(struct vguest_ring *ring, uint32_t base)
{
	forget_all(ring);
	ring->ops->set_base(ring, base);
}

int vguest_ring_check(struct vguest_ring *ring)
{
	const char *breach = ring->ops->check(ring);

	if (breach)
		return vguest_ring_fault(ring, "%s", breach);
	return ring->fault[0] ? -EPROTO : 0;
}
