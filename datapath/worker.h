// SPDX-License-Identifier: BSD-3-Clause
//
// worker: the threads that move frames: each polls its queues, runs its pipeline, and sleeps when
// there is nothing.
//
// Queue q of the port in slot s belongs to worker (s + q) % count for rx; worker i sends by queue
// i % queue_count of any port. Main thread only.

#pragma once

#include "datapath/generation.h"
#include "datapath/service.h"
#include "datapath/state.h"
#include "datapath/stats.h"

#include <stdbool.h>
#include <stdint.h>

enum { WORKERS_MAX = 64 };

struct workers_config {
	unsigned count;        // 1 to WORKERS_MAX
	struct state *state;   // borrowed
	struct stats *stats;   // borrowed; one area a worker at least
	uint32_t flow_entries; // of each flow cache, power of two
	uint32_t miss_per_second;
	uint32_t icmp_per_second;
	uint64_t spin_ns; // how long a worker polls before it sleeps; 0: a good value
};

// What a worker wants told: an event of the channel, or one of these.
enum { NOTICE_DOOR_GONE = 1000 }; // object: id of the port whose interface is no more

struct notice {
	int type;
	uint64_t object;
	char text[112];
};

struct capture_set;
struct workers;

// Everything but the threads; NULL with errno.
struct workers *workers_new(const struct workers_config *config);
// Lets the threads run; they inherit what the sandbox forbade. 0 or -errno.
int workers_start(struct workers *workers);
// Ends the threads; what is in the rings stays there. Nothing happens when none runs.
void workers_stop(struct workers *workers);
void workers_free(struct workers *workers); // NULL is fine; stops first.

// Makes the generation the one that workers read. They take on and leave doors by themselves.
// => What it replaces, its doors too, stays until workers_settle() has returned.
void workers_publish(struct workers *workers, const struct generation *generation);
// Returns once every worker has passed the last publish: what came before is nobody's. ns it took.
uint64_t workers_settle(struct workers *workers);

// What the workers copy from their next turn on; NULL: nothing. => What it replaces stays until
// workers_settle() has returned.
void workers_set_captures(struct workers *workers, const struct capture_set *captures);

// Sends a frame by a worker's next turn, as pipeline_send() would; copied. -ENOBUFS: its queue is
// full, -EMSGSIZE: longer than a service frame can be.
int workers_inject(struct workers *workers, const struct service_out *out);

typedef void (*workers_punt_fn)(void *user, const struct service_frame *frame);
typedef void (*workers_notice_fn)(void *user, const struct notice *notice);

// Polls readable when there are frames for the services or notices. Then drain both.
int workers_punt_fd(const struct workers *workers);
// Hands out up to `limit` frames, round robin over the workers; returns how many. While some are
// left, the fd stays readable.
unsigned workers_punt_drain(struct workers *workers, unsigned limit, workers_punt_fn punt,
                            void *user);
// Hands out all notices.
void workers_notice_drain(struct workers *workers, workers_notice_fn notice, void *user);
