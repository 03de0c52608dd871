// SPDX-License-Identifier: BSD-3-Clause
//
// test_hosts: one change on several hosts, each a fake datapath that can be told to refuse, or to go away at
// the worst moment. After each, every host holds what it must, or none has changed.

#include "controller/control.h"
#include "controller/leases.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "controller/derive_mesh.h"
#include "tests/unit/controller/fake_datapath.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOCAL, A, B, FAKES };

static const char *const names[FAKES] = {"local", "a", "b"};

struct answer {
	bool came;
	struct refusal refusal;
	char note[160];
};

struct world {
	char dir[UNIT_DIR];
	struct event_base *base;
	struct control control;
	struct fake_datapath fakes[FAKES];
	char told[64], text[256];
	unsigned leases;
	struct leases running;
	struct lease_row row; // of the last that came
	bool ends;            // the next one
};

static void on_told(void *user, const char *host, const char *type, const char *object,
                    const char *text)
{
	struct world *world = user;

	snprintf(world->told, sizeof(world->told), "%s", type);
	snprintf(world->text, sizeof(world->text), "%s: %s", object, text);
}

// What is kept of it is the daemon's: here the last one.
static void on_lease(void *user, const Weft__Lease *lease)
{
	struct world *world = user;
	struct {
		uint64_t scope;
		uint8_t mac[8];
	} key = {.scope = lease->scope};
	uint32_t be;

	world->leases++;
	memcpy(key.mac, lease->mac.data, 6);
	memcpy(&be, lease->ip.data, sizeof(be));
	world->row = (struct lease_row){.scope = lease->scope, .ip = ip_from4(be)};
	table_remove(&world->running.rows, &key, sizeof(key));
	if (lease->expires)
		assert_int_equal(
			table_put(&world->running.rows, &key, sizeof(key), &world->row, NULL), 0);
}

static uint8_t *on_leases(void *user, const struct host *host, size_t *ret_len)
{
	*ret_len = 0;
	return calloc(1, 1);
}

static void turn(struct world *world)
{
	struct timeval most = {.tv_usec = 10000};

	event_base_loopexit(world->base, &most);
	event_base_loop(world->base, EVLOOP_ONCE);
}

// Turns the loop until the condition holds, for at most ten seconds.
#define UNTIL(world, condition)                                    \
	do {                                                       \
		uint64_t until_ = clock_now() + 10 * NSEC_PER_SEC; \
		while (!(condition) && clock_now() < until_)       \
			turn(world);                               \
		assert_true(condition);                            \
	} while (0)

static struct host *host_of(struct world *world, unsigned which)
{
	return hosts_get(&world->control.hosts, names[which]);
}

static void connect_fake(struct world *world, unsigned which)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	world->fakes[which].base = world->base;
	fake_connect(&world->fakes[which], pair[0]);
	host_attach(host_of(world, which), pair[1], 4711 + (pid_t)which);
}

static void make_ready(struct world *world, unsigned which)
{
	connect_fake(world, which);
	UNTIL(world, host_state(host_of(world, which)) == HOST_READY);
}

// Lines with a semicolon between them, as one batch.
static int edit_lines(struct control *control, struct change *change, struct refusal *refusal)
{
	char copy[1024], *rest = copy, *line;
	int err = 0;

	snprintf(copy, sizeof(copy), "%s", (const char *)change->edit_data);
	while (err == 0 && (line = strsep(&rest, ";"))) {
		Weft__Intent *message = kit_message(line + (line[0] == '-'));

		err = line[0] == '-' ? model_remove(&control->model, noun_of(message),
		                                    message->name, false, refusal)
		                     : model_put(&control->model, message, refusal);
		weft__intent__free_unpacked(message, NULL);
	}
	return err;
}

static void on_done(void *user, const struct change_result *result)
{
	struct answer *answer = user;

	answer->came = true;
	snprintf(answer->note, sizeof(answer->note), "%s", result->note ? result->note : "");
	if (result->refusal)
		answer->refusal = *result->refusal;
}

static struct change *make(const char *lines, struct answer *answer)
{
	struct change *change = control_new_change(edit_lines, (void *)lines, NULL);

	*answer = (struct answer){0};
	change->done = on_done;
	change->done_user = answer;
	snprintf(change->command, sizeof(change->command), "%s", lines);
	return change;
}

