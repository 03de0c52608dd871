// SPDX-License-Identifier: BSD-3-Clause
//
// test_armed_door: a door that tells only while it is armed: no wake-up is lost at any point at which its
// guest may come, and a batch is finished exactly once.
//
// The first half walks through every interleaving of a guest's two steps (make available; ring if
// armed) with the steps of a worker that goes to sleep. The second lets real workers and a thread
// race, and sees that what a door looks at is never freed under it.

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/generation.h"
#include "datapath/worker_priv.h"
#include "tests/unit/datapath/panel.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <urcu-qsbr.h>

// A ring of which only the length matters.
struct ring_port {
	struct port port;
	int bell;
	_Atomic unsigned available, armed;
	_Atomic unsigned taken, batches, finished;
	_Atomic bool unfinished; // the next batch began before
	_Atomic bool unguarded;  // it was asked by a thread for which nobody waits before freeing
	bool refuses;            // what comes is bad, all of it
	bool worked;             // by real workers
	unsigned step, make_at, ring_at;
};

static void guest_rings(struct ring_port *ring)
{
	if (atomic_load(&ring->armed))
		eventfd_write(ring->bell, 1);
}

// Between any two steps of the worker: the guest's, when it is their turn.
static void step(struct ring_port *ring)
{
	ring->step++;
	if (ring->step == ring->make_at)
		atomic_fetch_add(&ring->available, 1);
	if (ring->step == ring->ring_at)
		guest_rings(ring);
}

// The test's own thread, of which that is not asked, is not registered.
static void guard(struct ring_port *ring)
{
	if (ring->worked && !urcu_qsbr_read_ongoing())
		atomic_store(&ring->unguarded, true);
}

static unsigned ring_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                        struct batch *batch)
{
	struct ring_port *ring = (struct ring_port *)port;
	unsigned count = MIN(atomic_load(&ring->available), BATCH_SIZE);

	guard(ring);
	if (atomic_load(&ring->batches) != atomic_load(&ring->finished))
		atomic_store(&ring->unfinished, true);
	atomic_fetch_sub(&ring->available, count);
	atomic_fetch_add(&ring->taken, count);
	for (unsigned i = 0; i < count && !ring->refuses; i++) {
		struct packet *packet = packet_take(pool);

		// To an address that no bridge forwards.
		memcpy(packet->data, "\x01\x80\xc2\x00\x00\x00\x02\x00\x00\x00\x00\x01", 12);
		memset(packet->data + 12, 0, 48);
		packet->len = packet->head_len = 60;
		packet->in_port = port->slot;
		batch->packets[batch->count++] = packet;
	}
	if (batch->count)
		atomic_fetch_add(&ring->batches, 1);
	return batch->count;
}

static void ring_finish(struct port *port, unsigned queue)
{
	atomic_fetch_add(&((struct ring_port *)port)->finished, 1);
}

static int ring_fd(const struct port *port, unsigned queue)
{
	return ((const struct ring_port *)port)->bell;
}

static bool ring_arm(struct port *port, unsigned queue)
{
	struct ring_port *ring = (struct ring_port *)port;
	eventfd_t count;

	guard(ring);
	step(ring);
	eventfd_read(ring->bell, &count);
	step(ring);
	atomic_store(&ring->armed, true);
	step(ring);
	return atomic_load(&ring->available) > 0;
}

static void ring_disarm(struct port *port, unsigned queue)
{
	struct ring_port *ring = (struct ring_port *)port;

	guard(ring);
	step(ring);
	atomic_store(&ring->armed, false);
	step(ring);
}

static const struct port_ops ring_ops = {
	.kind = "ring",
	.rx = ring_rx,
	.finish = ring_finish,
	.rx_fd = ring_fd,
	.arm = ring_arm,
	.disarm = ring_disarm,
};

