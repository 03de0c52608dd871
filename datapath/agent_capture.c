// SPDX-License-Identifier: BSD-3-Clause
//
// agent_capture: sessions of people who look at packets: begun by a frame, fed from the workers' rings, and
// ended by a frame, a number, a time or the connection.
//
// While there is a session a timer looks at the rings, so that workers need not ring for each packet. What
// they hold goes out on the stream of least urgency for as long as its queue is short; beyond that it
// stays where it is, the rings fill, and what comes then is lost and counted. A frame is packed record by
// record: several packed messages in a row are one message, by the encoding.

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/agent_change.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_priv.h"
#include "datapath/capture.h"
#include "datapath/capture_filter.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CAPTURE_LIMIT = 2 << 20, // of a decoded request
	LOOK_MS = 10,
	QUEUED_MAX = 1 << 20,  // bytes that may wait for the controller
	BODY_ROOM = 384 << 10, // of one frame
	BODY_FULL = 256 << 10, // beyond which it goes; a packet more, with its fields, always fits
	FRAMES_AT_ONCE = 8,    // so that other work of the main thread waits no longer
};

struct agent_capture {
	uint64_t id, request;
	struct capture *capture;
	uint64_t sent;      // packets
	uint64_t count;     // 0: no end
	uint64_t ends_ns;   // UINT64_MAX: no end
	bool ending;        // workers do not see it any more
	uint64_t last_port; // that was named, or 0
	uint64_t *named;    // [MAX_PORTS], the id that was named for a slot
	struct agent_capture *next;
};

static const char *name_of(const struct agent *agent, uint64_t id, char *buf, size_t size)
{
	const struct agent_object *object =
		agent_store_object(&agent->apply->store, WEFT__KIND__KIND_PORT, id);

	if (object && object->message->name)
		return object->message->name;
	snprintf(buf, size, "port %llu", (unsigned long long)id);
	return buf;
}

// Publishes what is looked at now, and frees what was before.
static void publish(struct agent *agent)
{
	struct capture_set *set = calloc(1, sizeof(*set));
	struct capture_set *old = agent->capture_set;

	for (struct agent_capture *at = agent->captures; at && set; at = at->next)
		if (!at->ending && set->count < CAPTURES_MAX)
			set->captures[set->count++] = at->capture;
	// Without memory for a set nobody captures, which is safe.
	if (set && set->count == 0) {
		free(set);
		set = NULL;
	}
	agent->capture_set = set;
	workers_set_captures(agent->workers, set);
	workers_settle(agent->workers);
	free(old);
}

static void free_session(struct agent_capture *session)
{
	capture_free(session->capture);
	free(session->named);
	free(session);
}

static void leave(struct agent *agent, struct agent_capture *session)
{
	struct agent_capture **link = &agent->captures;

	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	free_session(session);
}

void agent_capture_drop(struct agent *agent)
{
	if (!agent->captures)
		return;
	for (struct agent_capture *at = agent->captures; at; at = at->next)
		at->ending = true;
	if (agent->workers)
		publish(agent);
	while (agent->captures)
		leave(agent, agent->captures);
	event_free(agent->capture_timer);
	agent->capture_timer = NULL;
}

// One frame under construction.
struct body {
	struct agent *agent;
	struct agent_capture *session;
	uint8_t *bytes;
	size_t len;
};

static void put(struct body *body, Weft__Captured *message)
{
	message->capture = body->session->id;
	if (body->len + weft__captured__get_packed_size(message) <= BODY_ROOM)
		body->len += weft__captured__pack(message, body->bytes + body->len);
}

static void put_name(struct body *body, uint64_t id)
{
	Weft__Captured message = WEFT__CAPTURED__INIT;
	Weft__CapturedPort port = WEFT__CAPTURED_PORT__INIT, *ports = &port;
	char text[48];

	port.id = id;
	port.name = (char *)name_of(body->agent, id, text, sizeof(text));
	message.n_ports = 1;
	message.ports = &ports;
	put(body, &message);
}

static void name_port(struct body *body, uint64_t id)
{
	struct agent_capture *session = body->session;
	uint32_t slot;

	if (id == session->last_port)
		return;
	session->last_port = id;
	slot = slot_find(body->agent->state, SLOT_PORT, id, 0);
	if (slot && slot < MAX_PORTS) {
		if (session->named[slot] == id)
			return;
		session->named[slot] = id;
	}
	put_name(body, id);
}

