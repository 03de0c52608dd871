// SPDX-License-Identifier: BSD-3-Clause
//
// pipeline: the deterministic core: frames of a batch in, frames at doors, counters and events out.
//
// pipeline.c is the only file that knows the order of the stages. What it touches is injected: the clock
// by the caller, the doors by the generation, the tables by the state. A worker runs one pipeline; a
// scenario runs one with memory ports and a clock of its own; a trace runs one that changes nothing.

#pragma once

#include "datapath/generation.h"
#include "datapath/service.h"
#include "datapath/state.h"
#include "datapath/stats.h"
#include "vnic/packet_pool.h"

#include <stdbool.h>
#include <stdint.h>

struct capture_set; // capture.h
struct pipeline;
struct trace; // trace.h

// What a pipeline tells: the numbers of the channel's events.
enum pipeline_notice { NOTICE_MAC_MOVED = 3, NOTICE_LIMIT = 4, NOTICE_NEIGHBOUR = 7 };

struct pipeline_config {
	unsigned worker;       // index: statistics area, owner of connections
	uint32_t flow_entries; // of the flow cache, power of two
	struct state *state;   // shared, borrowed
	struct stats *stats;   // shared, borrowed
	// Hands a frame to the main thread's services; false: queue full. Bounded time, any worker.
	bool (*punt)(void *user, const struct service_frame *frame);
	// Tells the main thread something for an event (enum pipeline_notice); may drop. May be NULL.
	void (*notice)(void *user, int notice, uint64_t object, const char *text);
	// Wakes a worker for what its impairments were given. NULL: there is but one.
	void (*wake)(void *user, unsigned worker);
	void *user;
	unsigned workers; // how many there are; 0: one
	// NULL, or where the captures are published.
	_Atomic(const struct capture_set *) *captures;
	uint32_t miss_per_second; // new flows per port and second, 0: no limit
	uint32_t icmp_per_second; // ICMP errors sent per pipeline, 0: default 1000
};

struct pipeline *pipeline_new(const struct pipeline_config *config); // NULL with errno
void pipeline_free(struct pipeline *pipeline);

// Runs the packets of a batch, which came by `port` queue `queue`, to their end: at doors, in a hold
// queue, at a service or dropped. Sends what it can; gives all packets back to `pool` and resets its
// arena. `now_ns` is the worker's coarse clock, `generation` what the worker reads this turn.
void pipeline_run(struct pipeline *pipeline, const struct generation *generation,
                  struct batch *batch, struct packet_pool *pool, uint64_t now_ns);
// Sends a frame of a service or of the router itself.
void pipeline_send(struct pipeline *pipeline, const struct generation *generation,
                   const struct service_out *out, struct packet_pool *pool, uint64_t now_ns);
// Work that time brings: expiry of connections, repeated questions, held packets given up. Bounded. Returns
// ns until it wants to be called again, UINT64_MAX: when something happens.
uint64_t pipeline_tick(struct pipeline *pipeline, const struct generation *generation,
                       struct packet_pool *pool, uint64_t now_ns);
// Takes on the impairments of the generation's ports; what those that left held goes out. => Called before
// anything that the generation before had is freed.
void pipeline_follow(struct pipeline *pipeline, const struct generation *generation,
                     struct packet_pool *pool, uint64_t now_ns);
// Knows of no impairment any more, so that what it knew may be freed. What they hold stays there.
void pipeline_forget(struct pipeline *pipeline);
// Sends what impairments held and is due. Returns when it wants to be called again, UINT64_MAX: when frames
// came; *ret_worked: whether anything was sent.
uint64_t pipeline_release(struct pipeline *pipeline, const struct generation *generation,
                          struct packet_pool *pool, uint64_t now_ns, bool *ret_worked);
// How long before this turn the caller last looked for frames; those of this turn may have come since. 0, which
// it is at first: they came just now.
void pipeline_looked(struct pipeline *pipeline, uint64_t ago_ns);
// Another worker put something into an impairment that is this pipeline's. Any thread.
void pipeline_poke(struct pipeline *pipeline);
// Runs one packet with a trace and without any effect: nothing learnt, created, sent or counted. A packet that would
// leave by a peer is as it would leave afterwards.
void pipeline_trace(struct pipeline *pipeline, const struct generation *generation,
                    struct packet *packet, uint64_t now_ns, struct trace *trace);
// Which queue of a port this pipeline sends on.
void pipeline_set_tx_queue(struct pipeline *pipeline, unsigned queue);
