// SPDX-License-Identifier: BSD-3-Clause
//
// test_control: changes from the edit to the datapath and back, against a datapath that can be told to
// refuse, to fall silent and to hang up. Everything runs in one event loop.

#include "controller/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "controller/derive_unit.h"
#include "tests/unit/controller/fake_datapath.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>

struct answer {
	bool came;
	bool changed;
	uint64_t revision;
	struct refusal refusal;
	char note[256];
};

struct world {
	char dir[UNIT_DIR];
	struct event_base *base;
	struct control control;
	struct fake_datapath fake;
	char told[64];
};

static void on_told(void *user, const char *host, const char *type, const char *object,
                    const char *text)
{
	struct world *world = user;

	snprintf(world->told, sizeof(world->told), "%s", type);
}

static void on_lease(void *user, const Weft__Lease *lease)
{
}

static uint8_t *on_leases(void *user, const struct host *host, size_t *ret_len)
{
	*ret_len = 0;
	return calloc(1, 1);
}

static void open_control(struct world *world)
{
	struct fail fail = {0};

	world->control = (struct control){
		.base = world->base,
		.listener = world,
		.told = on_told,
		.on_lease = on_lease,
		.leases = on_leases,
	};
	if (store_open(world->dir, false, &world->control.store, &fail) < 0 ||
	    control_open(&world->control, world->dir, &fail) < 0)
		fail_msg("%s", fail.what);
}

static void close_control(struct world *world)
{
	control_close(&world->control);
	store_close(world->control.store);
}

// Turns the loop until the condition holds, for at most three seconds.
#define UNTIL(world, condition)                                   \
	do {                                                      \
		uint64_t until_ = clock_now() + 3 * NSEC_PER_SEC; \
		while (!(condition) && clock_now() < until_)      \
			turn(world);                              \
		assert_true(condition);                           \
	} while (0)

static void turn(struct world *world)
{
	struct timeval most = {.tv_usec = 10000};

	event_base_loopexit(world->base, &most);
	event_base_loop(world->base, EVLOOP_ONCE);
}

static void connect_fake(struct world *world)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	fake_connect(&world->fake, pair[0]);
	host_attach(world->control.hosts.local, pair[1], 4711);
}

static const struct desired *local(struct world *world)
{
	return host_desired(world->control.hosts.local);
}

static void make_ready(struct world *world)
{
	connect_fake(world);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_READY);
}

// The store, the model and the datapath say the same, and nothing is left open.
static void check_equal(struct world *world)
{
	uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];
	struct revision head;
	struct fail fail = {0};

	fake_digest(&world->fake, count, hash);
	assert_memory_equal(count, local(world)->count, sizeof(count));
	assert_memory_equal(hash, local(world)->hash, sizeof(hash));
	assert_int_equal(store_head(world->control.store, &head, &fail), 0);
	assert_true(head.state == REVISION_DONE || head.state == REVISION_UNDONE);
	assert_int_equal(head.number, world->control.revision);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	log_open("test", LOG_LEVEL_ERROR, NULL);
	unit_make_dir(world->dir);
	world->base = event_base_new();
	world->fake.base = world->base;
	open_control(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	fake_fini(&world->fake);
	close_control(world);
	event_base_free(world->base);
	unit_remove_dir(world->dir);
	free(world);
	return 0;
}

static int edit_line(struct control *control, struct change *change, struct refusal *refusal)
{
	const char *line = change->edit_data;
	Weft__Intent *message = kit_message(line + (line[0] == '-'));
	int err = line[0] == '-' ? model_remove(&control->model, noun_of(message), message->name,
	                                        false, refusal)
	                         : model_put(&control->model, message, refusal);

	weft__intent__free_unpacked(message, NULL);
	return err;
}

static void on_done(void *user, const struct change_result *result)
{
	struct answer *answer = user;

	answer->came = true;
	answer->changed = result->changed;
	answer->revision = result->revision;
	snprintf(answer->note, sizeof(answer->note), "%s", result->note ? result->note : "");
	if (result->refusal)
		answer->refusal = *result->refusal;
}

static void submit(struct world *world, const char *line, uint32_t confirm_seconds, bool dry_run,
                   struct answer *answer)
{
	struct change *change = control_new_change(edit_line, (void *)line, NULL);

	*answer = (struct answer){0};
	change->done = on_done;
	change->done_user = answer;
	change->confirm_seconds = confirm_seconds;
	change->dry_run = dry_run;
	snprintf(change->command, sizeof(change->command), "%s", line);
	control_submit(&world->control, change);
}

static struct answer put(struct world *world, const char *line)
{
	struct answer answer;

