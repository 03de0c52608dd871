// SPDX-License-Identifier: BSD-3-Clause
//
// hosts_world: everything runs in the test's own event loop.

#include "tests/unit/controller/hosts_world.h"

#include <sys/socket.h>
#include <unistd.h>

static const char *const names[FAKES] = {"local", "a", "b"};

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

void world_turn(struct world *world)
{
	struct timeval most = {.tv_usec = 10000};

	event_base_loopexit(world->base, &most);
	event_base_loop(world->base, EVLOOP_ONCE);
}

struct host *world_host(struct world *world, unsigned which)
{
	return hosts_get(&world->control.hosts, names[which]);
}

void world_connect(struct world *world, unsigned which)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	world->fakes[which].base = world->base;
	fake_connect(&world->fakes[which], pair[0]);
	host_attach(world_host(world, which), pair[1], 4711 + (pid_t)which);
}

void world_make_ready(struct world *world, unsigned which)
{
	world_connect(world, which);
	UNTIL(world, host_state(world_host(world, which)) == HOST_READY);
}

// Lines with a semicolon between them, as one batch.
static int edit_lines(struct control *control, struct change *change, struct refusal *refusal)
{
	char copy[1024], *rest = copy, *line;
	int err = 0;

	snprintf(copy, sizeof(copy), "%s", (const char *)change->edit_data);
	while (err == 0 && (line = strsep(&rest, ";"))) {
		Weft__Intent *message = kit_message(line + (line[0] == '-' || line[0] == '!'));

		err = line[0] == '-' || line[0] == '!'
		              ? model_remove(&control->model, noun_of(message), message->name,
		                             line[0] == '!', refusal)
		              : model_put(&control->model, message, refusal);
		weft__intent__free_unpacked(message, NULL);
	}
	return err;
}

void world_on_done(void *user, const struct change_result *result)
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
	change->done = world_on_done;
	change->done_user = answer;
	snprintf(change->command, sizeof(change->command), "%s", lines);
	return change;
}

void world_submit(struct world *world, const char *lines, uint32_t confirm_seconds,
                  struct answer *answer)
{
	struct change *change = make(lines, answer);

	change->confirm_seconds = confirm_seconds;
	control_submit(&world->control, change);
}

void world_submit_dry(struct world *world, const char *lines, struct answer *answer)
{
	struct change *change = make(lines, answer);

	change->dry_run = true;
	control_submit(&world->control, change);
}

struct answer world_put(struct world *world, const char *lines)
{
	struct answer answer;

	world_submit(world, lines, 0, &answer);
	UNTIL(world, answer.came);
	return answer;
}

void world_put_well(struct world *world, const char *lines)
{
	struct answer answer = world_put(world, lines);

	if (answer.refusal.fail.code)
		fail_msg("%s: %s", lines, answer.refusal.fail.what);
}

// Every host holds what is desired of it, and that is what a fresh start derives.
void world_check_equal(struct world *world)
{
	struct layout fresh = {0};
	struct refusal refusal = {0};

	assert_int_equal(derive_all(&world->control.model, &fresh, &refusal), 0);
	for (unsigned i = 0; i < FAKES; i++) {
		const struct desired *desired = host_desired(world_host(world, i));
		uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];

		fake_digest(&world->fakes[i], count, hash);
		assert_memory_equal(count, desired->count, sizeof(count));
		assert_memory_equal(hash, desired->hash, sizeof(hash));
		assert_memory_equal(layout_at(&fresh, names[i])->hash, desired->hash, sizeof(hash));
	}
	layout_fini(&fresh);
}

void world_open(struct world *world)
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
void world_die(struct world *world)
{
	control_close(&world->control);
	store_close(world->control.store);
	for (unsigned i = 0; i < FAKES; i++)
		fake_hang_up(&world->fakes[i]);
}

void world_live_again(struct world *world)
{
	world_open(world);
	for (unsigned i = 0; i < FAKES; i++)
		world_make_ready(world, i);
	UNTIL(world, world->control.open.why == 0);
	for (unsigned i = 0; i < FAKES; i++)
		UNTIL(world, host_state(world_host(world, i)) == HOST_READY);
}

int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	log_open("test", LOG_LEVEL_ERROR, NULL);
	unit_make_dir(world->dir);
	world->base = event_base_new();
	world_open(world);
	world_make_ready(world, LOCAL);
	world_put_well(world, "host a kind=remote ip=192.0.2.1;host b kind=remote ip=192.0.2.2");
	world_make_ready(world, A);
	world_make_ready(world, B);
	world_put_well(world, "net lan");
	*state = world;
	return 0;
}

int world_teardown(void **state)
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

void world_send_event(struct world *world, unsigned which, Weft__EventType type,
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

uint64_t world_scope(struct world *world, unsigned which)
{
	const struct object *object;
	size_t cursor = 0;

	while ((object = table_next(&host_desired(world_host(world, which))->objects, &cursor, NULL,
	                            NULL)))
		if (object->kind == WEFT__KIND__KIND_DHCP_SCOPE)
			return object->id;
	fail_msg("no scope");
	return 0;
}

uint64_t world_addresses(struct world *world, unsigned which)
{
	uint64_t count[DESIRED_KINDS], hash[DESIRED_KINDS];

	fake_digest(&world->fakes[which], count, hash);
	return count[WEFT__KIND__KIND_ADDRESS];
}
