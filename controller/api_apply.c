// SPDX-License-Identifier: BSD-3-Clause
//
// api_apply: what changes the intent: apply, destroy, undo, confirm.
//
// Each becomes one change for control.h, with an edit that puts and removes in the model.

#include "controller/api_priv.h"

#include "base/suggest.h"
#include "controller/control_priv.h"
#include "controller/difference.h"
#include "controller/lab.h"
#include "controller/model_host.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void api_changed(void *user, const struct change_result *result)
{
	struct question *question = user;
	Weft__Reply reply = WEFT__REPLY__INIT;
	char *note = (char *)result->note;

	if (result->refusal) {
		question_refuse(question, result->refusal);
		return;
	}
	reply.has_revision = true;
	reply.revision = result->revision;
	reply.has_changed = true;
	reply.changed = result->changed;
	reply.n_notes = note ? 1 : 0;
	reply.notes = &note;
	reply.n_records = question->record_count;
	reply.records = question->records;
	question_reply(question, &reply);
}

static void take_difference(void *user, Weft__Record *record)
{
	question_add(user, record);
}

static void on_preview(void *user, const struct model_change *object)
{
	difference_each(object, take_difference, user);
}

void api_submit(struct question *question, struct change *change)
{
	if (!change) {
		question_fail(question, -ENOMEM, "intent", "out of memory", NULL);
		return;
	}
	change->done = change->done ? change->done : api_changed;
	change->done_user = question;
	change->preview = change->preview ? change->preview : on_preview;
	change->uid = question->uid;
	control_submit(question->api->env.control, change);
}

// The message as it would have to be for the verb.
static int edit_put(struct control *control, const Weft__Change *change, struct refusal *refusal)
{
	enum noun noun = noun_of(change->intent);
	const struct intent *old =
		noun == NOUN_NONE ? NULL : model_get(&control->model, noun, change->intent->name);
	Weft__Intent *merged;
	char key[KEY_SIZE];
	int err;

	if (noun == NOUN_NONE)
		return refuse(refusal, -EINVAL, change->intent->name, NULL,
		              "the change of '%s' does not say what kind of object it is",
		              change->intent->name);
	noun_key(key, noun, change->intent->name);
	if (change->verb == WEFT__VERB__VERB_ADD && old) {
		refuse(refusal, -EEXIST, key, "name", "there is a %s '%s' already", noun_word(noun),
		       change->intent->name);
		fail_hint(&refusal->fail, "choose another name, or change it with 'set'");
		return -EEXIST;
	}
	// The host beside the controller is there unwritten, so it can be changed as well as added.
	if (change->verb != WEFT__VERB__VERB_SET ||
	    (!old && noun == NOUN_HOST && strcmp(change->intent->name, HOST_LOCAL) == 0))
		return model_put(&control->model, change->intent, refusal);
	if (!old)
		return model_unknown(&control->model, key, NULL, noun, change->intent->name,
		                     refusal);
	err = intent_merge(old, change->intent, change->clear, change->n_clear, &merged, refusal);
	if (err < 0)
		return err;
	err = model_put(&control->model, merged, refusal);
	weft__intent__free_unpacked(merged, NULL);
	return err;
}

