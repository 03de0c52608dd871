// SPDX-License-Identifier: BSD-3-Clause
//
// api_capture: packets of a datapath on their way to whoever looks at them.
//
// What the datapath sends is handed on as it came, unread. A client that reads slowly misses frames, which it
// can tell by the numbers in them; nobody waits for it. The capture ends with the client.

#include "controller/api_priv.h"

#include "base/stream.h"
#include "base/suggest.h"
#include "controller/derive_unit.h"
#include "controller/model_guest.h"
#include "controller/model_place.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdlib.h>

// Frames beyond this that a client has not read are not queued for it.
enum { BEHIND_BYTES = 8 << 20 };

static void refuse_begin(struct question *question, const struct stream_frame *frame)
{
	Weft__Refused *refused =
		frame ? decode_message(&weft__refused__descriptor, frame->len, frame->body) : NULL;

	question_fail(question, refused ? refused->code : -ECONNRESET, "capture",
	              refused ? refused->what : "the datapath went away",
	              refused ? refused->hint : "begin the capture anew when it is back");
	weft__refused__free_unpacked(refused, NULL);
}

static void on_captured(void *user, int err, const struct stream_frame *frame)
{
	struct question *question = user;
	Weft__Reply reply = WEFT__REPLY__INIT;

	if (!frame || frame->type != WEFT__FRAME_TYPE__FRAME_CAPTURED) {
		// Nothing more is wanted of whoever breaks off like this.
		host_forget(question->host, question);
		question->capture = 0;
		refuse_begin(question, frame);
		return;
	}
	reply.has_captured = true;
	reply.captured = (ProtobufCBinaryData){.len = frame->len, .data = (uint8_t *)frame->body};
	if (!frame->more) {
		question->capture = 0;
		question_reply(question, &reply);
		return;
	}
	reply.has_more = reply.more = true;
	if (question_queued(question) < BEHIND_BYTES)
		question_reply_part(question, &reply);
}

static void end_capture(struct question *question)
{
	Weft__CaptureStop stop = WEFT__CAPTURE_STOP__INIT;

	stop.capture = question->capture;
	// A datapath that has gone needs not be told.
	(void)host_ask(question->host, WEFT__STREAM_ID__STREAM_QUERIES,
	               WEFT__FRAME_TYPE__FRAME_CAPTURE_STOP, &stop.base, NULL, NULL);
}

void api_capture_forget(struct question *question)
{
	if (question->capture)
		end_capture(question);
	question->capture = 0;
}

static int unknown_port(struct question *question, const char *name)
{
	const struct model *model = &question->api->env.control->model;
	const enum noun nouns[] = {NOUN_GUEST, NOUN_PORT};
	struct refusal refusal = {0};
	struct suggest suggest;

	suggest_init(&suggest, name);
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
		const struct intent *intent;
		size_t cursor = 0;

		while ((intent = model_next(model, nouns[i], &cursor)))
			suggest_consider(&suggest, intent->name);
	}
	refuse(&refusal, -ENOENT, "capture", "port", "there is no port or guest '%s'", name);
	if (suggest.best)
		fail_hint(&refusal.fail, "did you mean '%s'?", suggest.best);
	question_refuse(question, &refusal);
	return -ENOENT;
}

// One datapath captures at a time: the host of the first port decides.
static bool same_host(struct question *question, const struct intent *port, bool first)
{
	struct host *host =
		hosts_get(&question->api->env.control->hosts, model_place_of(port->msg->port));

	if (first && host)
		question->host = host;
	if (question->host == host)
		return true;
	question_fail(question, -EXDEV, "capture", "the ports are on different hosts",
	              "capture those of one host at a time");
	return false;
}

// The ids of the named ports, to be freed; each once. NULL when the question was refused.
static uint64_t *find_ports(struct question *question, size_t *ret_count)
{
	const Weft__CaptureQuery *query = question->request->capture;
	uint64_t *ids = malloc((query->n_ports + 1) * sizeof(*ids));
	size_t count = 0;

	for (size_t i = 0; i < query->n_ports && ids; i++) {
		const struct intent *port =
			model_find_port(&question->api->env.control->model, query->ports[i], NULL);
		size_t seen = 0;

		if (!port) {
			unknown_port(question, query->ports[i]);
			free(ids);
			return NULL;
		}
		if (!same_host(question, port, i == 0)) {
			free(ids);
			return NULL;
		}
		ids[count] = derive_port_id(port->name);
		while (ids[seen] != ids[count])
			seen++;
		count += seen == count;
	}
	if (ids)
		*ret_count = count;
	else
		question_fail(question, -ENOMEM, "capture", "out of memory", NULL);
	return ids;
}

static int ask(struct question *question, uint64_t *ids, size_t count)
{
	const Weft__CaptureQuery *query = question->request->capture;
	Weft__Capture capture = WEFT__CAPTURE__INIT;

	capture.capture = ++question->api->captures;
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
	question->capture = capture.capture;
	return host_ask_parts(question->host, WEFT__STREAM_ID__STREAM_QUERIES,
	                      WEFT__FRAME_TYPE__FRAME_CAPTURE, &capture.base, on_captured,
	                      question);
}

void api_capture(struct question *question)
{
	uint64_t *ids;
	size_t count = 0;

	if (question->request->capture->stop) {
		struct question *running = question_of_capture(question);

		if (running)
			end_capture(running);
		question_answer(question);
		return;
	}
	question->host = question->api->env.control->hosts.local;
	ids = find_ports(question, &count);
	if (!ids)
		return;
	if (!host_can(question->host, "capture")) {
		free(ids);
		question_fail(question, -EAGAIN, "datapath",
		              "there is no datapath here that can capture",
		              "'weft status' tells more");
		return;
	}
	if (ask(question, ids, count) < 0) {
		question->capture = 0;
		question_fail(question, -EAGAIN, "datapath", "the datapath is away",
		              "'weft status' tells more");
	}
	free(ids);
}
