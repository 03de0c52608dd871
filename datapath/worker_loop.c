// SPDX-License-Identifier: BSD-3-Clause
//
// worker_loop: one worker's turns: follow the generation, send what the main thread wants sent, give
// each hot queue one batch, let time pass, then decide whether to go on, look around or sleep.
//
// A queue gets at most BATCH_SIZE packets a turn, so one that is always full delays the others by
// one batch each, and a turn is bounded by the hot queues. The order of sleeping is what keeps
// news from being slept through: say so (the bell and the doors are armed), look once more at everything
// there is (generation, rings, the kernel), and only then sleep. Nothing here allocates, locks or logs.

#include "datapath/worker_priv.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/lend.h"
#include "datapath/quiesce.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	INJECTS_PER_TURN = 32,
	// How old the pipeline's own idea of when to call it may get while it works.
	TICK_BUSY_NS = 1000000,
	SLICE_NS = 20000000,
	SPIN_DUE_NS = 80000,
};

// Cycles where the processor counts them at a constant rate, nanoseconds elsewhere.
static uint64_t cycles_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return clock_now();
#endif
}

bool worker_punt(void *user, const struct service_frame *frame)
{
	struct worker *worker = user;
	struct service_frame *record = punt_ring_reserve(worker->punts);

	if (!record)
		return false;
	memcpy(record, frame, offsetof(struct service_frame, bytes) + frame->len);
	punt_ring_publish(worker->punts);
	return true;
}

void worker_notice(void *user, int type, uint64_t object, const char *text)
{
	struct worker *worker = user;
	struct notice *notice = punt_ring_reserve(worker->notices);

	if (!notice)
		return;
	notice->type = type;
	notice->object = object;
	snprintf(notice->text, sizeof(notice->text), "%s", text ? text : "");
	punt_ring_publish(worker->notices);
}

void worker_wake(void *user, unsigned index)
{
	struct worker *worker = user;

	struct worker *owner = worker->set->workers[index];

	pipeline_poke(owner->pipeline);
	punt_bell_ring(&owner->bell);
}

// The generation of this turn; doors that came or went with it are taken on or left.
static const struct generation *follow(struct worker *worker, uint64_t now)
{
	struct workers *set = worker->set;
	uint64_t epoch = atomic_load(&set->epoch);
	const struct generation *generation = atomic_load(&set->published);

	if (generation->ports.root != worker->doors.ports.root) {
		pipeline_follow(worker->pipeline, generation, worker->pool, now);
		doors_update(&worker->doors, &generation->ports, now);
	}
	if (epoch != atomic_load_explicit(&worker->epoch, memory_order_relaxed)) {
		// Nothing is kept of what was seen before: the end of a turn is a quiescent point.
		atomic_store(&worker->epoch, epoch);
		sem_post(&set->passed);
	}
	worker->tick_is_stale |= generation->number != worker->generation;
	worker->generation = generation->number;
	return generation;
}

static bool send_injected(struct worker *worker, const struct generation *generation, uint64_t now)
{
	unsigned count = 0;

	while (count < INJECTS_PER_TURN) {
		const struct worker_inject *inject = punt_ring_peek(worker->injects);

		if (!inject)
			break;

		struct service_out out = {
			.domain = inject->domain,
			.port = inject->port,
			.frame = inject->bytes,
			.len = inject->len,
		};

		pipeline_send(worker->pipeline, generation, &out, worker->pool, now);
		punt_ring_release(worker->injects);
		count++;
	}
	return count > 0;
}

// Long frames come in a row, so one is expected where the last one was. *ret_taker: who lent room for it.
static unsigned receive(struct worker *worker, struct door *door,
                        const struct generation *generation, struct batch *batch,
                        struct port **ret_taker)
{
	struct port *taker = door->is_bulky ? lend_taker(generation, door->port) : NULL;
	bool is_lent = false;
	unsigned count =
		taker ? lend_rx(door->port, door->queue, taker, worker->pool, batch, &is_lent)
		      : port_rx(door->port, door->queue, worker->pool, batch);

	*ret_taker = is_lent ? taker : NULL;
	return count;
}

