// SPDX-License-Identifier: BSD-3-Clause
//
// control: changes, one after the other, each through the same steps.
//
//	edit the model -> judge -> derive -> write as pending -> make guests -> datapath -> mark done
//
// A step that fails undoes those before it, in reverse. After a crash the store holds at most one
// revision that is pending; the next resync with the datapath shows whether it can be had, and it is
// then marked done or taken back. So what the store says and what the datapath does are equal at one
// revision or the next, never between.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/guest_run.h"
#include "controller/model_forward.h"
#include "controller/model_host.h"
#include "controller/model_way.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

struct change *control_new_change(change_edit_fn edit, void *data, void (*free_data)(void *))
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change) {
		if (free_data)
			free_data(data);
		return NULL;
	}
	change->edit = edit;
	change->edit_data = data;
	change->free_data = free_data;
	return change;
}

static void free_change(struct change *change)
{
	if (change->free_data)
		change->free_data(change->edit_data);
	control_unshare(change);
	refusals_fini(&change->heard);
	free(change);
}

void control_answer(struct control *control, struct change *change, const struct refusal *refusal,
                    bool changed, const char *note)
{
	struct change_result result = {.refusal = refusal,
	                               .all = &change->heard,
	                               .revision = control->revision,
	                               .changed = changed,
	                               .note = note};

	if (change->done)
		change->done(change->done_user, &result);
	free_change(change);
}

// Answers, and makes room for the next.
void control_end(struct control *control, struct change *change, const struct refusal *refusal,
                 bool changed, const char *note)
{
	struct change **at = &control->queue;

	while (*at != change)
		at = &(*at)->next;
	if (at == &control->queue) {
		event_del(control->patience);
		event_del(control->slow);
	}
	*at = change->next;
	control_answer(control, change, refusal, changed, note);
}

// What was held back is derived as if it were not; the digests tell which of it is missing.
static void compare_held(struct control *control)
{
	struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(&control->hosts, &cursor)))
		if (host_next_held(host, &(size_t){0}))
			control_want_resync(control, host);
}

// The model as it was, and what is desired of the datapaths too.
void control_undo_model(struct control *control)
{
	struct refusal ignored = {0};

	// What could not be derived as a whole has left differences that nobody took.
	layout_forget_collected(&control->layout);
	model_rollback(&control->model);
	if (derive_dirty(&control->model, &control->layout, false, &ignored) < 0)
		log_err("%s", ignored.fail.what);
	compare_held(control);
}

void control_undo_all(struct control *control, struct change *change)
{
	struct fail fail = {0};

	guests_undo(&control->guests, &control->model);
	control_undo_model(control);
	if (store_revert(control->store, change->revision, &fail) == 0)
		return;
	// The store is ahead of what was answered. The number stays open, so that no change is made
	// on top before it has been taken back.
	log_err("revision %llu could not be taken back: %s", (unsigned long long)change->revision,
	        fail.what);
	control->open = (struct open_revision){.why = OPEN_UNREVERTED, .number = change->revision};
}

static bool differs(const struct model_change *change)
{
	if (!change->before || !change->after)
		return change->before != change->after;
	return change->before->len != change->after->len ||
	       memcmp(change->before->packed, change->after->packed, change->after->len) != 0;
}

static bool any_difference(const struct model *model)
{
	for (size_t i = 0; i < model->change_count; i++)
		if (differs(&model->changes[i]))
			return true;
	return false;
}

static int write_pending(struct control *control, struct change *change, struct refusal *refusal)
{
	struct revision revision = {
		.number = control->revision + 1,
		.time = (int64_t)(clock_wall() / NSEC_PER_SEC),
		.uid = change->uid,
	};
	struct fail fail = {0};

	revision.state_of = change->state_of ? change->state_of : revision.number;
	if (change->confirm_seconds)
		revision.confirm_deadline = revision.time + change->confirm_seconds;
	snprintf(revision.command, sizeof(revision.command), "%s", change->command);
	if (store_prepare(control->store, &revision, control->model.changes,
	                  control->model.change_count, &fail) < 0) {
		refuse(refusal, fail.code, "intent", NULL, "%s", fail.what);
		if (fail.hint[0])
			fail_hint(&refusal->fail, "%s", fail.hint);
		return fail.code;
	}
	change->revision = revision.number;
	return 0;
}

