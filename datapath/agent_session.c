// SPDX-License-Identifier: BSD-3-Clause
//
// agent_session: the greeting, and who answers which frame.

#include "base/clock.h"
#include "base/log.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_priv.h"
#include "datapath/lease.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HELLO_LIMIT = 64 << 10, LEASES_LIMIT = 32 << 20 };

static char *const capabilities[] = {
	"tap",    "netdev",  "pcap",          "memory",    "nat",   "port-forward",
	"dhcp",   "dns",     "router-advert", "flow-rule", "trace", "vhost-user",
	"impair", "capture", "wire",          "address",   "bfd",   "lease-handover",
};

void agent_session_hello(struct agent *agent)
{
	Weft__Hello hello = WEFT__HELLO__INIT;
	char host[HOST_NAME_MAX + 1] = "";

	gethostname(host, sizeof(host) - 1);
	hello.version = AGENT_VERSION;
	hello.software = (char *)"weft-datapath 0.1.0";
	hello.host = host;
	hello.n_capabilities = sizeof(capabilities) / sizeof(capabilities[0]);
	hello.capabilities = (char **)capabilities;
	hello.has_generation = true;
	hello.generation = agent->apply ? apply_generation(agent->apply)->number : 0;
	hello.incarnation = agent->incarnation;
	hello.has_pid = true;
	hello.pid = (uint32_t)getpid();
	hello.has_fresh = true;
	hello.fresh = agent->apply == NULL;
	agent_send(agent, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_HELLO, 0,
	           &hello.base);
}

static void run(struct agent *agent)
{
	struct fail fail = {0};

	event_del(agent->patience);
	if (agent_run_start(agent, &fail) < 0) {
		log_err("cannot start: %s", fail.what);
		agent_refuse(agent, 0, fail.code, fail.what, NULL);
		agent_hang_up(agent, "there is nothing to offer it");
		return;
	}
	agent->phase = AGENT_RUNNING;
	agent_served(agent);
	agent_keep_connect(agent->keep, agent->stream);
	agent->ways_told = 0;
	agent_ways_tell(agent);
	log_info("serving the controller from generation %llu on",
	         (unsigned long long)apply_generation(agent->apply)->number);
}

static void refuse_and_leave(struct agent *agent, uint64_t request, int code, const char *what,
                             const char *hint)
{
	agent_refuse(agent, request, code, what, hint);
	log_warn("refused the controller: %s", what);
	stream_finish(agent->stream);
}

static void on_hello(struct agent *agent, const struct stream_frame *frame)
{
	struct agent_arena arena;
	const Weft__Hello *hello;

	agent_arena_init(&arena, HELLO_LIMIT);
	hello = agent_frame_decode(&arena, frame, &weft__hello__descriptor);
	if (!hello) {
		agent_hang_up(agent, "its hello cannot be read");
	} else if (hello->version != AGENT_VERSION) {
		refuse_and_leave(agent, frame->request, -EPROTONOSUPPORT,
		                 "the two ends speak different versions of the channel",
		                 "install controller and datapath of the same release");
	} else if (hello->epoch < agent->epoch) {
		// A controller that was replaced must not come back and undo its successor's work.
		refuse_and_leave(agent, frame->request, -ESTALE,
		                 "a later controller has taken over this datapath",
		                 "stop this controller");
	} else {
		agent->greeted = true;
		agent->epoch = hello->epoch;
		if (agent->apply)
			run(agent);
	}
	agent_arena_fini(&arena);
}

// What a predecessor left, or, with nothing left, the leases that the controller wrote down.
static void on_kept(struct agent *agent, struct stream_frame *frame)
{
	if (agent->phase != AGENT_GREETING || !agent->greeted || agent->apply) {
		agent_refuse(agent, frame->request, -EALREADY,
		             "this datapath runs already and takes nothing over", NULL);
		return;
	}
	if (agent_keep_receive(agent->keep, frame) < 0)
		log_warn("something kept for us cannot be read; it is left out");
}

static void on_kept_end(struct agent *agent, const struct stream_frame *frame)
{
	if (agent->phase != AGENT_GREETING || !agent->greeted)
		return; // One that runs already has no use for it.
	run(agent);
}

static bool is_tx(uint16_t type)
{
	return type >= WEFT__FRAME_TYPE__FRAME_TX_BEGIN &&
	       type <= WEFT__FRAME_TYPE__FRAME_TX_PREPARE;
}

static void on_running_frame(struct agent *agent, struct stream_frame *frame)
{
	if (is_tx(frame->type)) {
		agent_tx_frame(agent, frame);
		return;
	}
	switch (frame->type) {
	case WEFT__FRAME_TYPE__FRAME_HANDED:
		if (agent_keep_receive(agent->keep, frame) < 0)
			log_warn("something handed to us cannot be read; it is left out");
		return;
	case WEFT__FRAME_TYPE__FRAME_LEASES:
		agent_lease_frame(agent, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_DIGEST_REQUEST:
	case WEFT__FRAME_TYPE__FRAME_BUCKETS_REQUEST:
	case WEFT__FRAME_TYPE__FRAME_BUCKET_REQUEST:
		agent_digest_frame(agent, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_QUERY:
		agent_query_frame(agent, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TRACE:
		agent_trace_frame(agent, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_CAPTURE:
	case WEFT__FRAME_TYPE__FRAME_CAPTURE_STOP:
		agent_capture_frame(agent, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_REFUSED:
		break; // The controller did not like an event; there is nothing to do about it.
	default:
		agent_refuse(agent, frame->request, -EOPNOTSUPP,
		             "this datapath does not know frames of that type", NULL);
	}
}

void agent_session_frame(struct agent *agent, struct stream_frame *frame)
{
	switch (frame->type) {
	case WEFT__FRAME_TYPE__FRAME_HELLO:
		if (agent->phase == AGENT_GREETING && !agent->greeted)
			on_hello(agent, frame);
		else
			agent_hang_up(agent, "it greets twice");
		return;
	case WEFT__FRAME_TYPE__FRAME_KEPT:
		on_kept(agent, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_KEPT_END:
		on_kept_end(agent, frame);
		return;
	}
	if (agent->phase == AGENT_RUNNING)
		on_running_frame(agent, frame);
	else
		agent_refuse(agent, frame->request, -EAGAIN,
		             "the greeting comes first: hello, what was kept, and its end", NULL);
}
