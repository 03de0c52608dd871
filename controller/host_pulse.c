// SPDX-License-Identifier: BSD-3-Clause
//
// host_pulse: whether a host that is connected is there.
//
// A process that was stopped, or whose packets a network swallows, keeps its connection and says nothing. So
// each is asked now and then for its digest, which costs it a few microseconds. One that does not answer
// lags: no change waits for it that does not concern it. After a while it is cut off, and away. One that
// connects and does not say who it is has a time limit as well. While a transaction is under way its own
// patience decides, since a large one keeps the datapath from answering.

#include "controller/host_priv.h"

#include "base/clock.h"
#include "base/stream.h"
#include "proto/channel.pb-c.h"

#include <event2/event.h>
#include <stdio.h>

// From the time that a host is given to answer a transaction follow all others.
static unsigned lag_seconds(const struct host *host)
{
	return (host->env.silence_seconds + 1) / 2;
}

static unsigned hello_seconds(const struct host *host)
{
	return 2 * host->env.silence_seconds;
}

static void arm(struct host *host, unsigned seconds)
{
	struct timeval wait = {.tv_sec = seconds};

	event_add(host->pulse, &wait);
}

static void on_answer(void *user, int err, const struct stream_frame *frame)
{
	struct host *host = user;

	if (err < 0)
		return;
	host->asked = PULSE_QUIET;
	arm(host, host->env.silence_seconds);
	if (host->state == HOST_LAGGING && !host->done)
		resync_start(host);
}

static void ask(struct host *host)
{
	// Of a transaction under way its own patience is the judge.
	if (host->done) {
		arm(host, host->env.silence_seconds);
		return;
	}
	if (host_ask(host, WEFT__STREAM_ID__STREAM_CONTROL, WEFT__FRAME_TYPE__FRAME_DIGEST_REQUEST,
	             NULL, on_answer, host) < 0) {
		host_break(host, "it could not be asked whether it is there");
		return;
	}
	host->asked = PULSE_ASKED;
	arm(host, lag_seconds(host));
}

void host_lag(struct host *host)
{
	host->state = HOST_LAGGING;
	host->gone_since = clock_now();
	host->env.lags(host->env.user, host);
}

void host_cut_off(struct host *host, const char *reason)
{
	host->silent = true;
	host_break(host, reason);
}

static void on_pulse(evutil_socket_t fd, short what, void *user)
{
	struct host *host = user;
	char reason[80];

	if (host->state == HOST_GREETING) {
		host->mute = true;
		host->mute_count++;
		snprintf(reason, sizeof(reason), "it connected and did not say for %u s who it is",
		         hello_seconds(host));
		host_break(host, reason);
	} else if (host->asked == PULSE_QUIET) {
		ask(host);
	} else if (host->done) {
		arm(host, host->env.silence_seconds);
	} else if (host->asked == PULSE_ASKED) {
		host->asked = PULSE_LATE;
		arm(host, host->env.silence_seconds);
		if (host->state == HOST_READY)
			host_lag(host);
	} else {
		snprintf(reason, sizeof(reason), "it has not answered for %u s",
		         lag_seconds(host) + host->env.silence_seconds);
		host_cut_off(host, reason);
	}
}

struct event *host_pulse_new(struct host *host)
{
	return evtimer_new(host->env.base, on_pulse, host);
}

void host_pulse_begin(struct host *host)
{
	host->asked = PULSE_QUIET;
	host->mute = false;
	arm(host, hello_seconds(host));
}

void host_pulse_greeted(struct host *host)
{
	host->silent = false;
	arm(host, host->env.silence_seconds);
}

void host_pulse_end(struct host *host)
{
	host->asked = PULSE_QUIET;
	event_del(host->pulse);
}

bool host_is_silent(const struct host *host)
{
	return host->silent;
}

bool host_hangs(const struct host *host)
{
	return host->silent || host->state == HOST_LAGGING;
}

bool host_is_mute(const struct host *host)
{
	return host->mute;
}

unsigned host_mute_count(const struct host *host)
{
	return host->mute_count;
}