// What each host promised to undo unless it is told otherwise in time.
static void note_promises(struct control *control, const struct change *change)
{
	struct open_revision *open = &control->open;

	open->promises = calloc(change->share_count + 1, sizeof(*open->promises));
	for (size_t i = 0; open->promises && i < change->share_count; i++) {
		struct promise *promise = &open->promises[open->promise_count];

		if (change->shares[i].left_out)
			continue;
		open->promise_count++;
		snprintf(promise->host, sizeof(promise->host), "%s",
		         host_name(change->shares[i].host));
		promise->tx = change->shares[i].tx;
	}
}

static void open_unconfirmed(struct control *control, const struct change *change)
{
	struct fail fail = {0};

	control->open.why = OPEN_UNCONFIRMED;
	control->open.deadline = (int64_t)(clock_wall() / NSEC_PER_SEC) + change->confirm_seconds;
	note_promises(control, change);
	control_arm_deadline(control);
	if (store_finish(control->store, change->revision, REVISION_UNCONFIRMED, &fail) < 0)
		log_warn("revision %llu: %s", (unsigned long long)change->revision, fail.what);
}

static void succeed(struct control *control, struct change *change)
{
	struct fail fail = {0};

	control->revision = change->revision;
	// A host that goes ends before the namespace it is in.
	hosts_follow(&control->hosts, &control->model);
	// What may come back is not taken away before it is confirmed that it need not.
	if (change->confirm_seconds == 0)
		guests_remove(&control->guests, &control->model);
	guests_write_files(&control->guests, &control->model);
	guest_run_new(&control->guests, &control->model);
	model_commit(&control->model);
	control->open = (struct open_revision){.why = OPEN_UNMARKED, .number = change->revision};
	if (change->confirm_seconds > 0)
		open_unconfirmed(control, change);
	else if (control_mark_open(control, &fail) < 0)
		// It is durable already, as pending; the mark is set before the next change.
		log_warn("revision %llu is done, and its mark will follow: %s",
		         (unsigned long long)change->revision, fail.what);
	control_tell_homes(control, change);
	control_end(control, change, NULL, true, change->note[0] ? change->note : NULL);
}

static void fail_change(struct control *control, struct change *change,
                        const struct refusal *refusal)
{
	control_undo_all(control, change);
	control_end(control, change, refusal, false, NULL);
}

void control_asked(struct control *control, struct change *change)
{
	bool refused = change->refusal.fail.code < 0;

	control_end(control, change, refused ? &change->refusal : NULL, true,
	            change->note[0] ? change->note : NULL);
	control_next(control);
}

static void arm_patience(struct control *control)
{
	struct timeval wait = {.tv_sec = control->patience_seconds};

	if (!event_pending(control->patience, EV_TIMEOUT, NULL))
		event_add(control->patience, &wait);
}

void control_decided(struct control *control, struct change *change, enum decision decision)
{
	if (decision == DECISION_UNKNOWN) {
		// Whether it was done will show when the datapath is back.
		change->state = CHANGE_WAITING;
		arm_patience(control);
		control_overtake(control);
		return;
	}
	if (decision == DECISION_REFUSED)
		fail_change(control, change, &change->refusal);
	else
		succeed(control, change);
	control_next(control);
}

// A net may be had without its hosts' reaching each other; but somebody should know.
static void note_unjoined(const struct control *control, struct change *change)
{
	const void *key;
	size_t cursor = 0, len;

	while (table_next(&control->model.dirty, &cursor, &key, &len)) {
		char text[KEY_SIZE], host[KEY_SIZE];
		const struct intent *net;

		snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)key);
		net = model_get_key(&control->model, text);
		if (!net || net->noun != NOUN_NET ||
		    !model_way_unjoined(&control->model, net, host))
			continue;
		snprintf(change->note, sizeof(change->note),
		         "net %.40s is on several hosts, and host %.32s has no address for the "
		         "others: weft host %s %.32s --ip ADDRESS",
		         net->name, host,
		         model_get(&control->model, NOUN_HOST, host) ? "set" : "add", host);
		return;
	}
}

// A forward may come before the net that it is met from; but whoever forgot that net should know.
static void note_unmet(const struct control *control, struct change *change)
{
	for (size_t i = 0; i < control->model.change_count; i++) {
		const struct intent *forward = control->model.changes[i].after;

		if (!forward || forward->noun != NOUN_FORWARD ||
		    !differs(&control->model.changes[i]) ||
		    model_forward_is_met(&control->model, forward))
			continue;
		snprintf(change->note, sizeof(change->note),
		         "nothing comes in by forward %.60s yet: router %.60s has no external net "
		         "(weft net add NET --mode external)",
		         forward->name, model_forward_router(&control->model, forward));
		return;
	}
}