static void put_packet(struct body *body, const struct capture_record *record)
{
	Weft__Captured message = WEFT__CAPTURED__INIT;
	Weft__CapturedPacket packet = WEFT__CAPTURED_PACKET__INIT, *packets = &packet;

	name_port(body, record->port);
	packet.wall_ns = record->wall_ns;
	packet.port = record->port;
	packet.way = record->flags & CAPTURE_OUTWARD ? WEFT__CAPTURED_WAY__CAPTURED_OUT
	                                             : WEFT__CAPTURED_WAY__CAPTURED_IN;
	packet.len = record->wire_len;
	packet.bytes = (ProtobufCBinaryData){.len = record->len, .data = (uint8_t *)record->bytes};
	if (record->drop)
		packet.drop = (char *)drop_name((enum drop_reason)record->drop);
	packet.has_checksum_pending = packet.checksum_pending =
		(record->flags & CAPTURE_CSUM_PENDING) != 0;
	packet.has_segment_size = record->segment_size != 0;
	packet.segment_size = record->segment_size;
	packet.has_worker = true;
	packet.worker = record->worker;
	message.n_packets = 1;
	message.packets = &packets;
	put(body, &message);
}

static void put_totals(struct body *body, uint64_t before)
{
	Weft__Captured message = WEFT__CAPTURED__INIT;

	message.has_before = message.has_lost = true;
	message.before = before;
	message.lost = capture_lost(body->session->capture);
	put(body, &message);
}

static bool is_over(const struct agent_capture *session)
{
	return session->count && session->sent >= session->count;
}

// Fills a frame. Returns whether there was anything.
static bool fill(struct body *body)
{
	struct agent_capture *session = body->session;
	const struct capture_record *record;
	uint64_t before = session->sent;

	body->len = 0;
	while (body->len < BODY_FULL && !is_over(session) &&
	       (record = capture_peek(session->capture))) {
		put_packet(body, record);
		capture_release(session->capture);
		session->sent++;
	}
	put_totals(body, before);
	return session->sent > before;
}

static bool has_room(const struct agent *agent)
{
	return stream_queued(agent->stream, WEFT__STREAM_ID__STREAM_BULK) < QUEUED_MAX;
}

// Sends what there is. Returns whether all went.
static bool feed(struct body *body)
{
	struct agent *agent = body->agent;

	for (unsigned i = 0; i < FRAMES_AT_ONCE && has_room(agent); i++) {
		if (!fill(body))
			return true;
		stream_send_more(agent->stream, WEFT__STREAM_ID__STREAM_BULK,
		                 WEFT__FRAME_TYPE__FRAME_CAPTURED, body->session->request,
		                 body->bytes, body->len, NULL, 0);
	}
	return false;
}

static void end(struct agent *agent, struct agent_capture *session)
{
	if (session->ending)
		return;
	session->ending = true;
	publish(agent);
}

static void tend(struct body *body)
{
	struct agent *agent = body->agent;
	struct agent_capture *session = body->session;

	if (is_over(session) || clock_now() >= session->ends_ns)
		end(agent, session);
	if (!feed(body) || !(session->ending || is_over(session)))
		return;
	end(agent, session);
	body->len = 0;
	put_totals(body, session->sent);
	if (stream_send(agent->stream, WEFT__STREAM_ID__STREAM_BULK,
	                WEFT__FRAME_TYPE__FRAME_CAPTURED, session->request, body->bytes, body->len,
	                NULL, 0) != -EAGAIN)
		leave(agent, session);
}

