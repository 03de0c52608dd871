// SPDX-License-Identifier: BSD-3-Clause
//
// virtq: what both layouts share: birth and recovery of a ring, chains and their checks, publish and call.
//
// A chain is bounded in every way before it is walked: descriptors, ranges, bytes, chains that are out.
// A descriptor is copied, then judged, and only the copy is used; its address is translated at once, so that
// what the guest writes there later changes nothing. Memory behind a chain may change under us at any
// time, which is its owner's loss alone.
//
// The mark is written in the order that a successor relies on: `taken` before a port sees the chain, what is
// about to be published before it is, `returned` after. A worker pays one store per batch for each.

#include "vnic/vhost/virtq.h"

#include "vnic/vhost/virtq_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const char *const fault_names[] = {
	[VIRTQ_SOUND] = "sound",
	[VIRTQ_AVAIL_RUNAWAY] = "more chains available than the ring holds",
	[VIRTQ_HEAD_OUTSIDE] = "a descriptor index beyond the ring",
	[VIRTQ_CHAIN_LOOP] = "a chain that loops",
	[VIRTQ_CHAIN_EMPTY] = "a chain without a byte",
	[VIRTQ_CHAIN_LONG] = "a chain that is too long",
	[VIRTQ_OUTSIDE_MEMORY] = "an address outside the shared memory",
	[VIRTQ_INDIRECT_BAD] = "an indirect table that is none",
	[VIRTQ_DIRECTION_BAD] = "a buffer of the wrong direction",
	[VIRTQ_MEMORY_LOST] = "the file of the guest's memory was cut",
};

_Static_assert(ARRAY_SIZE(fault_names) == VIRTQ_FAULTS, "every fault has a name");
_Static_assert(sizeof(struct virtq_done) == 8, "the journal is read by our successors");

const char *virtq_fault_name(enum virtq_fault fault)
{
	return fault < VIRTQ_FAULTS ? fault_names[fault] : "unknown";
}

// One writer each.
static void count(_Atomic uint64_t *counter, uint64_t more)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

void virtq_break(struct virtq *queue, enum virtq_fault fault)
{
	atomic_store_explicit(&queue->fault, fault, memory_order_relaxed);
}

static void call(struct virtq *queue)
{
	if (caller_call(&queue->caller))
		count(&queue->calls, 1);
}

// Birth and recovery.

static int check_config(const struct virtq_config *config, struct fail *fail)
{
	uintptr_t desc = (uintptr_t)config->desc;
	uintptr_t avail = (uintptr_t)config->avail;
	uintptr_t used = (uintptr_t)config->used;

	if (config->size == 0 || config->size > VIRTQ_SIZE_MAX)
		return fail_set(fail, -EINVAL, "a ring of %u descriptors", config->size);
	if (!config->packed && config->size & (config->size - 1))
		return fail_set(fail, -EINVAL, "a split ring of %u descriptors, no power of two",
		                config->size);
	// Virtio 1.2, 2.7 and 2.8.
	if (!desc || !avail || !used || desc % 16 || avail % (config->packed ? 4 : 2) || used % 4)
		return fail_set(fail, -EINVAL, "an address of the ring is missing or not aligned");
	return 0;
}

static void write_mark(struct virtq *queue)
{
	struct virtq_mark *mark = queue->mark;

	atomic_store(&mark->taken, queue->taken);
	atomic_store(&mark->returning, queue->returned);
	atomic_store(&mark->returned, queue->returned);
	atomic_store(&mark->live, 1);
}

// Where a predecessor had chains: a frame that it may have sent is not sent again, and buffers that it may
// have begun to fill are filled anew.
static void settle_in_flight(struct virtq *queue)
{
	if (queue->taken == queue->returned)
		return;
	if (queue->plain & DESC_WRITE)
		queue->taken = queue->returned;
	else
		count(&queue->in_flight_lost, queue->ops->give_back(queue));
	queue->ops->seek(queue);
	virtq_publish(queue);
}

// A predecessor may have ended after it wrote to the ring and before it said so in the log.
static void log_ring(const struct virtq *queue)
{
	if (queue->ops == &virtq_packed_ops)
		dirty_log_mark(queue->log, queue->desc_guest, (uint64_t)DESC_SIZE * queue->size);
	else
		dirty_log_mark(queue->log, queue->used_guest, 4 + 8 * (uint64_t)queue->size);
}

static struct virtq *virtq_alloc(const struct virtq_config *config)
{
	struct virtq *queue = aligned_alloc(64, ALIGN_UP(sizeof(*queue), 64));

	if (!queue)
		return NULL;
	memset(queue, 0, sizeof(*queue));
	queue->ops = config->packed ? &virtq_packed_ops : &virtq_split_ops;
	queue->memory = config->memory;
	queue->mark = config->mark ? config->mark : &queue->own_mark;
	queue->desc = config->desc;
	queue->avail = config->avail;
	queue->used = config->used;
	queue->size = config->size;
	queue->plain = config->writable ? DESC_WRITE : 0;
	queue->event_idx = config->event_idx;
	queue->indirect = config->indirect;
	queue->in_order = config->in_order;
	queue->losses = vhost_memory_losses() - 1; // The first take looks whether it is whole.
	queue->log = config->log;
	queue->desc_guest = vhost_memory_guest_of(config->memory, config->desc);
	queue->used_guest = vhost_memory_guest_of(config->memory, config->used);
	return queue;
}

