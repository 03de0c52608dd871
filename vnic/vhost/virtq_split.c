// SPDX-License-Identifier: BSD-3-Clause
//
// virtq_split: the split ring (virtio 1.2, 2.7).
//
// Three areas: a table of descriptors, the ring of heads that the driver makes available, the ring of heads
// that we have used. Both rings are followed by free running 16-bit indices, which order everything: we
// acquire the driver's, and release ours once what it counts is written. As chains are returned in the
// order of taking, the used index in the guest's own memory says how far a predecessor came.

#include "vnic/vhost/notify.h"
#include "vnic/vhost/virtq_priv.h"

enum {
	// Offsets in the avail and in the used ring.
	RING_INDEX = 2,
	RING_ENTRIES = 4,
	USED_SIZE = 8,
};

static const uint8_t *desc_at(const struct virtq *queue, uint16_t index)
{
	return queue->desc + (size_t)index * DESC_SIZE;
}

static uint16_t head_at(const struct virtq *queue, uint64_t position)
{
	return ring_load16(queue->avail + RING_ENTRIES + 2 * (position & (queue->size - 1)));
}

// How many chains are there to take, at most `max`. The index is read again only when what was seen of
// it is used up, for each look takes the line away from the driver.
static unsigned ready(struct virtq *queue, unsigned max)
{
	unsigned seen = (uint16_t)(queue->visible - queue->taken);

	if (seen < max) {
		queue->visible = ring_acquire16(queue->avail + RING_INDEX);
		seen = (uint16_t)(queue->visible - queue->taken);
		if (seen > queue->size - (uint32_t)(queue->taken - queue->returned)) {
			virtq_break(queue, VIRTQ_AVAIL_RUNAWAY);
			return 0;
		}
	}
	return MIN(seen, max);
}

// One descriptor, or two (header and data), in the region of the hint: nearly all chains. Returns the
// number of ranges, 0 where it takes more than this.
static inline unsigned quick_chain(struct virtq *queue, uint16_t head, struct virtq_range *ranges,
                                   struct virtq_chain *chain)
{
	const uint8_t *desc = desc_at(queue, head);
	uint64_t rest = ring_load64(desc + 8);
	uint16_t flags = (uint16_t)(rest >> 32);

	if ((flags & ~DESC_NEXT) != queue->plain ||
	    !virtq_quick_range(queue, ring_load64(desc), (uint32_t)rest, &ranges[0]))
		return 0;
	chain->len = ranges[0].len;
	chain->range_count = 1;
	virtq_prefetch(queue, &ranges[0]);
	if (!(flags & DESC_NEXT))
		return 1;

	uint16_t next = (uint16_t)(rest >> 48);

	if (next >= queue->size)
		return 0;
	desc = desc_at(queue, next);
	rest = ring_load64(desc + 8);
	if ((uint16_t)(rest >> 32) != queue->plain ||
	    !virtq_quick_range(queue, ring_load64(desc), (uint32_t)rest, &ranges[1]) ||
	    ranges[1].len > UINT32_MAX - chain->len)
		return 0;
	chain->len += ranges[1].len;
	chain->range_count = 2;
	virtq_prefetch(queue, &ranges[1]);
	return 2;
}

// Any chain (2.7.5): direct descriptors, the last of which may be indirect.
static enum virtq_fault walk(struct virtq *queue, uint16_t head, struct virtq_build *build)
{
	uint16_t index = head;

	for (uint32_t steps = 0; steps < queue->size; steps++) {
		const uint8_t *desc = desc_at(queue, index);
		uint64_t address = ring_load64(desc);
		uint64_t rest = ring_load64(desc + 8);
		uint16_t flags = (uint16_t)(rest >> 32);
		enum virtq_fault fault;

		if (flags & DESC_INDIRECT) {
			if (flags & DESC_NEXT)
				return VIRTQ_INDIRECT_BAD;
			return virtq_add_table(queue, build, address, (uint32_t)rest, true);
		}
		fault = virtq_add(queue, build, address, (uint32_t)rest, flags);
		if (fault || !(flags & DESC_NEXT))
			return fault;
		index = (uint16_t)(rest >> 48);
		if (index >= queue->size)
			return VIRTQ_HEAD_OUTSIDE;
	}
	return VIRTQ_CHAIN_LOOP;
}

static unsigned any_chain(struct virtq *queue, uint16_t head, struct virtq_range *ranges,
                          struct virtq_chain *chain)
{
	struct virtq_build build = {.ranges = ranges};

	return virtq_end_chain(queue, walk(queue, head, &build), &build, chain);
}

