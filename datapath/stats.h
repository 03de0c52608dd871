// SPDX-License-Identifier: BSD-3-Clause
//
// stats: counters in a shared-memory segment that anyone may map read-only: watching costs workers
// nothing.
//
// Every word has one writer (a worker writes its own area, relaxed); readers sum over the areas.
// Layout: a header (magic, version, sizes), then one area per worker + one for the main thread (the
// last), then one that holds what counters were at their last clearing, so that clearing writes no
// worker's word. The segment is handed to the keeper and the next process carries on counting in
// it.

#pragma once

#include "vnic/drop.h"

#include <stdbool.h>
#include <stdint.h>

enum stats_port {
	STATS_RX_PACKETS,
	STATS_RX_BYTES,
	STATS_TX_PACKETS,
	STATS_TX_BYTES,
	STATS_PORT_WORDS
};

enum stats_worker {
	STATS_LOOPS,
	STATS_BATCHES,
	STATS_PACKETS,
	STATS_CACHE_HITS,
	STATS_CACHE_MISSES,
	STATS_SLEEPS,
	STATS_BUSY_CYCLES,
	STATS_CONNS_NEW,
	STATS_CONNS_EXPIRED,
	STATS_PUNTS,
	STATS_FLOODS,
	STATS_LEARNT,
	STATS_MOVED,
	STATS_SUPPRESSED, // questions for neighbours that were answered on behalf of a host elsewhere
	STATS_SNOOPED,    // membership reports and router solicitations that were kept from guests
	// Wake-ups that brought frames, by the time until the last of these had left: up to so many us.
	STATS_WOKEN_10,
	STATS_WOKEN_20,
	STATS_WOKEN_50,
	STATS_WOKEN_100,
	STATS_WOKEN_1000,
	STATS_WOKEN_LATER,
	STATS_WORKER_WORDS
};

enum { STATS_HEADER_BYTES = 64, STATS_DROP_RING = 1024, STATS_DROP_HEAD = 96 };

// One recent drop, for `weft drops`. Written by one worker; a reader checks seq before and after.
struct drop_record {
	uint64_t seq; // Odd while it is written.
	uint64_t wall_ns;
	uint32_t port;   // Slot of the in port.
	uint16_t reason; // enum drop_reason
	uint16_t vlan;
	uint16_t len;
	uint16_t head_len; // Bytes of head.
	uint8_t head[STATS_DROP_HEAD];
	uint32_t spare;
};

_Static_assert(sizeof(struct drop_record) == 128, "two lines");

struct stats;

// fd -1: new; taken over otherwise (owned from then on, on failure too; if it does not verify or
// has fewer areas, a new segment is made). NULL with errno.
struct stats *stats_open(int fd, unsigned areas);

// Another process's segment, to read only; `fd` stays the caller's. NULL with errno: EPROTO when it
// does not verify.
struct stats *stats_open_reader(int fd);
void stats_close(struct stats *stats); // NULL is fine.
int stats_fd(const struct stats *stats);
unsigned stats_areas(const struct stats *stats);

// The writer's own words. => index < areas, slot < MAX_PORTS.
uint64_t *stats_port_words(struct stats *stats, unsigned area, uint32_t slot); // [STATS_PORT_WORDS]
uint64_t *stats_drop_words(struct stats *stats, unsigned area, uint32_t slot); // [DROP_REASONS]
uint64_t *stats_worker_words(struct stats *stats, unsigned area); // [STATS_WORKER_WORDS]

// Counts in a word of the caller's own: no locked instruction, but never torn for readers.
static inline void stats_add(uint64_t *word, uint64_t by)
{
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
}

// Counts nothing: that is the drop words'. `head` is cut to STATS_DROP_HEAD bytes.
void stats_record_drop(struct stats *stats, unsigned area, uint64_t wall_ns, uint32_t slot,
                       enum drop_reason reason, uint16_t vlan, uint32_t len, const uint8_t *head,
                       uint32_t head_len);

// Readers.
uint64_t stats_port_sum(const struct stats *stats, uint32_t slot, enum stats_port word);
uint64_t stats_drop_sum(const struct stats *stats, uint32_t slot, enum drop_reason reason);
uint64_t stats_worker_sum(const struct stats *stats, enum stats_worker word);
// Copies up to `limit` records of the slot (0: any), newest first. Returns how many.
unsigned stats_recent_drops(const struct stats *stats, uint32_t slot, struct drop_record *ret,
                            unsigned limit);
// A new object took the slot: its counters start at 0. Main thread.
void stats_clear_port(struct stats *stats, uint32_t slot);
