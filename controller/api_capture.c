// SPDX-License-Identifier: BSD-3-Clause
//
// api_capture: packets of a datapath on their way to whoever looks at them.
//
// What the datapath sends is handed on as it came, unread. A client that reads slowly misses frames, which it
// can tell by the numbers in them; nobody waits for it. Ports of several hosts are captured by each of these,
// in sessions that share the answer. All end with the client.

#include "controller/api_priv.h"

#include "base/stream.h"
#include "controller/derive_unit.h"
#include "controller/model_guest.h"
#include "controller/model_place.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Frames beyond this that a client has not read are not queued for it.
enum { BEHIND_BYTES = 8 << 20 };

// What one datapath captures for a question.
struct capture_session {
	struct question *question;
	struct host *host; // Borrowed: it answers before it goes.
	uint64_t id;
	struct capture_session *next;
};

static void drop_session(struct capture_session *session)
{
	struct capture_session **link = &session->question->captures;

	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	free(session);
}

static void tell_to_stop(const struct capture_session *session)
{
	Weft__CaptureStop stop = WEFT__CAPTURE_STOP__INIT;

	stop.capture = session->id;
	// A datapath that has gone needs not be told.
	(void)host_ask(session->host, WEFT__STREAM_ID__STREAM_QUERIES,
	               WEFT__FRAME_TYPE__FRAME_CAPTURE_STOP, &stop.base, NULL, NULL);
}

void api_capture_forget(struct question *question)
{
	while (question->captures) {
		struct capture_session *session = question->captures;

		host_forget(session->host, session);
		tell_to_stop(session);
		drop_session(session);
	}
}

// One that cannot go on ends all: what is left would not be what was asked for.
static void break_off(struct question *question, const char *host, const struct stream_frame *frame)
{
	Weft__Refused *refused =
		frame ? decode_message(&weft__refused__descriptor, frame->len, frame->body) : NULL;
	char object[KEY_SIZE];

	snprintf(object, sizeof(object), "host/%s", host);
	question_fail(question, refused ? refused->code : -ECONNRESET, object,
	              refused ? refused->what : "the datapath went away",
	              refused ? refused->hint : "begin the capture anew when it is back");
	weft__refused__free_unpacked(refused, NULL);
}

static void on_captured(void *user, int err, const struct stream_frame *frame)
{
	struct capture_session *session = user;
	struct question *question = session->question;
	Weft__Reply reply = WEFT__REPLY__INIT;

	if (!frame || frame->type != WEFT__FRAME_TYPE__FRAME_CAPTURED) {
		const char *name = host_name(session->host);

		// Nothing more is wanted of whoever breaks off like this.
		host_forget(session->host, session);
		drop_session(session);
		api_capture_forget(question);
		break_off(question, name, frame);
		return;
	}
	reply.has_captured = true;
	reply.captured = (ProtobufCBinaryData){.len = frame->len, .data = (uint8_t *)frame->body};
	if (!frame->more)
		drop_session(session);
	if (!question->captures) {
		question_reply(question, &reply);
		return;
	}
	reply.has_more = reply.more = true;
	if (!frame->more || question_queued(question) < BEHIND_BYTES)
		question_reply_part(question, &reply);
}

static int unknown_port(struct question *question, const char *name)
{
	const struct model *model = &question->api->env.control->model;
	const enum noun nouns[] = {NOUN_GUEST, NOUN_PORT};
	struct refusal refusal = {0};
	const char *near = model_suggest(model, name, nouns, sizeof(nouns) / sizeof(nouns[0]));

	refuse(&refusal, -ENOENT, "capture", "port", "there is no port or guest '%s'", name);
	if (near)
		fail_hint(&refusal.fail, "did you mean '%s'?", near);
	question_refuse(question, &refusal);
	return -ENOENT;
}

