// SPDX-License-Identifier: BSD-3-Clause
//
// host: the session with one datapath.
//
// Questions are paired with answers by request id; a transaction's answer by its own id, which is never
// used twice: the epoch, counted by the store at each start, above a counter. A datapath that leaves a
// transaction unanswered for half a minute is cut off; when it returns, digests tell what it has.

#include "controller/host_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHANNEL_VERSION = 1, PATIENCE_SECONDS = 30, RETRY_SECONDS = 3 };

struct call {
	host_answer_fn answer;
	void *user;
	bool in_parts;
};

static void set_timer(struct event *timer, int seconds)
{
	struct timeval wait = {.tv_sec = seconds};

	event_add(timer, &wait);
}

static void send_message(struct host *host, uint16_t type, const ProtobufCMessage *message)
{
	uint8_t body[1024];
	size_t len = protobuf_c_message_get_packed_size(message);

	if (len > sizeof(body))
		return;
	protobuf_c_message_pack(message, body);
	stream_send(host->stream, WEFT__STREAM_ID__STREAM_CONTROL, type, 0, body, len, NULL, 0);
}

static void send_hello(struct host *host)
{
	Weft__Hello hello = WEFT__HELLO__INIT;

	hello.version = CHANNEL_VERSION;
	hello.software = (char *)"weft-controller 0.1.0";
	hello.instance = host->env.instance;
	hello.has_epoch = true;
	hello.epoch = host->env.epoch;
	hello.has_pid = true;
	hello.pid = (uint32_t)getpid();
	send_message(host, WEFT__FRAME_TYPE__FRAME_HELLO, &hello.base);
}

// Everybody who waits for an answer is told that none will come.
static void fail_calls(struct host *host, int err)
{
	struct table calls = host->calls;
	struct call *call;
	size_t cursor = 0;

	host->calls = (struct table){0};
	while ((call = table_next(&calls, &cursor, NULL, NULL))) {
		if (call->answer)
			call->answer(call->user, err, NULL);
		free(call);
	}
	table_fini(&calls);
}

static void end_tx(struct host *host, const struct tx_result *result)
{
	host_tx_fn done = host->done;

	if (!done)
		return;
	host->done = NULL;
	event_del(host->patience);
	done(host->done_user, result);
}

static void forget_capabilities(struct host *host)
{
	for (unsigned i = 0; i < host->capability_count; i++)
		free(host->capabilities[i]);
	free(host->capabilities);
	host->capabilities = NULL;
	host->capability_count = 0;
}

void host_break(struct host *host, const char *reason)
{
	struct tx_result lost = {.code = -ECONNRESET};
	char copy[200];

	if (!host->stream)
		return;
	snprintf(copy, sizeof(copy), "%s", reason);
	stream_free(host->stream);
	host->stream = NULL;
	host->state = HOST_ABSENT;
	event_del(host->retry);
	event_del(host->patience);
	resync_stop(host);
	refuse(&lost.refusal, -ECONNRESET, "datapath", NULL, "the datapath went away: %s", copy);
	end_tx(host, &lost);
	fail_calls(host, -ECONNRESET);
	host->env.gone(host->env.user, copy);
}

static void on_hello(struct host *host, const struct stream_frame *frame)
{
	Weft__Hello *hello = decode_message(&weft__hello__descriptor, frame->len, frame->body);
	uint8_t *leases;
	size_t len = 0;
	int err = 0;

	if (!hello || hello->version != CHANNEL_VERSION || host->state != HOST_GREETING) {
		weft__hello__free_unpacked(hello, NULL);
		host_break(host, "its greeting could not be understood");
		return;
	}
	snprintf(host->software, sizeof(host->software), "%s", hello->software);
	snprintf(host->incarnation, sizeof(host->incarnation), "%s",
	         hello->incarnation ? hello->incarnation : "");
	host->generation = hello->generation;
	host->fresh = hello->has_fresh && hello->fresh;
	forget_capabilities(host);
	// The list changes hands.
	host->capabilities = hello->capabilities;
	host->capability_count = (unsigned)hello->n_capabilities;
	hello->capabilities = NULL;
	hello->n_capabilities = 0;
	weft__hello__free_unpacked(hello, NULL);
	if (host->fresh) {
		leases = host->env.leases(host->env.user, &len);
		err = keeper_return(host->env.keeper, host->stream, leases, len);
		free(leases);
	}
	if (err < 0) {
		host_break(host, "what is kept for it could not be handed back");
		return;
	}
	log_info("datapath: pid %d, %s, generation %llu%s", (int)host->pid, host->software,
	         (unsigned long long)host->generation, host->fresh ? ", starting anew" : "");
	host->env.greeted(host->env.user);
	resync_start(host);
}