// The graph keeps what the batch has removed until it is settled.
static const struct intent *next_port_of(const struct model *model, const char *guest)
{
	char key[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	noun_key(key, NOUN_GUEST, guest);
	while (graph_next_user(&model->graph, key, &cursor, user)) {
		const struct intent *port = model_get_key(model, user);

		if (port && port->noun == NOUN_PORT)
			return port;
	}
	return NULL;
}

// A host in a namespace goes with the namespace, and that with its ports.
static int edit_delete_host(struct control *control, const char *name, struct refusal *refusal)
{
	const struct intent *guest = model_get(&control->model, NOUN_GUEST, name);
	int err = model_remove(&control->model, NOUN_HOST, name, false, refusal);
	const struct intent *port;

	if (err < 0 || !guest || guest->msg->guest->kind != WEFT__GUEST_KIND__GUEST_HOST)
		return err;
	while (err == 0 && (port = next_port_of(&control->model, name)))
		err = model_remove(&control->model, NOUN_PORT, port->name, false, refusal);
	return err == 0 ? model_remove(&control->model, NOUN_GUEST, name, false, refusal) : err;
}

static int edit_delete(struct control *control, const Weft__Change *change,
                       const Weft__Apply *apply, struct refusal *refusal)
{
	bool cascade = change->has_cascade && change->cascade;
	const struct intent *old;
	enum noun noun = noun_of(change->intent);
	char key[KEY_SIZE];

	if (noun == NOUN_NONE)
		return refuse(refusal, -EINVAL, change->intent->name, NULL,
		              "the removal of '%s' does not say what kind of object it is",
		              change->intent->name);
	// A cascade of an earlier change of the batch may have taken it along.
	noun_key(key, noun, change->intent->name);
	if (table_get_text(&control->model.touched, key) &&
	    !model_get(&control->model, noun, change->intent->name))
		return 0;
	if (noun == NOUN_HOST && !cascade)
		return edit_delete_host(control, change->intent->name, refusal);
	// With a guest go its ports; with the namespace of a host would go the host.
	old = noun == NOUN_GUEST ? model_get(&control->model, noun, change->intent->name) : NULL;
	if (old && old->msg->guest->kind != WEFT__GUEST_KIND__GUEST_HOST)
		cascade = true;
	return model_remove(&control->model, noun, change->intent->name, cascade, refusal);
}

static int edit_apply(struct control *control, struct change *change, struct refusal *refusal)
{
	const Weft__Apply *apply = ((const Weft__Request *)change->edit_data)->apply;
	int err = 0;

	for (size_t i = 0; i < apply->n_changes && err == 0; i++) {
		const Weft__Change *one = apply->changes[i];

		if (one->verb == WEFT__VERB__VERB_SET || one->verb == WEFT__VERB__VERB_DELETE)
			api_resolve(&control->model, noun_of(one->intent), &one->intent->name);
		err = one->verb == WEFT__VERB__VERB_DELETE
		              ? edit_delete(control, one, apply, refusal)
		              : edit_put(control, one, refusal);
	}
	return err;
}

static void free_request(void *data)
{
	weft__request__free_unpacked(data, NULL);
}

void api_apply(struct question *question)
{
	Weft__Request *request = question->request;
	const Weft__Apply *apply = request->apply;
	struct change *change;

	// The change outlives the question when its client goes away.
	question->request = NULL;
	change = control_new_change(edit_apply, request, free_request);
	if (change) {
		change->dry_run = apply->has_dry_run && apply->dry_run;
		change->confirm_seconds = apply->has_confirm_seconds ? apply->confirm_seconds : 0;
		snprintf(change->command, sizeof(change->command), "%s",
		         apply->command ? apply->command : "");
	}
	api_submit(question, change);
}

// Everything of the lab; without a lab, everything.
static int edit_destroy(struct control *control, struct change *change, struct refusal *refusal)
{
	const Weft__Destroy *destroy = ((const Weft__Request *)change->edit_data)->destroy;
	int err = 0;

	for (enum noun noun = 0; noun < NOUN_COUNT && err == 0; noun++) {
		const struct intent *intent;
		size_t cursor = 0;

		// Removing what was just returned is the one change the walk allows.
		while (err == 0 && (intent = model_next(&control->model, noun, &cursor))) {
			if (destroy->lab &&
			    (!intent->msg->lab || strcmp(intent->msg->lab, destroy->lab) != 0))
				continue;
			err = model_remove(&control->model, noun, intent->name, false, refusal);
		}
	}
	return err < 0 ? err : lab_remove_impairments(&control->model, refusal);
}

static bool is_empty(const struct model *model)
{
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		if (model_count(model, noun) > 0)
			return false;
	return true;
}

static void on_destroyed(void *user, const struct change_result *result)
{
	struct question *question = user;
	const Weft__Destroy *destroy = question->request->destroy;
	struct api *api = question->api;
	bool empty = is_empty(&api->env.control->model);
	bool stop = destroy->has_stop && destroy->stop && !result->refusal &&
	            !(destroy->has_dry_run && destroy->dry_run);
	struct change_result told = *result;

	if (stop && !empty)
		told.note = "other objects are left, so the daemons keep running";
	api_changed(question, &told);
	if (stop && empty)
		api->env.shutdown(api->env.user, true);
}

static void submit_destroy(struct question *question)
{
	size_t len = weft__request__get_packed_size(question->request);
	uint8_t *packed = malloc(len + 1);
	struct change *change = NULL;

	// The question keeps the request, to see when it is done whether to stop.
	if (packed) {
		weft__request__pack(question->request, packed);
		change = control_new_change(edit_destroy,
		                            decode_message(&weft__request__descriptor, len, packed),
		                            free_request);
	}
	free(packed);
	if (!change || !change->edit_data) {
		question_fail(question, -ENOMEM, "intent", "out of memory", NULL);
		return;
	}
	snprintf(change->command, sizeof(change->command), "destroy%s%s",
	         question->request->destroy->lab ? " " : "",
	         question->request->destroy->lab ? question->request->destroy->lab : "");
	change->done = on_destroyed;
	change->done_user = question;
	change->preview = on_preview;
	change->dry_run =
		question->request->destroy->has_dry_run && question->request->destroy->dry_run;
	change->uid = question->uid;
	control_submit(question->api->env.control, change);
}

// A lab that nothing belongs to, while there are other things: a name mistyped.
static bool refuse_unknown_lab(struct question *question)
{
	const char *lab = question->request->destroy->lab;
	const struct model *model = &question->api->env.control->model;
	struct refusal refusal = {0};
	struct suggest suggest;
	bool any = false;

	if (!lab)
		return false;
	suggest_init(&suggest, lab);
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		const struct intent *intent;
		size_t cursor = 0;

		while ((intent = model_next(model, noun, &cursor))) {
			any = true;
			if (!intent->msg->lab)
				continue;
			if (strcmp(intent->msg->lab, lab) == 0)
				return false;
			suggest_consider(&suggest, intent->msg->lab);
		}
	}
	if (!any)
		return false;
	refuse(&refusal, -ENOENT, "lab", NULL, "nothing belongs to a lab '%s'", lab);
	if (suggest.best)
		fail_hint(&refusal.fail, "did you mean '%s'?", suggest.best);
	else
		fail_hint(&refusal.fail,
		          "what was added without --lab belongs to none, and is removed by name");
	question_refuse(question, &refusal);
	return true;
}

