// SPDX-License-Identifier: BSD-3-Clause
//
// change: builds Apply requests.
//
// Bodies are found by the noun's field in the message Intent, so a noun that the model gains needs no
// line here. Everything is of the heap, freed as if it had been unpacked.

#include "cli/change.h"

#include "base/fail.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/fields.h"
#include "cli/output.h"
#include "cli/record.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void change_set_init(struct change_set *set, const struct invocation *call)
{
	weft__request__init(&set->request);
	weft__apply__init(&set->apply);
	set->request.body_case = WEFT__REQUEST__BODY_APPLY;
	set->request.apply = &set->apply;
	set->apply.has_dry_run = set->apply.dry_run = invocation_has(call, "dry-run");
	set->apply.confirm_seconds = (uint32_t)invocation_number(call, "confirm", 0);
	set->apply.has_confirm_seconds = set->apply.confirm_seconds != 0;
	set->apply.command = (char *)call->line;
}

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *message = calloc(1, descriptor->sizeof_message);

	if (message)
		protobuf_c_message_init(descriptor, message);
	return message;
}

// Puts a new body into the member of Intent that has the noun's name.
static ProtobufCMessage *new_body(Weft__Intent *intent, const char *noun)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(&weft__intent__descriptor, noun);

	assert(field && field->type == PROTOBUF_C_TYPE_MESSAGE);

	ProtobufCMessage *body = new_message(field->descriptor);

	intent->body_case = (Weft__Intent__BodyCase)field->id;
	*(ProtobufCMessage **)(void *)((char *)intent + field->offset) = body;
	return body;
}

ProtobufCMessage *change_add(struct change_set *set, Weft__Verb verb, const char *noun,
                             const char *name)
{
	Weft__Apply *apply = &set->apply;
	Weft__Change **grown = realloc(apply->changes, (apply->n_changes + 1) * sizeof(*grown));
	Weft__Change *change = (Weft__Change *)new_message(&weft__change__descriptor);
	Weft__Intent *intent = (Weft__Intent *)new_message(&weft__intent__descriptor);

	if (grown)
		apply->changes = grown;
	if (!grown || !change || !intent) {
		free(change);
		free(intent);
		return NULL;
	}
	change->verb = verb;
	change->intent = intent;
	intent->name = strdup(name);
	apply->changes[apply->n_changes++] = change;
	return new_body(intent, noun);
}

static Weft__Change *last_change(struct change_set *set)
{
	assert(set->apply.n_changes > 0);
	return set->apply.changes[set->apply.n_changes - 1];
}

int change_take_flags(struct change_set *set, const struct invocation *call)
{
	Weft__Change *change = last_change(set);
	Weft__Intent *intent = change->intent;

	// All members of the union are pointers to a message, so any of them reads the body.
	return fields_from_flags((ProtobufCMessage *)intent->net, call, &change->clear,
	                         &change->n_clear);
}

void change_cascade(struct change_set *set)
{
	Weft__Change *change = last_change(set);

	change->has_cascade = change->cascade = true;
}

static void free_changes(struct change_set *set)
{
	for (size_t i = 0; i < set->apply.n_changes; i++)
		weft__change__free_unpacked(set->apply.changes[i], NULL);
	free(set->apply.changes);
	set->apply.changes = NULL;
	set->apply.n_changes = 0;
}

// "net/lan" as people say it: "net lan".
static void say_object(const char *object, char *buf, size_t size)
{
	char *slash;

	snprintf(buf, size, "%s", object);
	slash = strchr(buf, '/');
	if (slash)
		*slash = ' ';
}

static const char *text_of(const Weft__Record *record, const char *key, const char *none)
{
	const Weft__Field *field = record_find(record, key);

	return field && field->value_case == WEFT__FIELD__VALUE_TEXT ? field->text : none;
}

