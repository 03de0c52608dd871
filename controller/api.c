// SPDX-License-Identifier: BSD-3-Clause
//
// api: clients, their questions and the way of an answer back.
//
// A client is a connection with any number of questions under way. A question is freed when it is
// answered, or with its client. Long answers go out as several replies; a client that does not read
// them is held by the stream's queue and, past its limit, cut off.

#include "controller/api_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/stream.h"
#include "proto/decode.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { API_STREAM = 0, QUEUE_LIMIT = 64 << 20, RECORDS_PER_REPLY = 200 };

struct client {
	struct api *api;
	struct stream *stream;
	uint32_t uid;
	struct question *questions;
	bool watching;
	uint64_t watch_request;
	struct client *next;
};

static void free_question(struct question *question)
{
	struct question **link = &question->client->questions;

	while (*link && *link != question)
		link = &(*link)->next;
	if (*link)
		*link = question->next;
	for (size_t i = 0; i < question->record_count; i++)
		record_free(question->records[i]);
	free(question->records);
	weft__request__free_unpacked(question->request, NULL);
	free(question);
}

static void free_client(struct client *client)
{
	struct api *api = client->api;
	struct client **link = &api->clients;

	while (*link && *link != client)
		link = &(*link)->next;
	if (*link)
		*link = client->next;
	while (client->questions) {
		struct question *question = client->questions;

		control_forget(api->env.control, question);
		hosts_forget(&api->env.control->hosts, question);
		api_query_forget(question);
		api_capture_forget(question);
		free_question(question);
	}
	stream_free(client->stream);
	free(client);
}

static int send_reply(struct client *client, uint64_t request_id, const Weft__Reply *reply)
{
	size_t len = weft__reply__get_packed_size(reply);
	uint8_t *body = malloc(len ? len : 1);
	int err;

	if (!body)
		return -ENOMEM;
	weft__reply__pack(reply, body);
	err = stream_send(client->stream, API_STREAM, WEFT__API_FRAME__API_REPLY, request_id, body,
	                  len, NULL, 0);
	free(body);
	return err;
}

void question_reply(struct question *question, const Weft__Reply *reply)
{
	if (send_reply(question->client, question->request_id, reply) < 0)
		log_warn("a client does not read its answers");
	free_question(question);
}

void question_reply_part(struct question *question, const Weft__Reply *reply)
{
	// What does not go is missed; the client sees that by what follows.
	(void)send_reply(question->client, question->request_id, reply);
}

size_t question_queued(const struct question *question)
{
	return stream_queued(question->client->stream, API_STREAM);
}

struct question *question_of_capture(const struct question *question)
{
	struct question *other = question->client->questions;

	while (other && !other->captures)
		other = other->next;
	return other;
}

void question_add(struct question *question, Weft__Record *record)
{
	if (record && question->record_count == question->record_room) {
		size_t room = question->record_room ? question->record_room * 2 : 16;
		Weft__Record **more = realloc(question->records, room * sizeof(*more));

		if (!more) {
			record_free(record);
			return;
		}
		question->records = more;
		question->record_room = room;
	}
	if (record)
		question->records[question->record_count++] = record;
}

void question_answer(struct question *question)
{
	size_t at = 0;

	do {
		Weft__Reply reply = WEFT__REPLY__INIT;

		reply.records = question->records ? question->records + at : NULL;
		reply.n_records = question->record_count - at;
		if (reply.n_records > RECORDS_PER_REPLY)
			reply.n_records = RECORDS_PER_REPLY;
		at += reply.n_records;
		reply.has_more = reply.more = at < question->record_count;
		reply.has_revision = true;
		reply.revision = question->api->env.control->revision;
		if (send_reply(question->client, question->request_id, &reply) < 0)
			break;
	} while (at < question->record_count);
	free_question(question);
}

static void fill_error(Weft__Error *error, const struct refusal *refusal)
{
	weft__error__init(error);
	error->code = refusal->fail.code;
	error->what = (char *)refusal->fail.what;
	if (refusal->fail.hint[0])
		error->hint = (char *)refusal->fail.hint;
	if (refusal->object[0])
		error->object = (char *)refusal->object;
	if (refusal->field[0])
		error->field = (char *)refusal->field;
}

void question_refuse_all(struct question *question, const struct refusal *refusal,
                         const struct refusals *all)
{
	Weft__Error error, others[REFUSALS_MOST], *list[REFUSALS_MOST];
	Weft__Reply reply = WEFT__REPLY__INIT;

	fill_error(&error, refusal);
	error.others = list;
	for (size_t i = 1; all && i < all->count; i++) {
		list[error.n_others] = &others[i];
		fill_error(list[error.n_others++], &all->items[i]);
	}
	reply.error = &error;
	question_reply(question, &reply);
}

void question_refuse(struct question *question, const struct refusal *refusal)
{
	question_refuse_all(question, refusal, NULL);
}

void question_fail(struct question *question, int code, const char *object, const char *what,
                   const char *hint)
{
	struct refusal refusal = {0};

	refuse(&refusal, code, object, NULL, "%s", what);
	if (hint)
		fail_hint(&refusal.fail, "%s", hint);
	question_refuse(question, &refusal);
}

static bool may_change(const struct question *question)
{
	return question->uid == 0 || question->uid == geteuid();
}

static void watch(struct question *question)
{
	question->client->watching = true;
	question->client->watch_request = question->request_id;
	free_question(question);
}

static void answer_shutdown(struct question *question)
{
	struct api *api = question->api;

	question_answer(question);
	api->env.shutdown(api->env.user, false);
}

