// SPDX-License-Identifier: BSD-3-Clause
//
// test_doors: which worker takes which queue, what is hot, and that a door left is a door forgotten.

#include "base/bytes.h"
#include "datapath/doors.h"
#include "datapath/generation.h"
#include "tests/unit/unit.h"

#include <sys/eventfd.h>

enum { QUEUES = 4 };

// A door of event counters: readable once written to.
struct counter_port {
	struct port port;
	int fds[QUEUES];
};

static int counter_fd(const struct port *port, unsigned queue)
{
	return ((const struct counter_port *)port)->fds[queue];
}

static const struct port_ops counter_ops = {.kind = "counter", .rx_fd = counter_fd};

static void open_counters(struct counter_port *port, uint32_t slot, bool mute)
{
	memset(port, 0, sizeof(*port));
	port->port.ops = &counter_ops;
	port->port.slot = slot;
	port->port.queue_count = QUEUES;
	for (unsigned i = 0; i < QUEUES; i++)
		port->fds[i] = mute ? -1 : eventfd(0, EFD_NONBLOCK);
}

static void close_counters(struct counter_port *port)
{
	for (unsigned i = 0; i < QUEUES; i++)
		if (port->fds[i] >= 0)
			close(port->fds[i]);
}

static void ring(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

struct table {
	struct pmap ports;
	// What is published does not change: a new version is another struct.
	struct port_config configs[2][8];
	unsigned version;
};

// What the change replaces is freed once `doors` (NULL: nobody) has followed, as after a settle.
static void set_door(struct table *table, uint32_t slot, struct counter_port *door,
                     struct doors *doors)
{
	struct edit *edit = edit_new();
	struct port_config *config = &table->configs[table->version++ % 2][slot];

	*config = (struct port_config){.id = 100 + slot, .slot = slot};
	if (door)
		config->door = &door->port;
	assert_int_equal(pmap_set(&table->ports, edit, slot, NULL), 0);
	assert_int_equal(pmap_set(&table->ports, edit, slot, config), 0);
	if (doors)
		doors_update(doors, &table->ports, 1000);
	edit_keep(edit);
}

static void queues_are_spread_over_workers(void **state)
{
	struct counter_port port;
	struct table table = {0};
	struct doors doors[3];
	int bell = eventfd(0, EFD_NONBLOCK);
	unsigned watched = 0;

	open_counters(&port, 5, false);
	set_door(&table, 5, &port, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(doors); i++) {
		assert_int_equal(doors_init(&doors[i], i, ARRAY_SIZE(doors), bell), 0);
		doors_update(&doors[i], &table.ports, 1000);
	}
	for (unsigned queue = 0; queue < QUEUES; queue++) {
		ring(port.fds[queue]);
		for (unsigned i = 0; i < ARRAY_SIZE(doors); i++) {
			unsigned events = doors_look(&doors[i], 1000);

			watched += events;
			assert_true(events == 0 || (5 + queue) % 3 == i);
		}
		assert_int_equal(read(port.fds[queue], &(uint64_t){0}, 8), 8);
	}
	assert_int_equal(watched, QUEUES);
	for (unsigned i = 0; i < ARRAY_SIZE(doors); i++)
		doors_fini(&doors[i]);
	close_counters(&port);
	pmap_fini(&table.ports);
	close(bell);
}

static void a_readable_queue_is_hot_until_it_cools(void **state)
{
	struct counter_port port;
	struct table table = {0};
	struct doors doors;
	int bell = eventfd(0, EFD_NONBLOCK);

	open_counters(&port, 1, false);
	set_door(&table, 1, &port, NULL);
	assert_int_equal(doors_init(&doors, 0, 1, bell), 0);
	doors_update(&doors, &table.ports, 1000);
	assert_int_equal(doors.hot_count, 0);
	assert_int_equal(doors_look(&doors, 1000), 0);

	// The bell wakes, and nothing more.
	ring(bell);
	doors_wait(&doors, UINT64_MAX);
	assert_int_equal(doors_heat(&doors, 1000), 1);
	assert_int_equal(doors.hot_count, 0);
	assert_int_equal(read(bell, &(uint64_t){0}, 8), 8);

	ring(port.fds[1]);
	ring(port.fds[3]);
	doors_wait(&doors, UINT64_MAX);
	// Whoever sleeps touches nothing.
	assert_int_equal(doors.hot_count, 0);
	assert_int_equal(doors_heat(&doors, 2000), 2);
	assert_int_equal(doors_heat(&doors, 2500), 0);
	assert_int_equal(doors_look(&doors, 3000), 2);
	assert_int_equal(doors.hot_count, 2);

	struct door *door = &doors.doors[doors.hot[0]];
	uint32_t other = doors.hot[1];

	assert_int_equal(door->worked_ns, 2000);
	assert_int_equal(door->object, 101);
	doors_cool(&doors, door);
	doors_cool(&doors, door);
	assert_int_equal(doors.hot_count, 1);
	assert_int_equal(doors.hot[0], other);
	assert_int_equal(doors.doors[other].hot_at, 0);

	// One whose interface is gone is left in peace, once and for all.
	doors_abandon(&doors, &doors.doors[other]);
	doors_look(&doors, 4000);
	assert_int_equal(doors.hot_count, 1);
	doors_update(&doors, &(struct pmap){0}, 5000);
	assert_int_equal(doors.hot_count, 0);
	assert_int_equal(doors_look(&doors, 5000), 0);
	doors_fini(&doors);
	close_counters(&port);
	pmap_fini(&table.ports);
	close(bell);
}

static void mute_doors_are_always_hot(void **state)
{
	struct counter_port mute;
	struct table table = {0};
	struct doors doors;
	int bell = eventfd(0, EFD_NONBLOCK);

	open_counters(&mute, 2, true);
	set_door(&table, 2, &mute, NULL);
	assert_int_equal(doors_init(&doors, 0, 1, bell), 0);
	doors_update(&doors, &table.ports, 1000);
	assert_int_equal(doors.mute_count, QUEUES);
	assert_int_equal(doors.hot_count, QUEUES);
	doors_cool(&doors, &doors.doors[doors.hot[0]]);
	assert_int_equal(doors.hot_count, QUEUES);
	doors_abandon(&doors, &doors.doors[doors.hot[0]]);
	assert_int_equal(doors.mute_count, QUEUES - 1);
	set_door(&table, 2, NULL, &doors);
	assert_int_equal(doors.mute_count, 0);
	assert_int_equal(doors.hot_count, 0);
	doors_fini(&doors);
	pmap_fini(&table.ports);
	close(bell);
}

static void updates_follow_opened_replaced_and_closed(void **state)
{
	struct counter_port first, second;
	struct table table = {0};
	struct doors doors;
	int bell = eventfd(0, EFD_NONBLOCK);

	open_counters(&first, 3, false);
	open_counters(&second, 3, false);
	assert_int_equal(doors_init(&doors, 0, 1, bell), 0);
	// Enough rounds that doors which are not given back would show.
	for (unsigned round = 0; round < 100; round++) {
		set_door(&table, 3, &first, &doors);
		ring(first.fds[0]);
		assert_int_equal(doors_look(&doors, 1000), 1);

		// The same door in another config of the port: nothing happens to it.
		struct table other = {0};

		set_door(&other, 3, &first, NULL);
		doors_update(&doors, &other.ports, 1000);
		assert_int_equal(doors.hot_count, 1);

		set_door(&table, 3, &second, &doors);
		pmap_fini(&other.ports);
		assert_int_equal(doors.hot_count, 0);
		assert_int_equal(doors_look(&doors, 1000), 0);

		doors_update(&doors, &(struct pmap){0}, 1000);
		pmap_fini(&table.ports);
		assert_int_equal(read(first.fds[0], &(uint64_t){0}, 8), 8);
	}
	assert_true(doors.used <= 2 * QUEUES);
	doors_fini(&doors);
	close_counters(&first);
	close_counters(&second);
	close(bell);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_are_spread_over_workers),
		cmocka_unit_test(a_readable_queue_is_hot_until_it_cools),
		cmocka_unit_test(mute_doors_are_always_hot),
		cmocka_unit_test(updates_follow_opened_replaced_and_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