static bool poll_door(struct worker *worker, struct door *door, const struct generation *generation,
                      uint64_t now)
{
	struct batch batch = {.count = 0};
	struct port *taker;

	if (door->port->ops->set_time)
		door->port->ops->set_time(door->port, now - door->since_ns);
	if (!receive(worker, door, generation, &batch, &taker))
		return false;
	door->is_bulky = batch.packets[batch.count - 1]->len >= LEND_FROM;
	pipeline_run(worker->pipeline, generation, &batch, worker->pool, now);
	if (taker)
		lend_end(taker);
	if (door->port->ops->finish)
		door->port->ops->finish(door->port, door->queue);
	door->worked_ns = now;
	door->faults = 0;
	if (door->fd < 0)
		worker->mute_ns = now;
	return true;
}

// Whether the door is of no use any more. One whose interface may come back is only reported, once.
static bool door_has_ended(struct worker *worker, struct door *door)
{
	bool missing = atomic_load_explicit(&door->port->gone, memory_order_relaxed);

	if (missing && !door->port->ops->rejoin)
		return true;
	if (missing && !door->missing)
		worker_notice(worker, NOTICE_DOOR_GONE, door->object, door->port->name);
	door->missing = missing;
	return door->faults > DOOR_FAULTS;
}

static bool release(struct worker *worker, const struct generation *generation, uint64_t now)
{
	bool worked;

	worker->release_at_ns =
		pipeline_release(worker->pipeline, generation, worker->pool, now, &worked);
	return worked;
}

static bool poll_hot(struct worker *worker, const struct generation *generation, uint64_t now)
{
	struct doors *doors = &worker->doors;
	bool worked = false;

	for (uint32_t i = 0; i < doors->hot_count;) {
		struct door *door = &doors->doors[doors->hot[i]];
		uint32_t count = doors->hot_count;

		if (poll_door(worker, door, generation, now)) {
			worked = true;
			// What is delayed does not wait until all queues have had their turn.
			if (worker->release_at_ns != UINT64_MAX) {
				now = clock_now();
				release(worker, generation, now);
			}
		} else if (door_has_ended(worker, door)) {
			doors_abandon(doors, door);
			worker_notice(worker, NOTICE_DOOR_GONE, door->object, door->port->name);
		} else if (now - door->worked_ns >= worker->idle.spin_ns) {
			doors_cool(doors, door);
		}
		// One that has left is replaced by another, which has not had its turn yet.
		if (doors->hot_count == count)
			i++;
	}
	return worked;
}

static void tick(struct worker *worker, const struct generation *generation, uint64_t now,
                 bool worked)
{
	worker->tick_is_stale |= worked;
	if (worker->tick_is_stale &&
	    (worker->idle.armed || now - worker->ticked_ns >= TICK_BUSY_NS))
		worker->tick_at_ns = now;
	if (now < worker->tick_at_ns)
		return;

	uint64_t wait = pipeline_tick(worker->pipeline, generation, worker->pool, now);

	worker->tick_at_ns = wait > UINT64_MAX - now ? UINT64_MAX : now + wait;
	worker->tick_is_stale = false;
	worker->ticked_ns = now;
}

// A sleep ends some microseconds late, and much later on a machine that is busy: the last of the time
// until a delayed frame is due is spun away.
static bool is_soon(const struct worker *worker, uint64_t now)
{
	return worker->release_at_ns != UINT64_MAX && worker->release_at_ns < now + SPIN_DUE_NS;
}

static uint64_t longest_sleep(const struct worker *worker, uint64_t now)
{
	uint64_t wait = worker->tick_at_ns == UINT64_MAX ? UINT64_MAX : worker->tick_at_ns - now;

	if (worker->release_at_ns != UINT64_MAX)
		wait = MIN(wait, worker->release_at_ns - SPIN_DUE_NS - now);
	return worker->doors.mute_count ? MIN(wait, idle_nap(now - worker->mute_ns)) : wait;
}

static void sleep_until_news(struct worker *worker, uint64_t now)
{
	unsigned events;
	uint64_t woken_ns;

	stats_add(&worker->words[STATS_SLEEPS], 1);
	// Between the two whatever a door looks at may be replaced and freed, so no door is asked anything.
	quiesce_offline();
	doors_wait(&worker->doors, longest_sleep(worker, now));
	woken_ns = worker->looked_ns = clock_now();
	quiesce_online();
	events = doors_heat(&worker->doors, now);
	punt_bell_disarm(&worker->bell);
	// Who only woke for the time need not spin.
	if (events) {
		worker->woken_ns = woken_ns;
		idle_woken(&worker->idle, woken_ns);
	}
}

