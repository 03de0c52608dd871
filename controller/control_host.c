// SPDX-License-Identifier: BSD-3-Clause
//
// control_host: what the datapath tells, and confirmations.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "controller/plain_text.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint8_t *control_host_leases(void *user, size_t *ret_len)
{
	struct control *control = user;

	return control->leases(control->listener, ret_len);
}

void control_host_greeted(void *user)
{
	struct control *control = user;

	if (control->open.why != OPEN_UNCONFIRMED)
		return;
	// A new process knows of no promise; ours is kept by our own clock.
	if (host_was_fresh(control->host))
		control->open.tx = 0;
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
	touched->held = touched->held || host_held(touched->control->host, key);
	return 0;
}

// A revision from before a crash: the datapath has taken it, or refused a part of it.
static void recover(struct control *control)
{
	struct touched touched = {.control = control};
	uint64_t number = control->open.number;
	struct fail fail = {0};

	store_changes(control->store, number, look_for_held, &touched, &fail);
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
	control->resync_again = true;
}

bool control_host_recovers(void *user)
{
	const struct control *control = user;

	return control->open.why == OPEN_RECOVERING ||
	       (control->queue && control->queue->state == CHANGE_WAITING);
}

void control_host_ready(void *user)
{
	struct control *control = user;

	if (control->gone_since) {
		control->last_gap_ns = clock_now() - control->gone_since;
		control->gone_since = 0;
		log_info("datapath: ready, %llu ms after the last one",
		         (unsigned long long)(control->last_gap_ns / NSEC_PER_MSEC));
		control->told(control->listener, "datapath_ready", "datapath", "ready");
	}
	if (control->open.why == OPEN_RECOVERING)
		recover(control);
	control_resolve_waiting(control);
	if (control->resync_again) {
		control->resync_again = false;
		host_resync(control->host);
		return;
	}
	control_next(control);
}

void control_host_gone(void *user, const char *reason)
{
	struct control *control = user;

	if (!control->gone_since)
		control->gone_since = clock_now();
	log_warn("datapath: %s", reason);
	control->told(control->listener, "datapath_gone", "datapath", reason);
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
	default:
		return "other";
	}
}

// "h1 (02:00:00:00:00:01) has 10.77.0.20 in net lan, until 2026-01-31 12:00:00"
static void say_lease(const struct control *control, const Weft__Lease *lease,
                      const struct object *scope, char *buf, size_t size)
{
	const char *net = scope ? plain_name(scope) : "?";
	char mac[MAC_TEXT] = "?", ip[IP_TEXT] = "?", claim[KEY_SIZE], user[KEY_SIZE],
	     until[32] = "";
	const char *who = lease->hostname, *name;
	time_t end = (time_t)lease->expires;
	struct tm parts;
	size_t cursor = 0;
	uint32_t be;

	if (lease->mac.len == 6) {
		struct mac bytes;

		memcpy(bytes.b, lease->mac.data, 6);
		mac_format(bytes, mac);
	}
	if (lease->ip.len == 4) {
		memcpy(&be, lease->ip.data, 4);
		ip_format(ip_from4(be), ip);
	}
	// A port is named after its guest, or stands for itself.
	snprintf(claim, sizeof(claim), "reserve/%s/%s", net, mac);
	if (graph_next_user(&control->model.graph, claim, &cursor, user) &&
	    noun_of_key(user, &name) != NOUN_NONE) {
		const struct intent *owner = model_get_key(&control->model, user);

		who = owner && owner->noun == NOUN_PORT && owner->msg->port->guest
		              ? owner->msg->port->guest
		              : name;
	}
	if (lease->expires && localtime_r(&end, &parts))
		strftime(until, sizeof(until), ", until %F %T", &parts);
	snprintf(buf, size, "%s (%s) %s %s in net %s%s", who ? who : "a client", mac,
	         lease->expires ? "has" : "gave back", ip, net, until);
}

// A port that cannot be named by its object any more, or not yet, names itself in the sentence.
static void find_port_name(const char *text, char *buf, size_t size)
{
	const char *at = strstr(text, "port/");

	if (at)
		snprintf(buf, size, "%.*s", (int)strcspn(at, "' :,"), at);
}