// The ids of the named ports of one host, to be freed; each once. NULL without memory.
static uint64_t *ports_of(struct question *question, const struct host *host, size_t *ret_count)
{
	const Weft__CaptureQuery *query = question->request->capture;
	const struct control *control = question->api->env.control;
	uint64_t *ids = malloc((query->n_ports + 1) * sizeof(*ids));

	*ret_count = 0;
	for (size_t i = 0; i < query->n_ports && ids; i++) {
		const struct intent *port = model_find_port(&control->model, query->ports[i], NULL);
		size_t seen = 0;

		if (hosts_get(&control->hosts, model_place_of(port->msg->port)) != host)
			continue;
		ids[*ret_count] = derive_port_id(port->name);
		while (ids[seen] != ids[*ret_count])
			seen++;
		*ret_count += seen == *ret_count;
	}
	return ids;
}

static int begin_at(struct question *question, struct host *host, uint64_t *ids, size_t count)
{
	const Weft__CaptureQuery *query = question->request->capture;
	struct capture_session *session = calloc(1, sizeof(*session));
	Weft__Capture capture = WEFT__CAPTURE__INIT;
	int err;

	if (!session)
		return -ENOMEM;
	*session = (struct capture_session){.question = question,
	                                    .host = host,
	                                    .id = ++question->api->captures,
	                                    .next = question->captures};
	question->captures = session;
	capture.capture = session->id;
	capture.ports = ids;
	capture.n_ports = count;
	capture.has_snap = query->has_snap;
	if (query->has_snap)
		capture.snap = query->snap;
	capture.has_program = query->has_program;
	capture.program = query->program;
	capture.has_in = capture.has_out = capture.has_dropped = true;
	capture.in = query->in;
	capture.out = query->out;
	capture.dropped = query->dropped;
	capture.has_count = query->has_count;
	capture.count = query->count;
	capture.has_milliseconds = query->has_milliseconds;
	capture.milliseconds = query->milliseconds;
	err = host_ask_parts(host, WEFT__STREAM_ID__STREAM_QUERIES, WEFT__FRAME_TYPE__FRAME_CAPTURE,
	                     &capture.base, on_captured, session);
	if (err < 0)
		drop_session(session);
	return err;
}

// At each host that has some of the ports; without ports at all that are there.
static int begin(struct question *question)
{
	const Weft__CaptureQuery *query = question->request->capture;
	const struct hosts *hosts = &question->api->env.control->hosts;
	size_t cursor = 0, count;
	struct host *host;

	while ((host = hosts_next(hosts, &cursor))) {
		uint64_t *ids = ports_of(question, host, &count);
		bool wanted = query->n_ports ? count > 0 : host_can(host, "capture");
		int err = ids ? 0 : -ENOMEM;

		if (wanted && ids)
			err = host_can(host, "capture") ? begin_at(question, host, ids, count)
			                                : -EAGAIN;
		free(ids);
		if (err < 0) {
			api_capture_forget(question);
			question_fail(question, -EAGAIN, "datapath",
			              "a datapath of these ports is away, or cannot capture",
			              "'weft host ls' tells which");
			return err;
		}
	}
	return 0;
}

static int check_ports(struct question *question)
{
	const Weft__CaptureQuery *query = question->request->capture;

	for (size_t i = 0; i < query->n_ports; i++)
		if (!model_find_port(&question->api->env.control->model, query->ports[i], NULL))
			return unknown_port(question, query->ports[i]);
	return 0;
}

static void stop(struct question *question)
{
	struct question *running = question_of_capture(question);

	for (struct capture_session *at = running ? running->captures : NULL; at; at = at->next)
		tell_to_stop(at);
	question_answer(question);
}

void api_capture(struct question *question)
{
	if (question->request->capture->stop)
		stop(question);
	else if (check_ports(question) == 0 && begin(question) == 0 && !question->captures)
		question_fail(question, -EAGAIN, "datapath",
		              "there is no datapath here that can capture",
		              "'weft status' tells more");
}