	submit(world, line, 0, false, &answer);
	UNTIL(world, answer.came);
	return answer;
}

static void test_change_reaches_everybody(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	answer = put(world, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_true(answer.changed);
	assert_int_equal(answer.revision, 1);
	check_equal(world);
	assert_int_equal(world->fake.operations, 4);
	// The same again is no change, no revision and no transaction.
	answer = put(world, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1");
	assert_false(answer.changed);
	assert_int_equal(world->fake.transactions, 1);
	assert_int_equal(world->control.revision, 1);
	put(world, "-net lan");
	check_equal(world);
	assert_int_equal(world->fake.objects.count, 0);
}

static void test_forward_without_outside_is_noted(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	put(world, "router r");
	put(world, "net lan mode=nat subnet=10.77.0.0/24 router=r");
	submit(world, "forward f net=lan outside_port=80 inside=10.77.0.9", 0, true, &answer);
	UNTIL(world, answer.came);
	assert_non_null(strstr(answer.note, "nothing comes in by forward f yet"));
	answer = put(world, "forward f net=lan outside_port=80 inside=10.77.0.9");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_non_null(strstr(answer.note,
	                       "router r has no external net (weft net add NET --mode external)"));
	// What it is not about does not say it again, nor one that has an address of its own.
	assert_string_equal(put(world, "net other").note, "");
	assert_string_equal(
		put(world, "forward g net=lan outside_port=80 inside=10.77.0.9 outside=192.0.2.9")
			.note,
		"");
	put(world, "net wan mode=external subnet=192.0.2.0/24 gateway=192.0.2.1 router=r");
	assert_string_equal(put(world, "forward h net=lan outside_port=81 inside=10.77.0.9").note,
	                    "");
	check_equal(world);
}

static void test_refusal_of_the_datapath_undoes_all(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	put(world, "net lan");
	world->fake.refuse = "port/";
	answer = put(world, "port up attach=netdev ifname=nosuch0 net=lan");
	assert_int_equal(answer.refusal.fail.code, -ENODEV);
	assert_string_equal(answer.refusal.object, "port/up");
	assert_non_null(strstr(answer.refusal.fail.what, "no such interface"));
	assert_null(model_get(&world->control.model, NOUN_PORT, "up"));
	check_equal(world);
	assert_int_equal(world->control.revision, 1);
	// The number was not used up.
	world->fake.refuse = NULL;
	assert_int_equal(put(world, "port up attach=netdev ifname=real0 net=lan").revision, 2);
	check_equal(world);
}

static void test_dry_run_leaves_no_trace(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	submit(world, "net lan", 0, true, &answer);
	UNTIL(world, answer.came);
	assert_true(answer.changed);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_int_equal(world->fake.transactions, 0);
	check_equal(world);
	world->fake.refuse = "net/";
	submit(world, "net lan", 0, true, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, -ENODEV);
	check_equal(world);
}

static void test_resync_sends_only_what_differs(void **state)
{
	struct world *world = *state;
	char line[40];

	make_ready(world);
	for (unsigned i = 1; i <= 40; i++) {
		snprintf(line, sizeof(line), "net n%u", i);
		put(world, line);
	}
	// Equal: the connection is made anew, and nothing is written.
	fake_hang_up(&world->fake);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	assert_int_equal(world->fake.transactions, 40);
	// A controller from an older copy of the store meets a datapath that has gone on.
	fake_hang_up(&world->fake);
	close_control(world);
	open_control(world);
	make_ready(world);
	assert_int_equal(world->fake.transactions, 40);
	check_equal(world);
	// An empty datapath gets all in one transaction, after what was kept for it.
	fake_fini(&world->fake);
	world->fake = (struct fake_datapath){.base = world->base, .fresh = true};
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	assert_true(world->fake.kept_end);
	assert_int_equal(world->fake.transactions, 1);
	assert_int_equal(world->fake.operations, 40);
	check_equal(world);
}

static void test_answer_lost_on_the_way(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	world->fake.lose_next = true;
	submit(world, "net lan", 0, false, &answer);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	assert_false(answer.came);
	make_ready(world);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_int_equal(world->fake.transactions, 1);
	check_equal(world);
	// Lost before it was done: the resync does it.
	world->fake.deaf = true;
	submit(world, "net dmz", 0, false, &answer);
	UNTIL(world, world->fake.op_count > 0);
	fake_hang_up(&world->fake);
	world->fake.deaf = false;
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	check_equal(world);
	// Lost, and then refused: it is as if it had never been.
	world->fake.deaf = true;
	submit(world, "net bad", 0, false, &answer);
	UNTIL(world, world->fake.op_count > 0);
	fake_hang_up(&world->fake);
	world->fake.deaf = false;
	world->fake.refuse = "net/bad";
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	connect_fake(world);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, -ENODEV);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_READY);
	check_equal(world);
	assert_int_equal(world->control.revision, 2);
}