static void dispatch(struct question *question)
{
	switch (question->request->body_case) {
	case WEFT__REQUEST__BODY_LIST:
		api_list(question);
		return;
	case WEFT__REQUEST__BODY_STATUS:
		api_status(question);
		return;
	case WEFT__REQUEST__BODY_TRACE:
		api_trace(question);
		return;
	case WEFT__REQUEST__BODY_WATCH:
		watch(question);
		return;
	case WEFT__REQUEST__BODY_EXPORT_LAB:
		api_export_lab(question);
		return;
	default:
		break;
	}
	if (!may_change(question)) {
		question_fail(question, -EPERM, "intent",
		              "only root may change the network or see its packets",
		              "try again with sudo");
		return;
	}
	switch (question->request->body_case) {
	case WEFT__REQUEST__BODY_APPLY:
		api_apply(question);
		return;
	case WEFT__REQUEST__BODY_APPLY_LAB:
		api_apply_lab(question);
		return;
	case WEFT__REQUEST__BODY_GC:
		api_gc(question);
		return;
	case WEFT__REQUEST__BODY_DESTROY:
		api_destroy(question);
		return;
	case WEFT__REQUEST__BODY_UNDO:
		api_undo(question);
		return;
	case WEFT__REQUEST__BODY_CONFIRM:
		api_confirm(question);
		return;
	case WEFT__REQUEST__BODY_CAPTURE:
		api_capture(question);
		return;
	case WEFT__REQUEST__BODY_ENROL:
		api_enrol(question);
		return;
	case WEFT__REQUEST__BODY_REVOKE:
		api_revoke(question);
		return;
	case WEFT__REQUEST__BODY_SHUTDOWN:
		answer_shutdown(question);
		return;
	default:
		question_fail(question, -EOPNOTSUPP, "request",
		              "the controller does not know this request",
		              "client and controller may be of different versions");
	}
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct client *client = user;
	struct question *question;

	if (frame->type != WEFT__API_FRAME__API_REQUEST)
		return;
	question = calloc(1, sizeof(*question));
	if (!question)
		return;
	question->api = client->api;
	question->client = client;
	question->request_id = frame->request;
	question->uid = client->uid;
	question->next = client->questions;
	client->questions = question;
	question->request = decode_message(&weft__request__descriptor, frame->len, frame->body);
	if (question->request)
		dispatch(question);
	else
		question_fail(question, -EBADMSG, "request", "the request cannot be read", NULL);
}

static void on_closed(void *user, int error, const char *reason)
{
	free_client(user);
}

static const struct stream_ops client_ops = {.frame = on_frame, .closed = on_closed};

static void accept_one(struct api *api, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	struct sock_peer peer;

	if (!client || sock_peer(fd, &peer) < 0) {
		free(client);
		close(fd);
		return;
	}
	client->stream = stream_new(api->env.base, fd, &client_ops, client);
	if (!client->stream) {
		free(client);
		close(fd);
		return;
	}
	stream_set_limit(client->stream, API_STREAM, QUEUE_LIMIT);
	client->api = api;
	client->uid = peer.uid;
	client->next = api->clients;
	api->clients = client;
}

static void on_accept(evutil_socket_t listener, short what, void *user)
{
	int fd;

	while ((fd = sock_accept(listener)) >= 0)
		accept_one(user, fd);
	if (fd != -EAGAIN)
		log_warn("a client could not be let in: %s", strerror(-fd));
}

int api_open(const struct api_env *env, struct api **ret, struct fail *fail)
{
	struct api *api = calloc(1, sizeof(*api));
	char path[PATH_MAX];

	if (!api)
		return fail_set(fail, -ENOMEM, "out of memory");
	api->env = *env;
	api->listener_fd = -ENAMETOOLONG;
	if (path_join(path, sizeof(path), env->run_dir, "controller.sock") == 0)
		api->listener_fd = sock_listen(path, 0660, fail);
	if (api->listener_fd >= 0)
		api->listener = event_new(env->base, api->listener_fd, EV_READ | EV_PERSIST,
		                          on_accept, api);
	if (!api->listener || event_add(api->listener, NULL) < 0) {
		int err = api->listener_fd < 0 ? api->listener_fd : -ENOMEM;

		api_close(api);
		return err;
	}
	*ret = api;
	return 0;
}

void api_close(struct api *api)
{
	if (!api)
		return;
	while (api->clients)
		free_client(api->clients);
	if (api->listener)
		event_free(api->listener);
	if (api->listener_fd >= 0)
		close(api->listener_fd);
	free(api);
}

Weft__Record *api_event_record(const struct event_note *note)
{
	Weft__Record *record = record_new();

	record_number(record, "time", note->wall_ns / NSEC_PER_SEC);
	if (note->host[0])
		record_text(record, "host", note->host);
	record_text(record, "type", note->type);
	if (note->object[0])
		record_text(record, "object", note->object);
	record_text(record, "text", note->text);
	return record;
}

void api_tell(struct api *api, const char *host, const char *type, const char *object,
              const char *text)
{
	struct event_note *note = &api->events[api->event_count++ % EVENTS_KEPT];
	Weft__Record *record;

	note->wall_ns = clock_wall();
	snprintf(note->host, sizeof(note->host), "%s", host ? host : "");
	snprintf(note->type, sizeof(note->type), "%s", type);
	snprintf(note->object, sizeof(note->object), "%s", object);
	snprintf(note->text, sizeof(note->text), "%s", text);
	record = api_event_record(note);
	for (struct client *client = api->clients; client && record; client = client->next) {
		Weft__Reply reply = WEFT__REPLY__INIT;

		if (!client->watching)
			continue;
		reply.n_records = 1;
		reply.records = &record;
		reply.has_more = reply.more = true;
		// A watcher that does not read misses events; it does not hold up the others.
		send_reply(client, client->watch_request, &reply);
	}
	record_free(record);
}