// Edits, judges and derives. 0 when there is something to be done, 1 when nothing differs.
static int try_out(struct control *control, struct change *change, struct refusal *refusal)
{
	int err;

	model_begin(&control->model);
	refusals_fini(&change->heard);
	control->model.heard = change->hear ? &change->heard : NULL;
	err = change->edit(control, change, refusal);
	if (err == 0)
		err = model_settle(&control->model, refusal);
	control->model.heard = NULL;
	if (err == 0)
		err = model_host_check_moves(&control->model, change->confirm_seconds > 0, refusal);
	if (err == 0 && control->judge)
		err = control->judge(control->listener, &control->model, refusal);
	if (err == 0 && !any_difference(&control->model))
		err = 1;
	if (err == 0)
		err = derive_dirty(&control->model, &control->layout, true, refusal);
	if (err == 0)
		note_unmet(control, change);
	if (err == 0)
		note_unjoined(control, change);
	if (err == 0)
		err = control_share(control, change, refusal);
	if (err != 0)
		control_undo_model(control);
	return err;
}

static void show_preview(const struct control *control, const struct change *change)
{
	for (size_t i = 0; change->done && change->preview && i < control->model.change_count; i++)
		if (differs(&control->model.changes[i]))
			change->preview(change->done_user, &control->model.changes[i]);
}

static void start_dry(struct control *control, struct change *change)
{
	const struct host *missing = control_missing(change);

	show_preview(control, change);
	if (missing)
		snprintf(change->note, sizeof(change->note), "%.60s %s and could not be asked",
		         host_label(missing),
		         host_state(missing) == HOST_LAGGING ? "does not answer" : "is away");
	// The operations are the change's own; while they are looked at the model is as it was, since a
	// revision may run out of its time meanwhile.
	control_undo_model(control);
	if (missing || change->share_count == 0) {
		control_end(control, change, NULL, true, change->note[0] ? change->note : NULL);
		return;
	}
	control_ask(control, change);
}

static void start(struct control *control, struct change *change)
{
	struct refusal refusal = {0};
	const struct host *missing;
	int err = try_out(control, change, &refusal);

	if (err != 0) {
		control_end(control, change, err < 0 ? &refusal : NULL, false, NULL);
		return;
	}
	if (change->dry_run) {
		start_dry(control, change);
		return;
	}
	// A resync compares with what is desired, so that must hold still meanwhile; and without a
	// datapath nobody could say whether the change can be had.
	missing = control_missing(change);
	if (missing) {
		control_undo_model(control);
		control_put_aside(control, change, missing);
		return;
	}
	if (change->tell)
		show_preview(control, change);
	if (write_pending(control, change, &refusal) < 0) {
		control_undo_model(control);
		control_end(control, change, &refusal, false, NULL);
		return;
	}
	if (guests_create(&control->guests, &control->model, &refusal) < 0) {
		control_undo_all(control, change);
		control_end(control, change, &refusal, false, NULL);
		return;
	}
	// What no datapath hears of is done without one.
	if (change->share_count > 0)
		control_send(control, change);
	else
		succeed(control, change);
}

static int64_t seconds_left(const struct open_revision *open)
{
	int64_t left = open->deadline - (int64_t)(clock_wall() / NSEC_PER_SEC);

	return left > 0 ? left : 0;
}

// Nothing may come on top of a revision that may yet be undone, or that the store is wrong about.
static bool refuse_while_open(struct control *control, struct change *change)
{
	struct refusal refusal = {0};
	struct fail fail = {0};

	if (change->dry_run)
		return false;
	if (control->open.why == OPEN_UNMARKED)
		control_mark_open(control, &fail);
	if (control->open.why == OPEN_UNREVERTED &&
	    store_revert(control->store, control->open.number, &fail) == 0)
		control->open.why = OPEN_NONE;
	if (control->open.why == OPEN_NONE)
		return false;
	if (control->open.why == OPEN_UNCONFIRMED) {
		refuse(&refusal, -EBUSY, "intent", NULL,
		       "revision %llu waits to be confirmed, for %lld s more",
		       (unsigned long long)control->open.number,
		       (long long)seconds_left(&control->open));
		fail_hint(&refusal.fail, "'weft confirm' keeps it; or wait until it is undone");
	} else {
		refuse(&refusal, fail.code ? fail.code : -EAGAIN, "intent", NULL, "%s", fail.what);
		fail_hint(&refusal.fail, "%s", fail.hint);
	}
	control_end(control, change, &refusal, false, NULL);
	return true;
}

