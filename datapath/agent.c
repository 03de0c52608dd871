// SPDX-License-Identifier: BSD-3-Clause
//
// agent: connecting, and connecting again.
//
// The controller listens, we connect: whichever dies, the other needs to know nothing but the place. While
// there is no controller the workers and services go on as they were told last.
//
// How long we wait before the next attempt doubles, up to a second on this machine and to fifteen over a
// network, where it also varies, so that a thousand hosts do not come back at once. It begins anew when a
// controller was served; over a network only if that lasted, so that two datapaths with the same bundle,
// each of which takes the other's place, do not fight.

#include "datapath/agent.h"
#include "datapath/agent_keep.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	RETRY_LAST_MS = 1000,
	RETRY_LAST_TCP_MS = 15000,
	SERVED_LONG_MS = 5000,
	PATIENCE_MS = 10000,
	CONTROL_QUEUE = 64 << 20, // results and what is kept must not be lost to a slow reader
};

static struct timeval after_ms(uint32_t ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

int agent_send(struct agent *agent, unsigned stream_id, uint16_t type, uint64_t request,
               const ProtobufCMessage *message)
{
	if (!agent->stream)
		return -ENOTCONN;
	return agent_frame_send(agent->stream, stream_id, type, request, message, -1);
}

void agent_refuse(struct agent *agent, uint64_t request, int code, const char *what,
                  const char *hint)
{
	Weft__Refused message = WEFT__REFUSED__INIT;

	message.code = code;
	message.what = (char *)what;
	message.hint = (char *)hint;
	agent_send(agent, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_REFUSED, request,
	           &message.base);
}

static void retry_later(struct agent *agent)
{
	bool far = !agent->config.place.socket;
	uint32_t last = far ? RETRY_LAST_TCP_MS : RETRY_LAST_MS;
	uint32_t wait = agent->retry_ms;
	struct timeval delay = after_ms(far ? wait / 2 + rand_below(wait / 2 + 1) : wait);

	event_add(agent->retry, &delay);
	agent->retry_ms = wait * 2 > last ? last : wait * 2;
}

void agent_served(struct agent *agent)
{
	agent->served_ns = clock_now();
	agent->complaint[0] = '\0';
	if (agent->config.place.socket)
		agent->retry_ms = AGENT_RETRY_MS;
}

static void disconnect(struct agent *agent)
{
	agent_keep_connect(agent->keep, NULL);
	agent_capture_drop(agent);
	stream_free(agent->stream);
	agent->stream = NULL;
	agent->greeted = false;
	if (agent->served_ns && clock_now() - agent->served_ns > SERVED_LONG_MS * NSEC_PER_MSEC)
		agent->retry_ms = AGENT_RETRY_MS;
	agent->served_ns = 0;
	agent->phase = AGENT_CONNECTING;
	event_del(agent->patience);
	agent_tx_drop(agent);
	agent_keep_forget(agent->keep, "handed/");
	retry_later(agent);
}

void agent_hang_up(struct agent *agent, const char *why)
{
	log_warn("leaving the controller: %s", why);
	disconnect(agent);
}

// Once, however often it is tried.
static void complain(struct agent *agent, const char *reason)
{
	if (strncmp(agent->complaint, reason, sizeof(agent->complaint) - 1) == 0)
		return;
	snprintf(agent->complaint, sizeof(agent->complaint), "%s", reason);
	log_warn("%s: %s", agent_dial_name(agent->dial), reason);
}

static void on_frame(void *user, struct stream_frame *frame)
{
	agent_session_frame(user, frame);
}

static void on_closed(void *user, int error, const char *reason)
{
	struct agent *agent = user;

	// A controller that does not want us says so here, after its first look at our certificate.
	if (agent->served_ns)
		log_info("%s is gone (%s); carrying on with what it told us",
		         agent_dial_name(agent->dial), reason);
	else
		complain(agent, reason);
	disconnect(agent);
}

static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};

static void on_dialled(void *user, int fd, struct tls *tls, const struct fail *fail)
{
	struct agent *agent = user;
	struct timeval patience = after_ms(PATIENCE_MS);

	if (fail) {
		// Nobody there yet is no news on this machine: the controller may still be starting.
		if (!agent->config.place.socket ||
		    (fail->code != -ENOENT && fail->code != -ECONNREFUSED))
			complain(agent, fail->what);
		retry_later(agent);
		return;
	}
	agent->stream = stream_new_tls(agent->config.base, fd, tls, &ops, agent);
	if (!agent->stream) {
		tls_free(tls);
		close(fd);
		retry_later(agent);
		return;
	}
	stream_set_limit(agent->stream, WEFT__STREAM_ID__STREAM_CONTROL, CONTROL_QUEUE);
	agent->phase = AGENT_GREETING;
	event_add(agent->patience, &patience);
	agent_session_hello(agent);
}

static void on_retry(evutil_socket_t unused, short what, void *user)
{
	agent_dial_start(((struct agent *)user)->dial);
}

static void on_patience(evutil_socket_t unused, short what, void *user)
{
	agent_hang_up(user, "it did not finish its greeting in time");
}

struct agent *agent_new(const struct agent_config *config)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	struct timeval now = {0};
	uint8_t random[16];

	if (!agent)
		return NULL;
	agent->config = *config;
	agent->retry_ms = AGENT_RETRY_MS;
	rand_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(agent->incarnation + 2 * i, "%02x", random[i]);
	agent->retry = evtimer_new(config->base, on_retry, agent);
	agent->patience = evtimer_new(config->base, on_patience, agent);
	agent->keep = agent_keep_new();
	agent->dial = agent_dial_new(config->base, &agent->config.place, on_dialled, agent);
	if (!agent->dial || !agent->retry || !agent->patience || !agent->keep) {
		agent_free(agent);
		errno = ENOMEM;
		return NULL;
	}
	event_add(agent->retry, &now);
	return agent;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	agent_dial_free(agent->dial);
	agent_keep_connect(agent->keep, NULL);
	stream_free(agent->stream);
	agent->stream = NULL;
	agent_run_stop(agent);
	agent_tx_fini(agent);
	agent_keep_free(agent->keep);
	free_event(agent->retry);
	free_event(agent->patience);
	free(agent);
}
