// SPDX-License-Identifier: BSD-3-Clause
//
// test_hosts: one change on several hosts, each a fake datapath that can be told to refuse, or to go away at
// the worst moment. After each, every host holds what it must, or none has changed.

#include "tests/unit/controller/hosts_world.h"

#include <unistd.h>

// What a host holds of a net that is on another, too: bridge, port and its place; tunnel, peer and the net's place there.
enum { JOINED = 6 };

#define PORT_A "port pa attach=netdev ifname=e0 net=lan host=a"
#define PORT_B "port pb attach=netdev ifname=e0 net=lan host=b"

static void test_port_concerns_its_host_only(void **state)
{
	struct world *world = *state;
	unsigned before;

	world_put_well(world, "port pl attach=netdev ifname=e9 net=lan;" PORT_A ";" PORT_B);
	world_check_equal(world);
	before = world->fakes[B].transactions;
	world_put_well(world, "port pa2 attach=netdev ifname=e1 net=lan host=a");
	assert_int_equal(world->fakes[B].transactions, before);
	assert_int_equal(world->fakes[A].operations, 2);
	// One host alone is told in one step.
	assert_int_equal(world->fakes[A].prepares, 1);
	world_check_equal(world);
	world_put_well(world, "-port pa;-port pa2;-port pb;-port pl");
	assert_int_equal(world->fakes[A].objects.count, 0);
	world_check_equal(world);
}

static void test_refusal_of_one_undoes_all(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[A].refuse = "port/";
	answer = world_put(world, PORT_A ";" PORT_B);
	assert_int_equal(answer.refusal.fail.code, -ENODEV);
	assert_string_equal(answer.refusal.object, "port/pa");
	UNTIL(world, world->fakes[B].aborts == 1);
	assert_int_equal(world->fakes[B].objects.count, 0);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pb"));
	world_check_equal(world);
	world->fakes[A].refuse = NULL;
	world_put_well(world, PORT_A ";" PORT_B);
	world_check_equal(world);
}

static void test_host_that_goes_while_it_prepares(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].die_prepared = true;
	answer = world_put(world, PORT_A ";" PORT_B);
	assert_int_equal(answer.refusal.fail.code, -ECONNRESET);
	assert_non_null(strstr(answer.refusal.fail.what, "host b"));
	UNTIL(world, world->fakes[A].aborts == 1);
	assert_int_equal(world->fakes[A].objects.count, 0);
	world_make_ready(world, B);
	world_check_equal(world);
	world_put_well(world, PORT_A ";" PORT_B);
	world_check_equal(world);
}

static void test_host_that_goes_after_the_decision(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].die_decided = true;
	answer = world_put(world, PORT_A ";" PORT_B);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_non_null(strstr(answer.note, "host b"));
	assert_int_equal(world->fakes[B].objects.count, 0);
	world_make_ready(world, B);
	world_check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// What waits for a host that is away holds up nobody else, and is refused by the host's name.
static void test_absent_host_is_named(void **state)
{
	struct world *world = *state;
	struct answer waiting, other;

	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	world_submit(world, PORT_A ";" PORT_B, 0, &waiting);
	world_submit(world, "port pl attach=netdev ifname=e9 net=lan", 0, &other);
	UNTIL(world, other.came);
	assert_false(waiting.came);
	assert_int_equal(other.refusal.fail.code, 0);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, -EAGAIN);
	assert_string_equal(waiting.refusal.object, "host/b");
	assert_int_equal(world->fakes[A].objects.count, 0);
	world_make_ready(world, B);
	world_check_equal(world);
}

// One that hangs while it prepares: all take it back, others go on, and it is done when the host answers.
static void test_hung_host_holds_up_nobody(void **state)
{
	struct world *world = *state;
	struct answer waiting, other;

	stream_pause(world->fakes[B].stream);
	world_submit(world, PORT_A ";" PORT_B, 0, &waiting);
	world_submit(world, "port pl attach=netdev ifname=e9 net=lan", 0, &other);
	UNTIL(world, other.came);
	assert_int_equal(other.refusal.fail.code, 0);
	assert_false(waiting.came);
	assert_int_equal(host_state(world_host(world, B)), HOST_LAGGING);
	assert_int_equal(world->fakes[A].objects.count, 0);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, 0);
	world_check_equal(world);
	assert_int_equal(world->fakes[A].aborts, 1);
	assert_int_equal(world->fakes[B].aborts, 1);
}