static void submit(struct world *world, const char *lines, uint32_t confirm_seconds,
                   struct answer *answer)
{
	struct change *change = make(lines, answer);

	change->confirm_seconds = confirm_seconds;
	control_submit(&world->control, change);
}

static void submit_dry(struct world *world, const char *lines, struct answer *answer)
{
	struct change *change = make(lines, answer);

	change->dry_run = true;
	control_submit(&world->control, change);
}

static struct answer put(struct world *world, const char *lines)
{
	struct answer answer;

	submit(world, lines, 0, &answer);
	UNTIL(world, answer.came);
	return answer;
}

static void put_well(struct world *world, const char *lines)
{
	struct answer answer = put(world, lines);

	if (answer.refusal.fail.code)
		fail_msg("%s: %s", lines, answer.refusal.fail.what);
}

// Every host holds what is desired of it, and that is what a fresh start derives.
static void check_equal(struct world *world)
{
	struct layout fresh = {0};
	struct refusal refusal = {0};

	assert_int_equal(derive_all(&world->control.model, &fresh, &refusal), 0);
	for (unsigned i = 0; i < FAKES; i++) {
		const struct desired *desired = host_desired(host_of(world, i));
		uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];

		fake_digest(&world->fakes[i], count, hash);
		assert_memory_equal(count, desired->count, sizeof(count));
		assert_memory_equal(hash, desired->hash, sizeof(hash));
		assert_memory_equal(layout_at(&fresh, names[i])->hash, desired->hash, sizeof(hash));
	}
	layout_fini(&fresh);
}

static void open_control(struct world *world)
{
	struct fail fail = {0};

	world->control = (struct control){
		.base = world->base,
		.patience_seconds = 1,
		.silence_seconds = 3,
		.slow_ms = 50,
		.hold_ms = 100,
		.listener = world,
		.told = on_told,
		.on_lease = on_lease,
		.leases = on_leases,
		.running = &world->running,
	};
	if (store_open(world->dir, false, &world->control.store, &fail) < 0 ||
	    control_open(&world->control, world->dir, &fail) < 0)
		fail_msg("%s", fail.what);
}

// Ends as kill -9 does: nobody is told, nothing is undone.
static void die(struct world *world)
{
	control_close(&world->control);
	store_close(world->control.store);
	for (unsigned i = 0; i < FAKES; i++)
		fake_hang_up(&world->fakes[i]);
}

static void live_again(struct world *world)
{
	open_control(world);
	for (unsigned i = 0; i < FAKES; i++)
		make_ready(world, i);
	UNTIL(world, world->control.open.why == 0);
	for (unsigned i = 0; i < FAKES; i++)
		UNTIL(world, host_state(host_of(world, i)) == HOST_READY);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	log_open("test", LOG_LEVEL_ERROR, NULL);
	unit_make_dir(world->dir);
	world->base = event_base_new();
	open_control(world);
	make_ready(world, LOCAL);
	put_well(world, "host a kind=remote ip=192.0.2.1;host b kind=remote ip=192.0.2.2");
	make_ready(world, A);
	make_ready(world, B);
	put_well(world, "net lan");
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < FAKES; i++)
		fake_fini(&world->fakes[i]);
	control_close(&world->control);
	store_close(world->control.store);
	table_fini(&world->running.rows);
	event_base_free(world->base);
	unit_remove_dir(world->dir);
	free(world);
	return 0;
}

// What a host holds of a net that is on another, too: bridge, port and its place; tunnel, peer and the net's place there.
enum { JOINED = 6 };

#define PORT_A "port pa attach=netdev ifname=e0 net=lan host=a"
#define PORT_B "port pb attach=netdev ifname=e0 net=lan host=b"

static void test_port_concerns_its_host_only(void **state)
{
	struct world *world = *state;
	unsigned before;

	put_well(world, "port pl attach=netdev ifname=e9 net=lan;" PORT_A ";" PORT_B);
	check_equal(world);
	before = world->fakes[B].transactions;
	put_well(world, "port pa2 attach=netdev ifname=e1 net=lan host=a");
	assert_int_equal(world->fakes[B].transactions, before);
	assert_int_equal(world->fakes[A].operations, 2);
	// One host alone is told in one step.
	assert_int_equal(world->fakes[A].prepares, 1);
	check_equal(world);
	put_well(world, "-port pa;-port pa2;-port pb;-port pl");
	assert_int_equal(world->fakes[A].objects.count, 0);
	check_equal(world);
}