void control_host_event(void *user, const Weft__Event *event)
{
	struct control *control = user;
	const struct object *object = NULL;
	char text[512] = "", name[KEY_SIZE] = "";

	if (event->lease) {
		control->on_lease(control->listener, event->lease);
		object = desired_get(&control->desired, event->lease->scope);
	}
	if (event->has_object && !object)
		object = desired_get(&control->desired, event->object);
	if (event->text)
		plain_text(&control->model, &control->desired, event->text, text, sizeof(text));
	else if (event->lease)
		say_lease(control, event->lease, object, text, sizeof(text));
	if (object)
		snprintf(name, sizeof(name), "%s", object->name);
	else if (event->type == WEFT__EVENT_TYPE__EVENT_PORT_ERROR && event->text)
		find_port_name(event->text, name, sizeof(name));
	// What was undone is told once, by its revision, when we have undone it as well.
	if (event->type != WEFT__EVENT_TYPE__EVENT_REVERTED)
		control->told(control->listener, event_name(event->type), name, text);
}

void control_host_reverted(void *user, uint64_t tx)
{
	struct control *control = user;
	uint64_t number = control->open.number;

	if (control->open.why != OPEN_UNCONFIRMED ||
	    (control->open.tx != tx && control->open.tx != 0))
		return;
	if (control_revert_open(control) < 0)
		return;
	log_warn("revision %llu was not confirmed in time; the datapath undid it",
	         (unsigned long long)number);
	control_tell_undone(control, number);
	// The digests tell whether both have gone back to the same.
	if (host_state(control->host) == HOST_READY && control_is_idle(control))
		host_resync(control->host);
	else
		control->resync_again = true;
}

struct confirming {
	struct control *control;
	confirm_done_fn done;
	void *user;
};

static void confirmed(struct confirming *confirming)
{
	struct control *control = confirming->control;
	struct change_result result = {.revision = control->open.number, .changed = true};
	struct refusal refusal = {0};
	struct fail fail = {0};

	control->open.why = OPEN_UNMARKED;
	guests_reconcile(&control->guests, &control->model);
	if (control_mark_open(control, &fail) < 0) {
		refuse(&refusal, fail.code, "intent", NULL, "%s", fail.what);
		result.refusal = &refusal;
	}
	confirming->done(confirming->user, &result);
}

static void on_confirmed(void *user, int err, const struct stream_frame *frame)
{
	struct confirming *confirming = user;
	struct change_result result = {.revision = confirming->control->open.number};
	struct refusal refusal = {0};
	Weft__TxResult *message = NULL;
	int code = err;

	if (frame && frame->type == WEFT__FRAME_TYPE__FRAME_TX_RESULT)
		message = decode_message(&weft__tx_result__descriptor, frame->len, frame->body);
	if (message)
		code = message->code;
	else if (frame)
		code = -EPROTO;
	if (code == 0 && confirming->control->open.why == OPEN_UNCONFIRMED) {
		confirmed(confirming);
	} else {
		refuse(&refusal, code ? code : -ETIME, "intent", NULL, "%s",
		       message && message->what ? message->what
		                                : "it was too late to confirm the revision");
		result.refusal = &refusal;
		confirming->done(confirming->user, &result);
	}
	weft__tx_result__free_unpacked(message, NULL);
	free(confirming);
}

void control_confirm(struct control *control, uint64_t revision, confirm_done_fn done, void *user)
{
	struct confirming now = {control, done, user}, *later;
	struct change_result result = {.revision = control->revision};
	Weft__TxConfirm message = WEFT__TX_CONFIRM__INIT;
	struct refusal refusal = {0};

	result.refusal = &refusal;
	if (control->open.why != OPEN_UNCONFIRMED ||
	    (revision && revision != control->open.number)) {
		refuse(&refusal, -ENOENT, "intent", NULL, "no revision waits to be confirmed");
		fail_hint(&refusal.fail, "'weft history' shows what became of it");
		done(user, &result);
		return;
	}
	if (control->open.tx == 0) {
		confirmed(&now);
		return;
	}
	later = malloc(sizeof(*later));
	message.tx = control->open.tx;
	if (later)
		*later = now;
	if (later &&
	    host_ask(control->host, WEFT__STREAM_ID__STREAM_CONTROL,
	             WEFT__FRAME_TYPE__FRAME_TX_CONFIRM, &message.base, on_confirmed, later) == 0)
		return;
	free(later);
	refuse(&refusal, -EAGAIN, "intent", NULL, "the datapath is away; try again");
	done(user, &result);
}