static void on_look(evutil_socket_t unused, short what, void *user)
{
	struct agent *agent = user;
	struct body body = {.agent = agent, .bytes = malloc(BODY_ROOM)};
	struct agent_capture *next;

	for (struct agent_capture *at = agent->captures; at && body.bytes; at = next) {
		next = at->next;
		body.session = at;
		tend(&body);
	}
	free(body.bytes);
	if (agent->captures)
		return;
	event_free(agent->capture_timer);
	agent->capture_timer = NULL;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static unsigned what_of(const Weft__Capture *query)
{
	return (query->has_in && query->in ? CAPTURE_IN : 0u) |
	       (query->has_out && query->out ? CAPTURE_OUT : 0u) |
	       (query->has_dropped && query->dropped ? CAPTURE_DROPPED : 0u);
}

static int make_capture(struct agent *agent, Weft__Capture *query, struct capture **ret,
                        struct fail *fail)
{
	struct capture_config config = {
		.ports = query->ports,
		.port_count = (unsigned)query->n_ports,
		.what = what_of(query),
		.snap = query->snap,
		.workers = agent->config.sizes.workers,
	};

	if (query->n_ports > MAX_PORTS)
		return fail_set(fail, -E2BIG, "a capture of %zu ports, %d at most", query->n_ports,
		                MAX_PORTS);
	if (!config.what || !query->snap)
		return fail_set(fail, -EINVAL, "a capture of nothing");
	for (size_t i = 0; i < query->n_ports; i++)
		if (!agent_store_object(&agent->apply->store, WEFT__KIND__KIND_PORT,
		                        query->ports[i]))
			return fail_set(fail, -ENOENT, "there is no port %llu to capture at",
			                (unsigned long long)query->ports[i]);
	if (query->has_program) {
		int code = capture_filter_new(query->program.data, query->program.len,
		                              &config.filter, fail);

		if (code < 0)
			return code;
	}
	if (query->n_ports)
		qsort(query->ports, query->n_ports, sizeof(query->ports[0]), compare_ids);
	*ret = capture_new(&config);
	if (*ret)
		return 0;
	capture_filter_free(config.filter);
	return fail_set(fail, -ENOMEM, "out of memory for the rings of a capture");
}

static int start_timer(struct agent *agent)
{
	struct timeval look = {.tv_usec = LOOK_MS * 1000};

	if (agent->capture_timer)
		return 0;
	agent->capture_timer = event_new(agent->config.base, -1, EV_PERSIST, on_look, agent);
	if (!agent->capture_timer || event_add(agent->capture_timer, &look) < 0)
		return -ENOMEM;
	return 0;
}

static int begin(struct agent *agent, uint64_t request, Weft__Capture *query, struct fail *fail)
{
	struct agent_capture *session = NULL;
	struct capture *capture = NULL;
	unsigned sessions = 0;
	int code;

	for (struct agent_capture *at = agent->captures; at; at = at->next)
		sessions++;
	if (sessions >= CAPTURES_MAX) {
		fail_set(fail, -EBUSY, "%d captures are under way, which is the most",
		         CAPTURES_MAX);
		fail_hint(fail, "end one of them");
		return -EBUSY;
	}
	code = make_capture(agent, query, &capture, fail);
	if (code < 0)
		return code;
	session = calloc(1, sizeof(*session));
	if (session)
		session->named = calloc(MAX_PORTS, sizeof(*session->named));
	if (!session || !session->named || start_timer(agent) < 0) {
		capture_free(capture);
		if (session)
			free(session->named);
		free(session);
		return fail_set(fail, -ENOMEM, "out of memory for a capture");
	}
	session->id = query->capture;
	session->request = request;
	session->capture = capture;
	session->count = query->has_count ? query->count : 0;
	session->ends_ns = query->has_milliseconds
	                           ? clock_now() + query->milliseconds * NSEC_PER_MSEC
	                           : UINT64_MAX;
	session->next = agent->captures;
	agent->captures = session;
	publish(agent);
	return 0;
}

// The first answer names the ports: there is a capture from here on.
static void say_begun(struct agent *agent, const Weft__Capture *query)
{
	struct body body = {.agent = agent, .session = agent->captures, .bytes = malloc(BODY_ROOM)};

	if (!body.bytes)
		return;
	for (size_t i = 0; i < query->n_ports; i++)
		name_port(&body, query->ports[i]);
	put_totals(&body, 0);
	stream_send_more(agent->stream, WEFT__STREAM_ID__STREAM_BULK,
	                 WEFT__FRAME_TYPE__FRAME_CAPTURED, body.session->request, body.bytes,
	                 body.len, NULL, 0);
	free(body.bytes);
}

static void on_begin(struct agent *agent, const struct stream_frame *frame)
{
	struct agent_arena arena;
	struct fail fail = {0};
	Weft__Capture *query;

	agent_arena_init(&arena, CAPTURE_LIMIT);
	query = agent_frame_decode(&arena, frame, &weft__capture__descriptor);
	if (!query)
		agent_refuse(agent, frame->request, -EBADMSG, "the capture cannot be read", NULL);
	else if (begin(agent, frame->request, query, &fail) < 0)
		agent_refuse(agent, frame->request, fail.code, fail.what,
		             fail.hint[0] ? fail.hint : NULL);
	else
		say_begun(agent, query);
	agent_arena_fini(&arena);
}

static void on_stop(struct agent *agent, const struct stream_frame *frame)
{
	struct agent_arena arena;
	const Weft__CaptureStop *stop;
	Weft__Captured answer = WEFT__CAPTURED__INIT;

	agent_arena_init(&arena, CAPTURE_LIMIT);
	stop = agent_frame_decode(&arena, frame, &weft__capture_stop__descriptor);
	for (struct agent_capture *at = agent->captures; at && stop; at = at->next)
		if (at->id == stop->capture)
			end(agent, at);
	if (stop) {
		answer.capture = stop->capture;
		agent_send(agent, WEFT__STREAM_ID__STREAM_QUERIES, WEFT__FRAME_TYPE__FRAME_CAPTURED,
		           frame->request, &answer.base);
	} else {
		agent_refuse(agent, frame->request, -EBADMSG, "the end of a capture cannot be read",
		             NULL);
	}
	agent_arena_fini(&arena);
}

void agent_capture_frame(struct agent *agent, struct stream_frame *frame)
{
	if (frame->type == WEFT__FRAME_TYPE__FRAME_CAPTURE)
		on_begin(agent, frame);
	else
		on_stop(agent, frame);
}
