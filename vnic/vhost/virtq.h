// SPDX-License-Identifier: BSD-3-Clause
//
// virtq: one ring of a guest, split or packed (virtio 1.2, 2.7 and 2.8), seen from the device.
//
// The verbs are the same for both layouts: take chains that the guest made available, give them back in
// the order in which they were taken, publish what was given. Everything a guest writes is read once
// into a copy, then checked, then used. A guest that breaks its ring loses that ring: `fault` is set,
// take gives nothing any more. Chains are returned in the order of taking, always, which is what lets
// a few numbers (struct virtq_mark) say after a crash what was in flight.
//
// Thread rule: open, close and virtq_position on the main thread while no worker uses the ring; fault and
// counts on any; the verbs on the worker that owns the queue (or holds its lock).

#pragma once

#include "vnic/vhost/dirty_log.h"
#include "vnic/vhost/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	VIRTQ_SIZE_MAX = 32768,
	// Descriptors of one chain, those of an indirect table included: 64 KB in pages, and then some.
	VIRTQ_CHAIN_MAX = 1024,
	VIRTQ_TAKE_MAX = 64,
	// Chains that may be out (taken, and not yet published) at one time; take gives no more.
	VIRTQ_OUT_MAX = 256,
};

// Why a ring was lost; virtq_fault_name() for people.
enum virtq_fault {
	VIRTQ_SOUND,
	VIRTQ_AVAIL_RUNAWAY,  // the available index is further ahead than the ring is long
	VIRTQ_HEAD_OUTSIDE,   // a descriptor index beyond the ring
	VIRTQ_CHAIN_LOOP,     // more descriptors than there are
	VIRTQ_CHAIN_EMPTY,    // no byte in it
	VIRTQ_CHAIN_LONG,     // more than VIRTQ_CHAIN_MAX descriptors, or 4 GB
	VIRTQ_OUTSIDE_MEMORY, // an address or a length that leaves the shared regions
	VIRTQ_INDIRECT_BAD,   // nested, not negotiated, of a size that is no table
	VIRTQ_DIRECTION_BAD,  // writable where it must be readable, or the reverse
	VIRTQ_MEMORY_LOST,    // the file behind the guest's memory was cut
	VIRTQ_FAULTS,
};

// A chain that is about to be published.
struct virtq_done {
	uint16_t id;
	uint16_t slots;
	uint32_t written;
};

// What happened to a ring so far, in memory that outlives us (in-flight region, or our own that the
// keeper holds): a successor goes on from here. Zeroed before first use; written by virtq_open, virtq_close and the
// owning worker only, and checked before it is believed, for a front end can write to it. Positions
// count ring slots and never wrap back (split: modulo 2^16 is the index; packed: modulo the size is the slot,
// the number of laps' parity the wrap counter).
struct virtq_mark {
	_Atomic uint64_t live;     // 1 while a ring is open on it: what is found so, was not closed
	_Atomic uint64_t taken;    // slots taken from the ring
	_Atomic uint64_t returned; // slots given back and published
	_Atomic uint64_t returning; // what `returned` will be once the publish under way is done
	uint64_t spare[4];
	// Packed: the chains of the publish under way, for a used descriptor overwrites the ring.
	struct virtq_done journal[VIRTQ_OUT_MAX];
};

// Bytes of a guest; `guest` is their guest physical address, for the log.
struct virtq_range {
	uint8_t *base;
	uint32_t len;
	uint64_t guest;
};

struct virtq_chain {
	const struct virtq_range *ranges; // borrowed until the next take
	uint32_t len;                     // bytes of all ranges
	uint16_t range_count;
	uint16_t id;    // split: the head; packed: the buffer id
	uint16_t slots; // of the ring that it occupies (split: 1)
};

struct virtq_config {
	uint32_t size; // slots; split: a power of two
	bool packed;
	bool event_idx; // VIRTIO_F_EVENT_IDX
	bool indirect;  // VIRTIO_F_INDIRECT_DESC
	bool in_order;  // VIRTIO_F_IN_ORDER
	bool writable;  // chains are for us to write (the guest receives)
	// Our addresses, whole in the guest's memory, aligned as virtio says. Packed: the descriptor ring, the
	// driver's event suppression (read by us), the device's (written by us).
	uint8_t *desc, *avail, *used;
	const struct vhost_memory *memory; // borrowed
	struct dirty_log *log;             // borrowed; NULL: nothing is logged
	struct virtq_mark *mark;           // borrowed; NULL: a private one
	// Where to start, as SET_VRING_BASE has it. Split: the used index in the guest's memory is
	// believed more, for it alone tells what the guest has got back.
	uint32_t position;
	int call_fd; // borrowed; -1: the guest polls
};

struct virtq_counts {
	uint64_t kicks; // the guest's notifications that woke us
	uint64_t calls; // ours that went out
	uint64_t chains;
	uint64_t taken;          // slots, since the driver began with the ring
	uint64_t in_flight_lost; // chains that a predecessor had taken and did not return
};

struct virtq;

// Opens a ring at its position, or, when the mark says that a predecessor stopped in between, where
// that one stood: writable chains that it had taken are taken again; readable ones are given back
// unsent, so that no frame is sent twice. A ring that breaks in this is opened with its fault. Addresses that are
// not aligned, a size that is none: NULL with errno and a sentence.
struct virtq *virtq_open(const struct virtq_config *config, struct fail *fail);
void virtq_close(struct virtq *queue); // NULL is fine.
// What GET_VRING_BASE answers (split: the available index; packed: both positions and wrap bits).
uint32_t virtq_position(const struct virtq *queue);
enum virtq_fault virtq_fault(const struct virtq *queue);
// Whether the ring is broken and this was not asked before: of all who ask, one is to tell. Any thread.
bool virtq_take_fault(struct virtq *queue);
const char *virtq_fault_name(enum virtq_fault fault);
void virtq_counts(const struct virtq *queue, struct virtq_counts *ret);
// The guest's bell woke the owning worker: counts it.
void virtq_note_kick(struct virtq *queue);

// Takes up to `max` (<= VIRTQ_TAKE_MAX) chains; their ranges come from the queue's own array, and fewer chains
// are taken when that is full, or VIRTQ_OUT_MAX are out. Returns how many.
unsigned virtq_take(struct virtq *queue, struct virtq_chain *chains, unsigned max);
// Undoes the take of the last `count` chains: they will be taken again.
void virtq_untake(struct virtq *queue, const struct virtq_chain *chains, unsigned count);
// Gives a chain back, of which `written` bytes were filled (0 where we only read). In the order of taking.
void virtq_give(struct virtq *queue, const struct virtq_chain *chain, uint32_t written);
// The same for several; `written` may be NULL for nothing.
void virtq_give_all(struct virtq *queue, const struct virtq_chain *chains, const uint32_t *written,
                    unsigned count);
// Makes what was given visible, all at once, and calls the guest if it wants to be called.
void virtq_publish(struct virtq *queue);

// From now on the guest must notify. Returns whether there is something to take already. A ring is opened
// armed when it is readable, disarmed when it is writable, and either call costs nothing when nothing changes.
bool virtq_arm(struct virtq *queue);
void virtq_disarm(struct virtq *queue);
// Whether there is something to take; reads the guest's index only.
bool virtq_has_work(const struct virtq *queue);

// Marks in the log what was written into a range of a chain.
static inline void virtq_log(struct dirty_log *log, const struct virtq_range *range,
                             uint32_t offset, uint32_t len)
{
	if (log)
		dirty_log_mark(log, range->guest + offset, len);
}
