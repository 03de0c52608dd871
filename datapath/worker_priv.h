// SPDX-License-Identifier: BSD-3-Clause
//
// worker_priv: what the set of workers and one worker's loop share.

#pragma once

#include "datapath/doors.h"
#include "datapath/idle.h"
#include "datapath/pipeline.h"
#include "datapath/punt.h"
#include "datapath/worker.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

// A frame on its way from the main thread to a worker.
struct worker_inject {
	uint32_t domain;
	uint32_t port;
	uint32_t len;
	uint8_t bytes[sizeof(((struct service_frame *)NULL)->bytes)];
};

struct worker {
	struct workers *set; // borrowed
	unsigned index;
	pthread_t thread;

	// The thread's own.
	struct pipeline *pipeline;
	struct packet_pool *pool;
	struct doors doors;
	struct idle idle;
	uint64_t *words;     // statistics
	uint64_t generation; // number of the last one
	uint64_t tick_at_ns; // when the pipeline wants to be called
	bool tick_is_stale;  // it has worked since it said so
	uint64_t ticked_ns;
	uint64_t woken_ns;      // by news, in this turn; else 0
	uint64_t release_at_ns; // when an impairment has something to send
	uint64_t looked_ns;     // when the doors were last looked at, or the sleep since then ended
	uint64_t mute_ns;       // when a mute door last had a packet

	struct punt_bell bell;
	struct punt_ring *punts;   // of struct service_frame, to the main thread
	struct punt_ring *notices; // of struct notice, to the main thread
	struct punt_ring *injects; // of struct worker_inject, from there
	_Atomic uint64_t epoch;    // of doors, that it has taken on
};

struct workers {
	struct workers_config config;
	_Atomic(const struct generation *) published;
	_Atomic(const struct capture_set *) captures;
	// Counts publications that changed a door. A worker that reads it before `published` never
	// says that it has passed more than it has.
	_Atomic uint64_t epoch;
	_Atomic bool stop;
	sem_t passed; // posted when a worker has taken on an epoch

	// Main thread.
	bool running;
	struct pmap ports; // of the last publication; borrowed
	struct punt_bell bell;
	unsigned drain_from; // worker whose turn it is
	struct worker *workers[WORKERS_MAX];
};

void *worker_run(void *worker);
// Callbacks of the pipeline.
bool worker_punt(void *worker, const struct service_frame *frame);
void worker_notice(void *worker, int type, uint64_t object, const char *text);
void worker_wake(void *worker, unsigned index);