// A line an object: what differs in one comes in successive records.
static void print_preview(Weft__Record *const *records, size_t count)
{
	const char *last = "";

	for (size_t i = 0; i < count; i++) {
		const char *object = text_of(records[i], "object", "");
		const char *verb = text_of(records[i], "verb", "set");
		const char *field = text_of(records[i], "field", NULL);
		bool same = field && strcmp(object, last) == 0;
		char said[256];

		say_object(object, said, sizeof(said));
		if (same)
			printf(",");
		else
			printf("%s%c %s", i > 0 ? "\n" : "",
			       strcmp(verb, "add") == 0      ? '+'
			       : strcmp(verb, "delete") == 0 ? '-'
			                                     : '~',
			       said);
		if (field)
			printf(" %s %s -> %s", field, text_of(records[i], "before", "none"),
			       text_of(records[i], "after", "none"));
		last = object;
	}
	if (count > 0)
		printf("\n");
}

int change_show_preview(const struct invocation *call, const Weft__Reply *reply)
{
	if (call->format == OUTPUT_TABLE) {
		print_preview(reply->records, reply->n_records);
		for (size_t i = 0; i < reply->n_notes; i++)
			printf("%s\n", reply->notes[i]);
		if (!reply->changed)
			printf("no change\n");
		return reply->changed ? EXIT_CHANGES : EXIT_OK;
	}

	json_t *result = json_pack("{s:I,s:b,s:[],s:[]}", "revision", (json_int_t)reply->revision,
	                           "changed", reply->changed, "changes", "notes");

	for (size_t i = 0; i < reply->n_records; i++)
		json_array_append_new(json_object_get(result, "changes"),
		                      record_json(reply->records[i]));
	for (size_t i = 0; i < reply->n_notes; i++)
		json_array_append_new(json_object_get(result, "notes"),
		                      json_string(reply->notes[i]));
	json_dumpf(result, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(result);
	return reply->changed ? EXIT_CHANGES : EXIT_OK;
}

void change_tell_confirm(const struct invocation *call)
{
	const char *time = invocation_text(call, "confirm");
	size_t len = strlen(time);

	// A bare number is one of seconds, and is said to be.
	printf("undone in %s%s unless you say: weft confirm\n", time,
	       len && time[len - 1] >= '0' && time[len - 1] <= '9' ? "s" : "");
}

static int show_result(const struct invocation *call, const Weft__Reply *reply)
{
	if (invocation_has(call, "dry-run"))
		return change_show_preview(call, reply);
	if (call->format != OUTPUT_TABLE) {
		json_t *result = json_pack("{s:I,s:b}", "revision", (json_int_t)reply->revision,
		                           "changed", 1);
		json_t *notes = json_array();

		for (size_t i = 0; i < reply->n_notes; i++)
			json_array_append_new(notes, json_string(reply->notes[i]));
		json_object_set_new(result, "notes", notes);
		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(result);
	}
	for (size_t i = 0; call->format == OUTPUT_TABLE && i < reply->n_notes; i++)
		printf("%s\n", reply->notes[i]);
	if (invocation_has(call, "confirm") && call->format == OUTPUT_TABLE)
		change_tell_confirm(call);
	return EXIT_OK;
}

static int tell_unmade(struct change_set *set, const struct invocation *call, int error)
{
	struct fail fail = {0};

	free_changes(set);
	fail_errno(&fail, error, "the request could not be made");
	output_fail(call, &fail);
	return EXIT_ERROR;
}

int change_send(struct change_set *set, const struct invocation *call, int error)
{
	const char *lab = invocation_text(call, "lab");
	Weft__Reply *reply;

	if (error < 0)
		return tell_unmade(set, call, error);

	for (size_t i = 0; lab && i < set->apply.n_changes; i++)
		set->apply.changes[i]->intent->lab = strdup(lab);

	int code = ask(call, &set->request, &reply);

	free_changes(set);
	if (code != EXIT_OK)
		return code;
	code = show_result(call, reply);
	client_reply_free(reply);
	return code;
}