static void test_refusal_of_one_undoes_all(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[A].refuse = "port/";
	answer = put(world, PORT_A ";" PORT_B);
	assert_int_equal(answer.refusal.fail.code, -ENODEV);
	assert_string_equal(answer.refusal.object, "port/pa");
	UNTIL(world, world->fakes[B].aborts == 1);
	assert_int_equal(world->fakes[B].objects.count, 0);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pb"));
	check_equal(world);
	world->fakes[A].refuse = NULL;
	put_well(world, PORT_A ";" PORT_B);
	check_equal(world);
}

static void test_host_that_goes_while_it_prepares(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].die_prepared = true;
	answer = put(world, PORT_A ";" PORT_B);
	assert_int_equal(answer.refusal.fail.code, -ECONNRESET);
	assert_non_null(strstr(answer.refusal.fail.what, "host b"));
	UNTIL(world, world->fakes[A].aborts == 1);
	assert_int_equal(world->fakes[A].objects.count, 0);
	make_ready(world, B);
	check_equal(world);
	put_well(world, PORT_A ";" PORT_B);
	check_equal(world);
}

static void test_host_that_goes_after_the_decision(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].die_decided = true;
	answer = put(world, PORT_A ";" PORT_B);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_non_null(strstr(answer.note, "host b"));
	assert_int_equal(world->fakes[B].objects.count, 0);
	make_ready(world, B);
	check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// What waits for a host that is away holds up nobody else, and is refused by the host's name.
static void test_absent_host_is_named(void **state)
{
	struct world *world = *state;
	struct answer waiting, other;

	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	submit(world, PORT_A ";" PORT_B, 0, &waiting);
	submit(world, "port pl attach=netdev ifname=e9 net=lan", 0, &other);
	UNTIL(world, other.came);
	assert_false(waiting.came);
	assert_int_equal(other.refusal.fail.code, 0);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, -EAGAIN);
	assert_string_equal(waiting.refusal.object, "host/b");
	assert_int_equal(world->fakes[A].objects.count, 0);
	make_ready(world, B);
	check_equal(world);
}

// One that hangs while it prepares: all take it back, others go on, and it is done when the host answers.
static void test_hung_host_holds_up_nobody(void **state)
{
	struct world *world = *state;
	struct answer waiting, other;

	stream_pause(world->fakes[B].stream);
	submit(world, PORT_A ";" PORT_B, 0, &waiting);
	submit(world, "port pl attach=netdev ifname=e9 net=lan", 0, &other);
	UNTIL(world, other.came);
	assert_int_equal(other.refusal.fail.code, 0);
	assert_false(waiting.came);
	assert_int_equal(host_state(host_of(world, B)), HOST_LAGGING);
	assert_int_equal(world->fakes[A].objects.count, 0);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, 0);
	check_equal(world);
	assert_int_equal(world->fakes[A].aborts, 1);
	assert_int_equal(world->fakes[B].aborts, 1);
}

// The same alone: what it has done when nobody counted on it any more is undone before it is done again.
static void test_hung_host_alone(void **state)
{
	struct world *world = *state;
	struct answer waiting, other;
	unsigned before;

	put_well(world, "port pl attach=netdev ifname=e9 net=lan;" PORT_B);
	before = world->fakes[B].transactions;
	stream_pause(world->fakes[B].stream);
	submit(world, "port pb2 attach=netdev ifname=e1 net=lan host=b", 0, &waiting);
	submit(world, PORT_A, 0, &other);
	UNTIL(world, other.came);
	assert_int_equal(other.refusal.fail.code, 0);
	assert_false(waiting.came);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, 0);
	assert_int_equal(world->fakes[B].transactions, before + 3);
	check_equal(world);
}

static void test_hung_host_is_named_and_cut_off(void **state)
{
	struct world *world = *state;
	struct answer waiting, behind;

	stream_pause(world->fakes[B].stream);
	submit(world, PORT_A ";" PORT_B, 0, &waiting);
	submit(world, PORT_B, 0, &behind);
	UNTIL(world, waiting.came && behind.came);
	assert_int_equal(waiting.refusal.fail.code, -EAGAIN);
	assert_string_equal(waiting.refusal.object, "host/b");
	assert_non_null(strstr(waiting.refusal.fail.what, "host b does not answer"));
	assert_int_equal(behind.refusal.fail.code, -EAGAIN);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	// Now that it is known, nobody waits.
	submit(world, PORT_B, 0, &behind);
	assert_true(behind.came);
	assert_int_equal(behind.refusal.fail.code, -EAGAIN);
	put_well(world, PORT_A);
	make_ready(world, B);
	put_well(world, PORT_B);
	check_equal(world);
}

