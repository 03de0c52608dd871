// SPDX-License-Identifier: BSD-3-Clause
//
// notify: flags and event indices.
//
// With event indices a side says at which position it wants to be woken, and a wake is due when the other side
// passes that position. Nothing can then be switched off: "never" is a position just behind the present
// one, which comes round after 65536 chains (split); the packed ring has a flag for it.

#include "vnic/vhost/notify.h"

#include "vnic/vhost/virtq_priv.h"

enum {
	// Split: flags of the avail and of the used ring.
	AVAIL_NO_INTERRUPT = 1,
	USED_NO_NOTIFY = 1,
	// Packed: flags of an event suppression area.
	EVENT_ENABLE = 0,
	EVENT_DISABLE = 1,
	EVENT_DESC = 2,
	// Where they are in that area.
	EVENT_OFFSET = 0,
	EVENT_FLAGS = 2,
};

static uint32_t used_event_offset(const struct virtq *queue)
{
	return 4 + 2 * queue->size; // in the avail ring
}

static uint32_t avail_event_offset(const struct virtq *queue)
{
	return 4 + 8 * queue->size; // in the used ring
}

// Writes a word of ours into the used ring or the device's area.
static void tell(struct virtq *queue, uint32_t offset, uint16_t value)
{
	ring_release16(queue->used + offset, value);
	if (queue->log)
		dirty_log_mark(queue->log, queue->used_guest + offset, sizeof(value));
}

bool notify_split_wants_call(const struct virtq *queue, uint64_t before)
{
	if (!queue->event_idx)
		return !(ring_load16(queue->avail) & AVAIL_NO_INTERRUPT);
	if (!queue->has_called)
		return true;

	uint16_t event = ring_load16(queue->avail + used_event_offset(queue));
	uint16_t now = (uint16_t)queue->returned;

	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

void notify_split_arm(struct virtq *queue)
{
	if (queue->event_idx)
		tell(queue, avail_event_offset(queue), (uint16_t)queue->taken);
	else
		tell(queue, 0, 0);
}

void notify_split_disarm(struct virtq *queue)
{
	if (queue->event_idx)
		tell(queue, avail_event_offset(queue), (uint16_t)(queue->taken - 1));
	else
		tell(queue, 0, USED_NO_NOTIFY);
}

bool notify_packed_wants_call(const struct virtq *queue, uint64_t before)
{
	uint16_t flags = ring_acquire16(queue->avail + EVENT_FLAGS);

	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESC || !queue->event_idx || !queue->has_called)
		return true;

	uint16_t event = ring_load16(queue->avail + EVENT_OFFSET);
	uint64_t lap = queue->returned - queue->give_slot;
	uint64_t wanted = lap + (event & 0x7fff);

	// The driver cannot mean a place more than a lap away, so the other wrap bit is the lap before.
	if ((bool)(event >> 15) != queue->give_wrap)
		wanted -= queue->size;
	return wanted - before < queue->returned - before;
}

void notify_packed_arm(struct virtq *queue)
{
	uint16_t wrap = queue->take_wrap ? 1 << 15 : 0;

	if (!queue->event_idx) {
		tell(queue, EVENT_FLAGS, EVENT_ENABLE);
		return;
	}
	tell(queue, EVENT_OFFSET, (uint16_t)(queue->take_slot | wrap));
	tell(queue, EVENT_FLAGS, EVENT_DESC);
}

void notify_packed_disarm(struct virtq *queue)
{
	tell(queue, EVENT_FLAGS, EVENT_DISABLE);
}
