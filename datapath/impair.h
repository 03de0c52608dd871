// SPDX-License-Identifier: BSD-3-Clause
//
// impair: one direction of a port that is worse than it is: frames are lost, late, slow, double or damaged.
//
// A frame that comes meets, in this order: the link being down, loss, duplication, damage, the queue before the
// rate, the rate, and delay with jitter, which a reordered one skips. What must wait is copied into memory that
// was made with the impairment. Any worker puts, only the owner of the port takes (impaired.h); a lock is held
// for a batch. new, take_reference and give: main thread.

#pragma once

#include "datapath/histogram.h"
#include "datapath/impair_fate.h"
#include "vnic/packet.h"
#include "vnic/packet_pool.h"

#include <stdbool.h>
#include <stdint.h>

enum impair_direction { IMPAIR_IN, IMPAIR_OUT, IMPAIR_DIRECTIONS }; // as the guest sees it

enum impair_count {
	IMPAIR_FRAMES, // that came, by what they are on the wire
	IMPAIR_BYTES,
	IMPAIR_SENT,
	IMPAIR_SENT_BYTES, // as the rate counts them: of each frame, with overhead
	IMPAIR_COUNT_DOWN,
	IMPAIR_COUNT_LOST,
	IMPAIR_COUNT_LOST_IN_BURST,
	IMPAIR_DUPLICATED,
	IMPAIR_CORRUPTED,
	IMPAIR_REORDERED,
	IMPAIR_QUEUE_FULL,
	IMPAIR_NO_ROOM,
	IMPAIR_HELD,       // now
	IMPAIR_QUEUED,     // of them, before the rate
	IMPAIR_ORIGIN,     // when the timeline began; 0: it has not
	IMPAIR_IDLE_NS,    // that there was a rate, and nothing to send, until
	IMPAIR_IDLE_SINCE, // and since then, unless it is 0
	IMPAIR_COUNTS,
};

struct impair;

// What a port of a generation has: borrowed from the object.
struct impair_setting {
	struct impair *impair;
	struct impair_plan plan;
	// Main thread: what events have told of the timeline that began then, as by impair_plan_at().
	uint64_t told_origin_ns, told;
};

enum { IMPAIR_HOLD_FRAMES = 16384, IMPAIR_HOLD_MOST = 1 << 20 };

// Room for so many frames of an Ethernet. One reference; NULL with errno.
struct impair *impair_new(uint32_t hold_frames);
struct impair *impair_take_reference(struct impair *impair);
void impair_give(struct impair *impair); // NULL is fine.
uint32_t impair_hold_frames(const struct impair *impair);

enum impair_verdict {
	IMPAIR_PASS,  // goes on as if nothing were there
	IMPAIR_TAKEN, // copied, or cut and counted: the packet is done with
	IMPAIR_DROP,  // packet->drop says why
};

// When packets are taken up. They may have come at any time since the look before this one: a rate that had
// nothing to send goes on from then, so that a worker that was kept away lowers no rate. It is worth
// IMPAIR_CREDIT_NS at most.
struct impair_when {
	uint64_t now_ns, since_ns; // since_ns <= now_ns
};

enum { IMPAIR_CREDIT_NS = 10000000 };

// Decides about the packets, in order. Lost frames of a super-packet that is cut are added to `drops`, by
// reason. Returns whether the owner must be told that there is something sooner than it knows.
bool impair_put(struct impair *impair, struct packet *const *packets, unsigned count,
                struct packet_pool *pool, struct impair_when when, uint8_t *verdicts,
                uint64_t *drops);

// Owner: follows the plan from now on, which is copied; what is under way stays.
void impair_open(struct impair *impair, const struct impair_plan *plan, uint64_t now_ns);
// Owner: from now on frames pass; those that are held are all due.
void impair_close(struct impair *impair);
// Owner: packets that are due, BATCH_SIZE at most, whose payload is the impairment's until impair_finish().
// Returns how many.
unsigned impair_take(struct impair *impair, struct packet_pool *pool, uint64_t now_ns,
                     struct packet **packets);
void impair_finish(struct impair *impair);
// Owner: when it wants to be asked again; UINT64_MAX: when something was put. Any thread.
uint64_t impair_next(const struct impair *impair);

// For those who look: counters, and how long frames were held and how much longer than they should.
uint64_t impair_count(const struct impair *impair, enum impair_count count);
const struct histogram *impair_held(const struct impair *impair);
const struct histogram *impair_late(const struct impair *impair);
