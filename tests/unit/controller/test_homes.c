// SPDX-License-Identifier: BSD-3-Clause
//
// test_homes: where a net's router and DHCP are, what goes with them from one host to another, and whose word
// on leases counts.

#include "tests/unit/controller/hosts_world.h"

// What a net has only once follows its ports, in one change of both hosts.
static void test_home_moves_with_the_ports(void **state)
{
	struct world *world = *state;

	world_put_well(world, "net web subnet=10.1.0.0/24 dhcp=1 dns=web.test");
	world_check_equal(world);
	world_put_well(world, "port w attach=netdev ifname=e3 net=web host=b ip=10.1.0.5 "
	                      "mac=02:00:00:00:00:05");
	world_check_equal(world);
	assert_true(world->fakes[B].objects.count > 4);
	world_put_well(world, "port w2 attach=netdev ifname=e3 net=web");
	world_check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, 3);
}

// No change of the intent: no revision, and hosts that are not of the net hear nothing.
static void test_leases_are_told_to_the_hosts_of_the_net(void **state)
{
	struct world *world = *state;
	uint64_t scope, revision;

	world_put_well(world,
	               "net served mode=isolated subnet=10.9.0.0/24 dhcp=1 host=a;"
	               "port pb attach=netdev ifname=e0 net=served host=b mac=02:00:00:00:00:07");
	// The leg's.
	assert_int_equal(world_addresses(world, B), 1);
	revision = world->control.revision;
	scope = world_scope(world, A);
	world_send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, world_addresses(world, A) == 1 && world_addresses(world, B) == 2);
	world_check_equal(world);
	assert_int_equal(world_addresses(world, LOCAL), 0);
	world->ends = true;
	world_send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, world_addresses(world, A) == 0 && world_addresses(world, B) == 1);
	world_check_equal(world);
	assert_int_equal(world->control.revision, revision);
	// And changes go on.
	world_put_well(world, "net other");
}

// A host that is not what it was cannot fill the pools of the others.
static void test_lease_of_anothers_scope_is_left_out(void **state)
{
	struct world *world = *state;
	uint64_t scope;

	world_put_well(world, "net served mode=isolated subnet=10.9.0.0/24 dhcp=1 host=a");
	scope = world_scope(world, A);
	world_send_event(world, B, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	world_send_event(world, B, WEFT__EVENT_TYPE__EVENT_MAC_MOVED, NULL);
	UNTIL(world, strcmp(world->told, "mac_moved") == 0);
	assert_int_equal(world->leases, 0);
	world_send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, strcmp(world->told, "lease") == 0);
	assert_int_equal(world->leases, 1);
}

#define SERVED "net served mode=isolated subnet=10.9.0.0/24 dhcp=1 host="

// What was given goes before the scope; what the old home gave at the last moment follows it, and no other's word.
static void test_leases_go_with_their_scope(void **state)
{
	struct world *world = *state;
	uint64_t scope;

	world_put_well(world, SERVED "a");
	scope = world_scope(world, A);
	world_send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, world->leases == 1);
	world_put_well(world, SERVED "b");
	assert_int_equal(world->fakes[B].handed_scope, scope);
	assert_int_equal(world->fakes[B].handed, 1);
	assert_int_equal(world->fakes[A].handed, 0);
	assert_string_equal(world->told, "home_moved");
	world_send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, world->fakes[B].handed == 2);
	assert_int_equal(world->leases, 2);
	// That it has ended there says nothing; and who never had it says nothing either.
	world->ends = true;
	world_send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	world_send_event(world, LOCAL, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	world->ends = false;
	world_send_event(world, LOCAL, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	world_send_event(world, LOCAL, WEFT__EVENT_TYPE__EVENT_MAC_MOVED, NULL);
	UNTIL(world, strcmp(world->told, "mac_moved") == 0);
	assert_int_equal(world->leases, 2);
	assert_int_equal(world->fakes[B].handed, 2);
	world_check_equal(world);
}

// A home that is away, or hangs, is left at the user's word; what is its own waits for it still.
static void test_home_leaves_a_host_in_trouble(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world_put_well(world, SERVED "a;port pb attach=netdev ifname=e0 net=served host=b");
	fake_hang_up(&world->fakes[A]);
	UNTIL(world, host_state(world_host(world, A)) == HOST_ABSENT);
	answer = world_put(world, SERVED "b;port pa attach=netdev ifname=e1 net=lan host=a");
	assert_int_equal(answer.refusal.fail.code, -EAGAIN);
	answer = world_put(world, SERVED "b");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_non_null(strstr(answer.note, "host a is away"));
	world_make_ready(world, A);
	assert_int_equal(world->fakes[A].objects.count, 0);
	world_check_equal(world);

	stream_pause(world->fakes[B].stream);
	answer = world_put(world, SERVED "a");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_int_equal(host_state(world_host(world, B)), HOST_LAGGING);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(world_host(world, B)) == HOST_READY);
	world_check_equal(world);
	// Nobody asked for it here: a port goes, and with it the home.
	fake_hang_up(&world->fakes[A]);
	UNTIL(world, host_state(world_host(world, A)) == HOST_ABSENT);
	answer = world_put(world,
	                   "net served mode=isolated subnet=10.9.0.0/24 dhcp=1 host=a mtu=1400");
	assert_int_equal(answer.refusal.fail.code, -EAGAIN);
}

// With the host goes what is there. A net that was only served there stays.
static void test_home_that_is_removed(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world_put_well(world, SERVED "a;router gw host=a");
	answer = world_put(world, "-host a");
	assert_int_equal(answer.refusal.fail.code, -EBUSY);
	assert_non_null(strstr(answer.refusal.fail.hint, "--host HOST"));
	answer = world_put(world, "!host a");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_null(model_get(&world->control.model, NOUN_NET, "served")->msg->net->host);
	assert_null(model_get(&world->control.model, NOUN_ROUTER, "gw")->msg->router->host);
	assert_true(world_scope(world, LOCAL) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_home_moves_with_the_ports, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_leases_are_told_to_the_hosts_of_the_net,
	                                        world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_lease_of_anothers_scope_is_left_out,
	                                        world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_leases_go_with_their_scope, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_home_leaves_a_host_in_trouble, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_home_that_is_removed, world_setup,
	                                        world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
