// SPDX-License-Identifier: BSD-3-Clause
//
// api_lab: labs: planned, applied, exported.
//
// A plan holds three things against each other: what the file says, what is stored, and what was stored
// when the file was last applied. From the last two it is known which differences somebody made by hand;
// from the datapath and the namespaces, what is not as it is stored.

#include "controller/api_priv.h"

#include "controller/difference.h"
#include "controller/lab.h"
#include "controller/message_record.h"
#include "controller/netns.h"
#include "controller/stray.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void free_request(void *data)
{
	weft__request__free_unpacked(data, NULL);
}

static int edit(struct control *control, struct change *change, struct refusal *refusal)
{
	const Weft__Request *request = change->edit_data;

	return lab_edit(&control->model, request->apply_lab, control->revision + 1, refusal);
}

struct by_hand {
	const struct model *model;
	const char *lab;
	struct table *keys;
};

static int note_by_hand(void *user, const char *word, const char *name, const void *before,
                        size_t before_len, const void *after, size_t after_len)
{
	struct by_hand *by_hand = user;
	enum noun noun = noun_from_word(word);
	const struct intent *now = noun == NOUN_NONE ? NULL : model_get(by_hand->model, noun, name);
	char key[KEY_SIZE];

	// What somebody changed and changed back is as it was.
	if (noun == NOUN_NONE ||
	    (now ? before && now->len == before_len && memcmp(now->packed, before, before_len) == 0
	         : !before))
		return 0;
	return table_put_text(by_hand->keys, noun_key(key, noun, name), by_hand->keys);
}

// The keys of what was changed since the lab was last applied.
static void collect_by_hand(struct question *question, const char *lab, struct table *keys)
{
	struct control *control = question->api->env.control;
	const struct intent *own = model_get(&control->model, NOUN_LAB, lab);
	struct by_hand by_hand = {.model = &control->model, .lab = lab, .keys = keys};
	struct fail ignored = {0};

	if (own && own->msg->lab_body->has_applied)
		store_changes_since(control->store, own->msg->lab_body->applied, note_by_hand,
		                    &by_hand, &ignored);
}

static void mark_by_hand(struct question *question, const char *lab)
{
	struct table keys = {0};

	collect_by_hand(question, lab, &keys);
	for (size_t i = 0; keys.count > 0 && i < question->record_count; i++) {
		const Weft__Field *object = record_find(question->records[i], "object");

		if (object && object->value_case == WEFT__FIELD__VALUE_TEXT &&
		    table_get_text(&keys, object->text))
			record_flag(question->records[i], "by_hand", true);
	}
	table_fini(&keys);
}

static void add_drift(struct question *question, const char *key, const char *text)
{
	Weft__Record *record = record_new();

	record_text(record, "verb", "drift");
	record_text(record, "object", key);
	record_text(record, "text", text);
	question_add(question, record);
}

// What is stored and is not so: namespaces that are gone, ports that the datapath could not have.
static void find_drift(struct question *question, const char *lab)
{
	const struct control *control = question->api->env.control;
	const struct intent *intent;
	size_t cursor = 0;

	while ((intent = model_next(&control->model, NOUN_GUEST, &cursor)))
		if (intent->msg->lab && strcmp(intent->msg->lab, lab) == 0 &&
		    netns_inode(intent->name) == 0)
			add_drift(question, intent->key, "its namespace is gone");
	cursor = 0;
	while ((intent = model_next(&control->model, NOUN_PORT, &cursor))) {
		const struct refusal *held = intent->msg->lab && strcmp(intent->msg->lab, lab) == 0
		                                     ? hosts_held(&control->hosts, intent->key)
		                                     : NULL;

		if (held)
			add_drift(question, intent->key, held->fail.what);
	}
}

static const Weft__PortIntent *port_of(const struct intent *intent)
{
	return intent && intent->noun == NOUN_PORT ? intent->msg->port : NULL;
}

struct preview {
	struct question *question;
	const char *guest;
};

static void take_difference(void *user, Weft__Record *record)
{
	const struct preview *preview = user;

	record_text(record, "guest", preview->guest);
	question_add(preview->question, record);
}

// Of a port also whose it is: a person thinks of the guest.
static void on_preview(void *user, const struct model_change *object)
{
	const Weft__PortIntent *port =
		port_of(object->after) ? port_of(object->after) : port_of(object->before);
	struct preview preview = {.question = user, .guest = port ? port->guest : NULL};

	difference_each(object, take_difference, &preview);
}

