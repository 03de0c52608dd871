// SPDX-License-Identifier: BSD-3-Clause
//
// stats: counters in a shared-memory segment that anyone may map read-only: watching costs workers nothing.
//
// Every word has one writer (a worker writes its own area, relaxed); readers sum over the areas. Layout:
// a header (magic, version, sizes), then one area per worker + one for the main thread. The segment is
// handed to the keeper and the next process carries on counting in it.

#pragma once

#include "vnic/drop.h"

#include <stdbool.h>
#include <stdint.h>

enum stats_port { STATS_RX_PACKETS, STATS_RX_BYTES, STATS_TX_PACKETS, STATS_TX_BYTES, STATS_PORT_WORDS };

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
	STATS_WORKER_WORDS
};

enum { STATS_HEADER_BYTES = 64, STATS_DROP_RING = 1024 };

// One recent drop, for `weft drops`. Written by one worker; a reader checks seq before and after.
struct drop_record {
	uint64_t seq;      // odd while it is written
	uint64_t wall_ns;
	uint32_t port;     // slot of the in port
	uint16_t reason;   // enum drop_reason
	uint16_t vlan;
	uint16_t len;
	uint16_t head_len; // bytes of head
	uint8_t head[96];
	uint32_t spare;
};

struct stats;

struct stats *stats_open(int fd, unsigned areas); // fd -1: new; taken over otherwise. NULL with errno
void stats_close(struct stats *stats);
int stats_fd(const struct stats *stats);
unsigned stats_areas(const struct stats *stats);

// The writer's own words. => index < areas, slot < MAX_PORTS.
uint64_t *stats_port_words(struct stats *stats, unsigned area, uint32_t slot);   // [STATS_PORT_WORDS]
uint64_t *stats_drop_words(struct stats *stats, unsigned area, uint32_t slot);   // [DROP_REASONS]
uint64_t *stats_worker_words(struct stats *stats, unsigned area);                // [STATS_WORKER_WORDS]
void stats_record_drop(struct stats *stats, unsigned area, uint64_t wall_ns, uint32_t slot,
		       enum drop_reason reason, uint16_t vlan, uint32_t len, const uint8_t *head,
		       uint32_t head_len);

// Readers.
uint64_t stats_port_sum(const struct stats *stats, uint32_t slot, enum stats_port word);
uint64_t stats_drop_sum(const struct stats *stats, uint32_t slot, enum drop_reason reason);
uint64_t stats_worker_sum(const struct stats *stats, enum stats_worker word);
// Copies up to `limit` records of the slot (0: any), newest first. Returns how many.
unsigned stats_recent_drops(const struct stats *stats, uint32_t slot, struct drop_record *ret, unsigned limit);
void stats_clear_port(struct stats *stats, uint32_t slot); // a new object took the slot
