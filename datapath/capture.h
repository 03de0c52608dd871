// SPDX-License-Identifier: BSD-3-Clause
//
// capture: copies of what passes at some ports, for somebody who looks.
//
// A capture is one session: its ports, its filter, and a ring for each worker. Made, read and freed by the
// main thread; workers only write, each to its own ring, and what finds no room there is counted and lost.
// A set of captures is published as a whole. => What a set held is freed after workers_settle().

#pragma once

#include "vnic/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;
struct capture_filter;
struct port_config;

enum { CAPTURES_MAX = 8, CAPTURE_SNAP_MAX = PACKET_MAX_LEN + 4 };

enum capture_what {
	CAPTURE_IN = 1 << 0,
	CAPTURE_OUT = 1 << 1,
	CAPTURE_DROPPED = 1 << 2,
};

struct capture_config {
	const uint64_t *ports; // object ids, rising; copied
	unsigned port_count;   // 0: every port
	unsigned what;         // enum capture_what
	uint32_t snap;         // bytes of a packet at most
	unsigned workers;
	struct capture_filter *filter; // NULL: everything; the capture's once it is made
	size_t ring_bytes;             // of each worker, power of two; 0: a good value
};

enum capture_flag {
	CAPTURE_CSUM_PENDING = 1 << 0,
	CAPTURE_OUTWARD = 1 << 1, // else inward
	CAPTURE_ENDED = 1 << 2,   // it came in before, and ends here
};

struct capture_record {
	uint64_t wall_ns;
	uint64_t port;         // object id
	uint32_t wire_len;     // of the frame with its tag
	uint32_t len;          // bytes that follow
	uint16_t drop;         // enum drop_reason, 0: none
	uint16_t segment_size; // of a super-packet, else 0
	uint16_t worker;
	uint16_t flags; // enum capture_flag
	uint8_t bytes[];
};

struct capture_set {
	unsigned count;
	struct capture *captures[CAPTURES_MAX]; // borrowed
};

struct capture *capture_new(const struct capture_config *config); // NULL with errno
void capture_free(struct capture *capture);                       // NULL is fine.

// Worker: packets that have come in by the port, went out by it (CAPTURE_OUTWARD), or came in and are
// dropped (CAPTURE_ENDED). In the latter two `drop` of each tells why, or that it went.
// => The borrowed payload is still there.
void capture_take(const struct capture_set *set, unsigned worker, const struct port_config *port,
                  unsigned flags, struct packet *const *packets, unsigned count);

// Main thread: the oldest record of all workers that was not released, or NULL. Of one worker they come in
// order, of several so far as they have come.
const struct capture_record *capture_peek(struct capture *capture);
void capture_release(struct capture *capture);
// Packets that were wanted and found no room.
uint64_t capture_lost(const struct capture *capture);
