// SPDX-License-Identifier: BSD-3-Clause
//
// host: the session with one datapath.
//
// Questions are paired with answers by request id; transactions are host_tx.c's.

#include "controller/host_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/tls.h"
#include "controller/model_host.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHANNEL_VERSION = 1, RETRY_SECONDS = 3 };

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
	host->prepared = false;
	if (!host->gone_since)
		host->gone_since = clock_now();
	event_del(host->retry);
	event_del(host->patience);
	host_pulse_end(host);
	resync_stop(host);
	refuse(&lost.refusal, -ECONNRESET, "datapath", NULL, "%s went away: %s", host->label, copy);
	host_tx_answer(host, &lost);
	fail_calls(host, -ECONNRESET);
	host->env.gone(host->env.user, host, copy);
}

// What a host calls itself goes into the log, line by line.
static void copy_printable(char *buf, size_t size, const char *text)
{
	snprintf(buf, size, "%s", text);
	for (char *c = buf; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

static void log_greeting(const struct host *host)
{
	char whence[96];

	if (host->from[0])
		snprintf(whence, sizeof(whence), "from %s", host->from);
	else
		snprintf(whence, sizeof(whence), "pid %d", (int)host->pid);
	log_info("%s: %s, %s, generation %llu%s", host->label, whence, host->software,
	         (unsigned long long)host->generation, host->fresh ? ", starting anew" : "");
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
	copy_printable(host->software, sizeof(host->software), hello->software);
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
		leases = host->env.leases(host->env.user, host, &len);
		err = keeper_return(&host->keeper, host->stream, leases, len);
		free(leases);
	}
	if (err < 0) {
		host_break(host, "what is kept for it could not be handed back");
		return;
	}
	host->trouble[0] = '\0';
	host_pulse_greeted(host);
	log_greeting(host);
	host->env.greeted(host->env.user, host);
	resync_start(host);
}

static void on_event(struct host *host, const struct stream_frame *frame)
{
	Weft__Event *event = decode_message(&weft__event__descriptor, frame->len, frame->body);

	if (event)
		host->env.event(host->env.user, host, event);
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
		err = keeper_keep(&host->keeper, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_KEEP_DROP:
		err = keeper_drop(&host->keeper, frame);
		break;
	case WEFT__FRAME_TYPE__FRAME_TX_RESULT:
		if (!answer_call(host, frame))
			host_tx_result(host, frame);
		return;
	case WEFT__FRAME_TYPE__FRAME_REFUSED:
		if (!answer_call(host, frame))
			host_tx_refused(host, frame);
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
	if (stream_id == WEFT__STREAM_ID__STREAM_CONTROL)
		host_tx_continue(user);
}

static const struct stream_ops stream_ops = {
	.frame = on_frame, .closed = on_closed, .writable = on_writable};

static void on_patience(evutil_socket_t fd, short what, void *user)
{
	host_cut_off(user, "it did not answer a transaction in time");
}

static void on_retry(evutil_socket_t fd, short what, void *user)
{
	struct host *host = user;

	if (host->state == HOST_READY && !host->done && !host->prepared &&
	    host->desired->held_back > 0)
		host_resync(host);
	else if (host->desired->held_back > 0)
		set_timer(host->retry, RETRY_SECONDS);
}

struct host *host_new(const char *name, struct desired *desired, const struct host_env *env)
{
	struct host *host = calloc(1, sizeof(*host));
	bool local = strcmp(name, HOST_LOCAL) == 0;

	if (!host)
		return NULL;
	snprintf(host->name, sizeof(host->name), "%s", name);
	snprintf(host->label, sizeof(host->label), "%s%.100s", local ? "the datapath" : "host ",
	         local ? "" : name);
	host->desired = desired;
	host->gone_since = clock_now();
	host->env = *env;
	host->next_request = 1;
	host->next_tx = env->epoch << 32 | 1;
	host->retry = evtimer_new(env->base, on_retry, host);
	host->patience = evtimer_new(env->base, on_patience, host);
	host->pulse = host_pulse_new(host);
	if (!host->retry || !host->patience || !host->pulse) {
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
	keeper_fini(&host->keeper);
	forget_capabilities(host);
	if (host->retry)
		event_free(host->retry);
	if (host->patience)
		event_free(host->patience);
	if (host->pulse)
		event_free(host->pulse);
	ops_fini(&host->let_go);
	free(host);
}

static void begin(struct host *host, int fd, struct tls *tls)
{
	host->stream = stream_new_tls(host->env.base, fd, tls, &stream_ops, host);
	if (!host->stream) {
		tls_free(tls);
		close(fd);
		return;
	}
	host->state = HOST_GREETING;
	host_pulse_begin(host);
	// What waits for a slow datapath is bounded by what there is to say.
	stream_set_limit(host->stream, WEFT__STREAM_ID__STREAM_CONTROL, 16 << 20);
	send_hello(host);
}

void host_attach(struct host *host, int fd, pid_t pid)
{
	if (host->stream && host->pid != pid) {
		log_warn("%s: pid %d connected while pid %d is; it was turned away", host->label,
		         (int)pid, (int)host->pid);
		close(fd);
		return;
	}
	host_break(host, "it connected anew");
	host->pid = pid;
	host->from[0] = '\0';
	begin(host, fd, NULL);
}

void host_admit(struct host *host, int fd, struct tls *tls, const char *from)
{
	char reason[200];

	snprintf(reason, sizeof(reason), "a connection from %s took its place as the same host",
	         from);
	host_break(host, reason);
	host->pid = 0;
	snprintf(host->from, sizeof(host->from), "%s", from);
	begin(host, fd, tls);
}

const char *host_from(const struct host *host)
{
	return host->stream ? host->from : "";
}

void host_detach(struct host *host, const char *reason)
{
	host_break(host, reason);
}

const char *host_name(const struct host *host)
{
	return host->name;
}

const char *host_label(const struct host *host)
{
	return host->label;
}

const struct desired *host_desired(const struct host *host)
{
	return host->desired;
}

uint64_t host_gone_since(const struct host *host)
{
	return host->gone_since;
}

uint64_t host_gap_ns(const struct host *host)
{
	return host->gap_ns;
}

uint64_t host_lag_ns(const struct host *host)
{
	return host->lag_ns;
}

const char *host_trouble(const struct host *host)
{
	return host->trouble[0] ? host->trouble : NULL;
}

size_t host_backlog(const struct host *host)
{
	return host->stream ? stream_queued(host->stream, WEFT__STREAM_ID__STREAM_CONTROL) : 0;
}

void host_set_minder(struct host *host, void *minder)
{
	host->minder = minder;
}

void *host_minder(const struct host *host)
{
	return host->minder;
}

void host_want_resync(struct host *host, bool wanted)
{
	host->wants_resync = wanted;
}

bool host_wants_resync(const struct host *host)
{
	return host->wants_resync;
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

size_t host_kept(const struct host *host)
{
	return host->keeper.kept.count;
}

const struct refusal *host_held(const struct host *host, const char *unit)
{
	return table_get_text(&host->held, unit);
}

const struct refusal *host_next_held(const struct host *host, size_t *cursor)
{
	return table_next(&host->held, cursor, NULL, NULL);
}

int host_hand_over(const struct host *from, const struct host *to, uint64_t port)
{
	return to->stream ? keeper_hand(&from->keeper, port, to->stream) : -ENOTCONN;
}

void host_handed_over(struct host *from, uint64_t port)
{
	keeper_forget(&from->keeper, port);
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

int host_tell(struct host *host, uint16_t type, const void *body, size_t len)
{
	if (!host->stream || host->state == HOST_GREETING)
		return -ENOTCONN;
	return stream_send(host->stream, WEFT__STREAM_ID__STREAM_CONTROL, type, 0, body, len, NULL,
	                   0);
}

void host_forget(struct host *host, void *user)
{
	struct call *call;
	size_t cursor = 0;

	while ((call = table_next(&host->calls, &cursor, NULL, NULL)))
		if (call->user == user)
			call->answer = NULL;
}
