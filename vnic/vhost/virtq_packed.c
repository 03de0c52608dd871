// SPDX-License-Identifier: BSD-3-Clause
//
// virtq_packed: the packed ring (virtio 1.2, 2.8).
//
// One ring of descriptors that both sides write. Two bits of each say whose it is, relative to a wrap counter
// that flips each lap. A chain occupies consecutive slots and is given back by overwriting its first, so what
// a ring held is gone as soon as it is published. The chains of a publish are therefore written to the
// journal of the mark first; then their used descriptors, the first one's flags last, as the driver
// sees nothing before that. A successor finds the first still available: it does it all again; or not: all is done.

#include "vnic/vhost/notify.h"
#include "vnic/vhost/virtq_priv.h"

#include <errno.h>

enum { FLAGS = 14, POSITION_WRAP = 1 << 15 };

// A place in the ring, and the parity of its lap.
struct place {
	uint32_t slot;
	bool wrap;
};

static uint8_t *desc_at(const struct virtq *queue, uint32_t slot)
{
	return queue->desc + (size_t)slot * DESC_SIZE;
}

static inline struct place advance(const struct virtq *queue, struct place place, uint32_t slots)
{
	place.slot += slots;
	if (place.slot >= queue->size) {
		place.slot -= queue->size;
		place.wrap = !place.wrap;
	}
	return place;
}

static struct place place_of(const struct virtq *queue, uint64_t position)
{
	return (struct place){(uint32_t)(position % queue->size), position / queue->size % 2 == 0};
}

// Whether it is for us to take (2.8.1): the avail bit is that of the lap, the used bit is not.
static inline bool is_available(uint16_t flags, bool wrap)
{
	return (flags & (DESC_AVAIL | DESC_USED)) == (wrap ? DESC_AVAIL : DESC_USED);
}

// As the split ring's. The flags were acquired; the rest is read after them.
static inline unsigned quick_chain(struct virtq *queue, struct place place, uint16_t flags,
                                   struct virtq_range *ranges, struct virtq_chain *chain)
{
	const uint8_t *desc = desc_at(queue, place.slot);
	uint64_t rest = ring_load64(desc + 8);

	flags &= ~(DESC_AVAIL | DESC_USED);
	if ((flags & ~DESC_NEXT) != queue->plain ||
	    !virtq_quick_range(queue, ring_load64(desc), (uint32_t)rest, &ranges[0]))
		return 0;
	chain->len = ranges[0].len;
	chain->range_count = 1;
	chain->slots = 1;
	chain->id = (uint16_t)(rest >> 32);
	virtq_prefetch(queue, &ranges[0]);
	if (!(flags & DESC_NEXT))
		return 1;

	desc = desc_at(queue, advance(queue, place, 1).slot);
	rest = ring_load64(desc + 8);
	flags = (uint16_t)(rest >> 48) & ~(DESC_AVAIL | DESC_USED);
	if (flags != queue->plain ||
	    !virtq_quick_range(queue, ring_load64(desc), (uint32_t)rest, &ranges[1]) ||
	    ranges[1].len > UINT32_MAX - chain->len)
		return 0;
	chain->len += ranges[1].len;
	chain->range_count = 2;
	chain->slots = 2;
	chain->id = (uint16_t)(rest >> 32);
	virtq_prefetch(queue, &ranges[1]);
	return 2;
}

// Any chain (2.8.5 to 2.8.8). The id of the buffer is in the last descriptor.
static enum virtq_fault walk(struct virtq *queue, struct place place, struct virtq_build *build,
                             struct virtq_chain *chain)
{
	for (uint32_t slots = 1; slots <= queue->size; slots++) {
		const uint8_t *desc = desc_at(queue, place.slot);
		uint64_t address = ring_load64(desc);
		uint64_t rest = ring_load64(desc + 8);
		uint16_t flags = (uint16_t)(rest >> 48);
		enum virtq_fault fault;

		chain->slots = (uint16_t)slots;
		chain->id = (uint16_t)(rest >> 32);
		if (flags & DESC_INDIRECT) {
			if (flags & DESC_NEXT)
				return VIRTQ_INDIRECT_BAD;
			return virtq_add_table(queue, build, address, (uint32_t)rest, false);
		}
		fault = virtq_add(queue, build, address, (uint32_t)rest, flags);
		if (fault || !(flags & DESC_NEXT))
			return fault;
		place = advance(queue, place, 1);
	}
	return VIRTQ_CHAIN_LOOP;
}