// The same alone: what it has done when nobody counted on it any more is undone before it is done again.
static void test_hung_host_alone(void **state)
{
	struct world *world = *state;
	struct answer waiting, other;
	unsigned before;

	world_put_well(world, "port pl attach=netdev ifname=e9 net=lan;" PORT_B);
	before = world->fakes[B].transactions;
	stream_pause(world->fakes[B].stream);
	world_submit(world, "port pb2 attach=netdev ifname=e1 net=lan host=b", 0, &waiting);
	world_submit(world, PORT_A, 0, &other);
	UNTIL(world, other.came);
	assert_int_equal(other.refusal.fail.code, 0);
	assert_false(waiting.came);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, 0);
	assert_int_equal(world->fakes[B].transactions, before + 3);
	world_check_equal(world);
}

static void test_hung_host_is_named_and_cut_off(void **state)
{
	struct world *world = *state;
	struct answer waiting, behind;

	stream_pause(world->fakes[B].stream);
	world_submit(world, PORT_A ";" PORT_B, 0, &waiting);
	world_submit(world, PORT_B, 0, &behind);
	UNTIL(world, waiting.came && behind.came);
	assert_int_equal(waiting.refusal.fail.code, -EAGAIN);
	assert_string_equal(waiting.refusal.object, "host/b");
	assert_non_null(strstr(waiting.refusal.fail.what, "host b does not answer"));
	assert_int_equal(behind.refusal.fail.code, -EAGAIN);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	// Now that it is known, nobody waits.
	world_submit(world, PORT_B, 0, &behind);
	assert_true(behind.came);
	assert_int_equal(behind.refusal.fail.code, -EAGAIN);
	world_put_well(world, PORT_A);
	world_make_ready(world, B);
	world_put_well(world, PORT_B);
	world_check_equal(world);
}

static void test_hung_host_after_the_decision(void **state)
{
	struct world *world = *state;
	struct answer first, other;

	world->fakes[B].deaf_decided = true;
	world_submit(world, PORT_A ";" PORT_B, 0, &first);
	world_submit(world, "port pl attach=netdev ifname=e9 net=dmz", 0, &other);
	world_submit(world, "net dmz", 0, &other);
	UNTIL(world, first.came);
	assert_int_equal(first.refusal.fail.code, 0);
	assert_non_null(strstr(first.note, "host b does not answer"));
	UNTIL(world, other.came);
	world->fakes[B].deaf_decided = false;
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	world_make_ready(world, B);
	world_check_equal(world);
}

// One that is only told where the others' ports are is not waited for.
static void test_hung_host_is_not_told_of_others(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world_put_well(world, PORT_A ";" PORT_B);
	stream_pause(world->fakes[B].stream);
	answer = world_put(world,
	                   "port pa2 attach=netdev ifname=e1 net=lan mac=02:00:00:00:00:77 host=a");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_int_equal(host_state(world_host(world, B)), HOST_LAGGING);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(world_host(world, B)) == HOST_READY);
	world_check_equal(world);
}

static void test_dry_run_does_not_wait_for_a_hung_host(void **state)
{
	struct world *world = *state;
	struct answer dry, other;

	stream_pause(world->fakes[B].stream);
	world_submit_dry(world, PORT_B, &dry);
	world_submit(world, PORT_A, 0, &other);
	UNTIL(world, dry.came && other.came);
	assert_non_null(strstr(dry.note, "host b does not answer"));
	assert_int_equal(other.refusal.fail.code, 0);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(world_host(world, B)) == HOST_READY);
	world_check_equal(world);
}

// Nobody wants anything of it, and it is found out all the same.
static void test_hung_host_is_found_out(void **state)
{
	struct world *world = *state;

	stream_pause(world->fakes[B].stream);
	UNTIL(world, host_state(world_host(world, B)) == HOST_LAGGING);
	assert_string_equal(world->told, "host_lagging");
	world_put_well(world, PORT_A);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(world_host(world, B)) == HOST_READY);
	assert_string_equal(world->told, "host_ready");
	world_check_equal(world);
	stream_pause(world->fakes[B].stream);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	assert_true(host_is_silent(world_host(world, B)));
}

