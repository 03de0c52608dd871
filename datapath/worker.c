// SPDX-License-Identifier: BSD-3-Clause
//
// worker: the set of workers as the main thread sees it.
//
// A publication is one pointer store. Workers that are awake follow at their next turn, those that
// sleep see it when they wake, which is soon enough for everything but doors: a worker that watches a
// door which is about to close must leave it first. So a publication that changes a door counts an
// epoch and wakes everybody, and settling waits until each worker has said that it has taken it on;
// other publications disturb no sleeper. Every way, settling ends with a grace period.

#include "datapath/worker_priv.h"

#include "base/clock.h"
#include "datapath/quiesce.h"
#include "vnic/packet_pool.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PACKETS = 2048,
	// For one full batch of MTU frames; two super-packets, which are so written while the cache
	// still holds what was read.
	ARENA_BYTES = 192 * 1024,
	PUNTS = 256,
	NOTICES = 128,
	INJECTS = 256,
};

// What there is before the controller has said anything.
static const struct generation nothing;

static void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	pipeline_free(worker->pipeline);
	packet_pool_free(worker->pool);
	punt_ring_free(worker->punts);
	punt_ring_free(worker->notices);
	punt_ring_free(worker->injects);
	if (worker->doors.epoll_fd >= 0)
		doors_fini(&worker->doors);
	if (worker->bell.fd >= 0)
		punt_bell_fini(&worker->bell);
	free(worker);
}

static struct pipeline *make_pipeline(struct worker *worker)
{
	const struct workers_config *config = &worker->set->config;
	struct pipeline_config wanted = {
		.worker = worker->index,
		.flow_entries = config->flow_entries,
		.state = config->state,
		.stats = config->stats,
		.punt = worker_punt,
		.notice = worker_notice,
		.wake = worker_wake,
		.user = worker,
		.workers = worker->set->config.count,
		.captures = &worker->set->captures,
		.miss_per_second = config->miss_per_second,
		.icmp_per_second = config->icmp_per_second,
	};
	struct pipeline *pipeline = pipeline_new(&wanted);

	if (pipeline)
		pipeline_set_tx_queue(pipeline, worker->index);
	return pipeline;
}

static struct worker *worker_new(struct workers *set, unsigned index)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	if (!worker)
		return NULL;
	worker->set = set;
	worker->index = index;
	worker->words = stats_worker_words(set->config.stats, index);
	worker->doors.epoll_fd = -1;
	worker->bell.fd = -1;
	worker->punts = punt_ring_new("punts", PUNTS, sizeof(struct service_frame), &set->bell);
	worker->notices = punt_ring_new("notices", NOTICES, sizeof(struct notice), &set->bell);
	worker->injects =
		punt_ring_new("injects", INJECTS, sizeof(struct worker_inject), &worker->bell);
	worker->pool = packet_pool_new(PACKETS, ARENA_BYTES);
	worker->pipeline = make_pipeline(worker);
	error = worker->punts && worker->notices && worker->injects && worker->pool &&
	                        worker->pipeline
	                ? punt_bell_init(&worker->bell)
	                : -ENOMEM;
	if (!error)
		error = doors_init(&worker->doors, index, set->config.count, worker->bell.fd);
	if (error) {
		worker_free(worker);
		errno = -error;
		return NULL;
	}
	return worker;
}

struct workers *workers_new(const struct workers_config *config)
{
	struct workers *set = calloc(1, sizeof(*set));
	int error = 0;

	assert(config->count >= 1 && config->count <= WORKERS_MAX);
	if (!set)
		return NULL;
	set->config = *config;
	set->bell.fd = -1;
	atomic_init(&set->published, &nothing);
	sem_init(&set->passed, 0, 0);
	error = punt_bell_init(&set->bell);
	// The main thread sleeps whenever it does not drain.
	if (!error)
		punt_bell_arm(&set->bell);
	for (unsigned i = 0; i < config->count && !error; i++) {
		set->workers[i] = worker_new(set, i);
		if (!set->workers[i])
			error = -errno;
	}
	if (error) {
		workers_free(set);
		errno = -error;
		return NULL;
	}
	return set;
}

static int start_one(struct worker *worker)
{
	char name[16];
	int error = pthread_create(&worker->thread, NULL, worker_run, worker);

	if (error)
		return -error;
	snprintf(name, sizeof(name), "weft-worker%u", worker->index % 1000);
	pthread_setname_np(worker->thread, name);
	return 0;
}

static void ring_all(struct workers *set)
{
	for (unsigned i = 0; i < set->config.count; i++)
		punt_bell_ring(&set->workers[i]->bell);
}

static void stop_first(struct workers *set, unsigned count)
{
	atomic_store(&set->stop, true);
	ring_all(set);
	for (unsigned i = 0; i < count; i++)
		pthread_join(set->workers[i]->thread, NULL);
	set->running = false;
}

