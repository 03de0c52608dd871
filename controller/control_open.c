// SPDX-License-Identifier: BSD-3-Clause
//
// control_open: from the store to a model, and what becomes of a revision that was not finished.
//
// A revision that was pending when we died is loaded as if it were done, and resynced: if the datapath
// takes it, it is done; if the datapath refuses one of its objects, it is taken back. One that waited
// for a confirmation is taken back at once: who could have confirmed it was not told of our end.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_SECONDS = 12, SILENCE_SECONDS = 5, SLOW_MS = 500 };

int control_mark_open(struct control *control, struct fail *fail)
{
	int err = store_finish(control->store, control->open.number, REVISION_DONE, fail);

	if (err < 0)
		return err;
	control_drop_promises(control);
	control->open = (struct open_revision){.why = OPEN_NONE};
	event_del(control->deadline);
	return 0;
}

void control_drop_promises(struct control *control)
{
	free(control->open.promises);
	control->open.promises = NULL;
	control->open.promise_count = 0;
}

struct restoring {
	struct control *control;
	struct refusal *refusal;
};

int control_restore_one(struct control *control, const char *word, const char *name,
                        const void *before, size_t len, struct refusal *refusal)
{
	enum noun noun = noun_from_word(word);
	struct intent *intent;

	if (noun == NOUN_NONE)
		return refuse(refusal, -EBADMSG, word, NULL,
		              "the history holds an unknown noun '%s'", word);
	if (!before)
		return model_get(&control->model, noun, name)
		               ? model_remove(&control->model, noun, name, false, refusal)
		               : 0;
	intent = intent_from_packed(before, len);
	if (!intent)
		return refuse(refusal, -errno, word, NULL, "%s/%s in the history cannot be read",
		              word, name);
	return model_restore(&control->model, intent, refusal);
}

static int restore_before(void *user, const char *noun, const char *name, const void *before,
                          size_t before_len, const void *after, size_t after_len)
{
	struct restoring *restoring = user;

	return control_restore_one(restoring->control, noun, name, before, before_len,
	                           restoring->refusal);
}

static void read_head(struct control *control)
{
	struct revision head;
	struct fail fail = {0};

	if (store_head(control->store, &head, &fail) == 0)
		control->revision = head.number;
}

int control_revert_open(struct control *control)
{
	struct refusal refusal = {0};
	struct restoring restoring = {control, &refusal};
	struct fail fail = {0};
	uint64_t number = control->open.number;
	bool promised = control->open.why == OPEN_UNCONFIRMED;
	int err;

	model_begin(&control->model);
	err = store_changes(control->store, number, restore_before, &restoring, &fail);
	if (err == 0)
		err = model_settle(&control->model, &refusal);
	if (err == 0)
		err = derive_dirty(&control->model, &control->layout, false, &refusal);
	if (err < 0) {
		model_rollback(&control->model);
		derive_dirty(&control->model, &control->layout, false, &refusal);
		log_err("revision %llu cannot be taken back: %s", (unsigned long long)number,
		        refusal.fail.code ? refusal.fail.what : fail.what);
		return err;
	}
	hosts_follow(&control->hosts, &control->model);
	guests_remove(&control->guests, &control->model);
	if (guests_create(&control->guests, &control->model, &refusal) < 0)
		log_err("%s", refusal.fail.what);
	guests_write_files(&control->guests, &control->model);
	model_commit(&control->model);
	event_del(control->deadline);
	control_drop_promises(control);
	control->open = (struct open_revision){.why = OPEN_NONE};
	err = promised ? store_undo(control->store, number, &fail)
	               : store_revert(control->store, number, &fail);
	if (err < 0) {
		log_err("revision %llu: %s", (unsigned long long)number, fail.what);
		control->open = (struct open_revision){.why = OPEN_UNREVERTED, .number = number};
	}
	read_head(control);
	return 0;
}

void control_tell_undone(struct control *control, uint64_t number)
{
	char text[80];

	snprintf(text, sizeof(text), "revision %llu was not confirmed in time and is undone",
	         (unsigned long long)number);
	control->told(control->listener, NULL, "reverted", "intent", text);
}

// Time is up, and the datapath has not said that it has undone it: we do it.
static void on_deadline(evutil_socket_t fd, short what, void *user)
{
	struct control *control = user;
	uint64_t number = control->open.number;

	if (control->open.why != OPEN_UNCONFIRMED || control_revert_open(control) < 0)
		return;
	log_warn("revision %llu was not confirmed in time and is undone",
	         (unsigned long long)number);
	control_tell_undone(control, number);
	control_resync_all(control);
}

void control_arm_deadline(struct control *control)
{
	// A second after the datapath's own clock, which is the one that counts.
	struct timeval wait = {.tv_sec = control->open.deadline + 1 -
	                                 (int64_t)(clock_wall() / NSEC_PER_SEC)};

	event_add(control->deadline, &wait);
}