static void test_hung_host_after_the_decision(void **state)
{
	struct world *world = *state;
	struct answer first, other;

	world->fakes[B].deaf_decided = true;
	submit(world, PORT_A ";" PORT_B, 0, &first);
	submit(world, "port pl attach=netdev ifname=e9 net=dmz", 0, &other);
	submit(world, "net dmz", 0, &other);
	UNTIL(world, first.came);
	assert_int_equal(first.refusal.fail.code, 0);
	assert_non_null(strstr(first.note, "host b does not answer"));
	UNTIL(world, other.came);
	world->fakes[B].deaf_decided = false;
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	make_ready(world, B);
	check_equal(world);
}

// One that is only told where the others' ports are is not waited for.
static void test_hung_host_is_not_told_of_others(void **state)
{
	struct world *world = *state;
	struct answer answer;

	put_well(world, PORT_A ";" PORT_B);
	stream_pause(world->fakes[B].stream);
	answer =
		put(world, "port pa2 attach=netdev ifname=e1 net=lan mac=02:00:00:00:00:77 host=a");
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_int_equal(host_state(host_of(world, B)), HOST_LAGGING);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(host_of(world, B)) == HOST_READY);
	check_equal(world);
}

static void test_dry_run_does_not_wait_for_a_hung_host(void **state)
{
	struct world *world = *state;
	struct answer dry, other;

	stream_pause(world->fakes[B].stream);
	submit_dry(world, PORT_B, &dry);
	submit(world, PORT_A, 0, &other);
	UNTIL(world, dry.came && other.came);
	assert_non_null(strstr(dry.note, "host b does not answer"));
	assert_int_equal(other.refusal.fail.code, 0);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(host_of(world, B)) == HOST_READY);
	check_equal(world);
}

// Nobody wants anything of it, and it is found out all the same.
static void test_hung_host_is_found_out(void **state)
{
	struct world *world = *state;

	stream_pause(world->fakes[B].stream);
	UNTIL(world, host_state(host_of(world, B)) == HOST_LAGGING);
	assert_string_equal(world->told, "host_lagging");
	put_well(world, PORT_A);
	stream_resume(world->fakes[B].stream);
	UNTIL(world, host_state(host_of(world, B)) == HOST_READY);
	assert_string_equal(world->told, "host_ready");
	check_equal(world);
	stream_pause(world->fakes[B].stream);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	assert_true(host_is_silent(host_of(world, B)));
}

// One that connects and does not say who it is.
static void test_mute_host_is_sent_away(void **state)
{
	struct world *world = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	host_attach(host_of(world, B), pair[1], 4711);
	assert_int_equal(host_state(host_of(world, B)), HOST_GREETING);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	assert_string_equal(world->told, "host_mute");
	assert_int_equal(host_mute_count(host_of(world, B)), 1);
	close(pair[0]);
	make_ready(world, B);
	check_equal(world);
}

static void test_host_that_returns_in_time(void **state)
{
	struct world *world = *state;
	struct answer waiting;

	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	submit(world, PORT_B, 0, &waiting);
	turn(world);
	assert_false(waiting.came);
	make_ready(world, B);
	UNTIL(world, waiting.came);
	assert_int_equal(waiting.refusal.fail.code, 0);
	check_equal(world);
}

// What a host missed while it was away is all that it is sent.
static void test_absent_host_catches_up(void **state)
{
	struct world *world = *state;

	put_well(world, PORT_A ";" PORT_B);
	fake_hang_up(&world->fakes[A]);
	UNTIL(world, host_state(host_of(world, A)) == HOST_ABSENT);
	put_well(world, "port pl attach=netdev ifname=e9 net=lan");
	make_ready(world, A);
	check_equal(world);
}

static void on_confirmed(void *user, const struct change_result *result)
{
	on_done(user, result);
}