static unsigned any_chain(struct virtq *queue, struct place place, struct virtq_range *ranges,
                          struct virtq_chain *chain)
{
	struct virtq_build build = {.ranges = ranges};

	return virtq_end_chain(queue, walk(queue, place, &build, chain), &build, chain);
}

static void packed_take_at(struct virtq *queue, struct place place)
{
	queue->take_slot = (uint16_t)place.slot;
	queue->take_wrap = place.wrap;
}

static unsigned packed_take(struct virtq *queue, struct virtq_chain *chains, unsigned max)
{
	struct place place = {queue->take_slot, queue->take_wrap};
	// Slots that can be the driver's; more would be a lap over what we still hold.
	uint32_t free = queue->size - (uint32_t)(queue->taken - queue->returned);
	struct virtq_range *at = queue->ranges;
	unsigned done = 0;

	while (done < max && at <= queue->ranges + VIRTQ_RANGES - VIRTQ_CHAIN_MAX) {
		uint16_t flags = ring_acquire16(desc_at(queue, place.slot) + FLAGS);
		struct virtq_chain *chain = &chains[done];

		if (!is_available(flags, place.wrap))
			break;

		unsigned used = quick_chain(queue, place, flags, at, chain);

		if (!used)
			used = any_chain(queue, place, at, chain);
		if (!used)
			break;
		if (chain->slots > free) {
			virtq_break(queue, VIRTQ_AVAIL_RUNAWAY);
			break;
		}
		free -= chain->slots;
		chain->ranges = at;
		at += used;
		queue->taken += chain->slots;
		place = advance(queue, place, chain->slots);
		done++;
	}
	packed_take_at(queue, place);
	return done;
}

static void packed_seek(struct virtq *queue)
{
	packed_take_at(queue, place_of(queue, queue->taken));
}

static uint16_t used_flags(struct virtq_done done, bool wrap)
{
	uint16_t written = done.written ? DESC_WRITE : 0;

	return (uint16_t)(written | (wrap ? DESC_AVAIL | DESC_USED : 0));
}

// A used descriptor (2.8.6); its address stays as it was.
static void write_used(struct virtq *queue, struct place place, struct virtq_done done)
{
	uint64_t flags = used_flags(done, place.wrap);

	ring_store64(desc_at(queue, place.slot) + 8,
	             done.written | (uint64_t)done.id << 32 | flags << 48);
}

// The one by whose flags the driver learns of all.
static void release_used(struct virtq *queue, struct place place, struct virtq_done done)
{
	uint8_t *desc = desc_at(queue, place.slot);

	ring_store32(desc + 8, done.written);
	ring_store16(desc + 12, done.id);
	ring_release16(desc + FLAGS, used_flags(done, place.wrap));
}

static void log_used(struct virtq *queue, struct place first)
{
	struct place place = first;

	for (unsigned i = 0; i < queue->done_count; i++) {
		dirty_log_mark(queue->log, queue->desc_guest + (uint64_t)DESC_SIZE * place.slot + 8,
		               8);
		place = advance(queue, place, queue->done[i].slots);
	}
}

static void write_all(struct virtq *queue)
{
	const struct place first = {queue->give_slot, queue->give_wrap};
	const struct virtq_done *done = queue->done;
	unsigned count = queue->done_count;
	struct place place = first;

	// In order, one descriptor stands for all chains up to its own (2.8.9); not where lengths matter.
	if (queue->in_order && !queue->plain) {
		release_used(queue, first, done[count - 1]);
	} else {
		for (unsigned i = 1; i < count; i++) {
			place = advance(queue, place, done[i - 1].slots);
			write_used(queue, place, done[i]);
		}
		release_used(queue, first, done[0]);
	}
	if (queue->log)
		log_used(queue, first);
	place = advance(queue, first, queue->done_slots);
	queue->give_slot = (uint16_t)place.slot;
	queue->give_wrap = place.wrap;
}

static void packed_publish(struct virtq *queue)
{
	struct virtq_mark *mark = queue->mark;
	uint64_t returning = queue->returned + queue->done_slots;

	memcpy(mark->journal, queue->done, queue->done_count * sizeof(queue->done[0]));
	atomic_store_explicit(&mark->returning, returning, memory_order_release);
	// What follows is for a successor to see later than the journal.
	atomic_signal_fence(memory_order_seq_cst);
	write_all(queue);
	queue->returned = returning;
	atomic_store_explicit(&mark->returned, returning, memory_order_release);
}

