// SPDX-License-Identifier: BSD-3-Clause
//
// virtq_priv: the state of a ring, for virtq*.c and notify.c only.
//
// What lies in the guest's memory is read and written by relaxed atomics of its own width, each word once, and
// ordered by one acquire or release where the guest publishes or reads: the avail and used indices
// (split), the flags of a descriptor (packed).

#pragma once

#include "base/bytes.h"
#include "vnic/vhost/caller.h"
#include "vnic/vhost/virtq.h"

enum {
	// A chain is begun only while there is room for the longest.
	VIRTQ_RANGES = 3 * VIRTQ_CHAIN_MAX,
	DESC_SIZE = 16,
};

// Flags of a descriptor (virtio 1.2, 2.7.5 and 2.8.1).
enum {
	DESC_NEXT = 1 << 0,
	DESC_WRITE = 1 << 1,
	DESC_INDIRECT = 1 << 2,
	DESC_AVAIL = 1 << 7,
	DESC_USED = 1 << 15,
};

// What a layout has to bring; each is called once a batch.
struct virtq_ops {
	unsigned (*take)(struct virtq *queue, struct virtq_chain *chains, unsigned max);
	// Moves the place of the next take to `taken`.
	void (*seek)(struct virtq *queue);
	// Writes queue->done to the ring and moves `returned`.
	void (*publish)(struct virtq *queue);
	bool (*has_work)(const struct virtq *queue);
	// Sets taken and returned to where the ring stands, by the mark where that can be believed.
	int (*begin)(struct virtq *queue, uint32_t position, struct fail *fail);
	// Gives all back that lies between returned and taken, with nothing written. Returns how many.
	unsigned (*give_back)(struct virtq *queue);
	uint32_t (*position)(const struct virtq *queue);
	// Of what was published last: whether the guest wants to hear of it.
	bool (*wants_call)(const struct virtq *queue, uint64_t before);
	void (*arm)(struct virtq *queue);
	void (*disarm)(struct virtq *queue);
};

struct virtq {
	const struct virtq_ops *ops;
	const struct vhost_memory *memory;
	struct virtq_mark *mark;
	uint8_t *desc, *avail, *used;
	uint64_t taken, returned; // positions, as in the mark
	uint64_t armed_at;        // `taken` when it was armed
	uint32_t size;
	uint32_t hint;    // region found last
	uint16_t plain;   // flags of the simplest descriptor: 0 or DESC_WRITE
	uint16_t visible; // split: the available index as last seen
	// Packed: where the next take and the next publish are.
	uint16_t take_slot, give_slot;
	bool take_wrap, give_wrap;
	bool event_idx, indirect, in_order;
	bool armed;
	bool has_called; // Since opened; before, every publish calls.
	uint16_t done_count;
	uint16_t out;        // chains taken and not published
	uint32_t done_slots; // sum over done
	unsigned losses;     // vhost_memory_losses() when memory was last known to be whole
	struct caller caller;
	struct dirty_log *log;
	uint64_t desc_guest, used_guest; // guest addresses, for the log
	_Atomic uint32_t fault;          // enum virtq_fault
	_Atomic bool told;               // virtq_take_fault()
	_Atomic uint64_t kicks, calls, chains, in_flight_lost;
	struct virtq_done done[VIRTQ_OUT_MAX]; // given, not published
	struct virtq_range ranges[VIRTQ_RANGES];
	struct virtq_mark own_mark; // where none was configured
};

// A chain under construction.
struct virtq_build {
	struct virtq_range *ranges;
	unsigned count;       // of ranges
	unsigned descriptors; // looked at
	uint64_t len;
};

extern const struct virtq_ops virtq_split_ops;
extern const struct virtq_ops virtq_packed_ops;

// Adds what one direct descriptor says, after every check.
enum virtq_fault virtq_add(struct virtq *queue, struct virtq_build *build, uint64_t address,
                           uint32_t len, uint16_t flags);
// Adds the table of an indirect descriptor; its entries follow each other by `next` or in order.
enum virtq_fault virtq_add_table(struct virtq *queue, struct virtq_build *build, uint64_t address,
                                 uint32_t len, bool by_next);
// Makes a chain of what was built. Returns how many ranges it has; 0: the ring is broken, by the fault
// that was met while it was built or by what came of it.
unsigned virtq_end_chain(struct virtq *queue, enum virtq_fault fault,
                         const struct virtq_build *build, struct virtq_chain *chain);
void virtq_break(struct virtq *queue, enum virtq_fault fault);
// Adds to what will be published.
void virtq_push_done(struct virtq *queue, struct virtq_done done);

static inline uint16_t ring_load16(const uint8_t *at)
{
	return le16toh(atomic_load_explicit((const _Atomic uint16_t *)(const void *)at,
	                                    memory_order_relaxed));
}

static inline uint16_t ring_acquire16(const uint8_t *at)
{
	return le16toh(atomic_load_explicit((const _Atomic uint16_t *)(const void *)at,
	                                    memory_order_acquire));
}

static inline uint64_t ring_load64(const uint8_t *at)
{
	return le64toh(atomic_load_explicit((const _Atomic uint64_t *)(const void *)at,
	                                    memory_order_relaxed));
}

static inline void ring_store16(uint8_t *at, uint16_t value)
{
	atomic_store_explicit((_Atomic uint16_t *)(void *)at, htole16(value), memory_order_relaxed);
}

static inline void ring_store32(uint8_t *at, uint32_t value)
{
	atomic_store_explicit((_Atomic uint32_t *)(void *)at, htole32(value), memory_order_relaxed);
}

static inline void ring_store64(uint8_t *at, uint64_t value)
{
	atomic_store_explicit((_Atomic uint64_t *)(void *)at, htole64(value), memory_order_relaxed);
}

static inline void ring_release16(uint8_t *at, uint16_t value)
{
	atomic_store_explicit((_Atomic uint16_t *)(void *)at, htole16(value), memory_order_release);
}

// The one case that is common: bytes within one region, most often that of the hint.
static inline bool virtq_quick_range(struct virtq *queue, uint64_t address, uint32_t len,
                                     struct virtq_range *range)
{
	const struct vhost_region *region = &queue->memory->regions[queue->hint];
	uint64_t into = address - region->guest;

	if (into >= region->size || len > region->size - into) {
		if (!vhost_memory_at(queue->memory, address, len, &queue->hint))
			return false;
		region = &queue->memory->regions[queue->hint];
		into = address - region->guest;
	}
	if (len == 0)
		return false;
	range->base = region->base + into;
	range->len = len;
	range->guest = address;
	return true;
}

// Brings the bytes that a port touches first near, in a batch of which the first is touched when the
// last was taken.
static inline void virtq_prefetch(const struct virtq *queue, const struct virtq_range *range)
{
	if (queue->plain) {
		fetch_to_write(range->base);
		fetch_to_write(range->base + 64);
	} else {
		__builtin_prefetch(range->base);
		__builtin_prefetch(range->base + 64);
	}
}
