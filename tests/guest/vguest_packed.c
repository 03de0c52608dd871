// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_packed: the packed layout: one ring of descriptors that both sides write.
//
// A descriptor is available while its AVAIL bit equals our wrap counter and its USED bit does not, and used
// when both equal the counter of the lap in which it is looked for. Of everything added between two
// publications only the first head's flags are held back: the device stops there and sees the rest at once.
// The used descriptor stands where the oldest unconsumed one did, so we skip by what we know of its id.

#include "tests/guest/vguest_ring.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	USED = 1 << VRING_PACKED_DESC_F_USED,
	WRAP_SHIFT = VRING_PACKED_EVENT_F_WRAP_CTR,
	POSITION = (1 << WRAP_SHIFT) - 1,
};

static struct vring_packed_desc *descriptors(const struct vguest_ring *ring)
{
	return ring->desc;
}

static uint16_t available_flags(bool wrap)
{
	return wrap ? AVAIL : USED;
}

static bool is_used(uint16_t flags, bool wrap)
{
	return !!(flags & AVAIL) == wrap && !!(flags & USED) == wrap;
}

static uint16_t flags_of(unsigned number, unsigned out)
{
	return number < out ? 0 : VRING_DESC_F_WRITE;
}

static void advance(const struct vguest_ring *ring, uint16_t *at, bool *wrap, unsigned by)
{
	unsigned next = *at + by;

	if (next >= ring->size) {
		next -= ring->size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

// The first head of a publication keeps its old flags, which say that it is not available.
static void write_desc(struct vguest_ring *ring, uint64_t guest, uint32_t len, uint16_t id,
                       uint16_t flags, bool head)
{
	uint16_t at = ring->next_add;
	struct vring_packed_desc *desc = &descriptors(ring)[at];

	flags |= available_flags(ring->add_wrap);
	((struct vring_packed_desc *)ring->shadow)[at] =
		(struct vring_packed_desc){guest, len, id, flags};
	desc->addr = guest;
	desc->len = len;
	desc->id = id;
	if (head && !ring->unpublished) {
		ring->unpublished = true;
		ring->first = at;
		ring->first_flags = flags;
	} else {
		desc->flags = flags;
	}
	advance(ring, &ring->next_add, &ring->add_wrap, 1);
}

static void write_indirect(struct vguest_ring *ring, uint16_t id, const struct vguest_piece *pieces,
                           unsigned count, unsigned out)
{
	struct vring_packed_desc *table =
		(struct vring_packed_desc *)(void *)(ring->tables + (size_t)id * VGUEST_PIECES);

	for (unsigned i = 0; i < count; i++)
		table[i] = (struct vring_packed_desc){
			.addr = pieces[i].guest,
			.len = pieces[i].len,
			.flags = flags_of(i, out),
		};
	write_desc(ring, vguest_memory_address(ring->memory, table),
	           (uint32_t)(count * sizeof(*table)), id, VRING_DESC_F_INDIRECT, true);
}

static int packed_add(struct vguest_ring *ring, const struct vguest_piece *pieces, unsigned out,
                      unsigned in, uint32_t token, enum vguest_how how)
{
	unsigned count = out + in, needed = how == VGUEST_DIRECT ? count : 1;
	uint16_t id = ring->in_order ? ring->order_tail : ring->free_head;
	uint64_t capacity = 0;

	if (count == 0 || count > VGUEST_PIECES || how == VGUEST_MIXED)
		return -EINVAL;
	// `free_count` is of descriptors; there are as many ids, and a buffer takes one at most.
	if (ring->free_count < needed)
		return -ENOSPC;
	if (!ring->in_order)
		ring->free_head = ring->link[id];
	if (how == VGUEST_INDIRECT)
		write_indirect(ring, id, pieces, count, out);
	else
		for (unsigned i = 0; i < count; i++)
			write_desc(ring, pieces[i].guest, pieces[i].len, id,
			           (uint16_t)(flags_of(i, out) |
			                      (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			           i == 0);
	for (unsigned i = out; i < count; i++)
		capacity += pieces[i].len;
	ring->free_count = (uint16_t)(ring->free_count - needed);
	ring->asked_count = (uint16_t)(ring->asked_count + needed);
	ring->held[id] = (struct vguest_held){
		.capacity = capacity,
		.token = token,
		.count = (uint16_t)needed,
		.out = true,
	};
	if (ring->in_order) {
		ring->order[ring->order_tail] = id;
		ring->order_tail = (uint16_t)((ring->order_tail + 1) % ring->size);
	}
	ring->added++;
	return 0;
}

static void packed_publish(struct vguest_ring *ring)
{
	if (!ring->unpublished)
		return;
	__atomic_store_n(&descriptors(ring)[ring->first].flags, ring->first_flags,
	                 __ATOMIC_RELEASE);
	ring->unpublished = false;
}

// Whether the position that the device waits for is among those passed since it was last asked.
static bool packed_wants_kick(struct vguest_ring *ring)
{
	const struct vring_packed_desc_event *device = ring->device;
	uint16_t flags = __atomic_load_n(&device->flags, __ATOMIC_ACQUIRE) & 3;
	uint16_t event = __atomic_load_n(&device->off_wrap, __ATOMIC_RELAXED);
	unsigned passed = ring->asked_count;
	int ahead = (event & POSITION) - ring->asked;

	if (event >> WRAP_SHIFT != ring->asked_wrap)
		ahead += ring->size;
	ring->asked = ring->next_add;
	ring->asked_wrap = ring->add_wrap;
	ring->asked_count = 0;
	if (passed == 0 || flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return true;
	return ahead >= 0 && ahead < (int)passed;
}

static int packed_next(struct vguest_ring *ring, uint32_t *id, uint32_t *len)
{
	const struct vring_packed_desc *desc = &descriptors(ring)[ring->next_use];
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);

	if (!is_used(flags, ring->use_wrap))
		return 0;
	*id = desc->id;
	*len = flags & VRING_DESC_F_WRITE ? desc->len : 0;
	return 1;
}

static void packed_release(struct vguest_ring *ring, uint16_t id)
{
	uint16_t count = ring->held[id].count;

	// In order ids go round, and need no list.
	if (!ring->in_order) {
		ring->link[id] = ring->free_head;
		ring->free_head = id;
	}
	ring->free_count = (uint16_t)(ring->free_count + count);
	advance(ring, &ring->next_use, &ring->use_wrap, count);
}

static void packed_arm(struct vguest_ring *ring, bool armed)
{
	struct vring_packed_desc_event *driver = ring->driver;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_DISABLE;

	if (armed && ring->event_idx) {
		driver->off_wrap = (uint16_t)(ring->next_use | ring->use_wrap << WRAP_SHIFT);
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	} else if (armed) {
		flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	}
	__atomic_store_n(&driver->flags, flags, __ATOMIC_RELEASE);
}

// How many descriptors a used one stands for: those of its id, and of all before it that are out in order.
static unsigned covered(const struct vguest_ring *ring, uint16_t *order, uint16_t id)
{
	unsigned count = ring->held[id].count;

	for (; ring->in_order && ring->order[*order] != id; *order = (*order + 1) % ring->size)
		count += ring->held[ring->order[*order]].count;
	*order = (*order + 1) % ring->size;
	return count;
}

// Where the device will write the next used descriptor, found by walking what it has used.
static uint32_t packed_base(const struct vguest_ring *ring)
{
	uint16_t at = ring->next_use, order = ring->order_head;
	bool wrap = ring->use_wrap;
	unsigned walked = ring->free_count;

	while (walked < ring->size) {
		const struct vring_packed_desc *desc = &descriptors(ring)[at];

		if (!is_used(desc->flags, wrap) || desc->id >= ring->size ||
		    !ring->held[desc->id].out)
			break;

		unsigned count = covered(ring, &order, desc->id);

		walked += count;
		advance(ring, &at, &wrap, count);
	}

	uint32_t half = (uint32_t)(at | wrap << WRAP_SHIFT);

	return half | half << 16;
}

static void packed_set_base(struct vguest_ring *ring, uint32_t base)
{
	bool wrap = base >> WRAP_SHIFT & 1;

	ring->next_add = ring->next_use = ring->asked = base & POSITION;
	ring->add_wrap = ring->use_wrap = ring->asked_wrap = wrap;
	for (unsigned i = 0; i < ring->size; i++) {
		// Used, one lap earlier: neither available nor used in the lap that begins.
		bool last = i >= ring->next_add ? !wrap : wrap;

		descriptors(ring)[i] = (struct vring_packed_desc){.flags = last ? AVAIL | USED : 0};
		((struct vring_packed_desc *)ring->shadow)[i] = descriptors(ring)[i];
	}
}

// Of what is out, only the descriptors that the device has used may differ from what we wrote.
static const char *packed_check(const struct vguest_ring *ring)
{
	const struct vring_packed_desc *shadow = ring->shadow;
	uint16_t at = ring->next_use;
	bool wrap = ring->use_wrap;

	for (unsigned left = (unsigned)(ring->size - ring->free_count); left > 0; left--) {
		const struct vring_packed_desc *desc = &descriptors(ring)[at];
		bool held_back = ring->unpublished && at == ring->first;
		uint16_t flags = desc->flags;

		// The device may be at it, and writes id and length before the flags.
		if (!held_back && !is_used(flags, wrap) &&
		    (flags != shadow[at].flags || desc->addr != shadow[at].addr))
			return "a descriptor that is not used was written";
		advance(ring, &at, &wrap, 1);
	}
	return NULL;
}

const struct vguest_ring_ops vguest_packed_ops = {
	.add = packed_add,
	.publish = packed_publish,
	.wants_kick = packed_wants_kick,
	.next = packed_next,
	.release = packed_release,
	.arm = packed_arm,
	.base = packed_base,
	.set_base = packed_set_base,
	.check = packed_check,
};