static void test_resync_goes_on_without_what_is_refused(void **state)
{
	struct world *world = *state;

	make_ready(world);
	put(world, "net lan");
	put(world, "port up attach=netdev ifname=eth7 net=lan");
	put(world, "net dmz");
	// The machine starts again without its card.
	fake_fini(&world->fake);
	world->fake =
		(struct fake_datapath){.base = world->base, .fresh = true, .refuse = "port/up"};
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	assert_int_equal(world->fake.objects.count, 2);
	assert_non_null(host_held(world->control.hosts.local, "port/up"));
	assert_int_equal(local(world)->held_back, 2);
	// Other changes go on, and the port comes in when its card is back.
	assert_int_equal(put(world, "net more").refusal.fail.code, 0);
	world->fake.refuse = NULL;
	host_resync(world->control.hosts.local);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_READY);
	assert_null(host_held(world->control.hosts.local, "port/up"));
	check_equal(world);
	assert_int_equal(world->fake.objects.count, 5);
}

static void test_what_misses_what_is_left_out_says_why(void **state)
{
	struct world *world = *state;
	const struct refusal *held;

	make_ready(world);
	put(world, "net lan");
	put(world, "port up attach=netdev ifname=eth7 net=lan");
	put(world, "port web attach=netdev ifname=eth8 net=lan");
	fake_fini(&world->fake);
	world->fake = (struct fake_datapath){.base = world->base,
	                                     .fresh = true,
	                                     .refuse = "port/up",
	                                     .orphan = "port/web",
	                                     .orphan_of = derive_port_id("up")};
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	held = host_held(world->control.hosts.local, "port/web");
	assert_non_null(held);
	assert_non_null(strstr(held->fail.what, "it needs port/up, which is left out"));
	assert_non_null(strstr(held->fail.what, "there is no such interface"));
	// It is tried again soon, and of itself.
	world->fake.refuse = NULL;
	UNTIL(world, host_next_held(world->control.hosts.local, &(size_t){0}) == NULL);
	check_equal(world);
}

static void test_refused_again_stays_held_back(void **state)
{
	struct world *world = *state;

	make_ready(world);
	put(world, "net lan");
	put(world, "port up attach=netdev ifname=eth7 net=lan");
	fake_fini(&world->fake);
	world->fake =
		(struct fake_datapath){.base = world->base, .fresh = true, .refuse = "port/up"};
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	// A change that is refused for it is taken back, and the port is as far away as before.
	assert_int_equal(put(world, "port up attach=netdev ifname=eth8 net=lan").refusal.fail.code,
	                 -ENODEV);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_READY);
	assert_int_equal(local(world)->held_back, 2);
	// So its removal is nothing to the datapath, which would refuse to remove what is not there.
	assert_int_equal(put(world, "-port up").refusal.fail.code, 0);
	check_equal(world);
}

static void test_held_back_leaves_nothing_behind(void **state)
{
	struct world *world = *state;
	const struct unit *unit;

	make_ready(world);
	put(world, "net lan");
	put(world, "port up attach=netdev ifname=eth7 net=lan");
	// It has lost a part of the unit, and refuses to have it again.
	unit = table_get_text(&local(world)->units, "port/up");
	assert_int_equal(unit->count, 2);
	free(table_remove(&world->fake.objects, &unit->objects[0]->id, sizeof(uint64_t)));
	world->fake.refuse = "port/up";
	fake_hang_up(&world->fake);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	make_ready(world);
	assert_int_equal(local(world)->held_back, 2);
	check_equal(world);
	assert_int_equal(put(world, "-port up").refusal.fail.code, 0);
	check_equal(world);
	assert_int_equal(put(world, "-net lan").refusal.fail.code, 0);
	assert_int_equal(world->fake.objects.count, 0);
}

static void test_crash_before_the_datapath_heard(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	put(world, "net lan");
	world->fake.deaf = true;
	submit(world, "net dmz", 0, false, &answer);
	UNTIL(world, world->fake.op_count > 0);
	// The end of the process, as far as the store can tell.
	fake_hang_up(&world->fake);
	close_control(world);
	world->fake.deaf = false;
	open_control(world);
	assert_int_equal(world->control.open.why, OPEN_RECOVERING);
	make_ready(world);
	assert_int_equal(world->control.open.why, OPEN_NONE);
	assert_int_equal(world->control.revision, 2);
	check_equal(world);
	// The same, and the datapath does not want it.
	world->fake.deaf = true;
	submit(world, "net bad", 0, false, &answer);
	UNTIL(world, world->fake.op_count > 0);
	fake_hang_up(&world->fake);
	close_control(world);
	world->fake.deaf = false;
	world->fake.refuse = "net/bad";
	open_control(world);
	connect_fake(world);
	UNTIL(world, world->control.open.why == OPEN_NONE &&
	                     host_state(world->control.hosts.local) == HOST_READY);
	assert_int_equal(world->control.revision, 2);
	assert_null(model_get(&world->control.model, NOUN_NET, "bad"));
	check_equal(world);
}