// Between two changes, since a resync compares with what is desired.
static void catch_up(struct control *control)
{
	struct host *host;
	size_t cursor = 0;

	if (!control->resync_wanted || (control->queue && control->queue->state != CHANGE_QUEUED))
		return;
	control->resync_wanted = false;
	while ((host = hosts_next(&control->hosts, &cursor))) {
		if (!host_wants_resync(host))
			continue;
		if (host_state(host) != HOST_READY) {
			control->resync_wanted = true;
			continue;
		}
		host_want_resync(host, false);
		host_resync(host);
	}
}

void control_want_resync(struct control *control, struct host *host)
{
	host_want_resync(host, true);
	control->resync_wanted = true;
}

void control_resync_all(struct control *control)
{
	struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(&control->hosts, &cursor)))
		control_want_resync(control, host);
	catch_up(control);
}

void control_next(struct control *control)
{
	catch_up(control);
	while (control->queue && control->queue->state == CHANGE_QUEUED) {
		struct change *change = control->queue;

		// What a crash left is settled first, by those who know.
		if (!change->dry_run && control->open.why == OPEN_RECOVERING) {
			arm_patience(control);
			return;
		}
		if (!refuse_while_open(control, change))
			start(control, change);
		catch_up(control);
	}
}

// A host has been away for too long.
static void on_patience(evutil_socket_t fd, short what, void *user)
{
	struct control *control = user;
	struct change *change = control->queue;
	const struct host *host;
	struct refusal refusal = {0};

	if (!change)
		return;
	if (change->state == CHANGE_QUEUED) {
		control_hear(control);
		if (control->open.why != OPEN_RECOVERING) {
			control_next(control);
			return;
		}
	}
	host = change->state == CHANGE_WAITING ? change->shares[0].host : control->hosts.local;
	if (host_state(host) == HOST_SYNCING && change->state == CHANGE_WAITING) {
		arm_patience(control);
		return;
	}
	control_refuse_missing(control, host_name(host), &refusal);
	if (change->state == CHANGE_WAITING)
		fail_change(control, change, &refusal);
	else
		control_end(control, change, &refusal, false, NULL);
	control_next(control);
}

// Of the objects touched by the change under way, one that the host has refused.
static const struct refusal *held_of(const struct control *control, const struct host *host)
{
	const void *key;
	size_t cursor = 0, len;

	while (table_next(&control->model.dirty, &cursor, &key, &len)) {
		char unit[KEY_SIZE] = "";
		const struct refusal *refusal;

		memcpy(unit, key, len < sizeof(unit) ? len : sizeof(unit) - 1);
		refusal = host_held(host, unit);

		if (refusal)
			return refusal;
	}
	return NULL;
}

void control_resolve_waiting(struct control *control, const struct host *host)
{
	struct change *change = control->queue;
	const struct refusal *held;
	struct refusal copy;

	if (!change || change->state != CHANGE_WAITING || change->shares[0].host != host)
		return;
	held = held_of(control, host);
	if (!held) {
		succeed(control, change);
		return;
	}
	copy = *held;
	fail_change(control, change, &copy);
	control_resync_all(control);
}

int control_init_timers(struct control *control)
{
	control->patience = evtimer_new(control->base, on_patience, control);
	if (!control->patience || control_init_aside(control) < 0)
		return -ENOMEM;
	return control_init_overtaking(control);
}

void control_submit(struct control *control, struct change *change)
{
	struct change **last = &control->queue;

	while (*last)
		last = &(*last)->next;
	*last = change;
	control_next(control);
	control_overtake(control);
}

void control_forget(struct control *control, void *done_user)
{
	for (struct change *change = control->queue; change; change = change->next)
		if (change->done_user == done_user)
			change->done = NULL;
	for (struct change *change = control->aside; change; change = change->next)
		if (change->done_user == done_user)
			change->done = NULL;
	control_forget_confirming(control, done_user);
}

bool control_is_idle(const struct control *control)
{
	return !control->queue;
}