// One that connects and does not say who it is.
static void test_mute_host_is_sent_away(void **state)
{
	struct world *world = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	host_attach(world_host(world, B), pair[1], 4711);
	assert_int_equal(host_state(world_host(world, B)), HOST_GREETING);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	assert_string_equal(world->told, "host_mute");
	assert_int_equal(host_mute_count(world_host(world, B)), 1);
	close(pair[0]);
	world_make_ready(world, B);
	world_check_equal(world);
}

static void test_host_that_returns_in_time(void **state)
{
	struct world *world = *state;
	struct answer waiting;

	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	world_submit(world, PORT_B, 0, &waiting);
	world_turn(world);
	assert_false(waiting.came);
	world_make_ready(world, B);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, 0);
	world_check_equal(world);
}

// What a host missed while it was away is all that it is sent.
static void test_absent_host_catches_up(void **state)
{
	struct world *world = *state;

	world_put_well(world, PORT_A ";" PORT_B);
	fake_hang_up(&world->fakes[A]);
	UNTIL(world, host_state(world_host(world, A)) == HOST_ABSENT);
	world_put_well(world, "port pl attach=netdev ifname=e9 net=lan");
	world_make_ready(world, A);
	world_check_equal(world);
}

static void on_confirmed(void *user, const struct change_result *result)
{
	world_on_done(user, result);
}

static void test_confirmation_reaches_all(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world_submit(world, PORT_A ";" PORT_B, 60, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_true(world->fakes[A].tentative && world->fakes[B].tentative);
	answer = (struct answer){0};
	control_confirm(&world->control, 0, on_confirmed, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_false(world->fakes[A].tentative || world->fakes[B].tentative);
	world_check_equal(world);
}

// One host ran out of time and has undone it: so do the controller and the other.
static void test_one_that_undoes_takes_all_back(void **state)
{
	struct world *world = *state;
	Weft__TxResult result = WEFT__TX_RESULT__INIT;
	struct answer answer;

	world_submit(world, PORT_A ";" PORT_B, 60, &answer);
	UNTIL(world, answer.came);
	result.tx = world->fakes[A].tentative;
	result.code = -ECANCELED;
	result.has_reverted = result.reverted = true;
	fake_revert(&world->fakes[A]);
	fake_send(&world->fakes[A], WEFT__STREAM_ID__STREAM_CONTROL,
	          WEFT__FRAME_TYPE__FRAME_TX_RESULT, 0, &result.base, NULL, 0);
	UNTIL(world, strcmp(world->told, "reverted") == 0);
	UNTIL(world, world->fakes[B].objects.count == 0);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pa"));
	world_check_equal(world);
}

// A revision runs out of time while a dry run is looked at: that changes nothing of what is undone.
static void test_dry_run_while_time_runs_out(void **state)
{
	struct world *world = *state;
	struct answer answer, dry;

	world_submit(world, PORT_A, 1, &answer);
	UNTIL(world, answer.came);
	world->fakes[B].deaf = true;
	world_submit_dry(world, PORT_B, &dry);
	UNTIL(world, strcmp(world->told, "reverted") == 0);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pa"));
	assert_null(model_get(&world->control.model, NOUN_PORT, "pb"));
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, dry.came);
	assert_non_null(strstr(dry.note, "host b"));
	world->fakes[A].tentative = 0;
	world_make_ready(world, B);
	UNTIL(world, world->fakes[A].objects.count == 0);
	world_check_equal(world);
}

// All have been asked to prepare, and one has not answered.
static void test_controller_dies_before_the_decision(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf = true;
	world_submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].prepared);
	world_die(world);
	assert_int_equal(world->fakes[A].objects.count, 0);
	world->fakes[B].deaf = false;
	world_live_again(world);
	world_check_equal(world);
	// It can be had, so it is had, everywhere.
	assert_non_null(model_get(&world->control.model, NOUN_PORT, "pb"));
	assert_int_equal(world->fakes[A].objects.count, JOINED);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// One has committed, the other has not been told.
static void test_controller_dies_after_the_decision(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf_decided = true;
	world_submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].objects.count == JOINED);
	world_die(world);
	assert_int_equal(world->fakes[B].objects.count, 0);
	world->fakes[B].deaf_decided = false;
	world_live_again(world);
	world_check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// One would have refused; when the controller is back it does, and nobody keeps anything.
