// SPDX-License-Identifier: BSD-3-Clause
//
// api_priv: one question of one client, and the files that answer: api_<noun>.c.
//
// An answer comes at once or later. Later, the client may have gone: then the question is forgotten by
// those who were asked (host_forget, control_forget) before it is freed.

#pragma once

#include "controller/api.h"
#include "controller/control.h"
#include "controller/leases.h"
#include "controller/record.h"

#include "proto/api.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct capture_session;
struct client;
struct stream;

struct question {
	struct api *api;
	struct client *client;
	uint64_t request_id;
	uint32_t uid;
	Weft__Request *request; // Owned.
	Weft__Record **records; // Gathered so far; owned.
	size_t record_count, record_room;
	struct fanout *fanout;            // Of api_query.c; owned.
	struct capture_session *captures; // Under way; of api_capture.c.
	struct host *host;                // Of a trace: who is asked.
	char assumed[IP_TEXT];            // A trace: the source address that nobody gave.
	unsigned hops;                    // A trace: how many tunnels it has gone through.
	struct question *next;
};

struct event_note {
	uint64_t wall_ns;
	char host[64];
	char type[24];
	char object[96];
	char text[512];
};

enum { EVENTS_KEPT = 256 };

struct api {
	struct api_env env;
	int listener_fd;
	struct event *listener;
	struct client *clients;
	struct event_note events[EVENTS_KEPT]; // A ring.
	uint64_t event_count;
	uint64_t captures; // Number of the last.
};

// Takes the record over.
void question_add(struct question *question, Weft__Record *record);
// Sends what was gathered and ends the question.
void question_answer(struct question *question);
void question_refuse(struct question *question, const struct refusal *refusal);
// With what else is wrong; the first of the list is the refusal.
void question_refuse_all(struct question *question, const struct refusal *refusal,
                         const struct refusals *all);
void question_fail(struct question *question, int code, const char *object, const char *what,
                   const char *hint);
void question_reply(struct question *question, const Weft__Reply *reply);
// Sends a reply with `more`: the question goes on.
void question_reply_part(struct question *question, const Weft__Reply *reply);
// Bytes that its client has not read yet.
size_t question_queued(const struct question *question);
// The capture of the same client, or NULL.
struct question *question_of_capture(const struct question *question);

void api_apply(struct question *question);
void api_destroy(struct question *question);
void api_undo(struct question *question);
void api_confirm(struct question *question);
// Puts the stored name in the place of a short one that only one lab has.
void api_resolve(const struct model *model, enum noun noun, char **name);
void api_apply_lab(struct question *question);
void api_export_lab(struct question *question);
void api_gc(struct question *question);
// Submits a change whose dry run shows what would differ, and whose end answers the question.
void api_submit(struct question *question, struct change *change);
void api_changed(void *question, const struct change_result *result);
void api_list(struct question *question);
void api_status(struct question *question);
void api_trace(struct question *question);
void api_capture(struct question *question);
void api_capture_forget(struct question *question);
void api_enrol(struct question *question);
void api_revoke(struct question *question);

// Objects of the intent as records.
Weft__Record *api_object_record(struct api *api, const struct intent *intent);
// `net`: only those in it; either may be NULL.
void api_list_nouns(struct question *question, enum noun noun, const char *name, const char *net);
void api_list_leases(struct question *question, const char *name, const char *net);
void api_list_addresses(struct question *question, const char *name, const char *net);
void api_list_routers(struct question *question, const char *name);
void api_list_history(struct question *question);
void api_list_events(struct question *question);
void api_list_hosts(struct question *question, const char *name);
Weft__Record *api_host_record(struct api *api, const struct host *host);

// What the datapath knows. Ports are the intent's, with what is live added.
void api_query(struct question *question, Weft__QueryWhat what);
void api_query_forget(struct question *question);
Weft__Record *api_event_record(const struct event_note *note);
