// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_channel: a controller that says anything to the agent, and hangs up anywhere.
//
// Input: steps of one byte that says what to do, two of length, and that many bytes: bytes as they are,
// the body of a frame whose header is right, or none for a cut connection and for time that has passed. The
// agent is the real one but for its doors, which are in memory, and its workers, which are not there.
// Whatever is said, its tables hold together and no descriptor stays open at the end.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/sock.h"
#include "base/stream.h"
#include "datapath/agent_priv.h"
#include "datapath/lease.h"
#include "datapath/pipeline.h"
#include "tests/fuzz/agent_world.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEADER = 24,

	// The byte of a step: one of these, or the type of a frame.
	STEP_RAW = 0,
	STEP_CUT = 1,
	STEP_TIME = 2,
	STEP_TYPE = 0x3f,
	STEP_MORE = 0x40, // the frame says that it is not all
	STEP_FD = 0x80,   // a descriptor goes along
};

struct peer {
	struct event_base *base;
	struct agent *agent;
	int fd; // -1: not connected
};

// Stands for agent_run.c, which would open real doors.
static struct agent_world world;

// Made once: nothing runs in them, so that what they were made with may go.
static struct workers *idle_workers(void)
{
	static struct workers *workers;
	const struct workers_config config = {
		.count = 1, .state = world.state, .stats = world.stats, .flow_entries = 64};

	if (!workers)
		workers = workers_new(&config);
	if (!workers)
		abort();
	return workers;
}

int agent_run_start(struct agent *agent, struct fail *fail)
{
	struct apply_env env;

	if (agent->apply)
		return 0;
	agent_world_open(&world, &env);
	agent->state = world.state;
	agent->stats = world.stats;
	agent->service = world.service;
	agent->workers = idle_workers();
	agent->apply = apply_new(&env);
	if (!agent->apply)
		abort();
	agent_lease_take(agent);
	return 0;
}

void agent_run_complete(struct agent *agent)
{
	if (!agent->swept)
		apply_complete(agent->apply);
	agent->swept = true;
}

void agent_run_stop(struct agent *agent)
{
	if (agent->tracer)
		pipeline_free(agent->tracer);
	if (!agent->apply)
		return;
	agent_capture_drop(agent);
	apply_free(agent->apply);
	agent_world_close(&world);
}

static char folder[] = "/tmp/weft-fuzz-XXXXXX", path[sizeof(folder) + 8];

static void remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

static int listen_once(void)
{
	struct fail fail = {0};
	int fd;

	log_open("fuzz", LOG_LEVEL_ERROR, NULL);
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/socket", folder);
	fd = sock_listen(path, 0600, &fail);
	if (fd < 0)
		abort();
	atexit(remove_folder);
	return fd;
}

static void turn(struct peer *peer)
{
	event_base_loop(peer->base, EVLOOP_NONBLOCK);
}

static void drain(struct peer *peer)
{
	static uint8_t bytes[1 << 16];
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	int fds[SOCK_FDS_MAX];
	unsigned count;

	while (sock_recv_fds(peer->fd, &iov, 1, fds, SOCK_FDS_MAX, &count) > 0)
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
}

static void say(struct peer *peer, uint8_t step, const uint8_t *bytes, size_t size)
{
	uint8_t header[HEADER] = {0};
	struct iovec iov[2] = {{.iov_base = header, .iov_len = HEADER},
	                       {.iov_base = (void *)bytes, .iov_len = size}};
	unsigned first = (step & STEP_TYPE) == STEP_RAW ? 1 : 0;
	unsigned nfds = step & STEP_FD && (size || !first) ? 1 : 0;

	store_be32(header, (uint32_t)size);
	store_be16(header + 4, step & STEP_TYPE);
	header[7] = (uint8_t)nfds;
	header[15] = 77;
	header[19] = step & STEP_MORE ? 1 : 0;
	// What does not fit the socket's buffer is cut; that is one more thing that may happen.
	if (size || !first)
		sock_send_fds(peer->fd, iov + first, 2 - first, &peer->fd, nfds);
	turn(peer);
	drain(peer);
}

static void hang_up(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	turn(peer);
}

// The agent's patience is not waited for.
static void connect_again(struct peer *peer, int listener)
{
	hang_up(peer);
	if (!peer->agent->stream)
		event_active(peer->agent->retry, EV_TIMEOUT, 0);
	turn(peer);
	peer->fd = sock_accept(listener);
}

static void pass_time(struct peer *peer)
{
	struct agent *agent = peer->agent;

	if (agent->confirm && agent->tentative)
		event_active(agent->confirm, EV_TIMEOUT, 0);
	if (agent->complete)
		event_active(agent->complete, EV_TIMEOUT, 0);
	if (agent->capture_timer)
		event_active(agent->capture_timer, EV_TIMEOUT, 0);
	turn(peer);
}

static void act(struct peer *peer, int listener, uint8_t step, const uint8_t *bytes, size_t size)
{
	if (peer->fd < 0 || !peer->agent->stream)
		connect_again(peer, listener);
	if (peer->fd < 0)
		return;
	if ((step & STEP_TYPE) == STEP_CUT)
		connect_again(peer, listener);
	else if ((step & STEP_TYPE) == STEP_TIME)
		pass_time(peer);
	else
		say(peer, step, bytes, size);
	if (peer->agent->apply)
		agent_world_check(&world, peer->agent->apply);
}

// The lowest free number: the same before and after if, and only if, nothing below it leaked.
static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct event_base *base;
	static int listener;

	if (!base) {
		struct apply_env env;

		base = event_base_new();
		listener = listen_once();
		agent_world_open(&world, &env);
		idle_workers();
		agent_world_close(&world);
	}

	int before = lowest_free();
	struct agent_config config = {.base = base, .place.socket = path, .sizes.workers = 1};
	struct peer peer = {.base = base, .agent = agent_new(&config), .fd = -1};

	if (!peer.agent)
		abort();
	while (size >= 3) {
		size_t len = MIN((size_t)load_be16(input + 1), size - 3);

		act(&peer, listener, input[0], input + 3, len);
		input += 3 + len;
		size -= 3 + len;
	}
	hang_up(&peer);
	agent_free(peer.agent);
	if (lowest_free() != before)
		abort();
	return 0;
}