static void test_what_a_crash_left_is_refused(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf = true;
	world_submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].prepared);
	world_die(world);
	world->fakes[B].deaf = false;
	world->fakes[B].refuse = "port/pb";
	world_live_again(world);
	UNTIL(world, world->fakes[A].objects.count == 0);
	world_check_equal(world);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pa"));
	world->fakes[B].refuse = NULL;
	world_put_well(world, PORT_A ";" PORT_B);
	world_check_equal(world);
}

// A host that does not come back is not waited for longer than patience lasts.
static void test_what_a_crash_left_does_not_wait_for_ever(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf = true;
	world_submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].prepared);
	world_die(world);
	world->fakes[B].deaf = false;
	world_open(world);
	world_make_ready(world, LOCAL);
	world_make_ready(world, A);
	world_put_well(world, "port pl attach=netdev ifname=e9 net=lan");
	world_make_ready(world, B);
	world_check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// A controller whose datapath another one drives by now says so, and changes nothing there.
static void test_later_controller_is_told_of(void **state)
{
	struct world *world = *state;
	struct answer answer;

	fake_hang_up(&world->fakes[A]);
	UNTIL(world, host_state(world_host(world, A)) == HOST_ABSENT);
	world->fakes[A].epoch = UINT64_C(1) << 40;
	world_connect(world, A);
	UNTIL(world, host_trouble(world_host(world, A)));
	assert_non_null(strstr(host_trouble(world_host(world, A)), "later controller"));
	UNTIL(world, host_state(world_host(world, A)) == HOST_ABSENT);
	answer = world_put(world, PORT_A);
	assert_int_equal(answer.refusal.fail.code, -EAGAIN);
	assert_string_equal(answer.refusal.object, "host/a");
	world->fakes[A].epoch = 0;
	world_make_ready(world, A);
	assert_null(host_trouble(world_host(world, A)));
	world_check_equal(world);
}

static void test_host_goes(void **state)
{
	struct world *world = *state;

	world_put_well(world, PORT_B);
	assert_int_equal(world_put(world, "-host b").refusal.fail.code, -EBUSY);
	world_put_well(world, "-port pb");
	world_check_equal(world);
	world_put_well(world, "-host b");
	assert_null(world_host(world, B));
	world_turn(world);
	world_put_well(world, "host b kind=remote");
	world_make_ready(world, B);
	world_check_equal(world);
}

// A host that is lost for good is removed without it, with all that was there, and the others go on.
// What a host would only be told of others waits for it, and holds up nobody.
static void test_absent_host_hears_later_of_others(void **state)
{
	struct world *world = *state;

	world_put_well(world, PORT_A ";" PORT_B);
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	world_put_well(world,
	               "port pa2 attach=netdev ifname=e1 net=lan host=a mac=02:00:00:00:00:07");
	world_make_ready(world, B);
	world_check_equal(world);
}

static void test_lost_host_goes(void **state)
{
	struct world *world = *state;

	world_put_well(world, PORT_A ";" PORT_B);
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(world_host(world, B)) == HOST_ABSENT);
	world_put_well(world, "-port pb;-host b");
	assert_null(world_host(world, B));
	world_turn(world);
	fake_fini(&world->fakes[B]);
	world->fakes[B] = (struct fake_datapath){0};
	world_put_well(world, "host b kind=remote");
	world_make_ready(world, B);
	world_check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_port_concerns_its_host_only, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_refusal_of_one_undoes_all, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_host_that_goes_while_it_prepares, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_host_that_goes_after_the_decision, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_absent_host_is_named, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_holds_up_nobody, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_alone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_is_named_and_cut_off, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_after_the_decision, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_is_not_told_of_others, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_dry_run_does_not_wait_for_a_hung_host,
	                                        world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_is_found_out, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_mute_host_is_sent_away, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_host_that_returns_in_time, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_absent_host_catches_up, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_confirmation_reaches_all, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_one_that_undoes_takes_all_back, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_dry_run_while_time_runs_out, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_controller_dies_before_the_decision,
	                                        world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_controller_dies_after_the_decision,
	                                        world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_what_a_crash_left_is_refused, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_what_a_crash_left_does_not_wait_for_ever,
	                                        world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_later_controller_is_told_of, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_host_goes, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_absent_host_hears_later_of_others, world_setup,
	                                        world_teardown),
		cmocka_unit_test_setup_teardown(test_lost_host_goes, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