static void test_confirmation_reaches_all(void **state)
{
	struct world *world = *state;
	struct answer answer;

	submit(world, PORT_A ";" PORT_B, 60, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_true(world->fakes[A].tentative && world->fakes[B].tentative);
	answer = (struct answer){0};
	control_confirm(&world->control, 0, on_confirmed, &answer);
	UNTIL(world, answer.came);
	assert_int_equal(answer.refusal.fail.code, 0);
	assert_false(world->fakes[A].tentative || world->fakes[B].tentative);
	check_equal(world);
}

// One host ran out of time and has undone it: so do the controller and the other.
static void test_one_that_undoes_takes_all_back(void **state)
{
	struct world *world = *state;
	Weft__TxResult result = WEFT__TX_RESULT__INIT;
	struct answer answer;

	submit(world, PORT_A ";" PORT_B, 60, &answer);
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
	check_equal(world);
}

// A revision runs out of time while a dry run is looked at: that changes nothing of what is undone.
static void test_dry_run_while_time_runs_out(void **state)
{
	struct world *world = *state;
	struct answer answer, dry;

	submit(world, PORT_A, 1, &answer);
	UNTIL(world, answer.came);
	world->fakes[B].deaf = true;
	submit_dry(world, PORT_B, &dry);
	UNTIL(world, strcmp(world->told, "reverted") == 0);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pa"));
	assert_null(model_get(&world->control.model, NOUN_PORT, "pb"));
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, dry.came);
	assert_non_null(strstr(dry.note, "host b"));
	world->fakes[A].tentative = 0;
	make_ready(world, B);
	UNTIL(world, world->fakes[A].objects.count == 0);
	check_equal(world);
}

// What a net has only once follows its ports, in one change of both hosts.
static void test_home_moves_with_the_ports(void **state)
{
	struct world *world = *state;

	put_well(world, "net web subnet=10.1.0.0/24 dhcp=1 dns=web.test");
	check_equal(world);
	put_well(world, "port w attach=netdev ifname=e3 net=web host=b ip=10.1.0.5 "
	                "mac=02:00:00:00:00:05");
	check_equal(world);
	assert_true(world->fakes[B].objects.count > 4);
	put_well(world, "port w2 attach=netdev ifname=e3 net=web");
	check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, 3);
}

// All have been asked to prepare, and one has not answered.
static void test_controller_dies_before_the_decision(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf = true;
	submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].prepared);
	die(world);
	assert_int_equal(world->fakes[A].objects.count, 0);
	world->fakes[B].deaf = false;
	live_again(world);
	check_equal(world);
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
	submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].objects.count == JOINED);
	die(world);
	assert_int_equal(world->fakes[B].objects.count, 0);
	world->fakes[B].deaf_decided = false;
	live_again(world);
	check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// One would have refused; when the controller is back it does, and nobody keeps anything.
static void test_what_a_crash_left_is_refused(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf = true;
	submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].prepared);
	die(world);
	world->fakes[B].deaf = false;
	world->fakes[B].refuse = "port/pb";
	live_again(world);
	UNTIL(world, world->fakes[A].objects.count == 0);
	check_equal(world);
	assert_null(model_get(&world->control.model, NOUN_PORT, "pa"));
	world->fakes[B].refuse = NULL;
	put_well(world, PORT_A ";" PORT_B);
	check_equal(world);
}

// A host that does not come back is not waited for longer than patience lasts.
static void test_what_a_crash_left_does_not_wait_for_ever(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->fakes[B].deaf = true;
	submit(world, PORT_A ";" PORT_B, 0, &answer);
	UNTIL(world, world->fakes[A].prepared);
	die(world);
	world->fakes[B].deaf = false;
	open_control(world);
	make_ready(world, LOCAL);
	make_ready(world, A);
	put_well(world, "port pl attach=netdev ifname=e9 net=lan");
	make_ready(world, B);
	check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, JOINED);
}

// A controller whose datapath another one drives by now says so, and changes nothing there.
static void test_later_controller_is_told_of(void **state)
{
	struct world *world = *state;
	struct answer answer;

	fake_hang_up(&world->fakes[A]);
	UNTIL(world, host_state(host_of(world, A)) == HOST_ABSENT);
	world->fakes[A].epoch = UINT64_C(1) << 40;
	connect_fake(world, A);
	UNTIL(world, host_trouble(host_of(world, A)));
	assert_non_null(strstr(host_trouble(host_of(world, A)), "later controller"));
	UNTIL(world, host_state(host_of(world, A)) == HOST_ABSENT);
	answer = put(world, PORT_A);
	assert_int_equal(answer.refusal.fail.code, -EAGAIN);
	assert_string_equal(answer.refusal.object, "host/a");
	world->fakes[A].epoch = 0;
	make_ready(world, A);
	assert_null(host_trouble(host_of(world, A)));
	check_equal(world);
}