// Spinning gives way to whoever else wants the processor, most often the guest that is to answer:
// with more busy threads than processors (one TCP stream between two namespaces, three threads on two)
// that moved 1.25 times the bytes, and halved the worst round trips. Not while a delayed frame is about to be due,
// which would wait for as long as they like.
static void rest(struct worker *worker, uint64_t now, bool worked)
{
	bool was_armed = worker->idle.armed;

	if (!worked && !was_armed && !is_soon(worker, now))
		sched_yield();
	switch (idle_next(&worker->idle, now, worked, worker->doors.hot_count > 0)) {
	case IDLE_POLL:
		break;
	case IDLE_SLEEP:
		if (is_soon(worker, now))
			break;
		// A guest whose frames are all refused brings no work, and yet has more of them.
		if (!doors_arm(&worker->doors))
			break;
		sleep_until_news(worker, now);
		return;
	case IDLE_ARM:
		punt_bell_arm(&worker->bell);
		doors_arm(&worker->doors);
		doors_look(&worker->doors, now);
		return;
	case IDLE_LOOK:
		doors_look(&worker->doors, now);
		break;
	}
	if (was_armed)
		punt_bell_disarm(&worker->bell);
}

// What the first frames after a pause waited for here, which is all but the waking itself.
static void note_first(struct worker *worker)
{
	static const uint32_t limits_us[] = {10, 20, 50, 100, 1000};
	uint64_t took_us = (clock_now() - worker->woken_ns) / NSEC_PER_USEC;
	unsigned step = 0;

	while (step < ARRAY_SIZE(limits_us) && took_us >= limits_us[step])
		step++;
	stats_add(&worker->words[STATS_WOKEN_10 + step], 1);
}

static void turn(struct worker *worker)
{
	uint64_t began = cycles_now();
	uint64_t now = clock_now();
	const struct generation *generation = follow(worker, now);
	bool worked = send_injected(worker, generation, now);

	pipeline_looked(worker->pipeline, now - worker->looked_ns);
	worker->looked_ns = now;
	worked |= poll_hot(worker, generation, now);
	worked |= release(worker, generation, clock_now());
	tick(worker, generation, now, worked);
	stats_add(&worker->words[STATS_LOOPS], 1);
	if (worked)
		stats_add(&worker->words[STATS_BUSY_CYCLES], cycles_now() - began);
	if (worked && worker->woken_ns)
		note_first(worker);
	worker->woken_ns = 0;
	quiesce_point();
	rest(worker, now, worked);
}

// Asks for long time slices. Since Linux 6.12 a thread that wakes with a shorter slice than the running
// one has is let in at once: a guest that we woke onto the core on which we spin does not wait until
// we sleep. Tried by hand on a busy machine it took UDP ping-pong from 100 us to 21-32 us at p50; on a quiet
// one the median of a full comparison stayed at 99 us (docs/performance.md). Older kernels ignore it.
static void let_others_in(void)
{
	// struct sched_attr, whose header cannot be included beside the C library's.
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {
		.size = sizeof(attr),
		.policy = SCHED_OTHER,
		.nice = getpriority(PRIO_PROCESS, 0),
		.runtime = SLICE_NS,
	};

	syscall(SYS_sched_setattr, 0, &attr, 0);
}

void *worker_run(void *user)
{
	struct worker *worker = user;

	let_others_in();
	// Otherwise the kernel gives a sleep 50 us more than was asked for.
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	quiesce_register();
	idle_init(&worker->idle, worker->set->config.spin_ns, clock_now());
	worker->tick_is_stale = true;
	worker->looked_ns = clock_now();
	while (!atomic_load_explicit(&worker->set->stop, memory_order_relaxed))
		turn(worker);
	// The ports that it knows may be freed from now on.
	doors_update(&worker->doors, &(struct pmap){0}, clock_now());
	pipeline_forget(worker->pipeline);
	quiesce_unregister();
	return NULL;
}