static bool packed_has_work(const struct virtq *queue)
{
	return is_available(ring_acquire16(desc_at(queue, queue->take_slot) + FLAGS),
	                    queue->take_wrap);
}

// Reads the chains of an unfinished publish, and whether they are what the mark says.
static bool read_journal(struct virtq *queue, uint64_t slots)
{
	uint64_t sum = 0;
	unsigned count = 0;

	// A front end might write to the journal while we read.
	memcpy(queue->done, queue->mark->journal, sizeof(queue->done));
	atomic_signal_fence(memory_order_seq_cst);
	while (sum < slots && count < VIRTQ_OUT_MAX)
		sum += queue->done[count++].slots;
	queue->done_count = (uint16_t)count;
	queue->done_slots = (uint32_t)sum;
	return sum == slots;
}

static void give_at(struct virtq *queue, struct place place)
{
	queue->give_slot = (uint16_t)place.slot;
	queue->give_wrap = place.wrap;
}

static bool is_available_at(const struct virtq *queue, uint64_t position)
{
	struct place place = place_of(queue, position);

	return is_available(ring_acquire16(desc_at(queue, place.slot) + FLAGS), place.wrap);
}

// Goes on from the mark: a publish that the guest did not see is done again. False: the mark does not
// belong to this ring.
static bool resume(struct virtq *queue)
{
	const struct virtq_mark *mark = queue->mark;
	uint64_t taken = atomic_load(&mark->taken);
	uint64_t returned = atomic_load(&mark->returned);
	uint64_t returning = atomic_load(&mark->returning);

	if (!atomic_load(&mark->live) || returned > returning || returning > taken ||
	    taken - returned > queue->size)
		return false;
	if (returning != returned && is_available_at(queue, returned)) {
		bool sound = read_journal(queue, returning - returned);

		give_at(queue, place_of(queue, returned));
		if (sound)
			write_all(queue);
		queue->done_count = 0;
		queue->done_slots = 0;
		if (!sound)
			return false;
	}
	queue->taken = taken;
	queue->returned = returning;
	return taken == returning || is_available_at(queue, returning);
}

static int packed_begin(struct virtq *queue, uint32_t position, struct fail *fail)
{
	// Of the two positions of SET_VRING_BASE the available one counts: what was stopped has none in flight,
	// and some front ends leave the other at 0.
	uint32_t slot = position & (POSITION_WRAP - 1);

	if (!resume(queue)) {
		if (slot >= queue->size)
			return fail_set(fail, -EINVAL,
			                "a ring of %u descriptors cannot start at %u", queue->size,
			                slot);
		queue->taken = slot + (position & POSITION_WRAP ? 0 : queue->size);
		queue->returned = queue->taken;
	}
	packed_seek(queue);
	give_at(queue, place_of(queue, queue->returned));
	return 0;
}

// What is in flight is intact in the ring. Only flags and ids matter.
static unsigned packed_give_back(struct virtq *queue)
{
	struct place place = {queue->give_slot, queue->give_wrap};
	uint64_t at = queue->returned;

	while (at != queue->taken && queue->done_count < VIRTQ_OUT_MAX) {
		struct virtq_done done = {0};
		uint64_t rest;

		do {
			rest = ring_load64(desc_at(queue, place.slot) + 8);
			place = advance(queue, place, 1);
			done.slots++;
			at++;
		} while (rest >> 48 & DESC_NEXT && at != queue->taken);
		done.id = (uint16_t)(rest >> 32);
		virtq_push_done(queue, done);
	}
	queue->out = queue->done_count;
	return queue->done_count;
}

static uint32_t packed_position(const struct virtq *queue)
{
	uint32_t take = queue->take_slot | (queue->take_wrap ? POSITION_WRAP : 0);
	uint32_t give = queue->give_slot | (queue->give_wrap ? POSITION_WRAP : 0);

	return take | give << 16;
}

const struct virtq_ops virtq_packed_ops = {
	.take = packed_take,
	.seek = packed_seek,
	.publish = packed_publish,
	.has_work = packed_has_work,
	.begin = packed_begin,
	.give_back = packed_give_back,
	.position = packed_position,
	.wants_call = notify_packed_wants_call,
	.arm = notify_packed_arm,
	.disarm = notify_packed_disarm,
};