static void test_host_goes(void **state)
{
	struct world *world = *state;

	put_well(world, PORT_B);
	assert_int_equal(put(world, "-host b").refusal.fail.code, -EBUSY);
	put_well(world, "-port pb");
	check_equal(world);
	put_well(world, "-host b");
	assert_null(host_of(world, B));
	turn(world);
	put_well(world, "host b kind=remote");
	make_ready(world, B);
	check_equal(world);
}

// A host that is lost for good is removed without it, with all that was there, and the others go on.
// What a host would only be told of others waits for it, and holds up nobody.
static void test_absent_host_hears_later_of_others(void **state)
{
	struct world *world = *state;

	put_well(world, PORT_A ";" PORT_B);
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	put_well(world, "port pa2 attach=netdev ifname=e1 net=lan host=a mac=02:00:00:00:00:07");
	make_ready(world, B);
	check_equal(world);
}

static void test_lost_host_goes(void **state)
{
	struct world *world = *state;

	put_well(world, PORT_A ";" PORT_B);
	fake_hang_up(&world->fakes[B]);
	UNTIL(world, host_state(host_of(world, B)) == HOST_ABSENT);
	put_well(world, "-port pb;-host b");
	assert_null(host_of(world, B));
	turn(world);
	fake_fini(&world->fakes[B]);
	world->fakes[B] = (struct fake_datapath){0};
	put_well(world, "host b kind=remote");
	make_ready(world, B);
	check_equal(world);
	assert_int_equal(world->fakes[B].objects.count, 0);
}

static void send_event(struct world *world, unsigned which, Weft__EventType type,
                       const uint64_t *scope)
{
	uint8_t mac[6] = {2, 0, 0, 0, 0, 7}, ip[4] = {10, 9, 0, 7};
	Weft__Event event = WEFT__EVENT__INIT;
	Weft__Lease lease = WEFT__LEASE__INIT;

	lease.has_expires = true;
	lease.expires = world->ends ? 0 : UINT32_MAX;

	lease.mac = (ProtobufCBinaryData){.len = sizeof(mac), .data = mac};
	lease.ip = (ProtobufCBinaryData){.len = sizeof(ip), .data = ip};
	event.type = type;
	if (scope) {
		lease.scope = *scope;
		event.lease = &lease;
	}
	fake_send(&world->fakes[which], WEFT__STREAM_ID__STREAM_EVENTS,
	          WEFT__FRAME_TYPE__FRAME_EVENT, 0, &event.base, NULL, 0);
}

static uint64_t scope_of(struct world *world, unsigned which)
{
	const struct object *object;
	size_t cursor = 0;

	while ((object = table_next(&host_desired(host_of(world, which))->objects, &cursor, NULL,
	                            NULL)))
		if (object->kind == WEFT__KIND__KIND_DHCP_SCOPE)
			return object->id;
	fail_msg("no scope");
	return 0;
}

static uint64_t addresses_of(struct world *world, unsigned which)
{
	uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];

	fake_digest(&world->fakes[which], count, hash);
	return count[WEFT__KIND__KIND_ADDRESS];
}

// No change of the intent: no revision, and hosts that are not of the net hear nothing.
static void test_leases_are_told_to_the_hosts_of_the_net(void **state)
{
	struct world *world = *state;
	uint64_t scope, revision;

	put_well(world, "net served mode=isolated subnet=10.9.0.0/24 dhcp=1 host=a;"
	                "port pb attach=netdev ifname=e0 net=served host=b mac=02:00:00:00:00:07");
	// The leg's.
	assert_int_equal(addresses_of(world, B), 1);
	revision = world->control.revision;
	scope = scope_of(world, A);
	send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, addresses_of(world, A) == 1 && addresses_of(world, B) == 2);
	check_equal(world);
	assert_int_equal(addresses_of(world, LOCAL), 0);
	world->ends = true;
	send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, addresses_of(world, A) == 0 && addresses_of(world, B) == 1);
	check_equal(world);
	assert_int_equal(world->control.revision, revision);
	// And changes go on.
	put_well(world, "net other");
}