static void test_confirmed_in_time(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	submit(world, "net lan", 60, false, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_int_equal(world->control.open.why, OPEN_UNCONFIRMED);
	assert_int_equal(put(world, "net dmz").refusal.fail.code, -EBUSY);
	answer = (struct answer){0};
	control_confirm(&world->control, 0, on_done, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	check_equal(world);
	assert_int_equal(put(world, "net dmz").refusal.fail.code, 0);
	answer = (struct answer){0};
	control_confirm(&world->control, 0, on_done, &answer);
	assert_int_equal(answer.refusal.fail.code, -ENOENT);
}

static void test_not_confirmed_is_undone(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	put(world, "net lan");
	submit(world, "net dmz", 1, false, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(world->fake.objects.count, 2);
	// This datapath does not keep its promise; our own clock does.
	UNTIL(world, world->control.open.why == OPEN_NONE);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_READY);
	// The history keeps it, and the next change has a number of its own.
	assert_int_equal(world->control.revision, 2);
	assert_null(model_get(&world->control.model, NOUN_NET, "dmz"));
	assert_string_equal(world->told, "reverted");
	check_equal(world);
}

static void test_unconfirmed_does_not_survive_a_crash(void **state)
{
	struct world *world = *state;
	struct answer answer;

	make_ready(world);
	submit(world, "net lan", 60, false, &answer);
	UNTIL(world, answer.came);
	fake_hang_up(&world->fake);
	close_control(world);
	open_control(world);
	assert_int_equal(world->control.revision, 1);
	assert_int_equal(model_count(&world->control.model, NOUN_NET), 0);
	make_ready(world);
	check_equal(world);
	assert_int_equal(world->fake.objects.count, 0);
}

static void test_keeper_hands_back_what_it_was_given(void **state)
{
	struct world *world = *state;
	Weft__Keep keep = WEFT__KEEP__INIT;
	unsigned before = unit_open_fds();
	int ends[2];

	make_ready(world);
	assert_int_equal(pipe(ends), 0);
	keep.name = (char *)"tap/1/0";
	keep.type = (char *)"tap-queue";
	fake_send(&world->fake, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_KEEP, 0,
	          &keep.base, &ends[1], 1);
	UNTIL(world, host_kept(world->control.hosts.local) == 1);
	close(ends[1]);
	// The other end of the pipe shows that the keeper's copy is open.
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(read(ends[0], &before, 1), -1);
	assert_int_equal(errno, EAGAIN);
	fake_hang_up(&world->fake);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	world->fake.fresh = true;
	make_ready(world);
	// The descriptor and the leases.
	assert_int_equal(world->fake.kept, 2);
	assert_true(world->fake.kept_end);
	fake_send(&world->fake, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_KEEP_DROP,
	          0, &keep.base, NULL, 0);
	UNTIL(world, host_kept(world->control.hosts.local) == 0);
	assert_int_equal(read(ends[0], &before, 1), 0);
	close(ends[0]);
}

// What was to be kept and is not there would be missed only after the next crash.
static void test_keeper_wants_the_descriptor(void **state)
{
	struct world *world = *state;
	Weft__Keep keep = WEFT__KEEP__INIT;

	make_ready(world);
	keep.name = (char *)"tap/1/0";
	keep.type = (char *)"tap-queue";
	fake_send(&world->fake, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_KEEP, 0,
	          &keep.base, NULL, 0);
	UNTIL(world, host_state(world->control.hosts.local) == HOST_ABSENT);
	assert_int_equal(host_kept(world->control.hosts.local), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_change_reaches_everybody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forward_without_outside_is_noted, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_refusal_of_the_datapath_undoes_all, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_dry_run_leaves_no_trace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resync_sends_only_what_differs, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_answer_lost_on_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resync_goes_on_without_what_is_refused, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_held_back_leaves_nothing_behind, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_what_misses_what_is_left_out_says_why, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_refused_again_stays_held_back, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_crash_before_the_datapath_heard, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_confirmed_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_confirmed_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unconfirmed_does_not_survive_a_crash, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_keeper_hands_back_what_it_was_given, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_keeper_wants_the_descriptor, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
