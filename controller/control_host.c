// SPDX-License-Identifier: BSD-3-Clause
//
// control_host: what hosts tell: that they come and go, events, and what they have undone by themselves.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "controller/impair_step.h"
#include "controller/model_host.h"
#include "controller/plain_text.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// What the host promised; NULL: nothing, or not any more.
static struct promise *promise_of(struct control *control, const struct host *host)
{
	for (size_t i = 0; i < control->open.promise_count; i++)
		if (strcmp(control->open.promises[i].host, host_name(host)) == 0)
			return &control->open.promises[i];
	return NULL;
}

static void forget_promise(struct control *control, const struct host *host)
{
	struct promise *promise = promise_of(control, host);

	if (promise)
		*promise = control->open.promises[--control->open.promise_count];
}

void control_host_greeted(void *user, struct host *host)
{
	struct control *control = user;

	if (control->open.why != OPEN_UNCONFIRMED)
		return;
	// A new process knows of no promise; ours is kept by our own clock.
	if (host_was_fresh(host))
		forget_promise(control, host);
	if (control->open.deadline <= (int64_t)(clock_wall() / NSEC_PER_SEC))
		control_revert_open(control);
}

struct touched {
	const struct control *control;
	bool held;
};

static int look_for_held(void *user, const char *noun, const char *name, const void *before,
                         size_t before_len, const void *after, size_t after_len)
{
	struct touched *touched = user;
	char key[KEY_SIZE];

	noun_key(key, noun_from_word(noun) == NOUN_NONE ? NOUN_NET : noun_from_word(noun), name);
	touched->held = touched->held || hosts_held(&touched->control->hosts, key);
	return 0;
}

// Whether all who may know what became of it have been heard. One that has not come at all is not waited
// for beyond that: it catches up by its digests.
static bool all_heard(const struct control *control)
{
	// Who looks is woken by a clock that is coarser than this one.
	const uint64_t patience = control->patience_seconds * NSEC_PER_SEC * 3 / 4;
	const struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(&control->hosts, &cursor)))
		if (host_state(host) != HOST_READY &&
		    (host == control->hosts.local || host_state(host) != HOST_ABSENT ||
		     clock_now() - host_gone_since(host) < patience))
			return false;
	return true;
}

// A revision from before a crash: the datapaths have taken it, or one refused a part of it.
static void recover(struct control *control)
{
	struct touched touched = {.control = control};
	uint64_t number = control->open.number;
	struct fail fail = {0};

	store_changes(control->store, number, look_for_held, &touched, &fail);
	if (!touched.held && !all_heard(control))
		return;
	if (!touched.held) {
		log_info("revision %llu, unfinished when we ended, is done",
		         (unsigned long long)number);
		control->open.why = OPEN_UNMARKED;
		if (control_mark_open(control, &fail) < 0)
			log_warn("revision %llu: %s", (unsigned long long)number, fail.what);
		return;
	}
	if (control_revert_open(control) < 0)
		return;
	log_warn("revision %llu, unfinished when we ended, was refused and is taken back",
	         (unsigned long long)number);
	control_resync_all(control);
}

bool control_host_recovers(void *user, struct host *host)
{
	const struct control *control = user;

	return control->open.why == OPEN_RECOVERING ||
	       (control->queue && control->queue->state == CHANGE_WAITING);
}

// The host's name, unless it goes without saying.
static const char *foreign(const struct host *host)
{
	return strcmp(host_name(host), HOST_LOCAL) == 0 ? NULL : host_name(host);
}

// "host/b", or "datapath" of the local one.
static const char *object_of(const struct host *host, char buf[static KEY_SIZE])
{
	return strcmp(host_name(host), HOST_LOCAL) == 0 ? "datapath"
	                                                : noun_key(buf, NOUN_HOST, host_name(host));
}

void control_hear(struct control *control)
{
	if (control->open.why == OPEN_RECOVERING)
		recover(control);
}

void control_host_ready(void *user, struct host *host, bool returned)
{
	struct control *control = user;
	char key[KEY_SIZE];

	if (returned) {
		log_info("%s: ready, %llu ms after the last one", host_label(host),
		         (unsigned long long)(host_gap_ns(host) / NSEC_PER_MSEC));
		control->told(control->listener, foreign(host),
		              host == control->hosts.local ? "datapath_ready" : "host_ready",
		              object_of(host, key), "ready");
	}
	control_hear(control);
	control_resolve_waiting(control, host);
	if (host_state(host) != HOST_READY)
		return;
	control_take_up(control);
	control_next(control);
}

bool control_host_elsewhere(void *user, const struct host *host, uint64_t port)
{
	const struct control *control = user;
	const struct host *other;
	size_t cursor = 0;

	while ((other = hosts_next(&control->hosts, &cursor)))
		if (other != host && desired_get(host_desired(other), port))
			return true;
	return false;
}

void control_host_lags(void *user, struct host *host)
{
	struct control *control = user;
	char key[KEY_SIZE];

	log_warn("%s: it does not answer", host_label(host));
	control->told(control->listener, foreign(host),
	              host == control->hosts.local ? "datapath_lagging" : "host_lagging",
	              object_of(host, key), "it does not answer; what it misses follows");
}