static void on_tx_result(struct host *host, const struct stream_frame *frame)
{
	Weft__TxResult *message =
		decode_message(&weft__tx_result__descriptor, frame->len, frame->body);
	struct tx_result result;

	if (!message) {
		host_break(host, "its answer to a transaction could not be understood");
		return;
	}
	if (message->has_reverted && message->reverted) {
		host->generation = message->generation;
		host->env.reverted(host->env.user, message->tx);
	} else if (host->done && message->tx == host->tx.id) {
		tx_read_result(&host->tx, message, &result);
		if (result.code == 0 && message->has_generation)
			host->generation = message->generation;
		end_tx(host, &result);
	}
	weft__tx_result__free_unpacked(message, NULL);
}

static void on_refused(struct host *host, const struct stream_frame *frame)
{
	Weft__Refused *message =
		decode_message(&weft__refused__descriptor, frame->len, frame->body);
	struct tx_result result = {.code = -EPROTO, .op_index = SIZE_MAX};

	if (message && host->done && frame->request == host->tx.id) {
		result.code = message->code < 0 ? message->code : -EPROTO;
		refuse(&result.refusal, result.code, "datapath", NULL, "%s", message->what);
		if (message->hint)
			fail_hint(&result.refusal.fail, "%s", message->hint);
		end_tx(host, &result);
	} else if (message && frame->request == 0) {
		log_err("datapath: %s", message->what);
	}
	weft__refused__free_unpacked(message, NULL);
}

static void on_event(struct host *host, const struct stream_frame *frame)
{
	Weft__Event *event = decode_message(&weft__event__descriptor, frame->len, frame->body);

	if (event)
		host->env.event(host->env.user, event);
	weft__event__free_unpacked(event, NULL);
}