struct virtq *virtq_open(const struct virtq_config *config, struct fail *fail)
{
	int error = check_config(config, fail);
	struct virtq *queue = error ? NULL : virtq_alloc(config);
	bool resumed = config->mark && atomic_load(&config->mark->live);

	if (!queue) {
		errno = error ? -error : ENOMEM;
		return NULL;
	}
	caller_init(&queue->caller, config->call_fd);
	error = queue->ops->begin(queue, config->position, fail);
	if (error) {
		free(queue);
		errno = -error;
		return NULL;
	}
	if (resumed && queue->log)
		log_ring(queue);
	settle_in_flight(queue);
	write_mark(queue);
	// The predecessor may have died between publish and call.
	if (resumed)
		call(queue);
	// What is not so yet, is written.
	queue->armed = config->writable;
	if (config->writable)
		virtq_disarm(queue);
	else
		virtq_arm(queue);
	return queue;
}

void virtq_close(struct virtq *queue)
{
	if (!queue)
		return;
	atomic_store(&queue->mark->live, 0);
	free(queue);
}

uint32_t virtq_position(const struct virtq *queue)
{
	return queue->ops->position(queue);
}

enum virtq_fault virtq_fault(const struct virtq *queue)
{
	return atomic_load_explicit(&queue->fault, memory_order_relaxed);
}

bool virtq_take_fault(struct virtq *queue)
{
	return virtq_fault(queue) != VIRTQ_SOUND &&
	       !atomic_load_explicit(&queue->told, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&queue->told, true, memory_order_relaxed);
}

void virtq_counts(const struct virtq *queue, struct virtq_counts *ret)
{
	ret->kicks = atomic_load_explicit(&queue->kicks, memory_order_relaxed);
	ret->calls = atomic_load_explicit(&queue->calls, memory_order_relaxed);
	ret->chains = atomic_load_explicit(&queue->chains, memory_order_relaxed);
	ret->taken = atomic_load_explicit(&queue->mark->taken, memory_order_relaxed);
	ret->in_flight_lost = atomic_load_explicit(&queue->in_flight_lost, memory_order_relaxed);
}

void virtq_note_kick(struct virtq *queue)
{
	count(&queue->kicks, 1);
}

// Chains and their checks.

// The bytes cross from one region into its neighbour, or leave both.
static enum virtq_fault add_pieces(struct virtq *queue, struct virtq_build *build, uint64_t address,
                                   uint32_t len)
{
	while (len > 0) {
		uint64_t run = vhost_memory_run(queue->memory, address);
		uint32_t piece = (uint32_t)MIN(run, len);

		if (!piece)
			return VIRTQ_OUTSIDE_MEMORY;
		if (build->count == VIRTQ_CHAIN_MAX)
			return VIRTQ_CHAIN_LONG;
		build->ranges[build->count++] = (struct virtq_range){
			.base = vhost_memory_at(queue->memory, address, piece, &queue->hint),
			.len = piece,
			.guest = address,
		};
		address += piece;
		len -= piece;
	}
	return VIRTQ_SOUND;
}

enum virtq_fault virtq_add(struct virtq *queue, struct virtq_build *build, uint64_t address,
                           uint32_t len, uint16_t flags)
{
	if ((flags & DESC_WRITE) != queue->plain)
		return VIRTQ_DIRECTION_BAD;
	if (build->descriptors++ == VIRTQ_CHAIN_MAX)
		return VIRTQ_CHAIN_LONG;
	build->len += len;
	return add_pieces(queue, build, address, len);
}

enum virtq_fault virtq_add_table(struct virtq *queue, struct virtq_build *build, uint64_t address,
                                 uint32_t len, bool by_next)
{
	uint32_t size = len / DESC_SIZE;
	const uint8_t *table = vhost_memory_at(queue->memory, address, len, &queue->hint);

	if (!queue->indirect || size == 0 || len % DESC_SIZE)
		return VIRTQ_INDIRECT_BAD;
	if (!table)
		return VIRTQ_OUTSIDE_MEMORY;
	for (uint32_t index = 0, steps = 0; steps < size; steps++) {
		uint8_t copy[DESC_SIZE];

		memcpy(copy, table + (size_t)index * DESC_SIZE, sizeof(copy));
		// From here on the guest's own bytes may not be read again.
		atomic_signal_fence(memory_order_seq_cst);

		uint16_t flags = load_le16(copy + (by_next ? 12 : 14));

		if (flags & DESC_INDIRECT)
			return VIRTQ_INDIRECT_BAD;

		enum virtq_fault fault =
			virtq_add(queue, build, load_le64(copy), load_le32(copy + 8), flags);

		if (fault || (by_next && !(flags & DESC_NEXT)))
			return fault;
		index = by_next ? load_le16(copy + 14) : index + 1;
		if (by_next && index >= size)
			return VIRTQ_INDIRECT_BAD;
	}
	return by_next ? VIRTQ_CHAIN_LOOP : VIRTQ_SOUND;
}