void api_destroy(struct question *question)
{
	if (refuse_unknown_lab(question))
		return;
	submit_destroy(question);
}

struct undoing {
	struct control *control;
	struct refusal *refusal;
};

static int undo_one(void *user, const char *noun, const char *name, const void *before,
                    size_t before_len, const void *after, size_t after_len)
{
	struct undoing *undoing = user;

	return control_restore_one(undoing->control, noun, name, before, before_len,
	                           undoing->refusal);
}

// With a host of another machine went what it could come in with.
static void note_strangers(struct control *control, struct change *change)
{
	for (size_t i = 0; i < control->model.change_count; i++) {
		const struct model_change *one = &control->model.changes[i];

		if (!one->before && one->after && one->after->noun == NOUN_HOST &&
		    one->after->msg->host->kind == WEFT__HOST_KIND__HOST_REMOTE)
			snprintf(change->note, sizeof(change->note),
			         "the certificates of host %.64s were revoked when it was removed: "
			         "weft host enrol %.64s makes a new bundle for it",
			         one->after->name, one->after->name);
	}
}

static int edit_undo(struct control *control, struct change *change, struct refusal *refusal)
{
	const uint64_t *target = change->edit_data;
	struct undoing undoing = {control, refusal};
	struct fail fail = {0};
	int err = store_changes_since(control->store, *target, undo_one, &undoing, &fail);

	if (err < 0 && refusal->fail.code == 0)
		return refuse(refusal, err, "intent", NULL, "%s", fail.what);
	note_strangers(control, change);
	return err;
}

// The revision to go back to: the one asked for, or the one before what is. Undo after undo goes
// further back, since an undo stands for the revision whose state it brought back.
static int undo_target(struct control *control, const Weft__Undo *undo, uint64_t *ret,
                       struct refusal *refusal)
{
	struct revision head, target;
	struct fail fail = {0};
	uint64_t wanted;

	if (store_head(control->store, &head, &fail) < 0)
		return refuse(refusal, fail.code, "intent", NULL, "%s", fail.what);
	if (undo->has_revision && undo->revision > head.number)
		return refuse(refusal, -ENOENT, "intent", "revision", "there is no revision %llu",
		              (unsigned long long)undo->revision);
	if (!undo->has_revision && head.state_of == 0)
		return refuse(refusal, -ENOENT, "intent", NULL, "there is nothing to undo");
	wanted = undo->has_revision ? undo->revision : head.state_of - 1;
	if (wanted == 0) {
		*ret = 0;
		return 0;
	}
	if (store_revision(control->store, wanted, &target, &fail) < 0) {
		refuse(refusal, -ENOENT, "intent", "revision",
		       "revision %llu is not in the history any more", (unsigned long long)wanted);
		fail_hint(&refusal->fail, "'weft history' shows those that are");
		return -ENOENT;
	}
	*ret = wanted;
	return 0;
}

void api_undo(struct question *question)
{
	uint64_t *target = malloc(sizeof(*target));
	struct refusal refusal = {0};
	struct change *change;

	if (target && undo_target(question->api->env.control, question->request->undo, target,
	                          &refusal) < 0) {
		free(target);
		question_refuse(question, &refusal);
		return;
	}
	change = target ? control_new_change(edit_undo, target, free) : NULL;
	if (change) {
		change->state_of = *target;
		change->dry_run =
			question->request->undo->has_dry_run && question->request->undo->dry_run;
		snprintf(change->command, sizeof(change->command), "undo to revision %llu",
		         (unsigned long long)*target);
	}
	api_submit(question, change);
}

void api_confirm(struct question *question)
{
	const Weft__Confirm *confirm = question->request->confirm;

	control_confirm(question->api->env.control, confirm->has_revision ? confirm->revision : 0,
	                api_changed, question);
}