// Returns whether somebody had asked for it.
static bool answer_call(struct host *host, const struct stream_frame *frame)
{
	struct call *call = table_get(&host->calls, &frame->request, sizeof(frame->request));

	if (!call)
		return false;

	bool last = !call->in_parts || !frame->more;

	if (last)
		table_remove(&host->calls, &frame->request, sizeof(frame->request));
	if (call->answer)
		call->answer(call->user, 0, frame);
	if (last)
		free(call);
	return true;
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct host *host = user;
	int err = 0;

	if (host->state == HOST_GREETING && frame->type != WEFT__FRAME_TYPE__FRAME_HELLO &&
	    frame->type != WEFT__FRAME_TYPE__FRAME_REFUSED) {
		host_break(host, "it spoke before its greeting");
		return;
	}
	switch (frame->type) {
	case WEFT__FRAME_TYPE__FRAME_HELLO:
		on_hello(host, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_KEEP:
		err = keeper_keep(host->env.keeper, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_KEEP_DROP:
		err = keeper_drop(host->env.keeper, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_RESULT:
		if (!answer_call(host, frame))
			on_tx_result(host, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_REFUSED:
		if (!answer_call(host, frame))
			on_refused(host, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_EVENT:
		on_event(host, frame);
		return;
	default:
		answer_call(host, frame);
		return;
	}
	if (err < 0)
		host_break(host, "what it wanted kept could not be read");
}

static void on_closed(void *user, int error, const char *reason)
{
	host_break(user, reason ? reason : "it closed the connection");
}

static void on_writable(void *user, unsigned stream_id)
{
	struct host *host = user;

	if (host->done && stream_id == WEFT__STREAM_ID__STREAM_CONTROL &&
	    tx_send(&host->tx, host->stream) < 0)
		host_break(host, "a transaction could not be sent");
}

static const struct stream_ops stream_ops = {
	.frame = on_frame, .closed = on_closed, .writable = on_writable};

static void on_patience(evutil_socket_t fd, short what, void *user)
{
	host_break(user, "it did not answer a transaction in time");
}

static void on_retry(evutil_socket_t fd, short what, void *user)
{
	struct host *host = user;

	if (host->state == HOST_READY && !host->done && host->env.desired->held_back > 0)
		host_resync(host);
	else if (host->env.desired->held_back > 0)
		set_timer(host->retry, RETRY_SECONDS);
}

struct host *host_new(const struct host_env *env)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->env = *env;
	host->next_request = 1;
	host->next_tx = env->epoch << 32 | 1;
	host->retry = evtimer_new(env->base, on_retry, host);
	host->patience = evtimer_new(env->base, on_patience, host);
	if (!host->retry || !host->patience) {
		host_free(host);
		errno = ENOMEM;
		return NULL;
	}
	return host;
}

void host_free(struct host *host)
{
	struct refusal *refusal;
	size_t cursor = 0;

	if (!host)
		return;
	stream_free(host->stream);
	fail_calls(host, -ECONNRESET);
	table_fini(&host->calls);
	resync_stop(host);
	while ((refusal = table_next(&host->held, &cursor, NULL, NULL)))
		free(refusal);
	table_fini(&host->held);
	forget_capabilities(host);
	if (host->retry)
		event_free(host->retry);
	if (host->patience)
		event_free(host->patience);
	free(host);
}

void host_attach(struct host *host, int fd, pid_t pid)
{
	if (host->stream && host->pid != pid) {
		log_warn("datapath: pid %d connected while pid %d is; it was turned away", (int)pid,
		         (int)host->pid);
		close(fd);
		return;
	}
	host_break(host, "it connected anew");
	host->stream = stream_new(host->env.base, fd, &stream_ops, host);
	if (!host->stream) {
		close(fd);
		return;
	}
	host->pid = pid;
	host->state = HOST_GREETING;
	// What waits for a slow datapath is bounded by what there is to say.
	stream_set_limit(host->stream, WEFT__STREAM_ID__STREAM_CONTROL, 16 << 20);
	send_hello(host);
}

void host_detach(struct host *host, const char *reason)
{
	host_break(host, reason);
}

enum host_state host_state(const struct host *host)
{
	return host->state;
}

pid_t host_pid(const struct host *host)
{
	return host->stream ? host->pid : 0;
}

const char *host_software(const struct host *host)
{
	return host->software;
}

uint64_t host_generation(const struct host *host)
{
	return host->generation;
}

bool host_was_fresh(const struct host *host)
{
	return host->fresh;
}

const char *host_capability(const struct host *host, unsigned index)
{
	return index < host->capability_count ? host->capabilities[index] : NULL;
}

bool host_can(const struct host *host, const char *capability)
{
	for (unsigned i = 0; i < host->capability_count; i++)
		if (strcmp(host->capabilities[i], capability) == 0)
			return true;
	return false;
}

const struct refusal *host_held(const struct host *host, const char *unit)
{
	return table_get_text(&host->held, unit);
}

const struct refusal *host_next_held(const struct host *host, size_t *cursor)
{
	return table_next(&host->held, cursor, NULL, NULL);
}

uint64_t host_commit(struct host *host, const struct ops *ops, bool dry_run, uint32_t confirm_ms,
                     host_tx_fn done, void *user)
{
	uint64_t id = host->next_tx++;

	host->tx = (struct tx){.id = id, .ops = ops, .dry_run = dry_run, .confirm_ms = confirm_ms};
	host->done = done;
	host->done_user = user;
	set_timer(host->patience, PATIENCE_SECONDS);
	if (tx_send(&host->tx, host->stream) < 0)
		host_break(host, "a transaction could not be sent");
	return id;
}

static int ask(struct host *host, unsigned stream_id, uint16_t type,
               const ProtobufCMessage *message, const struct call *wanted)
{
	size_t len = message ? protobuf_c_message_get_packed_size(message) : 0;
	uint64_t request = host->next_request++;
	struct call *call;
	uint8_t *body;
	int err;

	if (!host->stream || host->state == HOST_GREETING)
		return -ENOTCONN;
	call = malloc(sizeof(*call));
	body = malloc(len ? len : 1);
	if (!call || !body) {
		free(call);
		free(body);
		return -ENOMEM;
	}
	*call = *wanted;
	if (message)
		protobuf_c_message_pack(message, body);
	err = stream_send(host->stream, stream_id, type, request, body, len, NULL, 0);
	free(body);
	if (err == 0)
		err = table_put(&host->calls, &request, sizeof(request), call, NULL);
	if (err < 0)
		free(call);
	return err;
}

int host_ask(struct host *host, unsigned stream_id, uint16_t type, const ProtobufCMessage *message,
             host_answer_fn answer, void *user)
{
	return ask(host, stream_id, type, message, &(struct call){.answer = answer, .user = user});
}

int host_ask_parts(struct host *host, unsigned stream_id, uint16_t type,
                   const ProtobufCMessage *message, host_answer_fn answer, void *user)
{
	return ask(host, stream_id, type, message,
	           &(struct call){.answer = answer, .user = user, .in_parts = true});
}

void host_forget(struct host *host, void *user)
{
	struct call *call;
	size_t cursor = 0;

	while ((call = table_next(&host->calls, &cursor, NULL, NULL)))
		if (call->user == user)
			call->answer = NULL;
}
