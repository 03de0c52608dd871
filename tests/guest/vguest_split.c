// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_split: the split layout: a table of descriptors, a ring of heads there, a ring of heads back.
//
// Free descriptors are linked, and a used chain goes back to the list whole: to its head, where it is warm
// in the cache, or to its tail when the ring is used in order, which then walks the table round and round
// as that feature demands. The links are our own; the table is only written, never believed.

#include "tests/guest/vguest_ring.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

static struct vring_avail *available(const struct vguest_ring *ring)
{
	return ring->driver;
}

static struct vring_used *used_ring(const struct vguest_ring *ring)
{
	return ring->device;
}

static uint16_t used_index(const struct vguest_ring *ring)
{
	return __atomic_load_n(&used_ring(ring)->idx, __ATOMIC_ACQUIRE);
}

static uint16_t flags_of(unsigned number, unsigned out)
{
	return number < out ? 0 : VRING_DESC_F_WRITE;
}

static void write_desc(struct vguest_ring *ring, uint16_t at, struct vring_desc desc)
{
	((struct vring_desc *)ring->desc)[at] = desc;
	((struct vring_desc *)ring->shadow)[at] = desc;
}

// The table of one buffer's pieces from `from` on; returns the descriptor for it.
static struct vring_desc write_table(struct vguest_ring *ring, uint16_t head,
                                     const struct vguest_piece *pieces, unsigned from,
                                     unsigned count, unsigned out)
{
	struct vring_desc *table = ring->tables + (size_t)head * VGUEST_PIECES;

	for (unsigned i = from; i < count; i++)
		table[i - from] = (struct vring_desc){
			.addr = pieces[i].guest,
			.len = pieces[i].len,
			.flags = (uint16_t)(flags_of(i, out) |
		                            (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)(i + 1 < count ? i - from + 1 : 0),
		};
	return (struct vring_desc){
		.addr = vguest_memory_address(ring->memory, table),
		.len = (uint32_t)((count - from) * sizeof(*table)),
		.flags = VRING_DESC_F_INDIRECT,
	};
}

static int split_add(struct vguest_ring *ring, const struct vguest_piece *pieces, unsigned out,
                     unsigned in, uint32_t token, enum vguest_how how)
{
	unsigned count = out + in;
	unsigned direct = how == VGUEST_DIRECT ? count : how == VGUEST_MIXED && count > 1;
	unsigned needed = direct + (how == VGUEST_DIRECT ? 0 : 1);
	uint16_t head = ring->free_head, at = head;
	uint64_t capacity = 0;

	if (count == 0 || count > VGUEST_PIECES)
		return -EINVAL;
	if (ring->free_count < needed)
		return -ENOSPC;
	for (unsigned i = 0; i < needed; i++) {
		struct vring_desc desc;

		if (i < direct)
			desc = (struct vring_desc){
				.addr = pieces[i].guest,
				.len = pieces[i].len,
				.flags = flags_of(i, out),
			};
		else
			desc = write_table(ring, head, pieces, direct, count, out);
		if (i + 1 < needed) {
			desc.flags |= VRING_DESC_F_NEXT;
			desc.next = ring->link[at];
		}
		write_desc(ring, at, desc);
		ring->held[head].last = at;
		at = ring->link[at];
	}
	for (unsigned i = out; i < count; i++)
		capacity += pieces[i].len;
	ring->free_head = at;
	ring->free_count = (uint16_t)(ring->free_count - needed);
	ring->held[head] = (struct vguest_held){
		.capacity = capacity,
		.token = token,
		.count = (uint16_t)needed,
		.last = ring->held[head].last,
		.out = true,
	};
	if (ring->in_order) {
		ring->order[ring->order_tail] = head;
		ring->order_tail = (uint16_t)((ring->order_tail + 1) % ring->size);
	}
	available(ring)->ring[ring->next_add++ % ring->size] = head;
	ring->added++;
	return 0;
}

static void split_publish(struct vguest_ring *ring)
{
	__atomic_store_n(&available(ring)->idx, ring->next_add, __ATOMIC_RELEASE);
}

static bool split_wants_kick(struct vguest_ring *ring)
{
	uint16_t asked = ring->asked;

	ring->asked = ring->next_add;
	if (asked == ring->next_add)
		return false;
	if (!ring->event_idx)
		return !(__atomic_load_n(&used_ring(ring)->flags, __ATOMIC_RELAXED) &
		         VRING_USED_F_NO_NOTIFY);

	const uint16_t *event = (const uint16_t *)&used_ring(ring)->ring[ring->size];

	return vring_need_event(__atomic_load_n(event, __ATOMIC_RELAXED), ring->next_add, asked);
}

static int split_next(struct vguest_ring *ring, uint32_t *id, uint32_t *len)
{
	uint16_t index = used_index(ring);

	if (index == ring->next_use)
		return 0;
	if ((uint16_t)(index - ring->next_use) > (uint16_t)(ring->next_add - ring->next_use)) {
		vguest_ring_fault(ring, "the used index is %u, %u are available", index,
		                  ring->next_add);
		*id = UINT32_MAX;
		return 1;
	}

	const struct vring_used_elem *element = &used_ring(ring)->ring[ring->next_use % ring->size];

	*id = element->id;
	*len = element->len;
	return 1;
}

static void split_release(struct vguest_ring *ring, uint16_t id)
{
	uint16_t last = ring->held[id].last;

	ring->next_use++;
	if (ring->free_count == 0) {
		ring->free_head = id;
		ring->free_tail = last;
	} else if (ring->in_order) {
		ring->link[ring->free_tail] = id;
		ring->free_tail = last;
	} else {
		ring->link[last] = ring->free_head;
		ring->free_head = id;
	}
	ring->free_count = (uint16_t)(ring->free_count + ring->held[id].count);
}

// With event indices the flags mean nothing, so "no call" is an index that was passed already.
static void split_arm(struct vguest_ring *ring, bool armed)
{
	uint16_t event = (uint16_t)(armed ? ring->next_use : ring->next_use - 1);

	if (ring->event_idx)
		__atomic_store_n(&available(ring)->ring[ring->size], event, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&available(ring)->flags, armed ? 0 : VRING_AVAIL_F_NO_INTERRUPT,
		                 __ATOMIC_RELAXED);
}

static uint32_t split_base(const struct vguest_ring *ring)
{
	return used_index(ring);
}

static void split_set_base(struct vguest_ring *ring, uint32_t base)
{
	ring->next_add = ring->next_use = ring->asked = (uint16_t)base;
	available(ring)->idx = (uint16_t)base;
	used_ring(ring)->idx = (uint16_t)base;
}

static const char *split_check(const struct vguest_ring *ring)
{
	if (memcmp(ring->desc, ring->shadow, ring->size * sizeof(struct vring_desc)) != 0)
		return "the descriptor table was written";
	if (available(ring)->idx != ring->asked)
		return "the available index was written";
	return NULL;
}

const struct vguest_ring_ops vguest_split_ops = {
	.add = split_add,
	.publish = split_publish,
	.wants_kick = split_wants_kick,
	.next = split_next,
	.release = split_release,
	.arm = split_arm,
	.base = split_base,
	.set_base = split_set_base,
	.check = split_check,
};