static void ring_open(struct ring_port *ring, uint32_t slot)
{
	memset(ring, 0, sizeof(*ring));
	ring->port.ops = &ring_ops;
	ring->port.slot = slot;
	ring->port.queue_count = 1;
	ring->port.mtu = 1500;
	ring->bell = eventfd(0, EFD_NONBLOCK);
	atomic_store(&ring->armed, true);
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

// What a worker does between its last work and its sleep, door by door. Returns whether it slept.
static bool goes_to_sleep(struct doors *doors, struct ring_port *ring)
{
	for (unsigned turn = 0; turn < 4; turn++) {
		if (doors->hot_count && atomic_load(&ring->available)) {
			atomic_store(&ring->available, 0);
			atomic_fetch_add(&ring->taken, 1);
			continue;
		}
		doors_arm(doors);
		step(ring);
		doors_look(doors, 1000);
		step(ring);
		if (doors->hot_count && atomic_load(&ring->available))
			continue;
		if (doors_arm(doors))
			return true;
	}
	return false;
}

static void no_wake_up_is_lost_wherever_the_guest_comes(void **state)
{
	enum { STEPS = 40 };
	unsigned told = 0;

	for (unsigned make_at = 1; make_at < STEPS; make_at++) {
		for (unsigned ring_at = make_at; ring_at < STEPS; ring_at++) {
			struct ring_port ring;
			struct doors doors;
			struct edit *edit = edit_new();
			struct pmap ports = {0};
			struct port_config config = {.id = 7, .slot = 1, .door = &ring.port};
			int bell = eventfd(0, EFD_NONBLOCK);

			ring_open(&ring, 1);
			assert_int_equal(pmap_set(&ports, edit, 1, &config), 0);
			edit_keep(edit);
			assert_int_equal(doors_init(&doors, 0, 1, bell), 0);
			doors_update(&doors, &ports, 1000);

			// It was woken once, so that it is hot and disarmed.
			guest_rings(&ring);
			doors_look(&doors, 1000);
			assert_int_equal(doors.hot_count, 1);
			assert_false(ring.armed);
			ring.step = 0;
			ring.make_at = make_at;
			ring.ring_at = ring_at;
			assert_true(goes_to_sleep(&doors, &ring));
			assert_int_equal(doors.hot_count, 0);

			// What the guest still had to do, it does while we sleep.
			while (ring.step < STEPS)
				step(&ring);
			assert_true(ring.taken == 1 || is_readable(doors.epoll_fd));
			told += ring.taken == 0;

			doors_fini(&doors);
			pmap_fini(&ports);
			close(bell);
			close(ring.bell);
		}
	}
	// Both ends are met: those that the worker found, and those that woke it.
	assert_in_range(told, 1, STEPS * STEPS / 2 - 1);
}

struct guest {
	struct ring_port *ring;
	unsigned rounds, served;
};

static void *run_guest(void *user)
{
	struct guest *guest = user;
	struct ring_port *ring = guest->ring;
	unsigned made = 0;

	for (unsigned round = 0; round < guest->rounds; round++) {
		uint64_t limit = clock_now() + 60 * NSEC_PER_SEC;
		unsigned burst = 1 + round % 3;

		for (unsigned i = 0; i < burst; i++) {
			atomic_fetch_add(&ring->available, 1);
			guest_rings(ring);
		}
		made += burst;
		while (atomic_load(&ring->taken) < made && clock_now() < limit)
			sched_yield();
		if (atomic_load(&ring->taken) < made)
			break;
		// Pauses around the time after which a worker goes to sleep.
		if (round % 4 == 0)
			usleep(round % 97);
		guest->served++;
	}
	return NULL;
}

static void workers_and_guests_race(void **state)
{
	enum { RINGS = 3, ROUNDS = 3000 };
	struct ring_port rings[RINGS];
	struct guest guests[RINGS];
	struct port *doors[RINGS];
	pthread_t threads[RINGS];
	struct panel panel;

	for (unsigned i = 0; i < RINGS; i++) {
		ring_open(&rings[i], i + 1);
		// The last guest sends nothing that is any good, and must be served all the same.
		rings[i].refuses = i == RINGS - 1;
		rings[i].worked = true;
		doors[i] = &rings[i].port;
		guests[i] = (struct guest){.ring = &rings[i], .rounds = ROUNDS};
	}
	panel_open(&panel, 1, 20000);
	panel_connect(&panel, doors, RINGS);
	for (unsigned i = 0; i < RINGS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_guest, &guests[i]), 0);
	for (unsigned i = 0; i < RINGS; i++)
		pthread_join(threads[i], NULL);
	panel_close(&panel);
	for (unsigned i = 0; i < RINGS; i++) {
		assert_int_equal(guests[i].served, ROUNDS);
		assert_int_equal(rings[i].batches, rings[i].finished);
		assert_false(rings[i].unfinished);
		assert_false(rings[i].unguarded);
		assert_true(rings[i].refuses || rings[i].batches > 0);
		close(rings[i].bell);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wake_up_is_lost_wherever_the_guest_comes),
		cmocka_unit_test(workers_and_guests_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