static enum virtq_fault judge(const struct virtq_build *build)
{
	if (build->len == 0)
		return VIRTQ_CHAIN_EMPTY;
	return build->len > UINT32_MAX ? VIRTQ_CHAIN_LONG : VIRTQ_SOUND;
}

unsigned virtq_end_chain(struct virtq *queue, enum virtq_fault fault,
                         const struct virtq_build *build, struct virtq_chain *chain)
{
	if (!fault)
		fault = judge(build);
	if (fault) {
		virtq_break(queue, fault);
		return 0;
	}
	chain->len = (uint32_t)build->len;
	chain->range_count = (uint16_t)build->count;
	for (unsigned i = 0; i < build->count && i < 2; i++)
		virtq_prefetch(queue, &build->ranges[i]);
	return build->count;
}

// The verbs.

// Some mapping was lost since we looked last; ours?
static bool is_memory_lost(struct virtq *queue)
{
	unsigned losses = vhost_memory_losses();

	if (losses == queue->losses)
		return false;
	if (vhost_memory_is_lost(queue->memory)) {
		virtq_break(queue, VIRTQ_MEMORY_LOST);
		return true;
	}
	queue->losses = losses;
	return false;
}

unsigned virtq_take(struct virtq *queue, struct virtq_chain *chains, unsigned max)
{
	unsigned room = VIRTQ_OUT_MAX - queue->out;

	if (virtq_fault(queue) || is_memory_lost(queue))
		return 0;
	max = MIN(MIN(max, room), VIRTQ_TAKE_MAX);

	unsigned taken = queue->ops->take(queue, chains, max);

	if (!taken)
		return 0;
	queue->out = (uint16_t)(queue->out + taken);
	count(&queue->chains, taken);
	atomic_store_explicit(&queue->mark->taken, queue->taken, memory_order_release);
	return taken;
}

void virtq_untake(struct virtq *queue, const struct virtq_chain *chains, unsigned untaken)
{
	if (!untaken)
		return;
	for (unsigned i = 0; i < untaken; i++)
		queue->taken -= chains[i].slots;
	assert(untaken + queue->done_count <= queue->out);
	queue->out = (uint16_t)(queue->out - untaken);
	queue->ops->seek(queue);
	count(&queue->chains, -(uint64_t)untaken);
	atomic_store_explicit(&queue->mark->taken, queue->taken, memory_order_release);
}

void virtq_push_done(struct virtq *queue, struct virtq_done done)
{
	queue->done[queue->done_count++] = done;
	queue->done_slots += done.slots;
}

void virtq_give(struct virtq *queue, const struct virtq_chain *chain, uint32_t written)
{
	assert(queue->done_count < queue->out);
	virtq_push_done(queue, (struct virtq_done){chain->id, chain->slots, written});
}

void virtq_give_all(struct virtq *queue, const struct virtq_chain *chains, const uint32_t *written,
                    unsigned given)
{
	struct virtq_done *done = queue->done + queue->done_count;
	uint32_t slots = 0;

	assert(queue->done_count + given <= queue->out);
	for (unsigned i = 0; i < given; i++) {
		done[i] = (struct virtq_done){chains[i].id, chains[i].slots,
		                              written ? written[i] : 0};
		slots += chains[i].slots;
	}
	queue->done_count = (uint16_t)(queue->done_count + given);
	queue->done_slots += slots;
}

void virtq_publish(struct virtq *queue)
{
	uint64_t before = queue->returned;

	if (!queue->done_count)
		return;
	queue->ops->publish(queue);
	queue->out = (uint16_t)(queue->out - queue->done_count);
	queue->done_count = 0;
	queue->done_slots = 0;
	if (queue->caller.fd < 0)
		return;

	// The guest writes what it wants and then looks for what it got; we do the reverse, and one of
	// the two must see the other.
	atomic_thread_fence(memory_order_seq_cst);
	if (!queue->ops->wants_call(queue, before))
		return;
	queue->has_called = true;
	call(queue);
}

bool virtq_has_work(const struct virtq *queue)
{
	return !virtq_fault(queue) && queue->ops->has_work(queue);
}

bool virtq_arm(struct virtq *queue)
{
	if (!queue->armed || queue->armed_at != queue->taken)
		queue->ops->arm(queue);
	queue->armed = true;
	queue->armed_at = queue->taken;
	atomic_thread_fence(memory_order_seq_cst);
	return virtq_has_work(queue);
}

void virtq_disarm(struct virtq *queue)
{
	if (!queue->armed)
		return;
	queue->ops->disarm(queue);
	queue->armed = false;
}