static void on_applied(void *user, const struct change_result *result)
{
	struct question *question = user;
	const Weft__ApplyLab *request = question->request->apply_lab;
	struct change_result told = *result;

	if (result->refusal) {
		question_refuse_all(question, result->refusal, result->all);
		return;
	}
	if (request->has_dry_run && request->dry_run) {
		mark_by_hand(question, request->lab);
		find_drift(question, request->lab);
		told.changed = question->record_count > 0;
	}
	api_changed(question, &told);
}

static Weft__Request *copy_request(const Weft__Request *from)
{
	size_t len = weft__request__get_packed_size(from);
	uint8_t *packed = malloc(len + 1);
	Weft__Request *copy = NULL;

	if (packed) {
		weft__request__pack(from, packed);
		copy = weft__request__unpack(NULL, len, packed);
	}
	free(packed);
	return copy;
}

static bool is_lost(const struct intent *intent, const char *lab)
{
	return intent->msg->lab && strcmp(intent->msg->lab, lab) == 0 &&
	       netns_inode(intent->name) == 0;
}

// Guests whose namespace somebody took away go, with what is theirs, for the lab to have them anew.
static int edit_lost(struct control *control, struct change *change, struct refusal *refusal)
{
	const char *lab = change->edit_data;
	const struct intent *intent;
	size_t cursor = 0;

	while ((intent = model_next(&control->model, NOUN_GUEST, &cursor)))
		if (is_lost(intent, lab) &&
		    model_remove(&control->model, NOUN_GUEST, intent->name, true, refusal) < 0)
			return refusal->fail.code;
	return 0;
}

// A door into a namespace that is gone cannot be opened again as it is, so mending takes a change of its own.
static void mend(struct question *question, const char *lab)
{
	struct control *control = question->api->env.control;
	const struct intent *intent;
	struct change *change;
	size_t cursor = 0;

	while ((intent = model_next(&control->model, NOUN_GUEST, &cursor)))
		if (is_lost(intent, lab))
			break;
	change = intent ? control_new_change(edit_lost, strdup(lab), free) : NULL;
	if (!change)
		return;
	snprintf(change->command, sizeof(change->command),
	         "remove guests of %s whose namespaces are gone", lab);
	change->uid = question->uid;
	control_submit(control, change);
}

void api_apply_lab(struct question *question)
{
	const Weft__ApplyLab *apply = question->request->apply_lab;
	// The question keeps its own, for when the change is done.
	Weft__Request *request = copy_request(question->request);
	struct change *change = request ? control_new_change(edit, request, free_request) : NULL;

	if (change && !(apply->has_dry_run && apply->dry_run))
		mend(question, apply->lab);
	if (change) {
		change->dry_run = apply->has_dry_run && apply->dry_run;
		change->confirm_seconds = apply->has_confirm_seconds ? apply->confirm_seconds : 0;
		snprintf(change->command, sizeof(change->command), "%s",
		         apply->command ? apply->command : "");
		change->done = on_applied;
		change->preview = on_preview;
		change->tell = true;
		change->hear = true;
	}
	api_submit(question, change);
}

void api_export_lab(struct question *question)
{
	const struct model *model = &question->api->env.control->model;
	struct refusal refusal = {0};
	Weft__Intent **objects;
	size_t count;

	if (lab_collect(model, question->request->export_lab->lab, &objects, &count, &refusal) <
	    0) {
		question_refuse(question, &refusal);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		Weft__Record *record = record_new();

		lab_forget_chosen(model, question->request->export_lab->lab, objects[i]);
		record_text(record, "noun", noun_word(noun_of(objects[i])));
		record_text(record, "name", objects[i]->name);
		// The union holds nothing but pointers to messages.
		message_record_add(record, (const ProtobufCMessage *)(const void *)objects[i]->net);
		question_add(question, record);
		weft__intent__free_unpacked(objects[i], NULL);
	}
	free(objects);
	question_answer(question);
}

static void add_stray(void *user, const struct stray *stray)
{
	Weft__Record *record = record_new();

	record_text(record, "kind", stray->kind);
	record_text(record, "name", stray->name);
	record_text(record, "why", stray->why);
	question_add(user, record);
}

void api_gc(struct question *question)
{
	const Weft__Gc *gc = question->request->gc;
	struct control *control = question->api->env.control;

	// A change under way makes what is not in the intent yet.
	if (!control_is_idle(control)) {
		question_fail(question, -EAGAIN, "intent", "a change is under way", "try again");
		return;
	}
	stray_each(&control->guests, &control->model, gc->has_remove && gc->remove, add_stray,
	           question);
	question_answer(question);
}
