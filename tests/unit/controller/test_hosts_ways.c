// SPDX-License-Identifier: BSD-3-Clause
//
// test_hosts_ways: what hosts tell of their ways to each other, and what their nets carry then.

#include "controller/derive_mesh.h"
#include "tests/unit/controller/hosts_world.h"

static void send_ways(struct world *world, unsigned which, uint32_t most, const char *peer,
                      uint32_t mtu)
{
	Weft__Event event = WEFT__EVENT__INIT;
	Weft__Ways ways = WEFT__WAYS__INIT;
	Weft__Way way = WEFT__WAY__INIT, *list[] = {&way};

	event.type = WEFT__EVENT_TYPE__EVENT_WAYS;
	event.ways = &ways;
	ways.mtu = most;
	ways.narrower = list;
	ways.n_narrower = peer != NULL;
	way.peer = peer ? derive_mesh_peer_id(peer) : 0;
	way.mtu = mtu;
	fake_send(&world->fakes[which], WEFT__STREAM_ID__STREAM_EVENTS,
	          WEFT__FRAME_TYPE__FRAME_EVENT, 0, &event.base, NULL, 0);
}

// What the host is to hold of the MTU of what there is one of.
static uint32_t mtu_at(struct world *world, unsigned which, Weft__Kind kind)
{
	const struct desired *desired = host_desired(world_host(world, which));
	const struct object *object;
	size_t cursor = 0;
	uint32_t mtu = 0;

	while ((object = table_next(&desired->objects, &cursor, NULL, NULL))) {
		Weft__Object *message;

		if (object->kind != kind)
			continue;
		message = weft__object__unpack(NULL, object->len, object->packed);
		assert_non_null(message);
		if (kind == WEFT__KIND__KIND_INTERFACE)
			mtu = message->interface->mtu;
		else if (message->port->type == WEFT__PORT_TYPE__PORT_TAP)
			mtu = message->port->mtu;
		weft__object__free_unpacked(message, NULL);
	}
	return mtu;
}

static bool in_step(struct world *world)
{
	bool same = true;

	for (unsigned i = 0; i < FAKES; i++) {
		uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];

		fake_digest(&world->fakes[i], count, hash);
		same &= memcmp(hash, host_desired(world_host(world, i))->hash, sizeof(hash)) == 0;
	}
	return same;
}

static bool has_mtu(struct world *world, uint32_t mtu)
{
	return in_step(world) && mtu_at(world, A, WEFT__KIND__KIND_INTERFACE) == mtu &&
	       mtu_at(world, B, WEFT__KIND__KIND_PORT) == mtu;
}

static void settle(struct world *world)
{
	for (unsigned i = 0; i < 10; i++)
		world_turn(world);
}

#define SERVED_AT_A "net served mode=isolated subnet=10.9.0.0/24 subnet6=none dhcp=1 host=a"

static void test_nets_follow_their_ways(void **state)
{
	struct world *world = *state;
	uint64_t revision;

	world_put_well(world, SERVED_AT_A ";port pb attach=tap ifname=e0 net=served host=b");
	assert_true(has_mtu(world, 1450));
	revision = world->control.revision;
	// What is as it should be changes nothing.
	send_ways(world, A, 1450, NULL, 0);
	send_ways(world, B, 1450, NULL, 0);
	settle(world);
	assert_true(has_mtu(world, 1450));
	// Each end has its own underlay, and the narrower counts.
	send_ways(world, B, 1450, "a", 1350);
	UNTIL(world, has_mtu(world, 1350));
	world_check_equal(world);
	assert_string_equal(world->told, "net_mtu");
	assert_non_null(strstr(world->text, "net/served: packets of 1350 bytes at most now, no "
	                                    "longer 1450"));
	assert_non_null(strstr(world->text, "from host b to host/a"));
	send_ways(world, A, 1300, NULL, 0);
	UNTIL(world, has_mtu(world, 1300));
	send_ways(world, A, 1450, NULL, 0);
	UNTIL(world, has_mtu(world, 1350));
	send_ways(world, B, 1450, NULL, 0);
	UNTIL(world, has_mtu(world, 1450));
	assert_non_null(strstr(world->text, "1450 bytes at most now, no longer 1350"));
	// What a peer that is nobody's, or a way of no length, is told of counts for nothing.
	send_ways(world, B, 1450, "nobody", 1000);
	send_ways(world, B, 1450, "a", 0);
	send_ways(world, B, 1 << 20, NULL, 0);
	settle(world);
	assert_true(has_mtu(world, 1450));
	// Nobody is told less than IPv4 needs.
	send_ways(world, B, 100, NULL, 0);
	UNTIL(world, has_mtu(world, 576));
	world_check_equal(world);
	assert_int_equal(world->control.revision, revision);
}

static void test_set_mtu_is_never_exceeded(void **state)
{
	struct world *world = *state;

	world_put_well(world,
	               SERVED_AT_A " mtu=1400;port pb attach=tap ifname=e0 net=served host=b");
	send_ways(world, A, 1450, NULL, 0);
	settle(world);
	assert_true(has_mtu(world, 1400));
	send_ways(world, A, 1350, NULL, 0);
	UNTIL(world, has_mtu(world, 1350));
	// The user's word is another thing than what goes.
	world_put_well(world, SERVED_AT_A " mtu=1300");
	assert_true(has_mtu(world, 1300));
	world_put_well(world, SERVED_AT_A " mtu=1400");
	assert_true(has_mtu(world, 1350));
	send_ways(world, A, 1450, NULL, 0);
	UNTIL(world, has_mtu(world, 1400));
	world_check_equal(world);
}

// A controller that starts anew widens nothing before its hosts have spoken; one that is removed is forgotten.
static void test_ways_outlive_the_controller(void **state)
{
	struct world *world = *state;

	world_put_well(world, SERVED_AT_A ";port pb attach=tap ifname=e0 net=served host=b");
	send_ways(world, B, 1450, "a", 1350);
	UNTIL(world, has_mtu(world, 1350));
	world_die(world);
	world_live_again(world);
	assert_true(has_mtu(world, 1350));
	world_check_equal(world);
	world_put_well(world, "-port pb;-host b");
	fake_fini(&world->fakes[B]);
	world->fakes[B] = (struct fake_datapath){0};
	world_put_well(world, "host b kind=remote ip=192.0.2.2");
	world_make_ready(world, B);
	world_put_well(world, "port pb attach=tap ifname=e0 net=served host=b");
	assert_true(has_mtu(world, 1450));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nets_follow_their_ways, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_set_mtu_is_never_exceeded, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_ways_outlive_the_controller, world_setup,
	                                        world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