// A host that is not what it was cannot fill the pools of the others.
static void test_lease_of_anothers_scope_is_left_out(void **state)
{
	struct world *world = *state;
	uint64_t scope;

	put_well(world, "net served mode=isolated subnet=10.9.0.0/24 dhcp=1 host=a");
	scope = scope_of(world, A);
	send_event(world, B, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	send_event(world, B, WEFT__EVENT_TYPE__EVENT_MAC_MOVED, NULL);
	UNTIL(world, strcmp(world->told, "mac_moved") == 0);
	assert_int_equal(world->leases, 0);
	send_event(world, A, WEFT__EVENT_TYPE__EVENT_LEASE, &scope);
	UNTIL(world, strcmp(world->told, "lease") == 0);
	assert_int_equal(world->leases, 1);
}

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
	const struct desired *desired = host_desired(host_of(world, which));
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
		same &= memcmp(hash, host_desired(host_of(world, i))->hash, sizeof(hash)) == 0;
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
		turn(world);
}

#define SERVED_AT_A "net served mode=isolated subnet=10.9.0.0/24 subnet6=none dhcp=1 host=a"

static void test_nets_follow_their_ways(void **state)
{
	struct world *world = *state;
	uint64_t revision;

	put_well(world, SERVED_AT_A ";port pb attach=tap ifname=e0 net=served host=b");
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
	check_equal(world);
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
	check_equal(world);
	assert_int_equal(world->control.revision, revision);
}

static void test_set_mtu_is_never_exceeded(void **state)
{
	struct world *world = *state;

	put_well(world, SERVED_AT_A " mtu=1400;port pb attach=tap ifname=e0 net=served host=b");
	send_ways(world, A, 1450, NULL, 0);
	settle(world);
	assert_true(has_mtu(world, 1400));
	send_ways(world, A, 1350, NULL, 0);
	UNTIL(world, has_mtu(world, 1350));
	// The user's word is another thing than what goes.
	put_well(world, SERVED_AT_A " mtu=1300");
	assert_true(has_mtu(world, 1300));
	put_well(world, SERVED_AT_A " mtu=1400");
	assert_true(has_mtu(world, 1350));
	send_ways(world, A, 1450, NULL, 0);
	UNTIL(world, has_mtu(world, 1400));
	check_equal(world);
}

// A controller that starts anew widens nothing before its hosts have spoken; one that is removed is forgotten.
static void test_ways_outlive_the_controller(void **state)
{
	struct world *world = *state;

	put_well(world, SERVED_AT_A ";port pb attach=tap ifname=e0 net=served host=b");
	send_ways(world, B, 1450, "a", 1350);
	UNTIL(world, has_mtu(world, 1350));
	die(world);
	live_again(world);
	assert_true(has_mtu(world, 1350));
	check_equal(world);
	put_well(world, "-port pb;-host b");
	fake_fini(&world->fakes[B]);
	world->fakes[B] = (struct fake_datapath){0};
	put_well(world, "host b kind=remote ip=192.0.2.2");
	make_ready(world, B);
	put_well(world, "port pb attach=tap ifname=e0 net=served host=b");
	assert_true(has_mtu(world, 1450));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_port_concerns_its_host_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusal_of_one_undoes_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_that_goes_while_it_prepares, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_host_that_goes_after_the_decision, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_absent_host_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_holds_up_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_is_named_and_cut_off, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_after_the_decision, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_is_not_told_of_others, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_dry_run_does_not_wait_for_a_hung_host, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_hung_host_is_found_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mute_host_is_sent_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_that_returns_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent_host_catches_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirmation_reaches_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_undoes_takes_all_back, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_dry_run_while_time_runs_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_home_moves_with_the_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_controller_dies_before_the_decision, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_controller_dies_after_the_decision, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_what_a_crash_left_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_a_crash_left_does_not_wait_for_ever,
	                                        setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_controller_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent_host_hears_later_of_others, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_lost_host_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leases_are_told_to_the_hosts_of_the_net, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_nets_follow_their_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_mtu_is_never_exceeded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ways_outlive_the_controller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lease_of_anothers_scope_is_left_out, setup,
	                                        teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
