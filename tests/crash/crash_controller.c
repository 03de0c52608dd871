// SPDX-License-Identifier: BSD-3-Clause
//
// crash_controller: kills weft-controller with -9 at random moments of a stream of changes, and looks what
// is left: the store must be at the last revision that was answered or the one after, the objects those
// of that revision, and the datapath must hold exactly what they derive to.
//
// The datapath is the fake one in this process: it outlives the controller, connects again as the real one
// does, and now and then refuses a change, so that kills fall into the way back as well.

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/sock.h"
#include "base/stream.h"
#include "controller/derive.h"
#include "controller/store.h"
#include "proto/api.pb-c.h"
#include "tests/unit/controller/fake_datapath.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { KILLS = 220, NETS = 12, LONGEST_LIFE_US = 60000, WAIT_SECONDS = 20 };

struct crash {
	char dir[UNIT_DIR];
	const char *program;
	struct event_base *base;
	struct fake_datapath fake;
	pid_t pid;
	struct stream *client;

	// What was asked and answered. An ageing time of 0: there is no such net.
	uint32_t held[NETS];
	uint64_t revision;
	bool asked; // A change is under way:
	unsigned net;
	uint32_t wanted;
	bool refusable; // The datapath will not have it.

	// What is asked of a controller that has only to settle: first its history, then its hosts.
	bool looking;   // Asked, and not answered.
	bool unsettled; // An answer since the look began said so.

	unsigned answered, forward, back;
};

static void start(struct crash *crash)
{
	crash->pid = fork();
	if (crash->pid != 0)
		return;
	// Its words would only be noise, since most of its lives end in the middle.
	int null = open("/dev/null", O_WRONLY);

	dup2(null, 2);
	execl(crash->program, crash->program, "--run-dir", crash->dir, "--state-dir", crash->dir,
	      "--datapath", "none", (char *)NULL);
	_exit(127);
}

static void forget_client(struct crash *crash)
{
	stream_free(crash->client);
	crash->client = NULL;
}

static void end(struct crash *crash)
{
	int status;

	kill(crash->pid, SIGKILL);
	assert_int_equal(waitpid(crash->pid, &status, 0), crash->pid);
	// It must not have ended before, by its own doing.
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	forget_client(crash);
	fake_hang_up(&crash->fake);
}

static void turn(struct crash *crash)
{
	struct timeval most = {.tv_usec = 1000};
	char path[UNIT_DIR + 32];
	int fd;

	if (!crash->fake.stream) {
		snprintf(path, sizeof(path), "%s/datapath.sock", crash->dir);
		fd = sock_connect(path, NULL);
		if (fd >= 0)
			fake_connect(&crash->fake, fd);
	}
	event_base_loopexit(crash->base, &most);
	event_base_loop(crash->base, EVLOOP_ONCE);
}

static const char *text_of(const Weft__Record *record, const char *key)
{
	for (size_t i = 0; i < record->n_fields; i++)
		if (strcmp(record->fields[i]->key, key) == 0 &&
		    record->fields[i]->value_case == WEFT__FIELD__VALUE_TEXT)
			return record->fields[i]->text;
	return NULL;
}

// Whether the last revision is done, or the datapath ready: whichever was asked.
static bool at_rest(const Weft__Reply *reply)
{
	const char *state;

	if (reply->n_records == 0)
		return true;
	state = text_of(reply->records[0], "state");
	return state && (strcmp(state, "done") == 0 || strcmp(state, "ready") == 0);
}

static void on_reply(void *user, struct stream_frame *frame)
{
	struct crash *crash = user;
	Weft__Reply *reply = weft__reply__unpack(NULL, frame->len, frame->body);

	assert_non_null(reply);
	if (crash->looking) {
		assert_null(reply->error);
		crash->looking = false;
		crash->unsettled = crash->unsettled || !at_rest(reply);
		weft__reply__free_unpacked(reply, NULL);
		return;
	}
	assert_true(crash->asked);
	if (reply->error) {
		assert_true(crash->refusable);
	} else {
		assert_false(crash->refusable);
		crash->held[crash->net] = crash->wanted;
		crash->revision = reply->revision;
	}
	crash->asked = false;
	crash->answered++;
	weft__reply__free_unpacked(reply, NULL);
}