int workers_start(struct workers *set)
{
	sigset_t all, before;

	// Signals are the main thread's, but for that of a guest's file that was cut, which comes to whoever reads it.
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_store(&set->stop, false);

	int error = 0;
	unsigned started = 0;

	while (started < set->config.count && !error) {
		error = start_one(set->workers[started]);
		started += !error;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		stop_first(set, started);
	else
		set->running = true;
	return error;
}

void workers_stop(struct workers *set)
{
	if (set->running)
		stop_first(set, set->config.count);
}

void workers_free(struct workers *set)
{
	if (!set)
		return;
	workers_stop(set);
	for (unsigned i = 0; i < set->config.count; i++)
		worker_free(set->workers[i]);
	punt_bell_fini(&set->bell);
	sem_destroy(&set->passed);
	free(set);
}

// A queue that several workers send by needs a lock; most do not. A door that workers have already
// is not touched.
static void share_queues(void *user, uint32_t slot, void *before, void *after)
{
	const struct port_config *old = before;
	const struct port_config *config = after;
	const struct workers *set = user;

	if (config && config->door && !(old && old->door == config->door))
		config->door->tx_shared = set->config.count > config->door->queue_count;
}

void workers_publish(struct workers *set, const struct generation *generation)
{
	bool same_ports = generation->ports.root == set->ports.root;

	if (!same_ports)
		pmap_diff(&set->ports, &generation->ports, share_queues, set);
	set->ports = generation->ports;
	atomic_store(&set->published, generation);
	if (same_ports)
		return;
	atomic_fetch_add(&set->epoch, 1);
	ring_all(set);
}

void workers_set_captures(struct workers *set, const struct capture_set *captures)
{
	atomic_store(&set->captures, captures);
}

static bool has_everybody_passed(struct workers *set)
{
	uint64_t epoch = atomic_load(&set->epoch);

	for (unsigned i = 0; i < set->config.count; i++)
		if (atomic_load(&set->workers[i]->epoch) != epoch)
			return false;
	return true;
}

uint64_t workers_settle(struct workers *set)
{
	uint64_t began = clock_now();

	// A post too many, of an earlier epoch, only makes the loop go round once more.
	while (set->running && !has_everybody_passed(set))
		while (sem_wait(&set->passed) < 0 && errno == EINTR)
			;
	quiesce_synchronize();
	return clock_now() - began;
}

int workers_inject(struct workers *set, const struct service_out *out)
{
	// One destination, one worker: what is sent to a guest arrives in order.
	uint32_t where = out->port ? out->port : out->domain;
	struct worker *worker = set->workers[where % set->config.count];
	struct worker_inject *inject;

	if (out->len > sizeof(inject->bytes))
		return -EMSGSIZE;
	inject = punt_ring_reserve(worker->injects);
	if (!inject)
		return -ENOBUFS;
	inject->domain = out->domain;
	inject->port = out->port;
	inject->len = (uint32_t)out->len;
	memcpy(inject->bytes, out->frame, out->len);
	punt_ring_publish(worker->injects);
	return 0;
}

int workers_punt_fd(const struct workers *set)
{
	return set->bell.fd;
}

// The main thread is about to look away: what came meanwhile, or was left, must make fd readable.
static void look_away(struct workers *set)
{
	punt_bell_arm(&set->bell);
	for (unsigned i = 0; i < set->config.count; i++)
		if (punt_ring_peek(set->workers[i]->punts) ||
		    punt_ring_peek(set->workers[i]->notices)) {
			punt_bell_ring(&set->bell);
			return;
		}
}

unsigned workers_punt_drain(struct workers *set, unsigned limit, workers_punt_fn punt, void *user)
{
	unsigned done = 0;
	unsigned empty = 0;

	punt_bell_disarm(&set->bell);
	while (done < limit && empty < set->config.count) {
		struct punt_ring *ring = set->workers[set->drain_from]->punts;
		const struct service_frame *frame = punt_ring_peek(ring);

		set->drain_from = (set->drain_from + 1) % set->config.count;
		empty = frame ? 0 : empty + 1;
		if (!frame)
			continue;
		punt(user, frame);
		punt_ring_release(ring);
		done++;
	}
	look_away(set);
	return done;
}

void workers_notice_drain(struct workers *set, workers_notice_fn notice, void *user)
{
	punt_bell_disarm(&set->bell);
	for (unsigned i = 0; i < set->config.count; i++) {
		struct punt_ring *ring = set->workers[i]->notices;
		const struct notice *record;

		while ((record = punt_ring_peek(ring))) {
			notice(user, record);
			punt_ring_release(ring);
		}
	}
	look_away(set);
}