static int load_one(void *user, const void *packed, size_t len)
{
	struct control *control = user;
	struct refusal refusal = {0};
	struct intent *intent = intent_from_packed(packed, len);

	return intent ? model_restore(&control->model, intent, &refusal) : -errno;
}

static int load(struct control *control, struct fail *fail)
{
	struct refusal refusal = {0};
	struct revision head;
	int err = store_head(control->store, &head, fail);

	if (err == 0 && head.state < REVISION_DONE && head.confirm_deadline) {
		log_warn("revision %llu was never confirmed and is taken back",
		         (unsigned long long)head.number);
		err = store_undo(control->store, head.number, fail);
		if (err == 0)
			err = store_head(control->store, &head, fail);
	}
	if (err < 0)
		return err;
	control->revision = head.number;
	if (head.state == REVISION_PENDING)
		control->open =
			(struct open_revision){.why = OPEN_RECOVERING, .number = head.number};
	model_begin(&control->model);
	err = store_load(control->store, load_one, control, fail);
	if (err == 0 && model_settle(&control->model, &refusal) < 0) {
		// The intent was judged when it came in. What a newer program sees otherwise is for a
		// person to look at, and no reason to leave the network down.
		log_err("the intent has a fault: %s", refusal.fail.what);
	}
	model_commit(&control->model);
	if (err == 0 && derive_all(&control->model, &control->layout, &refusal) < 0)
		err = fail_set(fail, refusal.fail.code, "%s", refusal.fail.what);
	control_know_mtus(control);
	return err;
}

static void host_came(void *user, struct host *host)
{
	struct control *control = user;

	if (control->host_came)
		control->host_came(control->listener, host);
}

static void host_left(void *user, struct host *host)
{
	struct control *control = user;

	ways_forget(&control->ways, host_name(host));
	if (control->host_left)
		control->host_left(control->listener, host);
}

static int make_hosts(struct control *control, struct fail *fail)
{
	int err;

	control->hosts = (struct hosts){
		.env =
			{
				.user = control,
				.base = control->base,
				.epoch = store_epoch(control->store),
				.silence_seconds = control->silence_seconds,
				.leases = control_host_leases,
				.hand_leases = control_hand_leases,
				.greeted = control_host_greeted,
				.ready = control_host_ready,
				.recovers = control_host_recovers,
				.elsewhere = control_host_elsewhere,
				.lags = control_host_lags,
				.gone = control_host_gone,
				.event = control_host_event,
				.reverted = control_host_reverted,
			},
		.layout = &control->layout,
		.user = control,
		.came = host_came,
		.left = host_left,
	};
	for (unsigned i = 0; i < 16; i++)
		snprintf(control->hosts.env.instance + 2 * i, 3, "%02x",
		         control->model.instance.uuid[i]);
	err = hosts_open(&control->hosts);
	return err < 0 ? fail_errno(fail, err, "cannot watch for the datapath") : 0;
}

static bool is_datapath(void *user, int pid)
{
	const struct control *control = user;

	return hosts_have_pid(&control->hosts, pid);
}

int control_open(struct control *control, const char *run_dir, struct fail *fail)
{
	int err;

	if (!control->patience_seconds)
		control->patience_seconds = PATIENCE_SECONDS;
	if (!control->silence_seconds)
		control->silence_seconds = SILENCE_SECONDS;
	if (!control->slow_ms)
		control->slow_ms = SLOW_MS;
	model_init(&control->model, store_instance(control->store));
	control->model.leases = control->running;
	control->model.run_dir = run_dir;
	control->guests = (struct guests){.store = control->store,
	                                  .run_dir = run_dir,
	                                  .spare = is_datapath,
	                                  .spare_user = control};
	control->deadline = evtimer_new(control->base, on_deadline, control);
	if (!control->deadline || control_init_timers(control) < 0)
		return fail_set(fail, -ENOMEM, "out of memory");
	err = control_init_ways(control, fail);
	if (err == 0)
		err = load(control, fail);
	if (err == 0)
		err = make_hosts(control, fail);
	if (err == 0) {
		guests_reconcile(&control->guests, &control->model);
		guests_write_files(&control->guests, &control->model);
		// Into namespaces that are there now.
		hosts_follow(&control->hosts, &control->model);
	}
	return err;
}

static void free_queue(struct change *change)
{
	while (change) {
		struct change *next = change->next;

		if (change->free_data)
			change->free_data(change->edit_data);
		control_unshare(change);
		free(change);
		change = next;
	}
}

void control_close(struct control *control)
{
	// Nobody waits for an answer any more.
	hosts_close(&control->hosts);
	free_queue(control->queue);
	free_queue(control->aside);
	control_drop_promises(control);
	control_fini_ways(control);
	layout_fini(&control->layout);
	model_fini(&control->model);
	if (control->patience)
		event_free(control->patience);
	if (control->overdue)
		event_free(control->overdue);
	if (control->slow)
		event_free(control->slow);
	if (control->deadline)
		event_free(control->deadline);
}