static void on_closed(void *user, int error, const char *reason)
{
	forget_client(user);
}

static const struct stream_ops client_ops = {.frame = on_reply, .closed = on_closed};

static bool connect_client(struct crash *crash)
{
	char path[UNIT_DIR + 32];
	int fd;

	if (crash->client)
		return true;
	snprintf(path, sizeof(path), "%s/controller.sock", crash->dir);
	fd = sock_connect(path, NULL);
	if (fd < 0)
		return false;
	crash->client = stream_new(crash->base, fd, &client_ops, crash);
	return crash->client != NULL;
}

static void send_request(struct crash *crash, const Weft__Request *request)
{
	uint8_t body[512];

	assert_true(weft__request__get_packed_size(request) <= sizeof(body));
	stream_send(crash->client, 0, WEFT__API_FRAME__API_REQUEST, 1, body,
	            weft__request__pack(request, body), NULL, 0);
}

// A net comes, changes or goes.
static void ask(struct crash *crash)
{
	Weft__Request request = WEFT__REQUEST__INIT;
	Weft__Apply apply = WEFT__APPLY__INIT;
	Weft__Change change = WEFT__CHANGE__INIT, *changes = &change;
	Weft__Intent intent = WEFT__INTENT__INIT;
	Weft__Net net = WEFT__NET__INIT;
	char name[16];

	crash->net = rand_below(NETS);
	crash->wanted = crash->held[crash->net] && rand_below(3) == 0 ? 0 : 1 + rand_below(100000);
	if (crash->wanted == crash->held[crash->net])
		crash->wanted++;
	crash->refusable = crash->wanted && rand_below(6) == 0;
	crash->fake.refuse = crash->refusable ? "net/" : NULL;
	snprintf(name, sizeof(name), "n%u", crash->net);
	intent.name = name;
	intent.body_case = WEFT__INTENT__BODY_NET;
	intent.net = &net;
	net.has_ageing_seconds = crash->wanted != 0;
	net.ageing_seconds = crash->wanted;
	change.verb = crash->wanted ? WEFT__VERB__VERB_PUT : WEFT__VERB__VERB_DELETE;
	change.intent = &intent;
	apply.n_changes = 1;
	apply.changes = &changes;
	request.body_case = WEFT__REQUEST__BODY_APPLY;
	request.apply = &apply;
	crash->asked = true;
	send_request(crash, &request);
}

// Asks for the newest record of the kind and waits for the answer.
static void look(struct crash *crash, char *what, uint64_t until)
{
	Weft__Request request = WEFT__REQUEST__INIT;
	Weft__List list = WEFT__LIST__INIT;

	request.body_case = WEFT__REQUEST__BODY_LIST;
	request.list = &list;
	list.what = what;
	list.has_limit = true;
	list.limit = 1;
	crash->looking = true;
	send_request(crash, &request);
	while (crash->looking) {
		assert_true(clock_now() < until);
		assert_non_null(crash->client);
		turn(crash);
	}
}

static bool says_settled(struct crash *crash, uint64_t until)
{
	crash->unsettled = false;
	look(crash, "history", until);
	look(crash, "host", until);
	return !crash->unsettled;
}

struct found {
	struct crash *crash;
	uint32_t held[NETS];
	struct model model;
};

static int note_object(void *user, const void *packed, size_t len)
{
	struct found *found = user;
	struct intent *intent = intent_from_packed(packed, len);
	struct refusal refusal = {0};
	unsigned net;

	assert_non_null(intent);
	assert_int_equal(sscanf(intent->name, "n%u", &net), 1);
	found->held[net] = intent->msg->net->ageing_seconds;
	return model_restore(&found->model, intent, &refusal);
}