void control_host_gone(void *user, struct host *host, const char *reason)
{
	struct control *control = user;
	char key[KEY_SIZE], text[320];

	log_warn("%s: %s", host_label(host), reason);
	snprintf(text, sizeof(text), "%.200s", reason);
	control_add_homes(host, text, sizeof(text));
	control->told(control->listener, foreign(host),
	              host == control->hosts.local ? "datapath_gone"
	              : host_is_mute(host)         ? "host_mute"
	                                           : "host_gone",
	              object_of(host, key), text);
	if (host_is_silent(host))
		control_give_up(control, host);
}

static const char *event_name(Weft__EventType type)
{
	switch (type) {
	case WEFT__EVENT_TYPE__EVENT_LEASE:
		return "lease";
	case WEFT__EVENT_TYPE__EVENT_PORT_LINK:
		return "port_link";
	case WEFT__EVENT_TYPE__EVENT_MAC_MOVED:
		return "mac_moved";
	case WEFT__EVENT_TYPE__EVENT_LIMIT:
		return "limit";
	case WEFT__EVENT_TYPE__EVENT_REVERTED:
		return "reverted";
	case WEFT__EVENT_TYPE__EVENT_PORT_ERROR:
		return "port_error";
	case WEFT__EVENT_TYPE__EVENT_NEIGHBOUR:
		return "neighbour";
	case WEFT__EVENT_TYPE__EVENT_QUEUE_LOST:
		return "queue_lost";
	case WEFT__EVENT_TYPE__EVENT_PEER_DOWN:
		return "peer_down";
	case WEFT__EVENT_TYPE__EVENT_PEER_UP:
		return "peer_up";
	case WEFT__EVENT_TYPE__EVENT_FAILOVER:
		return "failover";
	case WEFT__EVENT_TYPE__EVENT_IMPAIR_STEP:
		return "impair_step";
	default:
		return "other";
	}
}

// A port that cannot be named by its object any more, or not yet, names itself in the sentence.
static void find_port_name(const char *text, char *buf, size_t size)
{
	const char *at = strstr(text, "port/");

	if (at)
		snprintf(buf, size, "%.*s", (int)strcspn(at, "' :,"), at);
}

// What it is that the timeline does now is the intent's to say.
static void say_step(const struct control *control, const Weft__Event *event,
                     const struct object *object, char *buf, size_t size)
{
	const struct intent *intent = object ? model_get_key(&control->model, object->name) : NULL;

	if (intent && intent->noun == NOUN_IMPAIR)
		impair_step_text(intent->msg->impair, event->step, event->steps_passed, buf, size);
	else
		snprintf(buf, size, "step %u", event->step + 1);
}

void control_host_event(void *user, struct host *host, const Weft__Event *event)
{
	const struct desired *desired = host_desired(host);
	struct control *control = user;
	const struct object *object = NULL;
	char text[512] = "", name[KEY_SIZE] = "";

	if (event->ways) {
		control_host_ways(control, host, event->ways);
		return;
	}
	if (event->lease) {
		object = control_note_lease(control, host, event->lease);
		if (!object)
			return;
	}
	if (event->has_object && !object)
		object = desired_get(desired, event->object);
	if (event->text)
		plain_text(&control->model, desired, event->text, text, sizeof(text));
	else if (event->has_step)
		say_step(control, event, object, text, sizeof(text));
	else if (event->lease)
		control_say_lease(control, event->lease, object, text, sizeof(text));
	if (object)
		snprintf(name, sizeof(name), "%s", object->name);
	else if (event->type == WEFT__EVENT_TYPE__EVENT_PORT_ERROR && event->text)
		find_port_name(event->text, name, sizeof(name));
	// What was undone is told once, by its revision, when we have undone it as well.
	if (event->type != WEFT__EVENT_TYPE__EVENT_REVERTED)
		control->told(control->listener, foreign(host), event_name(event->type), name,
		              text);
	if (event->lease)
		control_follow_lease(control, object, event->lease);
}

// The others take it back as well, without waiting for their own clocks.
static void abort_promises(struct control *control)
{
	for (size_t i = 0; i < control->open.promise_count; i++) {
		const struct promise *promise = &control->open.promises[i];
		struct host *host = hosts_get(&control->hosts, promise->host);
		Weft__TxAbort message = WEFT__TX_ABORT__INIT;

		message.tx = promise->tx;
		if (host)
			host_ask(host, WEFT__STREAM_ID__STREAM_CONTROL,
			         WEFT__FRAME_TYPE__FRAME_TX_ABORT, &message.base, NULL, NULL);
	}
}

void control_host_reverted(void *user, struct host *host, uint64_t tx)
{
	struct control *control = user;
	const struct promise *promise = promise_of(control, host);
	uint64_t number = control->open.number;

	if (control->open.why != OPEN_UNCONFIRMED || (promise && promise->tx != tx))
		return;
	forget_promise(control, host);
	abort_promises(control);
	if (control_revert_open(control) < 0)
		return;
	log_warn("revision %llu was not confirmed in time; %s undid it", (unsigned long long)number,
	         host_label(host));
	control_tell_undone(control, number);
	// The digests tell whether all have gone back to the same.
	control_resync_all(control);
}