static unsigned split_take(struct virtq *queue, struct virtq_chain *chains, unsigned max)
{
	unsigned count = ready(queue, max), done = 0;
	struct virtq_range *at = queue->ranges;
	uint16_t heads[VIRTQ_TAKE_MAX];

	for (unsigned i = 0; i < count; i++) {
		heads[i] = head_at(queue, queue->taken + i);
		__builtin_prefetch(desc_at(queue, heads[i] & (queue->size - 1)));
	}
	while (done < count && at <= queue->ranges + VIRTQ_RANGES - VIRTQ_CHAIN_MAX) {
		struct virtq_chain *chain = &chains[done];
		uint16_t head = heads[done];

		if (head >= queue->size) {
			virtq_break(queue, VIRTQ_HEAD_OUTSIDE);
			break;
		}
		chain->ranges = at;
		chain->id = head;
		chain->slots = 1;

		unsigned used = quick_chain(queue, head, at, chain);

		if (!used)
			used = any_chain(queue, head, at, chain);
		if (!used)
			break;
		at += used;
		done++;
	}
	queue->taken += done;
	return done;
}

// The position is all there is.
static void split_seek(struct virtq *queue)
{
}

static void write_used(struct virtq *queue, uint64_t position, struct virtq_done done)
{
	uint32_t offset = RING_ENTRIES + USED_SIZE * (uint32_t)(position & (queue->size - 1));

	// The guest looks only once the index has moved, and elements are aligned to half their size.
	store_le32(queue->used + offset, done.id);
	store_le32(queue->used + offset + 4, done.written);
}

static void log_used(struct virtq *queue, uint64_t position, unsigned count)
{
	uint32_t slot = (uint32_t)(position & (queue->size - 1));
	unsigned before_end = MIN(count, queue->size - slot);

	dirty_log_mark(queue->log, queue->used_guest + RING_ENTRIES + (uint64_t)USED_SIZE * slot,
	               (uint64_t)USED_SIZE * before_end);
	dirty_log_mark(queue->log, queue->used_guest + RING_ENTRIES,
	               (uint64_t)USED_SIZE * (count - before_end));
	dirty_log_mark(queue->log, queue->used_guest + RING_INDEX, 2);
}

static void split_publish(struct virtq *queue)
{
	unsigned count = queue->done_count;

	// In order, one element stands for all chains up to its own (2.7.9); not where lengths matter.
	if (queue->in_order && !queue->plain)
		write_used(queue, queue->returned, queue->done[count - 1]);
	else
		for (unsigned i = 0; i < count; i++)
			write_used(queue, queue->returned + i, queue->done[i]);
	ring_release16(queue->used + RING_INDEX, (uint16_t)(queue->returned + count));
	if (queue->log)
		log_used(queue, queue->returned, count);
	queue->returned += count;
	atomic_store_explicit(&queue->mark->returned, queue->returned, memory_order_release);
}

static bool split_has_work(const struct virtq *queue)
{
	return ring_acquire16(queue->avail + RING_INDEX) != (uint16_t)queue->taken;
}

static int split_begin(struct virtq *queue, uint32_t position, struct fail *fail)
{
	uint16_t used = ring_acquire16(queue->used + RING_INDEX);
	uint64_t taken = atomic_load(&queue->mark->taken);
	uint64_t returned = atomic_load(&queue->mark->returned);

	// The last publish may have been seen by the guest, and not been noted.
	returned += (uint16_t)(used - returned);
	queue->taken = queue->returned = used;
	if (atomic_load(&queue->mark->live) &&
	    taken - returned <= MIN(queue->size, VIRTQ_OUT_MAX)) {
		queue->taken = taken;
		queue->returned = returned;
	}
	queue->visible = (uint16_t)queue->taken;
	return 0;
}

static uint32_t split_position(const struct virtq *queue)
{
	return (uint16_t)queue->taken;
}

static unsigned split_give_back(struct virtq *queue)
{
	unsigned count = 0;

	for (uint64_t at = queue->returned; at != queue->taken; at++, count++) {
		uint16_t head = head_at(queue, at);

		if (head >= queue->size) {
			virtq_break(queue, VIRTQ_HEAD_OUTSIDE);
			break;
		}
		virtq_push_done(queue, (struct virtq_done){.id = head, .slots = 1});
	}
	queue->out = (uint16_t)count;
	return count;
}

const struct virtq_ops virtq_split_ops = {
	.take = split_take,
	.seek = split_seek,
	.publish = split_publish,
	.has_work = split_has_work,
	.begin = split_begin,
	.give_back = split_give_back,
	.position = split_position,
	.wants_call = notify_split_wants_call,
	.arm = notify_split_arm,
	.disarm = notify_split_disarm,
};