// Whether the state is that of the last answer, or one change on.
static void check_state(struct crash *crash, const struct found *found, uint64_t revision)
{
	unsigned differing = 0;

	for (unsigned i = 0; i < NETS; i++) {
		if (found->held[i] == crash->held[i])
			continue;
		differing++;
		assert_int_equal(i, crash->net);
		assert_int_equal(found->held[i], crash->wanted);
	}
	if (differing == 0) {
		assert_int_equal(revision, crash->revision);
		crash->back += crash->asked;
	} else {
		assert_true(crash->asked);
		assert_int_equal(revision, crash->revision + 1);
		crash->forward++;
	}
	memcpy(crash->held, found->held, sizeof(crash->held));
	crash->revision = revision;
	crash->asked = false;
}

static void check_datapath(struct crash *crash, struct found *found)
{
	uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];
	struct layout layout = {0};
	struct refusal refusal = {0};
	const struct desired *desired;

	assert_int_equal(model_settle(&found->model, &refusal), 0);
	model_commit(&found->model);
	assert_int_equal(derive_all(&found->model, &layout, &refusal), 0);
	desired = layout_at(&layout, "local");
	fake_digest(&crash->fake, count, hash);
	assert_memory_equal(count, desired->count, sizeof(count));
	assert_memory_equal(hash, desired->hash, sizeof(hash));
	layout_fini(&layout);
}

// Nobody has the store now. A controller that has settled everything has left nothing pending.
static void check(struct crash *crash)
{
	struct found found = {.crash = crash};
	struct store *store = NULL;
	struct revision head;
	struct fail fail = {0};

	if (store_open(crash->dir, false, &store, &fail) < 0)
		fail_msg("%s", fail.what);
	assert_int_equal(store_head(store, &head, &fail), 0);
	assert_int_equal(head.state, REVISION_DONE);
	model_init(&found.model, store_instance(store));
	model_begin(&found.model);
	assert_int_equal(store_load(store, note_object, &found, &fail), 0);
	check_state(crash, &found, head.number);
	check_datapath(crash, &found);
	model_fini(&found.model);
	store_close(store);
}

// Waits until the controller says that it has settled what was left: by silence alone a busy machine
// cannot be told from a controller that has nothing to do.
static void await_settled(struct crash *crash)
{
	uint64_t until = clock_now() + WAIT_SECONDS * NSEC_PER_SEC;

	do {
		assert_true(clock_now() < until);
		turn(crash);
	} while (!crash->fake.stream || !connect_client(crash) || !says_settled(crash, until));
}

static void one_life(struct crash *crash)
{
	uint64_t death;

	start(crash);
	while (!connect_client(crash) || !crash->fake.stream)
		turn(crash);
	// Sometimes at once, sometimes after dozens of changes.
	death = clock_now() + rand_below(LONGEST_LIFE_US) * NSEC_PER_USEC;
	while (clock_now() < death) {
		assert_non_null(crash->client);
		if (!crash->asked)
			ask(crash);
		turn(crash);
	}
	end(crash);
	// A life without questions brings everything to rest.
	start(crash);
	await_settled(crash);
	end(crash);
	check(crash);
	crash->fake.refuse = NULL;
}

static void test_kills(void **state)
{
	struct crash crash = {.program = getenv("WEFT_CONTROLLER")};
	uint64_t seed = clock_wall();

	require(crash.program != NULL, "WEFT_CONTROLLER, the program to kill");
	print_message("seed %llu\n", (unsigned long long)seed);
	rand_seed_for_tests(seed);
	log_open("crash", LOG_LEVEL_ERROR, NULL);
	unit_make_dir(crash.dir);
	crash.base = event_base_new();
	crash.fake.base = crash.base;
	for (unsigned i = 0; i < KILLS; i++)
		one_life(&crash);
	print_message("%u kills, %u changes answered; unanswered: %u done, %u not\n", 2 * KILLS,
	              crash.answered, crash.forward, crash.back);
	// The moments were well spread: both outcomes came up.
	assert_true(crash.forward > 0);
	assert_true(crash.back > 0);
	assert_true(crash.answered > KILLS);
	fake_fini(&crash.fake);
	event_base_free(crash.base);
	unit_remove_dir(crash.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
